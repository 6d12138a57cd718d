package chat

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

// rolledBack takes a submitted rollback: the build that was chosen, and why.
func (c *Chat) rolledBack(ctx context.Context, cb slack.InteractionCallback) (any, error) {
	form, problems := render.ReadWritten(cb.View)
	if len(problems) > 0 {
		return slack.NewErrorsViewSubmissionResponse(problems), nil
	}
	_, err := c.gate.Take(ctx, promotion.Gesture{
		Key:  fmt.Sprintf("submit/%s/%s/%s/%s", cb.Team.ID, cb.User.ID, cb.View.ID, cb.View.Hash),
		Kind: promotion.GestureRollback, Person: promotion.PersonID(cb.User.ID), Channel: form.Channel, Reply: true,
		Promotion: form.Promotion, Ref: strings.TrimPrefix(string(form.Ground), "sha256:"), Reason: form.Reason,
	})
	return nil, err
}

// figures are those of the last week and of the last thirty days.
func (c *Chat) figures(ctx context.Context, cmd command.Command) (response, error) {
	now := c.gate.Now()
	week, err := c.gate.Figures(ctx, cmd.App, now.Add(-7*24*time.Hour))
	if err != nil {
		return response{}, err
	}
	month, err := c.gate.Figures(ctx, cmd.App, now.Add(-30*24*time.Hour))
	return privately(render.Figures(cmd.App, week, month)), err
}
