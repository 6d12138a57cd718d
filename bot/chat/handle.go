package chat

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

// decideWithin bounds what happens before an acknowledgement: the commit, and
// where a modal is opened, that call. It is below Slack's three seconds, so
// that somebody whose click could not be recorded is told in time.
const decideWithin = 2 * time.Second

func (c *Chat) handle(j job) {
	defer func() {
		if r := recover(); r != nil {
			c.log.Error("handling an envelope panicked; it was not acknowledged", "panic", fmt.Sprint(r))
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), decideWithin)
	defer cancel()
	switch data := j.event.Data.(type) {
	case slack.SlashCommand:
		c.ack(j, j.event.Request.EnvelopeID, c.command(ctx, data))
	case slack.InteractionCallback:
		c.interaction(ctx, j, data)
	case *socketmode.ErrorBadMessage:
		c.badMessage(ctx, j)
	case slackevents.EventsAPIEvent:
		c.event(ctx, j, data)
	default: // an unanswered one comes again
		c.ack(j, j.event.Request.EnvelopeID, nil)
	}
}

func (c *Chat) interaction(ctx context.Context, j job, cb slack.InteractionCallback) {
	var err error
	var payload any
	switch {
	case cb.Type == slack.InteractionTypeBlockActions && len(cb.ActionCallback.BlockActions) > 0:
		err = c.click(ctx, cb, cb.ActionCallback.BlockActions[0])
	case cb.Type == slack.InteractionTypeMessageAction && cb.CallbackID == render.ShortcutWhatIs:
		err = c.whatIsThis(ctx, cb)
	case cb.Type == slack.InteractionTypeViewSubmission:
		payload, err = c.submitted(ctx, cb)
	}
	if err != nil {
		// Nothing was recorded. Without an acknowledgement Slack shows that the
		// click failed, which is the truth.
		c.log.Error("a gesture could not be taken", "user", cb.User.ID, "type", string(cb.Type), "error", err)
		return
	}
	c.ack(j, j.event.Request.EnvelopeID, payload)
}

// decisions are what the buttons say that open nothing.
var decisions = map[string]promotion.Decision{
	render.ActionApprove:  promotion.Approve,
	render.ActionAdopt:    promotion.Instead,
	render.ActionWithdraw: promotion.Withdraw,
	render.ActionLift:     promotion.Lift,
	render.ActionFine:     promotion.Fine,
	render.ActionRetry:    promotion.Retry,
}

func (c *Chat) click(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction) error {
	switch {
	case action.ActionID == render.ActionNext || action.ActionID == render.ActionPrevious:
		return c.turned(ctx, cb, action)
	case strings.HasPrefix(action.ActionID, render.ActionSnooze):
		return c.snooze(ctx, cb, action)
	}
	if action.ActionID == render.ActionMore { // one of the dialogs, by way of a menu
		action.ActionID, action.Value = render.ParseEntry(action.SelectedOption.Value)
	}
	id, value, err := render.ParseValue(action.Value)
	if err != nil {
		return nil //nolint:nilerr // a button of ours without a meaning, such as a link
	}
	if strings.HasPrefix(action.ActionID, render.ActionSign) {
		return c.signed(ctx, cb, action, id, value)
	}
	switch decision, once := decisions[action.ActionID]; {
	case once:
		return c.decided(ctx, cb, action, id, decision, value)
	case action.ActionID == render.ActionUnhold:
		return c.lift(ctx, cb, action, id)
	}
	if render.Opens(action.ActionID) {
		return c.openModal(ctx, cb, action, id)
	}
	return nil
}

// decided takes a click that says all there is to say.
func (c *Chat) decided(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction, id promotion.ID, d promotion.Decision, terms string) error {
	_, err := c.gate.Take(ctx, clicked(cb, action, promotion.Gesture{
		Kind: promotion.GestureVote, Promotion: id, Decision: d, Terms: terms, CardTS: cardOf(cb),
	}))
	return err
}

// clicked is the gesture with who made it by a click, and where.
func clicked(cb slack.InteractionCallback, action *slack.BlockAction, g promotion.Gesture) promotion.Gesture {
	g.Key = fmt.Sprintf("click/%s/%s/%s/%s/%s/%s", cb.Team.ID, cb.User.ID, cb.Channel.ID, cb.Container.MessageTs, action.ActionID, action.ActionTs)
	g.Person, g.Channel, g.ResponseURL, g.Reply = promotion.PersonID(cb.User.ID), cb.Channel.ID, cb.ResponseURL, true
	return g
}

// cardOf is the timestamp of the card on which somebody clicked; empty when that
// was elsewhere: at home, or in a direct message.
func cardOf(cb slack.InteractionCallback) string {
	if strings.HasPrefix(cb.Channel.ID, "D") {
		return ""
	}
	return cb.Message.Timestamp
}

// outside tells privately whoever is of another organisation that there is nothing
// for them: they can press the buttons of a card in a shared channel.
func (c *Chat) outside(ctx context.Context, cb slack.InteractionCallback, g promotion.Gesture) (bool, error) {
	refusal, err := c.gate.Outsider(ctx, promotion.PersonID(cb.User.ID), cb.User.TeamID == c.team)
	if err != nil || refusal == "" {
		return false, err
	}
	return true, c.say(ctx, g, privately(render.Outside(refusal)), false)
}

// openModal asks for what a decision has to be said with, or shows the details.
// Whoever is too late for that is shown how it ended.
func (c *Chat) openModal(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction, id promotion.ID) error {
	if out, err := c.outside(ctx, cb, clicked(cb, action, promotion.Gesture{})); err != nil || out {
		return err
	}
	v, err := c.gate.View(ctx, id)
	if err != nil {
		return err
	}
	modal, asks := render.Dialog(v, action.ActionID, cb.Channel.ID, cardOf(cb))
	if asks != nil {
		g := clicked(cb, action, *asks)
		g.Promotion = id
		// Who is known not to be allowed to is not asked why first.
		if barred, err := c.gate.TurnAway(ctx, g); err != nil || barred {
			return err
		}
	}
	if _, err := c.api.OpenViewContext(ctx, cb.TriggerID, modal); err != nil {
		return apiError("views.open", err)
	}
	return nil
}

// submitted takes what was written in a dialog. What is wrong with it can only be
// said in the acknowledgement.
func (c *Chat) submitted(ctx context.Context, cb slack.InteractionCallback) (any, error) {
	g, problems := render.Submitted(cb.View)
	if len(problems) > 0 {
		return slack.NewErrorsViewSubmissionResponse(problems), nil
	}
	if g == nil {
		return nil, nil // of another version; it closes
	}
	g.Key = fmt.Sprintf("submit/%s/%s/%s/%s", cb.Team.ID, cb.User.ID, cb.View.ID, cb.View.Hash)
	g.Person, g.Reply = promotion.PersonID(cb.User.ID), true
	_, err := c.gate.Take(ctx, *g)
	return nil, err
}

// response is how a slash command is answered in its acknowledgement
// (docs.slack.dev, "Responding to commands").
type response struct {
	Type   string        `json:"response_type"`
	Text   string        `json:"text"`
	Blocks []slack.Block `json:"blocks,omitempty"`

	sent bool // the gate has it sent
}

func privately(m render.Message) response {
	return response{Type: slack.ResponseTypeEphemeral, Text: m.Text, Blocks: m.Blocks}
}

func publicly(m render.Message) response {
	return response{Type: slack.ResponseTypeInChannel, Text: m.Text, Blocks: m.Blocks}
}
