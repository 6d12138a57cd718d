package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// In some of the schedules policies ask for evidence: that machines have reported
// checks and how much a build was used, that people have looked, and that it is the
// time of day for it. What is reported is mostly good, and seldom complete.

// The checks that there are, and the number that one of them says.
const (
	scan   = "scan"
	lint   = "lint"
	looked = "looked" // by people
	p99    = "p99_ms"
)

// demand adds to a policy what it does not ask elsewhere.
func (w *world) demand(d *policy.Document) {
	age := func() time.Duration { return time.Duration(w.draw(2)*(60+w.draw(180))) * time.Second }
	if w.chance(60) {
		c := policy.Check{Name: scan, MaxAge: age()}
		if w.chance(30) {
			c.Numbers = []policy.Threshold{{Number: p99, Is: policy.AtMost, Limit: 250}}
		}
		d.Checks = append(d.Checks, c)
	}
	if w.chance(30) {
		d.Checks = append(d.Checks, policy.Check{Name: looked, ReviewedBy: []string{"security", "leads"}[w.draw(2)], MaxAge: age()})
	}
	if w.chance(30) {
		d.Checks = append(d.Checks, policy.Check{Name: lint, Advisory: true})
	}
	if w.chance(30) {
		d.Since = policy.SinceArrival
	}
	if w.chance(40) {
		d.Windows = w.windows()
	}
	if w.chance(25) {
		d.Exposure = []promotion.Exposure{{Requests: 1000}, {PodTime: time.Hour}, {Requests: 1500, PodTime: 2 * time.Hour}}[w.draw(3)]
	}
	if d.Rollback != nil && w.chance(50) {
		back := *d.Rollback
		back.Heed = append(back.Heed, policy.RuleChecks, policy.RuleWindow)
		d.Rollback = &back
	}
}

// windows open and shut during the first half hour, which is about as long as
// people are there. After that nothing changes for the rest of the day.
func (w *world) windows() (all policy.Windows) {
	some := func() (some []policy.Window) {
		for range 1 + w.draw(3) {
			some = append(some, window(w.draw(24), time.Duration(30+w.draw(210))*time.Second))
		}
		return some
	}
	if w.chance(60) {
		all.Deny = some()
	}
	if len(all.Deny) == 0 || w.chance(30) {
		if all.Allow = some(); w.chance(80) {
			all.Allow = append(all.Allow, window(26, 20*time.Hour))
		}
	}
	return all
}

func window(minute int, long time.Duration) policy.Window {
	one, err := policy.ParseWindow(fmt.Sprintf("%d 0 * * *", minute), "UTC", long)
	if err != nil {
		panic(err)
	}
	return one
}

// proofs are what is said of builds, beside what CI says of each by itself.
var proofs = []event{
	{4, func(w *world) {
		if p, ok := w.anyOpen(); ok {
			w.check(p.App, p.Digest)
		}
	}},
	{1, func(w *world) {
		app := w.anyApp()
		w.check(app, builds(app)[w.draw(images)].digest)
	}},
	{6, (*world).lookAt},
	{3, func(w *world) {
		if p, ok := w.anyOpen(); ok {
			w.use(p.App, p.Digest)
		}
	}},
}

// anyOpen is one of the last builds that wait for something.
func (w *world) anyOpen() (p promotion.Promotion, ok bool) {
	var open []promotion.Promotion
	for id := promotion.ID(len(w.judge.promotions)); id > 0 && len(open) < 4; id-- {
		if p := w.judge.promotions[id]; p.State == promotion.Open && p.Purpose != promotion.Train {
			open = append(open, p)
		}
	}
	if len(open) == 0 {
		return p, false
	}
	return open[w.draw(len(open))], true
}

// prove is what follows a build: what CI has found, and how it is used.
func (w *world) prove(app string, d promotion.Digest) {
	for range 1 + w.draw(3) {
		w.after(w.soon()/2, func() { w.check(app, d) })
	}
	for range w.draw(4) {
		w.after(w.soon(), func() { w.use(app, d) })
	}
	for range w.draw(3) {
		w.after(pollEvery+w.soon()/2, w.lookAt)
	}
}

// check is a machine that reports one, maybe what only people could say.
func (w *world) check(app string, d promotion.Digest) {
	c := promotion.Check{App: app, Digest: d, Name: []string{scan, scan, scan, lint, looked}[w.draw(5)]}
	c.Status = []promotion.CheckStatus{promotion.CheckPassed, promotion.CheckPassed, promotion.CheckPassed, promotion.CheckPassed, promotion.CheckPassed, promotion.CheckFailed, promotion.CheckRunning}[w.draw(7)]
	if w.chance(80) {
		c.Numbers = map[string]float64{p99: float64(w.draw(320))}
	}
	w.judge.stated = append(w.judge.stated, c)
	w.report(func(ctx context.Context, g *gate.Gate, call gate.Call) (promotion.Receipt, error) {
		return g.Check(ctx, call, c)
	})
}

// lookAt is somebody who signs off what waits for that, or says that it is bad.
func (w *world) lookAt() {
	p, ok := w.anyOpen()
	if !ok {
		return
	}
	status := promotion.CheckPassed
	if w.chance(15) {
		status = promotion.CheckFailed
	}
	who := w.somebody()
	if asked := w.judge.askedFor(p); asked != "" && w.chance(40) {
		who = asked
	}
	w.types(who, promotion.GestureSign, promotion.Gesture{Promotion: p.ID, Check: looked, Status: status})
	if w.chance(25) { // and leaves for a while
		w.after(w.soon()/8, func() { w.slack.is(who, promotion.Deactivated) })
		w.after(w.soon()/8+w.soon(), func() { w.slack.is(who, promotion.Member) })
	}
}

// use is a counter that has gone on.
func (w *world) use(app string, d promotion.Digest) {
	is := promotion.ExposureReport{App: app, Environment: source, Digest: d, Source: []string{"eu", "us"}[w.draw(2)]}
	if w.chance(15) {
		is.Environment = production
	}
	key := counter(is.Environment, is.Source, d)
	had := w.counters[key].Plus(promotion.Exposure{Requests: int64(w.draw(700)), PodTime: time.Duration(w.draw(50)) * time.Minute})
	w.counters[key], is.Exposure = had, had
	w.report(func(ctx context.Context, g *gate.Gate, call gate.Call) (promotion.Receipt, error) {
		return g.Exposure(ctx, call, is)
	})
}

func counter(environment, source string, of promotion.Digest) string {
	return fmt.Sprint(environment, " ", source, " ", of)
}
