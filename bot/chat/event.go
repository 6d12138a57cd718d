package chat

import (
	"context"
	"encoding/json"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// told is what is read of an event. It is read here and not by slack-go, which
// refuses a whole event when one field is not as it expects: Slack's documents
// have counts as texts.
type told struct {
	Type      slackevents.EventsAPIType `json:"type"`
	SubteamID promotion.GroupID         `json:"subteam_id"`
	Subteam   struct {
		ID promotion.GroupID `json:"id"`
	} `json:"subteam"`
	User    json.RawMessage `json:"user"`    // an account, or an id
	Channel json.RawMessage `json:"channel"` // an id, or a channel
	Old     string          `json:"old_channel_id"`
	New     string          `json:"new_channel_id"`
}

// hinted takes an event as a hint, if it is one. An error leaves it
// unacknowledged, and Slack tells it again.
func (c *Chat) hinted(ctx context.Context, payload json.RawMessage) error {
	var outer struct {
		Event told `json:"event"`
	}
	if err := json.Unmarshal(payload, &outer); err != nil {
		c.log.Warn("Slack sent an event that can't be read", "error", err)
	}
	if h := c.hint(outer.Event); h != (gate.Hint{}) {
		return c.gate.Hint(ctx, h)
	}
	return nil
}

// hint is what an event says that concerns the gate.
func (c *Chat) hint(e told) (h gate.Hint) {
	switch e.Type {
	case slackevents.SubteamMembersChanged:
		h.Group = e.SubteamID
	case slackevents.SubteamUpdated:
		h.Group = e.Subteam.ID
	case slackevents.UserChange:
		var u slack.User
		if json.Unmarshal(e.User, &u) == nil {
			h.Person, h.Standing = promotion.PersonID(u.ID), c.standing(&u)
		}
	case slackevents.ChannelShared, slackevents.ChannelUnshared:
		_ = json.Unmarshal(e.Channel, &h.Channel) // what is no id concerns no channel
	case slackevents.ChannelIDChanged:
		c.log.Error("a channel has another id now: where the configuration names the old one, write the new one", "old", e.Old, "new", e.New)
		h.Channel = e.Old
	case slackevents.AppUninstalled:
		c.log.Error("the Slack app was removed from the workspace: nothing can be shown or approved until it is installed again and SLACK_BOT_TOKEN is replaced")
	case slackevents.TokensRevoked:
		c.log.Error("Slack says that a token of the app was revoked: if it was SLACK_BOT_TOKEN, install the app again and replace it")
	}
	return h
}
