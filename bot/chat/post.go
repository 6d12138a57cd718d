package chat

import (
	"context"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

// spot is where a message is posted, and the oldest one there that it could be:
// the timestamp of another, or empty for any.
type spot struct{ channel, thread, oldest string }

// post posts a message, once for each effect: Slack knows no key under which a
// message is posted only once. It waits for its turn.
func (c *Chat) post(ctx context.Context, e promotion.Effect, at spot, event string, m render.Message, more ...slack.MsgOption) error {
	if e.Attempt > 1 {
		// A performer before this one may have posted it and died.
		if posted, err := c.posted(ctx, at, event, e.Key); err != nil || posted {
			return err
		}
	}
	ctx, err := c.budget.turn(ctx, methodPost, at.channel)
	if err != nil {
		return err
	}
	options := append(message(m, event, e.Key), more...)
	if at.thread != "" {
		options = append(options, slack.MsgOptionTS(at.thread))
	}
	if _, _, err := c.api.PostMessageContext(ctx, at.channel, options...); err != nil {
		return apiError("chat.postMessage", err)
	}
	return nil
}

func (c *Chat) posted(ctx context.Context, at spot, event, key string) (bool, error) {
	if at.thread == "" {
		ts, err := c.find(ctx, at.channel, event, key, at.oldest)
		return ts != "", err
	}
	params := &slack.GetConversationRepliesParameters{ChannelID: at.channel, Timestamp: at.thread, Limit: 200, IncludeAllMetadata: true}
	for {
		replies, _, next, err := c.api.GetConversationRepliesContext(ctx, params)
		if err != nil {
			return false, apiError("conversations.replies", err)
		}
		if carrying(replies, event, key) != "" {
			return true, nil
		}
		if params.Cursor = next; next == "" {
			return false, nil
		}
	}
}
