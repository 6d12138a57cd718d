package chat

import (
	"context"
	"encoding/json"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// event takes what Slack tells by itself. An error leaves it unacknowledged, and
// Slack tells it again.
func (c *Chat) event(ctx context.Context, j job, e slackevents.EventsAPIEvent) {
	hint, about := c.hint(e, j.event.Request.Payload)
	if about {
		if err := c.gate.Hint(ctx, hint); err != nil {
			c.log.Error("an event could not be taken; Slack sends it again", "type", e.InnerEvent.Type, "error", err)
			return
		}
	}
	c.ack(j, j.event.Request.EnvelopeID, nil)
}

// hint is what an event says that concerns the gate.
func (c *Chat) hint(e slackevents.EventsAPIEvent, payload json.RawMessage) (h gate.Hint, about bool) {
	switch data := e.InnerEvent.Data.(type) {
	case *slackevents.SubteamMembersChangedEvent:
		h.Group = promotion.GroupID(data.SubteamID)
	case *slackevents.SubteamUpdatedEvent:
		h.Group = promotion.GroupID(data.Subteam.ID)
	case *slackevents.UserChangeEvent:
		var is struct{ Event struct{ User slack.User } } // as users.info gives it, of which slack-go's event has only a part
		if json.Unmarshal(payload, &is) != nil {
			return h, false
		}
		h.Person, h.Standing = promotion.PersonID(is.Event.User.ID), c.standing(&is.Event.User)
	case *slackevents.ChannelSharedEvent:
		h.Channel = data.Channel
	case *slackevents.ChannelUnsharedEvent:
		h.Channel = data.Channel
	case *slackevents.ChannelIDChangedEvent:
		c.log.Error("a channel has another id now: where the configuration names the old one, write the new one", "old", data.OldChannelID, "new", data.NewChannelID)
		h.Channel = data.OldChannelID
	case *slackevents.AppUninstalledEvent:
		c.log.Error("the Slack app was removed from the workspace: nothing can be shown or approved until it is installed again and SLACK_BOT_TOKEN is replaced")
	case *slackevents.TokensRevokedEvent:
		c.log.Error("Slack says that a token of the app was revoked: if it was SLACK_BOT_TOKEN, install the app again and replace it")
	}
	return h, h != gate.Hint{}
}
