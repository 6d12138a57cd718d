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
	ts := p.Card.TS
	if ts == "" && e.Attempt > 1 {
		// A performer before this one may have posted it and died.
		if ts, err = c.find(ctx, p.Card.Channel, metadataCard, strconv.FormatInt(int64(p.ID), 10), since(p.OpenedAt)); err != nil {
			return promotion.Result{}, err
		}
	}
	if ts != "" {
		if r, err := c.redraw(ctx, p, ts); !gone(err) {
			return r, err
		}
	}
	if ts != "" && e.Attempt > 1 {
		// Somebody has deleted it, and a performer before this one may have posted
		// another.
		other, err := c.find(ctx, p.Card.Channel, metadataCard, strconv.FormatInt(int64(p.ID), 10), since(p.OpenedAt))
		if err != nil {
			return promotion.Result{}, err
		}
		if other != "" && other != ts {
			return c.redraw(ctx, p, other)
		}
	}
	ctx, card, options, err := c.draw(ctx, methodPost, p)
	if err != nil {
		return promotion.Result{}, err
	}
	if _, card.TS, err = c.api.PostMessageContext(ctx, card.Channel, options...); err != nil {
		return promotion.Result{}, fmt.Errorf("channel %s: %w", card.Channel, apiError(methodPost, err))
	}
	card.Link = c.link(ctx, card)
	return promotion.Result{Card: &card}, nil
}

// gone tells whether a message can't be changed because it is not there any more,
// or because Slack lets nobody change it any more.
func gone(err error) bool {
	return promotion.KindOf(err) == promotion.NotFound && !isCode(err, "channel_not_found")
}

func (c *Chat) redraw(ctx context.Context, p promotion.Promotion, ts string) (promotion.Result, error) {
	ctx, card, options, err := c.draw(ctx, methodUpdate, p)
	if err != nil {
		return promotion.Result{}, err
	}
	card.TS = ts
	if ts == p.Card.TS {
		card.Link = p.Card.Link
	}
	if _, _, _, err := c.api.UpdateMessageContext(ctx, card.Channel, card.TS, options...); err != nil {
		return promotion.Result{}, apiError(methodUpdate, err)
	}
	card.Link = c.link(ctx, card)
	return promotion.Result{Card: &card}, nil
}

// draw waits until Slack may be called, and only then draws the card: what
// happened while others had their turn is on it, and takes no call of its own.
func (c *Chat) draw(ctx context.Context, method string, p promotion.Promotion) (context.Context, promotion.Card, []slack.MsgOption, error) {
	ctx, err := c.budget.turn(ctx, method, p.Card.Channel)
	if err != nil {
		return ctx, promotion.Card{}, nil, err
	}
	v, err := c.gate.View(ctx, p.ID)
	if err != nil {
		return ctx, promotion.Card{}, nil, err
	}
	card := promotion.Card{Channel: p.Card.Channel, Revision: v.Facts.Promotion.Revision}
	return ctx, card, message(render.Card(v), metadataCard, strconv.FormatInt(int64(p.ID), 10)), nil
}

// maxLink is the longest address of a message that is kept, linkWithin how long is
// waited for it, and linkAttempts how often it is asked for: a card that is drawn
// only once would else never be found from another.
const (
	maxLink      = 500
	linkWithin   = 5 * time.Second
	linkAttempts = 2
)

// link asks where a card is, so that others can lead there. The card is drawn
// whether Slack says so or not, and it is asked for again when it is drawn next.
func (c *Chat) link(ctx context.Context, card promotion.Card) string {
	for attempt := 0; card.Link == "" && attempt < linkAttempts; attempt++ {
		link, err := c.permalink(ctx, card)
		if err != nil {
			c.log.Warn("where a card is could not be asked", "channel", card.Channel, "error", err)
			continue
		}
		if len(link) > maxLink || promotion.ParseLink(link) != nil {
			return ""
		}
		card.Link = link
	}
	return card.Link
}

func (c *Chat) permalink(ctx context.Context, card promotion.Card) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, linkWithin)
	defer cancel()
	link, err := c.api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: card.Channel, Ts: card.TS})
	if err != nil {
		return "", apiError("chat.getPermalink", err)
	}
	return link, nil
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
	if w.Kind == promotion.NoticeReminder && !v.OnPeople() {
		return promotion.Result{}, nil // it comes late, and would ask for what is not missing any more
	}
	if w.Kind == promotion.NoticeReview && v.Facts.Promotion.Owed() == nil {
		return promotion.Result{}, nil // the same, of a review
	}
	var options []slack.MsgOption
	switch w.Kind {
	case promotion.NoticeBroken, promotion.NoticeFailing, promotion.NoticeStrayed, promotion.NoticeWithdrawn: // nobody is to overlook it in a thread
		options = append(options, slack.MsgOptionBroadcast())
	}
	return promotion.Result{}, c.post(ctx, e, spot{channel: card.Channel, thread: card.TS}, metadataNotice, render.Notice(w, v), options...)
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

// ReadChannel asks Slack how the channel of a card is.
func (c *Chat) ReadChannel(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
	w, err := promotion.Work[promotion.ChannelWork](e)
	if err != nil {
		return promotion.Result{}, err
	}
	is, err := c.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: w.ID})
	if err != nil {
		return promotion.Result{}, apiError("conversations.info", err)
	}
	fault, remedy := unpostable(is)
	if fault != "" {
		fault += ": " + remedy
	}
	now := time.Now()
	// An invitation that is under way is answered by the other side alone.
	return promotion.Result{Channel: &promotion.Channel{ID: w.ID, Shared: is.IsExtShared || is.IsPendingExtShared, ReadAt: &now, Fault: fault}}, nil
}

// unpostable says why no card can be posted in a channel, and what to do about
// it, or "".
func unpostable(is *slack.Channel) (why, remedy string) {
	switch {
	case is.IsArchived:
		return "the channel is archived", "unarchive it, or name another one in the configuration"
	case !is.IsMember:
		return "promotebot is not in the channel", "/invite @promotebot there"
	}
	return "", ""
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
