package chat

import (
	"context"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/command"
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

// lift takes a click on the button that lifts holds.
func (c *Chat) lift(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction, id promotion.ID) error {
	_, err := c.gate.Take(ctx, clicked(cb, action, promotion.Gesture{Kind: promotion.GestureUnhold, Promotion: id}))
	return err
}
