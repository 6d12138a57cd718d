package chat

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

// Tell answers what somebody did.
func (c *Chat) Tell(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
	w, err := promotion.Work[promotion.TellWork](e)
	if err != nil {
		return promotion.Result{}, err
	}
	if w.While != "" {
		if waits, err := c.gate.Undecided(ctx, w.While); err != nil || !waits {
			return promotion.Result{}, err
		}
	}
	return promotion.Result{}, c.reply(ctx, e, w.Reply, render.Answer(w.Answer))
}

// Say answers what somebody asked.
func (c *Chat) Say(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
	w, err := promotion.Work[promotion.SayWork](e)
	if err != nil {
		return promotion.Result{}, err
	}
	var blocks slack.Blocks
	if err := json.Unmarshal(w.Blocks, &blocks); err != nil {
		return promotion.Result{}, promotion.Errorf(promotion.Invalid, "effect %d: its blocks can't be read: %w", e.ID, err)
	}
	m := render.Message{Text: w.Text, Blocks: blocks.BlockSet}
	if w.Replace {
		return promotion.Result{}, c.replace(ctx, w.Reply, m)
	}
	return promotion.Result{}, c.reply(ctx, e, w.Reply, m)
}

func (c *Chat) reply(ctx context.Context, e promotion.Effect, to promotion.Reply, m render.Message) error {
	switch {
	case to.Channel == "": // it was done at home, where nothing can be said, or is about somebody who did nothing
		return c.write(ctx, e, to.Person, m, "")
	case to.Aloud:
		return c.post(ctx, e, spot{to.Channel, to.Thread, to.Message}, metadataNotice, m)
	}
	return c.whisper(ctx, to, m)
}

// whisper shows one person alone. Where the bot is not in the channel, the
// response URL of the gesture still gets there for thirty minutes.
func (c *Chat) whisper(ctx context.Context, to promotion.Reply, m render.Message) error {
	options := []slack.MsgOption{slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...)}
	if to.Thread != "" {
		options = append(options, slack.MsgOptionTS(to.Thread))
	}
	_, err := c.api.PostEphemeralContext(ctx, to.Channel, string(to.Person), options...)
	if err == nil {
		return nil
	}
	err = apiError("chat.postEphemeral", err)
	if promotion.KindOf(err) == promotion.Unavailable || to.ResponseURL == "" {
		return err
	}
	options = append(options, slack.MsgOptionResponseURL(to.ResponseURL, slack.ResponseTypeEphemeral))
	if _, _, err := c.api.PostMessageContext(ctx, to.Channel, options...); err != nil {
		return apiError("response_url", err)
	}
	return nil
}

// replace puts the answer in the place of what the response URL belongs to. That
// lives for thirty minutes; what it belonged to is then left as it is.
func (c *Chat) replace(ctx context.Context, to promotion.Reply, m render.Message) error {
	_, _, err := c.api.PostMessageContext(ctx, to.Channel, slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...), slack.MsgOptionReplaceOriginal(to.ResponseURL))
	if err != nil {
		return apiError("response_url", err)
	}
	return nil
}

// since is the timestamp of what was posted a minute before an instant: the
// clocks here and at Slack may differ by that.
func since(at time.Time) string { return strconv.FormatInt(at.Add(-time.Minute).Unix(), 10) }

// find is the timestamp of the message of ours with the key that is no older
// than another; empty when there is none.
func (c *Chat) find(ctx context.Context, channel, event, key, oldest string) (ts string, err error) {
	params := &slack.GetConversationHistoryParameters{
		ChannelID: channel, Limit: 200, IncludeAllMetadata: true, Oldest: oldest,
	}
	for {
		page, err := c.api.GetConversationHistoryContext(ctx, params)
		if err != nil {
			return "", apiError("conversations.history", err)
		}
		if ts := carrying(page.Messages, event, key); ts != "" {
			return ts, nil
		}
		if params.Cursor = page.ResponseMetaData.NextCursor; params.Cursor == "" {
			return "", nil
		}
	}
}
