package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func watched() *policy.After {
	return &policy.After{Watch: 15 * time.Minute, Incidents: []promotion.Severity{"critical"}, Checks: []string{"smoke"}, Health: true}
}

func TestWhatRunsIsWatchedForAsLongAsThePolicySays(t *testing.T) {
	w := newWorld(t, deploying(t, false, watched(), "eu"))
	id := w.promote("a")
	w.wait(time.Minute)
	w.expect(id, promotion.Watching)
	until := *w.get(id).WatchUntil
	w.wait(until.Sub(w.now) - time.Second)
	w.expect(id, promotion.Watching)
	w.wait(time.Second)
	w.expect(id, promotion.Promoted)
	if n := len(w.recorded(audit.Watching)); n != 1 {
		t.Errorf("it is recorded %d times that it is watched", n)
	}
}

func TestWithoutTargetsItIsWatchedFromTheTagsOn(t *testing.T) {
	w := newWorld(t, deploying(t, false, watched()))
	id := w.promote("a")
	w.expect(id, promotion.Watching)
	w.wait(15 * time.Minute)
	w.expect(id, promotion.Promoted)
}

func TestWhatGoesWrongWhileItIsWatchedHasPeopleDecide(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(*world)
		why     string
	}{
		"an incident": {func(w *world) {
			w.opened(promotion.IncidentReport{Key: "k", App: "shop", Severity: "critical", Summary: "errors"})
		}, "incident #1 (critical: errors)"},
		"ill health": {func(w *world) {
			w.unwell("shop")
		}, "production was reported unhealthy"},
		"ill health of everything": {func(w *world) {
			w.unwell("")
		}, "production was reported unhealthy"},
		"a check": {func(w *world) { w.reports("smoke", promotion.CheckFailed, "b") }, "the check smoke was reported to have failed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, deploying(t, false, watched(), "eu"))
			good := w.promote("a") // so that there is something to go back to
			w.wait(20 * time.Minute)
			w.expect(good, promotion.Promoted)
			id := w.promote("b")
			w.wait(5 * time.Minute)
			c.happens(w)
			w.run()
			w.expect(id, promotion.Failing)
			if p := w.get(id); !strings.Contains(p.Reason, c.why) {
				t.Errorf("%q", p.Reason)
			}
			w.wait(time.Hour)
			w.expect(id, promotion.Failing)
			if w.production("b"); w.all() != 2 || len(w.view(id).Facts.Back) != 1 {
				t.Errorf("%d promotions, and the card offers %v: it is for people to say whether it goes back", w.all(), w.view(id).Facts.Back)
			}
		})
	}
}

// unwell is production, for an app or for all.
func (w *world) unwell(app string) {
	w.t.Helper()
	_, err := w.gate.Health(w.t.Context(), w.alerts(), promotion.HealthReport{App: app, Environment: "production", Reason: "5xx"})
	w.must(err)
}

// reports is a pipeline's word on a build.
func (w *world) reports(check string, s promotion.CheckStatus, build string) {
	w.t.Helper()
	if _, err := w.gate.Token(w.t.Context(), "ci"); err != nil {
		w.must(w.gate.AddToken(w.t.Context(), audit.Self, promotion.Token{ID: "ci", Name: "ci", Hash: strings.Repeat("c", 64), Scopes: []promotion.Scope{promotion.ScopeChecks}}))
	}
	_, err := w.gate.Check(w.t.Context(), gate.Call{Token: "ci"}, promotion.Check{App: "shop", Digest: digest(build), Name: check, Status: s})
	w.must(err)
}

func TestWhatWentWrongBeforeOrElsewhereDoesNotCount(t *testing.T) {
	w := newWorld(t, deploying(t, false, watched(), "eu"))
	w.opened(promotion.IncidentReport{Key: "before", App: "shop", Severity: "critical", Summary: "errors"})
	w.stage("a")
	w.reports("smoke", promotion.CheckFailed, "a")
	w.wait(time.Minute)
	w.click(ann, promotion.Approve)
	id := w.newest().Facts.Promotion.ID
	w.wait(5 * time.Minute)
	w.expect(id, promotion.Watching)
	w.opened(promotion.IncidentReport{Key: "elsewhere", App: "shop", Environment: "staging", Severity: "critical", Summary: "errors"})
	w.opened(promotion.IncidentReport{Key: "small", App: "shop", Severity: "warning", Summary: "errors"})
	w.reports("smoke", promotion.CheckFailed, "b")
	w.wait(15 * time.Minute)
	w.expect(id, promotion.Promoted)
}

func TestAnIncidentWhileItIsDeployedCountsToo(t *testing.T) {
	w := newWorld(t, deploying(t, false, watched(), "eu"))
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
	id := w.promote("a")
	w.wait(time.Minute)
	w.opened(promotion.IncidentReport{Key: "k", App: "shop", Severity: "critical", Summary: "errors"})
	w.expect(id, promotion.Deploying)
	w.target["eu"] = nil
	w.wait(time.Minute)
	w.expect(id, promotion.Failing)
}

func TestTheNextOneWaitsUntilAWatchIsOver(t *testing.T) {
	w := newWorld(t, deploying(t, false, watched(), "eu"))
	first := w.promote("a")
	w.wait(time.Minute)
	second := w.promote("b")
	v := w.newest()
	if f, _ := v.Verdict.Finding(policy.RuleTurn); f.Outcome != policy.Waiting || !strings.Contains(f.Reason, "is watched in production until") {
		t.Errorf("its turn: %+v", f)
	}
	w.wait(10 * time.Minute)
	w.expect(second, promotion.Open)
	w.wait(10 * time.Minute)
	w.expect(first, promotion.Promoted)
	w.expect(second, promotion.Watching)
}

// A tag that somebody else moves while it is watched is put back then, and not
// when that is over.
func TestATagIsPutBackWhileItIsWatched(t *testing.T) {
	w := newWorld(t, deploying(t, false, watched(), "eu"))
	id := w.promote("a")
	w.wait(2 * time.Minute)
	w.tags["production"] = digest("f")
	w.look()
	w.run()
	w.expect(id, promotion.Watching)
	restore := w.newest().Facts.Promotion
	if restore.Purpose != promotion.Restore || restore.State != promotion.Open {
		t.Fatalf("nobody asks whether it is put back: %+v", restore)
	}
	w.click(bob, promotion.Approve)
	w.expect(restore.ID, promotion.Promoted)
	w.expect(id, promotion.Watching)
	if w.tags["production"] != digest("a") || len(w.told) != 1 {
		t.Errorf("production is %s, told %v", w.tags["production"], w.told)
	}
}

// What somebody else put there instead, and is accepted, ends what was watched.
func TestWhatIsAdoptedTakesThePlaceOfWhatWasWatched(t *testing.T) {
	w := newWorld(t, deploying(t, false, watched(), "eu"))
	id := w.promote("a")
	w.wait(2 * time.Minute)
	w.tags["production"] = digest("f")
	w.look()
	w.run()
	w.click(bob, promotion.Instead)
	w.click(sue, promotion.Approve)
	adopted := w.newest().Facts.Promotion
	if adopted.Purpose != promotion.Adopt || adopted.State != promotion.Promoted {
		t.Fatalf("%s is %s", adopted.Purpose, adopted.State)
	}
	w.expect(id, promotion.Failed)
	if p := w.get(id); !strings.Contains(p.Reason, "has taken its place") {
		t.Errorf("%q", p.Reason)
	}
}
