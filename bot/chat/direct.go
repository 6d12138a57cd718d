package chat

import (
	"context"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

const metadataDirect = "promotebot_direct"

// Remind tells somebody of everything that waits for them. It shows what is in
// the database when it is performed; where nothing waits any more, nothing is
// said.
func (c *Chat) Remind(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
	w, err := promotion.Work[promotion.DirectWork](e)
	if err != nil {
		return promotion.Result{}, err
	}
	r, err := c.gate.Reminder(ctx, w.Person)
	if err != nil || len(r.Items) == 0 {
		return promotion.Result{}, err
	}
	return promotion.Result{}, c.write(ctx, e, w.Person, render.Reminder(r), since(w.At))
}

// snooze takes a click on when to be reminded again.
func (c *Chat) snooze(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction) error {
	_, err := c.gate.Take(ctx, clicked(cb, action, promotion.Gesture{Kind: promotion.GestureSnooze, Until: action.Value}))
	return err
}

// write sends a message to one person, once for each effect. It was asked for no
// earlier than the message with the timestamp oldest.
func (c *Chat) write(ctx context.Context, e promotion.Effect, to promotion.PersonID, m render.Message, oldest string) error {
	conversation, _, _, err := c.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{string(to)}})
	if err != nil {
		return apiError("conversations.open", err)
	}
	return c.post(ctx, e, spot{channel: conversation.ID, oldest: oldest}, metadataDirect, m)
}
