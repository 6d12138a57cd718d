package chat

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// asked is a command with what its answer takes, whichever way it came in.
type asked struct {
	key     string // the same in every delivery
	person  promotion.PersonID
	channel string
	text    string

	responseURL string // of a slash command
	trigger     string

	message, thread string // of a message
	direct          bool
}

func (a asked) gesture() promotion.Gesture {
	return promotion.Gesture{
		Key: a.key, Person: a.person, Channel: a.channel, ResponseURL: a.responseURL,
		Reply: a.message != "", Message: a.message, Thread: a.thread, Direct: a.direct,
	}
}

// command answers a slash command. Whatever is asked is answered from the
// database, so the answer travels in the acknowledgement; only what changes
// something is said to the whole channel.
func (c *Chat) command(ctx context.Context, sc slack.SlashCommand) response {
	return c.respond(ctx, asked{
		// A trigger id is Slack's name for one use of a command; it is the same in
		// every delivery.
		key:    "command/" + sc.TeamID + "/" + sc.TriggerID,
		person: promotion.PersonID(sc.UserID), channel: sc.ChannelID, text: sc.Text, responseURL: sc.ResponseURL, trigger: sc.TriggerID,
	})
}

func (c *Chat) respond(ctx context.Context, a asked) response {
	cmd, err := command.Parse(a.text, c.gate.Catalog().Names())
	if usage, ok := errors.AsType[*command.Usage](err); ok {
		return privately(render.Usage(usage.Problem, usage.Next, usage.Lines))
	}
	if err == nil {
		var r response
		if r, err = c.answer(ctx, a, cmd); err == nil {
			return fitting(r)
		}
	}
	if promotion.KindOf(err) == promotion.Unavailable {
		c.log.Error("a command could not be answered", "command", string(cmd.Name), "error", err)
	}
	return privately(render.Problem(err))
}

func (c *Chat) answer(ctx context.Context, a asked, cmd command.Command) (response, error) {
	switch cmd.Name {
	case command.Status, command.List, command.History:
		return c.page(ctx, render.Turn{List: string(cmd.Name), App: cmd.App, Page: cmd.Page})
	case command.Figures:
		return c.figures(ctx, cmd)
	case command.Show, command.Why:
		return c.explain(ctx, cmd)
	case command.WhatIf:
		return c.whatIf(ctx, cmd)
	case command.Request:
		return c.take(ctx, a, promotion.Gesture{Kind: promotion.GestureRequest, App: cmd.App, Ref: cmd.Ref})
	case command.Approve, command.Reject, command.Adopt, command.Withdraw, command.Lift, command.Plan, command.BreakGlass, command.Retry:
		return c.vote(ctx, a, cmd)
	case command.Review:
		return c.review(ctx, a, cmd)
	case command.Check:
		return c.sign(ctx, a, cmd)
	case command.Hold, command.Unhold, command.Freeze, command.Unfreeze, command.Incident, command.Resolve, command.Rollback, command.WithdrawDigest, command.RestoreDigest,
		command.Delegate, command.Undelegate, command.Remind:
		return c.deed(ctx, a, cmd)
	case command.Audit:
		return privately(render.WhereTheRecordIs()), nil
	default:
		return privately(render.Help(command.Lines(cmd.Topic))), nil
	}
}

// explain shows the newest promotion of the app, or of the digest; for what goes
// with a train, the train.
func (c *Chat) explain(ctx context.Context, cmd command.Command) (response, error) {
	views, err := c.gate.Views(ctx, gate.Query{App: cmd.App, DigestPrefix: cmd.Digest, Limit: 1})
	if err != nil {
		return response{}, err
	}
	if len(views) == 0 {
		return privately(render.Answer(promotion.Answer{Verb: promotion.Missing, App: cmd.App})), nil
	}
	if with := views[0].Facts.Promotion.Train; with != 0 {
		if views[0], err = c.gate.View(ctx, with); err != nil {
			return response{}, err
		}
	}
	if cmd.Name == command.Why {
		return privately(render.Why(views[0])), nil
	}
	return privately(render.Show(views[0])), nil
}

func (c *Chat) whatIf(ctx context.Context, cmd command.Command) (response, error) {
	open, err := c.gate.Promotions(ctx, gate.Query{App: cmd.App, DigestPrefix: cmd.Digest, Apart: true, States: []promotion.State{promotion.Open}})
	if err != nil {
		return response{}, err
	}
	if len(open) == 0 && cmd.App != "" {
		return c.nothingToVoteOn(ctx, cmd)
	}
	person := promotion.PersonID(cmd.Person)
	var tries []render.Try
	for _, p := range open {
		var t render.Try
		if t.Is, t.Would, t.Refusal, err = c.gate.WhatIf(ctx, p.ID, person); err != nil {
			return response{}, err
		}
		tries = append(tries, t)
	}
	return privately(render.WhatIf(person, tries)), nil
}

func (c *Chat) vote(ctx context.Context, a asked, cmd command.Command) (response, error) {
	q := gate.Query{App: cmd.App, DigestPrefix: cmd.Digest, Apart: true, States: []promotion.State{promotion.Open}}
	decision := promotion.Approve
	switch cmd.Name {
	case command.Reject:
		decision = promotion.Reject
	case command.Plan:
		decision = promotion.PlanFor
	case command.Adopt:
		decision, q.Purposes = promotion.Instead, []promotion.Purpose{promotion.Restore}
	case command.Withdraw:
		decision = promotion.Withdraw
	case command.Lift: // the newest is meant: what was rejected before it has given way
		decision, q.States, q.Limit = promotion.Lift, []promotion.State{promotion.Rejected}, 1
	case command.Retry: // what it is about is where it goes last
		decision, q.States, q.Limit = promotion.Retry, []promotion.State{promotion.Failing}, 1
	}
	open, err := c.gate.Promotions(ctx, q)
	if err != nil {
		return response{}, err
	}
	switch len(open) {
	case 0:
		return c.nothingToVoteOn(ctx, cmd)
	case 1:
	default:
		return response{}, promotion.Errorf(promotion.Conflict, "%d promotions of %s are open: name the digest, as in %s@%s", len(open), cmd.App, cmd.App, open[0].Digest.Short())
	}
	if cmd.Name == command.BreakGlass {
		return c.breakGlass(ctx, a, cmd, open[0])
	}
	return c.take(ctx, a, promotion.Gesture{Kind: promotion.GestureVote, Promotion: open[0].ID, Decision: decision, Reason: cmd.Reason, Terms: open[0].TermsNow().Hash()})
}

// nothingToVoteOn says so, and where what was meant is decided when it goes with
// a train.
func (c *Chat) nothingToVoteOn(ctx context.Context, cmd command.Command) (response, error) {
	q := gate.Query{App: cmd.App, DigestPrefix: cmd.Digest, Purposes: []promotion.Purpose{promotion.Ride}, States: []promotion.State{promotion.Open}, Limit: 1}
	rides, err := c.gate.Promotions(ctx, q)
	if err != nil {
		return response{}, err
	}
	if len(rides) == 0 {
		return privately(render.Answer(promotion.Answer{Verb: promotion.Missing, App: cmd.App})), nil
	}
	v, err := c.gate.View(ctx, rides[0].Train)
	if err != nil {
		return response{}, err
	}
	train := v.Facts.Promotion
	return response{}, promotion.Errorf(promotion.Conflict, "%s %s goes with the train %s and is decided with it: /promote %s %s", cmd.App, rides[0].Digest.Short(), train.App, cmd.Name, train.App)
}

func (c *Chat) take(ctx context.Context, a asked, of promotion.Gesture) (response, error) {
	g := a.gesture()
	g.Kind, g.Promotion, g.Decision, g.Reason, g.Terms = of.Kind, of.Promotion, of.Decision, of.Reason, of.Terms
	g.App, g.Ref, g.Check, g.Status = of.App, of.Ref, of.Check, of.Status
	g.Incident, g.Severity, g.Until, g.Whom = of.Incident, of.Severity, of.Until, of.Whom
	answer, err := c.gate.Take(ctx, g)
	if err != nil {
		return response{}, err
	}
	r := privately(render.Answer(answer))
	if answer.Public() {
		r = publicly(render.Answer(answer))
	}
	r.sent = g.Reply
	return r, nil
}

// ackLimit keeps a margin to the 20 kB beyond which Slack drops an
// acknowledgement without a word.
const ackLimit = 18_000

// fitting drops blocks from the end until the acknowledgement is small enough.
// The text is complete by itself, within Slack's advice of 4,000 characters.
func fitting(r response) response {
	for len(r.Blocks) > 0 && !arrives(r) {
		r.Blocks = r.Blocks[:len(r.Blocks)-1]
	}
	return r
}

func arrives(r response) bool {
	b, err := json.Marshal(r)
	return err == nil && len(b) < ackLimit
}
