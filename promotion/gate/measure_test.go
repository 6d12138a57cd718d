package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// measuring watches a query for 15 minutes, which is asked every 30 seconds.
func measuring(t *testing.T, hold time.Duration) *gate.Catalog {
	q := policy.Query{Threshold: policy.Threshold{Number: "errors", Is: policy.Below, Limit: 0.01}, Text: `errors{app="{app}"}`, Server: "https://p", For: hold}
	return deploying(t, false, &policy.After{Watch: 15 * time.Minute, Queries: []policy.Query{q}}, "eu")
}

// reads has the Prometheus answer with a number from now on.
func (w *world) reads(n float64) {
	w.answer = func(promotion.MeasureWork) promotion.Result {
		return promotion.Result{Sample: &promotion.Sample{Value: n, At: w.now}}
	}
}

func (w *world) silent(kind promotion.Kind) {
	w.answer = func(promotion.MeasureWork) promotion.Result {
		return promotion.Result{Failure: &promotion.Failure{Kind: kind, Text: "p can't be reached"}}
	}
}

func (w *world) measurement(id promotion.ID) promotion.Measurement {
	w.t.Helper()
	v, err := w.gate.View(w.t.Context(), id)
	w.must(err)
	if len(v.Facts.Since.Measured) != 1 {
		w.t.Fatalf("measured are %+v", v.Facts.Since.Measured)
	}
	return v.Facts.Since.Measured[0]
}

func TestAQueryIsAskedUntilTheEndOfTheWatchAndNoLonger(t *testing.T) {
	w := newWorld(t, measuring(t, 0))
	var asked []promotion.MeasureWork
	w.answer = func(m promotion.MeasureWork) promotion.Result {
		asked = append(asked, m)
		return promotion.Result{Sample: &promotion.Sample{Value: 0.001, At: w.now}}
	}
	id := w.promote("a")
	w.wait(time.Minute)
	w.expect(id, promotion.Watching)
	draws := w.draws[id]
	w.wait(time.Hour)
	w.expect(id, promotion.Promoted)
	if n := len(asked); n != 31 || asked[0] != (promotion.MeasureWork{Name: "errors", Server: "https://p", Query: `errors{app="shop"}`}) {
		t.Errorf("asked %d times: %+v", n, asked[0])
	}
	if w.draws[id] != draws+1 {
		t.Errorf("the card was drawn %d times for answers that change nothing", w.draws[id]-draws-1)
	}
	if m := w.measurement(id); m.Last.Value != 0.001 || m.Last.At.Before(*w.get(id).WatchUntil) {
		t.Errorf("%+v", m)
	}
}

func TestAnAnswerThatMustNotBeHasPeopleDecide(t *testing.T) {
	w := newWorld(t, measuring(t, 0))
	w.reads(0)
	id := w.promote("a")
	w.wait(5 * time.Minute)
	w.reads(0.02)
	w.wait(time.Minute)
	w.expect(id, promotion.Failing)
	if p := w.get(id); !strings.Contains(p.Reason, "errors was 0.02") {
		t.Errorf("%q", p.Reason)
	}
}

func TestAnAnswerThatMustNotBeGoesBackByItselfWhereThePolicySaysSo(t *testing.T) {
	c := measuring(t, 0)
	c.Apps[0].Policies["production"].After.RollBack = true
	w := newWorld(t, c)
	w.reads(0)
	good := w.promote("a")
	w.wait(time.Hour)
	w.expect(good, promotion.Promoted)
	bad := w.promote("b")
	w.wait(time.Minute)
	w.answer = func(m promotion.MeasureWork) promotion.Result {
		n := 0.0
		if w.tags["production"] == digest("b") {
			n = 1
		}
		return promotion.Result{Sample: &promotion.Sample{Value: n, At: w.now}}
	}
	w.wait(2 * time.Minute)
	w.expect(bad, promotion.Failed)
	if w.tags["production"] != digest("a") {
		t.Errorf("production is %s", w.tags["production"])
	}
	w.wait(time.Hour)
	if back := w.newest().Facts.Promotion; back.Purpose != promotion.Rollback || back.State != promotion.Promoted {
		t.Errorf("the way back is %s %s", back.Purpose, back.State)
	}
}

func TestABlipDoesNotCountWhereItIsSaidForHowLongItHasToLast(t *testing.T) {
	w := newWorld(t, measuring(t, 2*time.Minute))
	w.reads(0)
	id := w.promote("a")
	w.wait(5 * time.Minute)
	w.reads(1)
	w.wait(time.Minute)
	w.silent(promotion.Unavailable) // that nothing is heard does not end it
	w.wait(30 * time.Second)
	w.expect(id, promotion.Watching)
	if m := w.measurement(id); m.Wrong == nil || m.Fault == "" || m.Last == nil {
		t.Errorf("%+v", m)
	}
	w.reads(0)
	w.wait(30 * time.Second)
	if m := w.measurement(id); m.Wrong != nil || m.Fault != "" || m.Since != nil {
		t.Errorf("%+v", m)
	}
	w.reads(1)
	w.wait(110 * time.Second)
	w.expect(id, promotion.Watching)
	w.wait(time.Minute)
	w.expect(id, promotion.Failing)
}

func TestWhatCannotBeMeasuredIsNeverTakenForWell(t *testing.T) {
	for _, kind := range []promotion.Kind{promotion.Unavailable, promotion.Invalid, promotion.Forbidden} {
		t.Run(string(kind), func(t *testing.T) {
			c := measuring(t, 0)
			c.Apps[0].Policies["production"].After.RollBack = true
			w := newWorld(t, c)
			w.reads(0)
			first := w.promote("a")
			w.wait(time.Hour)
			w.expect(first, promotion.Promoted)
			id := w.promote("b")
			w.wait(time.Minute)
			draws := w.draws[id]
			w.silent(kind)
			w.wait(2 * time.Minute)
			if m := w.measurement(id); m.Fault != "p can't be reached" || w.draws[id] != draws+1 {
				t.Errorf("%+v, drawn %d times", m, w.draws[id]-draws)
			}
			until := *w.get(id).WatchUntil
			w.wait(until.Add(policy.Patience - time.Second).Sub(w.now))
			w.expect(id, promotion.Watching)
			w.wait(2 * time.Second)
			w.expect(id, promotion.Failing)
			if p := w.get(id); !strings.Contains(p.Reason, "it is not known how it went: errors was last answered at") {
				t.Errorf("%q", p.Reason)
			}
			w.wait(time.Hour)
			w.expect(id, promotion.Failing) // production is not moved for that
			if w.tags["production"] != digest("b") {
				t.Errorf("production is %s", w.tags["production"])
			}
		})
	}
}

func TestAPrometheusThatComesBackInTimeEndsTheWatch(t *testing.T) {
	w := newWorld(t, measuring(t, 0))
	w.silent(promotion.Unavailable)
	id := w.promote("a")
	w.wait(20 * time.Minute)
	w.expect(id, promotion.Watching)
	w.reads(0)
	w.wait(time.Minute)
	w.expect(id, promotion.Promoted)
}

func TestAnotherCatalogIsAskedForAtOnce(t *testing.T) {
	w := newWorld(t, measuring(t, 0))
	w.reads(0)
	id := w.promote("a")
	w.wait(5 * time.Minute)
	c := measuring(t, 0)
	q := &c.Apps[0].Policies["production"].After.Queries[0]
	q.Text = `faults{app="{app}"}`
	c.Apps[0].Policies["production"].After.Queries = append(c.Apps[0].Policies["production"].After.Queries, policy.Query{Threshold: policy.Threshold{Number: "slow", Is: policy.Below, Limit: 1}, Text: "slow", Server: "https://p"})
	var asked []string
	w.answer = func(m promotion.MeasureWork) promotion.Result {
		asked = append(asked, m.Query)
		return promotion.Result{Sample: &promotion.Sample{Value: map[bool]float64{true: 7}[m.Query == `errors{app="shop"}`], At: w.now}}
	}
	w.must(w.gate.Adopt(t.Context(), c))
	w.run()
	if len(asked) != 1 || asked[0] != "slow" {
		t.Errorf("asked are %v", asked)
	}
	w.wait(30 * time.Second) // what was asked before in other words does not count
	w.expect(id, promotion.Watching)
	if got := strings.Join(asked, " "); !strings.Contains(got, `faults{app="shop"}`) {
		t.Errorf("asked are %v", asked)
	}
	c = measuring(t, 0)
	d := c.Apps[0].Policies["production"]
	d.After = nil
	c.Apps[0].Policies["production"] = d
	w.must(w.gate.Adopt(t.Context(), c))
	w.wait(20 * time.Minute)
	w.expect(id, promotion.Promoted)
}

func TestAQueryIsAskedOnAfterARestart(t *testing.T) {
	w := newWorld(t, measuring(t, 0))
	w.reads(0)
	id := w.promote("a")
	w.wait(5 * time.Minute)
	w.restart()
	w.reads(1)
	w.wait(time.Minute)
	w.expect(id, promotion.Failing)
}

func TestAQueryIsAskedAtTheVeryEndOfTheWatch(t *testing.T) {
	c := measuring(t, 0)
	c.Apps[0].Policies["production"].After.Watch = 95 * time.Second
	w := newWorld(t, c)
	w.reads(0)
	id := w.promote("a")
	w.wait(10 * time.Second)
	until := *w.get(id).WatchUntil
	w.wait(until.Sub(w.now))
	w.expect(id, promotion.Promoted)
}
