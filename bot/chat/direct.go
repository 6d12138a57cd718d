package chat

import (
	"context"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

const metadataDirect = "promotebot_direct"

// write sends a message to one person, once for each effect. It was asked for no
// earlier than the message with the timestamp oldest.
func (c *Chat) write(ctx context.Context, e promotion.Effect, to promotion.PersonID, m render.Message, oldest string) error {
	conversation, _, _, err := c.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{string(to)}})
	if err != nil {
		return apiError("conversations.open", err)
	}
	if e.Attempt > 1 {
		// A performer before this one may have sent it and died.
		if ts, err := c.find(ctx, conversation.ID, metadataDirect, e.Key, oldest); err != nil || ts != "" {
			return err
		}
	}
	if _, _, err := c.api.PostMessageContext(ctx, conversation.ID, message(m, metadataDirect, e.Key)...); err != nil {
		return apiError("chat.postMessage", err)
	}
	return nil
}
