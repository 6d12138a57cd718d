package chat

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/slack-go/slack/slackevents"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

// event takes what has happened in the workspace. One that says nothing to
// promotebot is acknowledged all the same, because it would come again.
func (c *Chat) event(ctx context.Context, j job, e slackevents.EventsAPIEvent) {
	var err error
	if opened, ok := e.InnerEvent.Data.(*slackevents.AppHomeOpenedEvent); ok {
		err = c.visited(ctx, opened)
	} else if a, meant := c.meant(e); meant {
		err = c.hear(ctx, a, e.IsExtSharedChannel)
	} else {
		err = c.hinted(ctx, j.event.Request.Payload)
	}
	if err != nil { // nothing was recorded
		c.log.Error("an event could not be taken; Slack sends it again", "type", e.InnerEvent.Type, "error", err)
		return
	}
	c.ack(j, j.event.Request.EnvelopeID, nil)
}

// meant is the command in a message that names the bot, or that was written to it
// alone: it is understood as what comes after /promote is. What bots write (we
// ourselves too: in a direct message Slack tells us what we have said), and what
// was changed later, is none.
func (c *Chat) meant(e slackevents.EventsAPIEvent) (asked, bool) {
	outer, ok := e.Data.(*slackevents.EventsAPICallbackEvent)
	if !ok || outer.EventID == "" {
		return asked{}, false
	}
	a := asked{key: "event/" + e.TeamID + "/" + outer.EventID}
	switch m := e.InnerEvent.Data.(type) {
	case *slackevents.AppMentionEvent:
		if m.BotID != "" || m.Edited != nil {
			return a, false
		}
		a.person, a.channel, a.text, a.message, a.thread = promotion.PersonID(m.User), m.Channel, m.Text, m.TimeStamp, m.ThreadTimeStamp
		if a.thread == "" {
			a.thread = m.TimeStamp
		}
	case *slackevents.MessageEvent:
		if m.BotID != "" || m.SubType != "" || !m.IsIM() {
			return a, false
		}
		a.person, a.channel, a.text, a.message, a.thread, a.direct = promotion.PersonID(m.User), m.Channel, m.Text, m.TimeStamp, m.ThreadTimeStamp, true
	default:
		return a, false
	}
	a.text = strings.ReplaceAll(a.text, "<@"+c.self+">", " ")
	return a, a.person != "" && string(a.person) != c.self
}

// hear answers a message. What changes something, the gate answers in the
// transaction that changes it; what was only asked is recorded with its answer.
// Members of other organisations can't use /promote, and where they are nothing
// is said that they could not have asked.
func (c *Chat) hear(ctx context.Context, a asked, shared bool) error {
	r := privately(render.Abroad())
	if !shared {
		r = c.respond(ctx, a)
	}
	if r.sent {
		return nil
	}
	return c.say(ctx, a.gesture(), r, false)
}

func (c *Chat) say(ctx context.Context, g promotion.Gesture, r response, replace bool) error {
	blocks, err := json.Marshal(r.Blocks)
	if err != nil {
		return promotion.Errorf(promotion.Invalid, "an answer does not marshal: %w", err)
	}
	return c.gate.Say(ctx, g, promotion.SayWork{Replace: replace, Text: r.Text, Blocks: blocks})
}
