package chat

import (
	"context"
	"fmt"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

// deeds are the commands that change something besides votes and requests.
var deeds = map[command.Name]promotion.GestureKind{
	command.Hold: promotion.GestureHold, command.Unhold: promotion.GestureUnhold,
	command.Freeze: promotion.GestureFreeze, command.Unfreeze: promotion.GestureUnfreeze,
	command.Incident: promotion.GestureIncident, command.Resolve: promotion.GestureResolve,
	command.Delegate: promotion.GestureDelegate, command.Undelegate: promotion.GestureUndelegate,
	command.Remind:   promotion.GestureRemind,
	command.Rollback: promotion.GestureRollback, command.WithdrawDigest: promotion.GestureWithdraw, command.RestoreDigest: promotion.GestureReinstate,
}

func (c *Chat) deed(ctx context.Context, a asked, cmd command.Command) (response, error) {
	return c.take(ctx, a, promotion.Gesture{
		Kind: deeds[cmd.Name], App: cmd.App, Ref: cmd.Digest, Reason: cmd.Reason, Incident: cmd.Incident, Severity: promotion.Severity(cmd.Severity), Until: cmd.Until, Whom: promotion.PersonID(cmd.Person),
	})
}

// held takes the submitted reason of a hold.
func (c *Chat) held(ctx context.Context, cb slack.InteractionCallback) (any, error) {
	form, problems := render.ReadWritten(cb.View)
	if len(problems) > 0 {
		return slack.NewErrorsViewSubmissionResponse(problems), nil
	}
	_, err := c.gate.Take(ctx, promotion.Gesture{
		Key:  fmt.Sprintf("submit/%s/%s/%s/%s", cb.Team.ID, cb.User.ID, cb.View.ID, cb.View.Hash),
		Kind: promotion.GestureHold, Person: promotion.PersonID(cb.User.ID), Channel: form.Channel, Reply: true, Promotion: form.Promotion, Reason: form.Reason,
	})
	return nil, err
}

// lift takes a click on the button that lifts holds.
func (c *Chat) lift(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction, id promotion.ID) error {
	_, err := c.gate.Take(ctx, clicked(cb, action, promotion.Gesture{Kind: promotion.GestureUnhold, Promotion: id}))
	return err
}
