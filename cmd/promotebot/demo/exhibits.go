package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/fixtures/slackpage"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// exhibition is what the gallery shows, in the order in which it was hung.
type exhibition struct {
	all    []slackpage.Exhibit
	states map[string]policy.View
	failed error
}

func (x *exhibition) message(name string, m render.Message) {
	blocks, err := json.Marshal(m.Blocks)
	x.failed = errors.Join(x.failed, err)
	x.all = append(x.all, slackpage.Exhibit{Name: name, Text: m.Text, Blocks: blocks})
}

func (x *exhibition) view(name string, v any) {
	raw, err := json.Marshal(v)
	x.failed = errors.Join(x.failed, err)
	x.all = append(x.all, slackpage.Exhibit{Name: name, View: raw})
}

func (x *exhibition) of(name string) policy.View {
	v, there := x.states[name]
	if !there {
		x.failed = errors.Join(x.failed, fmt.Errorf("there is no state %q", name))
	}
	return v
}

// these are views of several states.
func (x *exhibition) these(names ...string) (all []policy.View) {
	for _, name := range names {
		all = append(all, x.of(name))
	}
	return all
}

// exhibits are the cards of all states, and then what else is posted or opened, of
// states that show most of it.
func exhibits() ([]slackpage.Exhibit, error) {
	x := &exhibition{states: map[string]policy.View{}}
	for _, s := range sample.All() {
		x.states[s.Name] = s.View
		x.message(s.Name, render.Card(s.View))
	}
	x.dialogs()
	x.homes()
	x.told()
	x.answers()
	return x.all, x.failed
}

// dialogs are what buttons and the shortcut open, and what is opened instead.
func (x *exhibition) dialogs() {
	const channel, ts = "C1", "1.1"
	for _, name := range []string{
		"loses a platform", "vote discounted for lack of role", "a choice of approvals", "frozen", "failing", "runs something else", "provenance is missing", "train whose vote was for another production",
		"train whose glass has to be reviewed",
	} {
		x.view("details: "+name, render.Details(x.of(name)))
	}
	x.view("rejecting", render.RejectModal(x.of("soaking"), channel, ts))
	x.view("holding", render.HoldModal(x.of("soaking"), channel, ts))
	x.view("writing a rollback plan", render.PlanModal(x.of("with a plan"), channel, ts))
	x.view("breaking the glass", render.GlassModal(x.of("glass to break"), channel, ts, ""))
	x.view("breaking the glass of a train", render.GlassModal(x.of("train with a glass to break"), channel, ts, "the checkout is down"))
	x.view("reviewing that", render.ReviewModal(x.of("review overdue"), channel, ts))
	x.view("keeping what is failing", render.KeepModal(x.of("failing"), channel, ts))
	x.view("rolling back", render.RollbackModal(x.of("failing"), channel, ts))
	late, _ := render.Dialog(x.of("rejected"), render.ActionReject, channel, ts)
	x.view("rejecting what has ended already", late)
	x.view("what is this: an app without promotions", render.NotThis("wiki", []string{"shop", "wiki"}))
	x.view("what is this: nothing that is known", render.NotThis("", []string{"shop", "wiki"}))
}

// homes are the Home tabs of people for whom much, little and nothing is there.
func (x *exhibition) homes() {
	shop := policy.AppStatus{App: "shop", Repository: "registry.example.com/team/shop", Environments: []policy.EnvironmentStatus{
		{Name: "staging", Watch: "v{version}-passed", Holds: []policy.Holding{{Digest: sample.Build, Tag: "v1.4.2-passed", Since: sample.Monday}}},
		{Name: "production", Watch: "production", Target: true, Holds: []policy.Holding{{Digest: sample.Former, Tag: "production", Since: *sample.At(-24 * time.Hour)}}},
	}, Holds: x.of("held after a rollback").Facts.Holds}
	failing := x.of("failing")
	shop.Following = []policy.Following{{Promotion: failing.Facts.Promotion, Deployments: failing.Facts.Deployments}}
	x.view("home with something failing", render.Home(policy.Home{
		Person: sample.Sam, Known: true, At: sample.Monday,
		Waiting: x.these("failing", "failing by what was measured", "waiting for approvals", "waiting for evidence", "review overdue", "train waiting for approvals"),
		Asked:   x.these("soaking", "rollback waiting for approvals"), Apps: []policy.AppStatus{shop}, MoreApps: 3,
		Freezes: []promotion.Freeze{{From: sample.Monday, Until: sample.At(time.Hour), Reason: "a <!channel> party", By: sample.Bob}},
		Decisions: []promotion.Decided{
			{Gesture: promotion.Gesture{At: sample.Monday}, Answer: promotion.Answer{Verb: promotion.Counted, Decision: promotion.Approve, App: "shop", Digest: sample.Build, Role: "security"}},
			{Gesture: promotion.Gesture{At: sample.Monday}, Answer: promotion.Answer{Verb: promotion.Counted, Decision: promotion.Keep, App: "shop", Digest: sample.Build}},
			{Gesture: promotion.Gesture{At: sample.Monday}, Answer: promotion.Answer{Verb: promotion.Noted, Deed: promotion.GestureSnooze, Until: sample.At(time.Hour)}},
		},
	}))
	x.view("home with nothing on it", render.Home(policy.Home{Person: sample.Sam, Known: true, At: sample.Monday}))
	x.view("home of a guest", render.Home(policy.Home{Person: sample.Sam, Known: true, Refusal: "guests can't decide promotions"}))
	x.view("home of somebody who is looked up", render.Home(policy.Home{Person: sample.Sam}))
	x.message("status", render.Status([]policy.AppStatus{shop}, sample.Monday, render.Pages{}))
}

// told is what nobody asked for: reminders, digests and replies in threads.
func (x *exhibition) told() {
	var items []policy.Reminded
	for _, v := range x.these("failing", "waiting for approvals", "waiting for evidence", "review overdue", "train waiting for approvals") {
		items = append(items, policy.Reminded{View: v, Wants: v.Wants()})
	}
	x.message("direct reminder", render.Reminder(policy.Reminder{Person: sample.Sam, Items: items}))
	x.message("digest of a channel", render.Digest(policy.Digest{
		Since: *sample.At(-24 * time.Hour), Until: sample.Monday, Failing: x.these("failing"), Waiting: x.these("waiting for approvals"), Soaking: x.these("soaking"), Open: x.these("executing"), Overdue: x.these("review overdue"),
		Promoted: []promotion.Promotion{x.of("promoted").Facts.Promotion}, RolledBack: []promotion.Promotion{x.of("rolled back").Facts.Promotion},
		PutBack: []promotion.Promotion{x.of("restored").Facts.Promotion}, Ended: []promotion.Promotion{x.of("rejected").Facts.Promotion}, People: x.of("soaking").Facts.People,
		Figures: promotion.Figures{Environment: "production", From: *sample.At(-24 * time.Hour), Until: sample.Monday, Promoted: 3, TakenBack: 1, Rollbacks: 1,
			Lead: promotion.Spread{Count: 3, Median: 51 * time.Hour, Worst: 60 * time.Hour}, Restore: promotion.Spread{Count: 1, Median: time.Minute, Worst: time.Minute}},
	}))
	for _, r := range []struct {
		state string
		work  promotion.NoticeWork
	}{
		{"partially approved", promotion.NoticeWork{Kind: promotion.NoticeSoaked}},
		{"partially approved", promotion.NoticeWork{Kind: promotion.NoticeReminder}},
		{"failing", promotion.NoticeWork{Kind: promotion.NoticeFailing, Reason: "it was not deployed to eu: CrashLoopBackOff"}},
		{"failing", promotion.NoticeWork{Kind: promotion.NoticeReminder}},
		{"failed, and rolled back", promotion.NoticeWork{Kind: promotion.NoticeEnded}},
		{"promoted", promotion.NoticeWork{Kind: promotion.NoticeEnded}},
		{"glass broken and waiting", promotion.NoticeWork{Kind: promotion.NoticeBroken, Person: sample.Eve, Reason: "the checkout is down"}},
		{"superseded", promotion.NoticeWork{Kind: promotion.NoticeSuperseded}},
	} {
		x.message(fmt.Sprintf("in the thread, %s: %s", r.work.Kind, r.state), render.Notice(r.work, x.of(r.state)))
	}
}

// answers are those to commands and clicks.
func (x *exhibition) answers() {
	v := x.of("partially approved")
	x.message("why", render.Why(v))
	var all []policy.View
	var past []promotion.Promotion
	for _, s := range sample.All() {
		if s.View.Facts.Promotion.State.Final() {
			past = append(past, s.View.Facts.Promotion)
		} else {
			all = append(all, s.View)
		}
	}
	x.message("list", render.List(all[:render.PageSize], render.Pages{Next: &render.Turn{List: "list", Before: 3}}))
	x.message("history", render.History(past[:render.PageSize], nil, render.Pages{}))
	would, refusal := policy.WhatIf(v.Document, v.Facts, sample.Bob, v.At)
	x.message("what if", render.WhatIf(sample.Bob, []render.Try{{Is: v, Would: would, Refusal: refusal}}))
	x.message("refused", render.Answer(promotion.Answer{Verb: promotion.Refused, Decision: promotion.Approve, App: "shop", Digest: sample.Build, Reason: "this takes a role that you do not hold", Could: []string{"leads", "security"}}))
	x.message("help", render.Help(command.Lines("")))
	_, err := command.Parse("request shpo", []string{"shop", "wiki"})
	if usage, is := errors.AsType[*command.Usage](err); is {
		x.message("not understood", render.Usage(usage.Problem, usage.Next, usage.Lines))
	}
}
