package chat

import (
	"context"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

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
