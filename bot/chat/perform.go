package chat

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

// chat.postMessage can't be made idempotent, so every message of ours carries
// metadata by which it can be found again. Metadata is visible to every app in
// the workspace: it holds ids and nothing else.
const (
	metadataCard   = "promotebot_card"
	metadataNotice = "promotebot_notice"
	metadataKey    = "key"
)

// DrawCard posts the card of a promotion or brings it up to date. It shows
// what is in the database when it is performed, which may be newer than what
// was asked for.
func (c *Chat) DrawCard(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
	v, err := c.gate.View(ctx, e.Promotion)
	if err != nil {
		return promotion.Result{}, err
	}
	p := v.Facts.Promotion
	card := promotion.Card{Channel: p.Card.Channel, TS: p.Card.TS, Revision: p.Revision, Link: p.Card.Link}
	options := message(render.Card(v), metadataCard, strconv.FormatInt(int64(p.ID), 10))
	if card.TS == "" && e.Attempt > 1 {
		// A performer before this one may have posted it and died.
		if card.TS, err = c.find(ctx, card.Channel, metadataCard, strconv.FormatInt(int64(p.ID), 10), since(p.OpenedAt)); err != nil {
			return promotion.Result{}, err
		}
	}
	if card.TS != "" {
		_, _, _, err = c.api.UpdateMessageContext(ctx, card.Channel, card.TS, options...)
		if err == nil {
			card.Link = c.link(ctx, card)
			return promotion.Result{Card: &card}, nil
		}
		if err = apiError("chat.update", err); promotion.KindOf(err) != promotion.NotFound || isCode(err, "channel_not_found") {
			return promotion.Result{}, err
		}
	}
	if _, card.TS, err = c.api.PostMessageContext(ctx, card.Channel, options...); err != nil {
		return promotion.Result{}, fmt.Errorf("channel %s: %w", card.Channel, apiError("chat.postMessage", err))
	}
	card.Link = "" // of the one before, if that is gone
	card.Link = c.link(ctx, card)
	return promotion.Result{Card: &card}, nil
}

// maxLink is the longest address of a message that is kept, and linkWithin how
// long is waited for it.
const (
	maxLink    = 500
	linkWithin = 5 * time.Second
)

// link asks where a card is, so that others can lead there. It is drawn whether
// Slack says so or not: the next time is soon enough.
func (c *Chat) link(ctx context.Context, card promotion.Card) string {
	if card.Link != "" {
		return card.Link
	}
	ctx, cancel := context.WithTimeout(ctx, linkWithin)
	defer cancel()
	link, err := c.api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: card.Channel, Ts: card.TS})
	if err != nil {
		c.log.Warn("where a card is could not be asked", "channel", card.Channel, "error", apiError("chat.getPermalink", err))
		return ""
	}
	if len(link) > maxLink || promotion.ParseLink(link) != nil {
		return ""
	}
	return link
}

func message(m render.Message, event, key string) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(m.Text, false), // render has escaped what is foreign
		slack.MsgOptionBlocks(m.Blocks...),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: event, EventPayload: map[string]any{metadataKey: key}}),
	}
}

func carrying(messages []slack.Message, event, key string) (ts string) {
	for _, m := range messages {
		if m.Metadata.EventType == event && m.Metadata.EventPayload[metadataKey] == key {
			return m.Timestamp
		}
	}
	return ""
}

// PostNotice replies in the thread of a card.
func (c *Chat) PostNotice(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
	w, err := promotion.Work[promotion.NoticeWork](e)
	if err != nil {
		return promotion.Result{}, err
	}
	v, err := c.gate.View(ctx, e.Promotion)
	if err != nil {
		return promotion.Result{}, err
	}
	card := v.Facts.Promotion.Card
	if card.TS == "" {
		return promotion.Result{}, promotion.Errorf(promotion.Unavailable, "the card has not been posted yet")
	}
	if w.Kind == promotion.NoticeReminder && !v.Verdict.OnlyApprovals() {
		return promotion.Result{}, nil // it comes late, and would ask for what is not missing any more
	}
	if w.Kind == promotion.NoticeReview && v.Facts.Promotion.Owed() == nil {
		return promotion.Result{}, nil // the same, of a review
	}
	if e.Attempt > 1 {
		// A performer before this one may have posted it and died.
		if posted, err := c.findReply(ctx, card.Channel, card.TS, e.Key); err != nil || posted {
			return promotion.Result{}, err
		}
	}
	options := append(message(render.Notice(w, v), metadataNotice, e.Key), slack.MsgOptionTS(card.TS))
	if w.Kind == promotion.NoticeBroken || w.Kind == promotion.NoticeFailing || w.Kind == promotion.NoticeWithdrawn { // nobody is to overlook it in a thread
		options = append(options, slack.MsgOptionBroadcast())
	}
	if _, _, err := c.api.PostMessageContext(ctx, card.Channel, options...); err != nil {
		return promotion.Result{}, apiError("chat.postMessage", err)
	}
	return promotion.Result{}, nil
}

// findReply looks for a notice in a thread.
func (c *Chat) findReply(ctx context.Context, channel, thread, key string) (posted bool, err error) {
	params := &slack.GetConversationRepliesParameters{ChannelID: channel, Timestamp: thread, Limit: 200, IncludeAllMetadata: true}
	for {
		replies, _, next, err := c.api.GetConversationRepliesContext(ctx, params)
		if err != nil {
			return false, apiError("conversations.replies", err)
		}
		if carrying(replies, metadataNotice, key) != "" {
			return true, nil
		}
		if params.Cursor = next; next == "" {
			return false, nil
		}
	}
}

// ReadPerson asks Slack who a user is.
func (c *Chat) ReadPerson(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
	w, err := promotion.Work[promotion.PersonWork](e)
	if err != nil {
		return promotion.Result{}, err
	}
	who, err := c.whoIs(ctx, w.ID)
	if err != nil {
		return promotion.Result{}, err
	}
	return promotion.Result{Person: &who}, nil
}

// whoIs asks Slack who a user is. That there is no such user is an answer, not
// an error.
func (c *Chat) whoIs(ctx context.Context, id promotion.PersonID) (promotion.Person, error) {
	u, err := c.api.GetUserInfoContext(ctx, string(id))
	if err != nil {
		if err = apiError("users.info", err); promotion.KindOf(err) == promotion.NotFound {
			return promotion.Person{ID: id, Standing: promotion.Unknown}, nil
		}
		return promotion.Person{}, err
	}
	name := u.Profile.DisplayName
	if name == "" {
		name = u.RealName
	}
	return promotion.Person{ID: id, Name: name, TimeZone: u.TZ, Standing: c.standing(u)}, nil
}

func (c *Chat) standing(u *slack.User) promotion.Standing {
	ours := u.TeamID == c.team || c.enterprise != "" && u.Enterprise.EnterpriseID == c.enterprise
	switch {
	case u.Deleted:
		return promotion.Deactivated
	case u.IsBot || u.IsWorkflowBot || u.IsConnectorBot || u.ID == "USLACKBOT":
		return promotion.Bot
	case !ours || u.IsStranger:
		return promotion.External
	case u.IsRestricted || u.IsUltraRestricted || u.IsInvitedUser:
		return promotion.Guest
	}
	return promotion.Member
}

// ReadGroup asks Slack who is in a user group.
func (c *Chat) ReadGroup(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
	w, err := promotion.Work[promotion.GroupWork](e)
	if err != nil {
		return promotion.Result{}, err
	}
	members, err := c.api.GetUserGroupMembersContext(ctx, string(w.ID))
	if err != nil {
		return promotion.Result{}, apiError("usergroups.users.list", err)
	}
	group := &promotion.Group{ID: w.ID}
	for _, id := range members {
		group.Members = append(group.Members, promotion.PersonID(id))
	}
	return promotion.Result{Group: group}, nil
}
