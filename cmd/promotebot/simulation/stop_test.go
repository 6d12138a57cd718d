package simulation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// In half of the schedules policies ask for more than a soak and approvals, people
// freeze and hold, machines report what is wrong, and some go past all of that.
// Whoever has stopped something mostly lets it go on after a while: else little
// would ever be promoted there.

const (
	critical = promotion.Severity("critical")
	minor    = promotion.Severity("minor")
)

// tighten adds to a policy what it does not ask elsewhere.
func (w *world) tighten(d *policy.Document) {
	if w.chance(30) {
		d.Expires.Request = time.Duration(60+w.draw(240)) * time.Second
	}
	if w.chance(40) {
		d.Expires.Approval = time.Duration(30+w.draw(60)) * time.Second
	}
	if w.chance(50) {
		d.FreezeOn = []promotion.Severity{critical}
	}
	if w.chance(50) {
		d.Incidents = policy.Interruptions{Pause: []promotion.Severity{minor}, Reset: []promotion.Severity{critical}}
	}
	if w.chance(50) {
		d.BreakGlass = &policy.BreakGlass{Role: "breakers", By: []string{"leads", "security"}, Within: 3 * time.Minute}
	}
	if d.Rollback != nil && w.chance(50) {
		back := *d.Rollback
		back.Heed = []policy.Rule{policy.RuleHold, policy.RuleFreeze}
		d.Rollback = &back
	}
	if d.After != nil && w.chance(50) {
		after := *d.After
		after.Incidents = []promotion.Severity{critical}
		d.After = &after
	}
}

// interruptions are what keeps things from going on, and what goes past that.
var interruptions = []event{
	{3, (*world).freeze},
	{3, (*world).incident},
	{3, (*world).sicken},
	{2, (*world).hold},
	{9, (*world).shatter},
	{6, (*world).dawdle},
	{6, (*world).delegate},
	{2, func(w *world) { w.review(w.see(render.ActionFine)) }},
	{3, func(w *world) { // one person, twice
		w.click(bob)
		w.click(roy)
	}},
}

// soon is when whoever has stopped something lets it go on.
func (w *world) soon() time.Duration { return time.Duration(w.draw(200_000)) * time.Millisecond }

// anything is an app, a train, or everything.
func (w *world) anything() string {
	of := append([]string{""}, w.apps...)
	if w.together() {
		of = append(of, train)
	}
	return of[w.draw(len(of))]
}

// types is a command about an app, or about everything.
func (w *world) types(who promotion.PersonID, what promotion.GestureKind, g promotion.Gesture) {
	g.Key, g.Kind, g.Person, g.Channel = fmt.Sprintf("command/%s/%d", team, len(w.sent)), what, who, channel
	w.deliver(g)
}

func (w *world) freeze() {
	of, until := w.anything(), ""
	if w.chance(60) {
		until = fmt.Sprintf("%dm", 1+w.draw(4))
	}
	w.types(w.somebody(), promotion.GestureFreeze, promotion.Gesture{App: of, Reason: "not now", Until: until})
	if until == "" || w.chance(30) {
		w.after(w.soon(), func() { w.types(w.somebody(), promotion.GestureUnfreeze, promotion.Gesture{App: of}) })
	}
}

// incident is reported by somebody or by a machine, and over after a while.
func (w *world) incident() {
	of, how := w.anything(), critical
	if of == train { // which runs nowhere
		of = w.anyApp()
	}
	if w.chance(50) {
		how = minor
	}
	if w.chance(40) {
		w.types(w.somebody(), promotion.GestureIncident, promotion.Gesture{App: of, Severity: how, Reason: "it burns"})
		w.after(w.soon(), func() { w.types(w.somebody(), promotion.GestureResolve, promotion.Gesture{App: of}) })
		return
	}
	is := promotion.IncidentReport{Key: fmt.Sprint(w.reports), App: of, Environment: []string{"", source, production}[w.draw(3)], Severity: how, Summary: "it burns"}
	w.report(func(ctx context.Context, g *gate.Gate, c gate.Call) (promotion.Receipt, error) {
		return g.Incident(ctx, c, is)
	})
	w.after(w.soon(), func() {
		w.report(func(ctx context.Context, g *gate.Gate, c gate.Call) (promotion.Receipt, error) {
			return g.Resolve(ctx, c, is.Key)
		})
	})
}

// sicken is an environment that is not well for a while.
func (w *world) sicken() {
	is := promotion.HealthReport{App: w.anyApp(), Environment: []string{source, source, production}[w.draw(3)], Reason: "it coughs"}
	if w.chance(30) {
		is.App = ""
	}
	says := func() {
		w.report(func(ctx context.Context, g *gate.Gate, c gate.Call) (promotion.Receipt, error) {
			return g.Health(ctx, c, is)
		})
	}
	says()
	w.after(w.soon(), func() {
		is.Healthy = true
		says()
	})
}

// hold is of an app with all that may come, or of one of its builds.
func (w *world) hold() {
	g := promotion.Gesture{App: w.anyApp(), Reason: "let me look"}
	if w.chance(40) {
		g.Ref = string(builds(g.App)[w.draw(images)].digest[7:19])
	}
	who := w.somebody()
	w.types(who, promotion.GestureHold, g)
	g.Reason = ""
	w.after(w.soon(), func() { w.types(who, promotion.GestureUnhold, g) })
}

// shatter is somebody who opens the dialog that names what is skipped, and has read
// it after a while.
func (w *world) shatter() {
	s, ok := w.see(render.ActionGlass)
	r, up := w.anyUp()
	if !ok || !up {
		return
	}
	v, err := w.look(r, s.of)
	if err != nil || !render.Breakable(v) {
		return
	}
	modal := render.GlassModal(v, channel, s.ts, "")
	form, _ := render.Submitted(slack.View{CallbackID: modal.CallbackID, PrivateMetadata: modal.PrivateMetadata, State: &slack.ViewState{Values: map[string]map[string]slack.BlockAction{"reason": {"reason": {Value: "it is down"}}}}})
	s.terms = form.Terms
	who := []promotion.PersonID{eve, bob, w.somebody()}[w.draw(3)]
	w.after(time.Duration(w.draw(5_000))*time.Millisecond, func() {
		g := w.submission(who, s, promotion.BreakGlass)
		g.Skips = form.Skips
		w.deliver(g)
		if w.chance(50) { // and leaves for a while
			w.slack.is(who, promotion.Deactivated)
			w.after(w.soon(), func() { w.slack.is(who, promotion.Member) })
		}
	})
	for range w.draw(3) {
		w.after(5*time.Second+w.soon(), func() { w.review(w.seeOn(s.on, render.ActionFine)) })
	}
}

// dawdle is one approval after the other, with a long time between them: by chance,
// those that are missing mostly come at once.
func (w *world) dawdle() {
	s, ok := w.see(render.ActionApprove)
	if !ok {
		return
	}
	later := time.Duration(0)
	for range 3 {
		who := people[w.draw(3)]
		w.after(later, func() {
			if again, ok := w.seeOn(s.on, render.ActionApprove); ok {
				w.clickOn(who, again)
			}
		})
		later += time.Duration(20_000+w.draw(100_000)) * time.Millisecond
	}
}

// review is what somebody says afterwards about a broken glass.
func (w *world) review(s sight, ok bool) {
	if ok {
		w.deliver(w.press(w.somebody(), s, render.ActionFine, promotion.Fine))
	}
}

// ci is the id of the token of the machines.
const ci = "0123456789ab"

func (w *world) admit() {
	err := w.store.Update(context.Background(), func(tx gate.Tx) error {
		return tx.AddToken(promotion.Token{ID: ci, Name: "ci", Hash: strings.Repeat("0", 64), Scopes: promotion.Scopes(), CreatedAt: time.Now().UTC()})
	})
	if err != nil {
		w.violated("no machine can be let in: %v", err)
	}
}

// report is what a machine says, again until it was heard.
func (w *world) report(say func(context.Context, *gate.Gate, gate.Call) (promotion.Receipt, error)) {
	w.reports++
	w.reportAs(fmt.Sprint("report ", w.reports), 1, say)
}

func (w *world) reportAs(key string, attempt int, say func(context.Context, *gate.Gate, gate.Call) (promotion.Receipt, error)) {
	again := func() { w.reportAs(key, attempt+1, say) }
	r, up := w.anyUp()
	if !up {
		w.after(5*time.Second, again)
		return
	}
	name := fmt.Sprintf("%s (attempt %d)", key, attempt)
	w.note("%s gets %s", r.name, name)
	go func() {
		ctx, cancel := context.WithTimeout(as(context.Background(), &caller{r, name, nil}), decideWithin)
		defer cancel()
		receipt, err := say(ctx, r.gate, gate.Call{Token: ci, Key: key, Sum: strings.TrimPrefix(string(digestOf([]byte(key))), "sha256:")})
		w.desk.report(name, func() {
			w.note("%s answers %s: %s %s (%v)", r.name, name, receipt.Verb, receipt.Reason, err)
			if err != nil {
				w.after(5*time.Second, again)
			}
		})
	}()
}
