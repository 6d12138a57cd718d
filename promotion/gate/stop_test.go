package gate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func interrupted() policy.Document {
	d := careful()
	d.Incidents = policy.Interruptions{Pause: []promotion.Severity{"warning"}, Reset: []promotion.Severity{"critical"}}
	d.FreezeOn = []promotion.Severity{"critical"}
	return d
}

// deed is what somebody types, and what is answered in the end.
func (w *world) deed(g promotion.Gesture) promotion.Answer {
	w.t.Helper()
	w.clicks++
	g.Key, g.Channel = "command/"+time.Duration(w.clicks).String(), "C0SHOP"
	if g.Person == "" {
		g.Person = ann
	}
	a, err := w.gate.Take(w.t.Context(), g)
	w.must(err)
	w.run()
	if a.Verb == promotion.Checking {
		a = w.answers[g.Person]
	}
	return a
}

// alerts is how a machine calls that reports incidents, health and use.
func (w *world) alerts() gate.Call {
	w.t.Helper()
	const id = "t9"
	if _, err := w.gate.Token(w.t.Context(), id); err != nil {
		w.must(w.gate.AddToken(w.t.Context(), "cli:root", promotion.Token{ID: id, Name: "alerts", Hash: hash, Scopes: []promotion.Scope{promotion.ScopeIncidents, promotion.ScopeHealth}}))
	}
	return gate.Call{Token: id}
}

func (w *world) opened(r promotion.IncidentReport) promotion.Incident {
	w.t.Helper()
	receipt, err := w.gate.Incident(w.t.Context(), w.alerts(), r)
	w.must(err)
	w.run()
	return w.incident(receipt.Incident)
}

func (w *world) resolved(key string) promotion.Incident {
	w.t.Helper()
	receipt, err := w.gate.Resolve(w.t.Context(), w.alerts(), key)
	w.must(err)
	w.run()
	return w.incident(receipt.Incident)
}

func (w *world) incident(id promotion.IncidentID) (i promotion.Incident) {
	w.t.Helper()
	w.must(w.db.View(w.t.Context(), func(tx gate.Tx) (err error) {
		i, err = tx.Incident(id)
		return err
	}))
	return i
}

// soaks checks until when the newest promotion soaks; never for a soak that
// stands still.
func (w *world) soaks(until time.Time) {
	w.t.Helper()
	v := w.newest()
	ends, running := v.Facts.SoakEnds(v.Document, w.now)
	if running != !until.IsZero() || running && !ends.Equal(until) {
		w.t.Fatalf("the soak ends %s (%v), want %s: %+v", ends, running, until, v.Verdict.Missing())
	}
}

var never time.Time

func TestAnIncidentPausesASoakUntilItIsResolved(t *testing.T) {
	w := newWorld(t, catalog(t, interrupted()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.soaks(start.Add(24 * time.Hour))
	w.wait(10 * time.Hour)
	i := w.opened(promotion.IncidentReport{Key: "k", App: "shop", Severity: "warning", Summary: "slow"})
	w.soaks(never)
	if drawn := w.drawn[1]; drawn != w.get(1).Revision || w.count("incident") != 1 {
		t.Errorf("the card shows revision %d of %d, and the thread %v", drawn, w.get(1).Revision, w.said)
	}
	w.wait(30 * time.Hour)
	w.expect(1, promotion.Open)
	if over := w.resolved("k"); over.ID != i.ID || over.ResolvedBy != promotion.TokenActor("alerts") {
		t.Errorf("resolved: %+v", over)
	}
	w.soaks(start.Add(54 * time.Hour))
	w.wait(14*time.Hour - time.Microsecond)
	w.expect(1, promotion.Open)
	w.wait(time.Microsecond)
	w.expect(1, promotion.Promoted)
	if w.count("resolved") != 1 || w.count("soaked") != 1 {
		t.Errorf("said: %v", w.said)
	}
}

func TestAnIncidentThatResetsHasTheSoakBeginAgainAndBeAnnouncedAgain(t *testing.T) {
	w := newWorld(t, catalog(t, interrupted()))
	w.stage("a")
	w.wait(25 * time.Hour)
	if w.count("soaked") != 1 || w.get(1).SoakedAt == nil {
		t.Fatalf("said: %v", w.said)
	}
	w.opened(promotion.IncidentReport{Key: "k", App: "shop", Severity: "critical", Summary: "down"})
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve) // they count, and nothing goes ahead
	w.wait(time.Hour)
	w.expect(1, promotion.Open)
	if w.get(1).SoakedAt != nil {
		t.Error("what has to soak again has soaked")
	}
	w.resolved("k")
	w.soaks(start.Add(50 * time.Hour))
	w.wait(24 * time.Hour)
	w.expect(1, promotion.Promoted)
	if w.count("soaked") != 2 {
		t.Errorf("said: %v", w.said)
	}
}

func TestAnIncidentIsOneForItsKeyAndNeverOfTheFuture(t *testing.T) {
	w := newWorld(t, catalog(t, interrupted()))
	w.wait(10 * time.Hour)
	early, late := w.now.Add(-time.Hour), w.now.Add(time.Hour)
	report := promotion.IncidentReport{Key: "k", App: "shop", Severity: "warning", Summary: "slow", Since: &early}
	one := w.opened(report)
	if !one.From.Equal(early) || !one.ReportedAt.Equal(w.now) {
		t.Errorf("since %s, reported %s", one.From, one.ReportedAt)
	}
	if again := w.opened(report); again.ID != one.ID {
		t.Errorf("the same key again is #%d", again.ID)
	}
	w.resolved("k")
	if again := w.opened(report); again.ID != one.ID || again.ResolvedAt == nil {
		t.Errorf("a report that comes late opens %+v", again)
	}
	report.Since = &late
	future := w.opened(report)
	if future.ID == one.ID || !future.From.Equal(w.now) {
		t.Errorf("what begins anew is #%d, since %s at %s", future.ID, future.From, w.now)
	}
	if r, err := w.gate.Resolve(t.Context(), w.alerts(), "none"); err != nil || r.Verb != promotion.Missing {
		t.Errorf("a key that there is not: %+v, %v", r, err)
	}
	if r, err := w.gate.Incident(t.Context(), w.alerts(), promotion.IncidentReport{Key: "x", App: "moon", Severity: "warning", Summary: "x"}); err != nil || r.Verb != promotion.Missing {
		t.Errorf("an app that there is not: %+v, %v", r, err)
	}
	for what, r := range map[string]promotion.IncidentReport{
		"a severity of two words": {Key: "x", App: "shop", Severity: "SEV 1", Summary: "x"},
		"without a summary":       {Key: "x", Severity: "warning", Summary: " "},
		"without a key":           {Severity: "warning", Summary: "x"},
	} {
		if _, err := w.gate.Incident(t.Context(), w.alerts(), r); promotion.KindOf(err) != promotion.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestTimeInWhichTheEnvironmentIsUnhealthyDoesNotCount(t *testing.T) {
	w := newWorld(t, catalog(t, interrupted()))
	w.stage("a")
	health := func(app, environment string, healthy bool) {
		t.Helper()
		_, err := w.gate.Health(t.Context(), w.alerts(), promotion.HealthReport{App: app, Environment: environment, Healthy: healthy, Reason: "probes"})
		w.must(err)
		w.run()
	}
	health("", "staging", true) // as it was
	w.soaks(start.Add(24 * time.Hour))
	health("shop", "production", false) // elsewhere
	w.soaks(start.Add(24 * time.Hour))
	w.wait(time.Hour)
	health("shop", "staging", false)
	health("shop", "staging", false)
	w.soaks(never)
	w.wait(time.Hour)
	health("", "staging", false)
	health("shop", "staging", true)
	w.soaks(never)
	w.wait(time.Hour)
	health("", "staging", true)
	w.soaks(start.Add(26 * time.Hour))
	if _, err := w.gate.Health(t.Context(), w.alerts(), promotion.HealthReport{Environment: "moon"}); promotion.KindOf(err) != promotion.NotFound {
		t.Errorf("an environment that there is not: %v", err)
	}
}

func TestExposureIsTheSumOfTheNewestReadings(t *testing.T) {
	d := careful()
	d.Exposure = promotion.Exposure{Requests: 100}
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(25 * time.Hour)
	w.expect(1, promotion.Open)
	report := func(environment, digits, source string, requests int64) error {
		t.Helper()
		_, err := w.gate.Exposure(t.Context(), w.alerts(), promotion.ExposureReport{App: "shop", Environment: environment, Digest: digest(digits), Source: source, Exposure: promotion.Exposure{Requests: requests}})
		w.run()
		return err
	}
	w.must(report("staging", "a", "eu", 60))
	w.must(report("staging", "a", "eu", 70))
	w.must(report("staging", "b", "eu", 1000))
	w.must(report("production", "a", "eu", 1000))
	w.expect(1, promotion.Open)
	if err := report("staging", "a", "eu", 69); promotion.KindOf(err) != promotion.Conflict {
		t.Errorf("a counter that shrinks: %v", err)
	}
	w.must(report("staging", "a", "us", 29))
	w.expect(1, promotion.Open)
	w.must(report("staging", "a", "us", 30))
	w.expect(1, promotion.Promoted)
}

func TestHoldsAreLiftedByTheirHoldersOrByAnApproverAndAllOfThem(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	hold := func(who promotion.PersonID, reason string) promotion.Answer {
		t.Helper()
		return w.deed(promotion.Gesture{Kind: promotion.GestureHold, Person: who, App: "shop", Reason: reason})
	}
	unhold := func(who promotion.PersonID) promotion.Answer {
		t.Helper()
		return w.deed(promotion.Gesture{Kind: promotion.GestureUnhold, Person: who, App: "shop"})
	}
	tom := promotion.PersonID("U0TOM")
	w.people[tom] = promotion.Member
	if a := hold(eve, "load test"); a.Verb != promotion.Counted {
		t.Fatalf("a hold by somebody without a role: %+v", a)
	}
	if a := hold(eve, "again"); a.Verb != promotion.Repeated {
		t.Errorf("the same twice: %+v", a)
	}
	if a := hold(tom, "demo"); a.Verb != promotion.Counted || a.Others != 1 {
		t.Errorf("a second one: %+v", a)
	}
	w.people["U0GUEST"] = promotion.Guest
	if a := hold("U0GUEST", "me too"); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "guests") {
		t.Errorf("a guest: %+v", a)
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(25 * time.Hour)
	w.expect(1, promotion.Open)
	w.people["U0MAX"] = promotion.Member
	if a := unhold("U0MAX"); a.Verb != promotion.Refused || len(a.Could) != 1 {
		t.Errorf("somebody else without a role lifts it: %+v", a)
	}
	if a := unhold(eve); a.Verb != promotion.Counted || fmt.Sprint(a.Whose) != "[U0EVE]" || a.Others != 1 {
		t.Errorf("their own: %+v", a)
	}
	w.expect(1, promotion.Open)
	w.stage("b") // a hold of an app concerns later candidates
	if m := w.newest().Verdict.Missing(); !strings.Contains(fmt.Sprint(m), "on hold: demo") {
		t.Errorf("the next candidate lacks %+v", m)
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(25 * time.Hour)
	w.expect(2, promotion.Open)
	if a := unhold(ann); a.Verb != promotion.Counted || fmt.Sprint(a.Whose) != "[U0TOM]" {
		t.Errorf("an approver lifts that of another: %+v", a)
	}
	w.expect(2, promotion.Promoted)
	if log := w.log(); !strings.Contains(log, `"actor":"U0ANN","kind":"unheld"`) || !strings.Contains(log, `"held_by":"U0TOM"`) {
		t.Errorf("the record does not say who lifted whose:\n%s", log)
	}
	if a := unhold(ann); a.Verb != promotion.Refused || a.Reason != "nobody holds it" {
		t.Errorf("nothing to lift: %+v", a)
	}
}

// log is the whole audit log.
func (w *world) log() string {
	w.t.Helper()
	var all []string
	w.must(w.db.Audit(w.t.Context(), 0, func(body []byte) error {
		all = append(all, string(body))
		return nil
	}))
	return strings.Join(all, "\n")
}

func TestAHoldFromTheCardIsAboutThatBuildAlone(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureHold, Promotion: 1, Reason: "look first"}); a.Verb != promotion.Counted || a.Digest != digest("a") {
		t.Fatalf("%+v", a)
	}
	if h := w.newest().Facts.Holds; len(h) != 1 || h[0].Digest != digest("a") {
		t.Errorf("holds: %+v", h)
	}
	w.stage("b")
	if h := w.newest().Facts.Holds; len(h) != 0 {
		t.Errorf("the next build is held: %+v", h)
	}
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureHold, Promotion: 1, Reason: "too late"}); a.Verb != promotion.Closed {
		t.Errorf("what has given way is held: %+v", a)
	}
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureHold, App: "shop", Ref: "bbbbbb", Reason: "by its digits"}); a.Digest != digest("b") {
		t.Errorf("%+v", a)
	}
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureHold, App: "shop", Ref: "cccccc", Reason: "by its digits"}); a.Verb != promotion.Refused {
		t.Errorf("what nobody has seen is held: %+v", a)
	}
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureUnhold, Promotion: 2}); a.Verb != promotion.Counted || len(w.newest().Facts.Holds) != 0 {
		t.Errorf("%+v", a)
	}
}

func TestAFreezeHoldsExecutionUntilItEndsByItselfOrIsLifted(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.wait(25 * time.Hour)                                           // Tuesday, 10:00 UTC
	if a := w.freeze(eve, "shop", ""); a.Verb != promotion.Refused { // holds no role
		t.Fatalf("%+v", a)
	}
	w.must(w.gate.Report(w.t.Context(), w.person(ann), promotion.Result{Person: &promotion.Person{ID: ann, Name: "Ann", Standing: promotion.Member, TimeZone: "America/New_York"}}))
	a := w.freeze(ann, "shop", "18:00")
	until := time.Date(2026, 3, 3, 23, 0, 0, 0, time.UTC) // in New York
	if a.Verb != promotion.Counted || a.Until == nil || !a.Until.Equal(until) {
		t.Fatalf("%+v", a)
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(until.Sub(w.now) - time.Microsecond)
	w.expect(1, promotion.Open)
	w.wait(time.Microsecond)
	w.expect(1, promotion.Promoted)

	w.stage("b")
	if a := w.freeze(bob, "", ""); a.Verb != promotion.Counted || a.Until != nil {
		t.Fatalf("%+v", a)
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(50 * time.Hour)
	w.expect(2, promotion.Open)
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureUnfreeze, App: "shop"}); a.Verb != promotion.Refused { // that is not what was frozen
		t.Errorf("%+v", a)
	}
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureUnfreeze, Person: eve}); a.Verb != promotion.Refused {
		t.Errorf("%+v", a)
	}
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureUnfreeze, Person: sue}); a.Verb != promotion.Counted {
		t.Errorf("%+v", a)
	}
	w.expect(2, promotion.Promoted)
	if a := w.freeze(ann, "shop", "2026-02-30"); a.Verb != promotion.Refused {
		t.Errorf("%+v", a)
	}
	if w.count("frozen") != 2 || w.count("unfrozen") != 1 {
		t.Errorf("said: %v", w.said)
	}
}

func (w *world) freeze(who promotion.PersonID, app, until string) promotion.Answer {
	w.t.Helper()
	return w.deed(promotion.Gesture{Kind: promotion.GestureFreeze, Person: who, App: app, Until: until, Reason: "the database moves"})
}

// person is the look-up of somebody, claimed.
func (w *world) person(id promotion.PersonID) promotion.Effect {
	w.t.Helper()
	w.wait(11 * time.Minute) // the next round of the directory asks for everybody
	w.must(w.db.Update(w.t.Context(), func(tx gate.Tx) error {
		return tx.AddEffect(promotion.NewEffect(promotion.EffectPerson, "person/"+string(id), 0, promotion.PersonWork{ID: id}, w.now))
	}))
	claimed, err := w.db.Claim(w.t.Context(), []promotion.EffectKind{promotion.EffectPerson}, "test", w.now, w.now.Add(time.Minute), 100)
	w.must(err)
	for _, e := range claimed {
		if e.Key == "person/"+string(id) {
			return e
		}
	}
	w.t.Fatalf("nobody asks who %s is", id)
	return promotion.Effect{}
}

func TestWhatTheCalendarAndTheConfigurationFreezeEndsAtItsInstant(t *testing.T) {
	d := careful()
	d.Soak = time.Hour
	hours, err := policy.ParseWindow("0 9 * * MON-THU", "Europe/Berlin", 8*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	d.Windows.Allow = []policy.Window{hours}
	c := catalog(t, d)
	until := start.Add(9 * time.Hour)
	c.Freezes = []promotion.Freeze{{From: start.Add(5 * time.Hour), Until: &until, Reason: "inventory"}}
	w := newWorld(t, c)
	w.wait(5*time.Hour - time.Minute) // Monday, 13:59 UTC
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	opens := time.Date(2026, 3, 3, 8, 0, 0, 0, time.UTC) // the freeze is over by then
	w.wait(opens.Sub(w.now) - time.Microsecond)
	w.expect(1, promotion.Open)
	w.wait(time.Microsecond)
	w.expect(1, promotion.Promoted)
}

func TestAnIncidentFreezesUntilItsReporterOrAnApproverSaysThatItIsOver(t *testing.T) {
	d := interrupted()
	d.Soak, d.Incidents = 0, policy.Interruptions{}
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	a := w.deed(promotion.Gesture{Kind: promotion.GestureIncident, Person: eve, App: "shop", Severity: "critical", Reason: "checkout fails"})
	if a.Verb != promotion.Counted || a.Incident != 1 {
		t.Fatalf("%+v", a)
	}
	w.deed(promotion.Gesture{Kind: promotion.GestureIncident, Person: ann, App: "shop", Severity: "info", Reason: "a cloud"})
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Open)
	if w.count("incident") != 1 {
		t.Errorf("an incident that does nothing is told: %v", w.said)
	}
	resolve := func(who promotion.PersonID, id promotion.IncidentID, app string) promotion.Answer {
		t.Helper()
		return w.deed(promotion.Gesture{Kind: promotion.GestureResolve, Person: who, Incident: id, App: app})
	}
	if a := resolve(ann, 0, "shop"); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "#1, #2") {
		t.Errorf("which of two: %+v", a)
	}
	if a := resolve(eve, 2, ""); a.Verb != promotion.Refused {
		t.Errorf("that of another: %+v", a)
	}
	if a := resolve(eve, 1, ""); a.Verb != promotion.Counted || a.App != "shop" {
		t.Errorf("their own: %+v", a)
	}
	w.expect(1, promotion.Promoted)
	if a := resolve(bob, 0, "shop"); a.Verb != promotion.Counted || a.Incident != 2 {
		t.Errorf("by an approver, the only one: %+v", a)
	}
	for id, why := range map[promotion.IncidentID]string{1: "already", 9: "no incident #9", 0: "no incident of it is open"} {
		if a := resolve(ann, id, map[bool]string{true: "shop"}[id == 0]); a.Verb != promotion.Refused || !strings.Contains(a.Reason, why) {
			t.Errorf("#%d: %+v", id, a)
		}
	}
	if log := w.log(); strings.Contains(log, "checkout fails") {
		t.Error("the log holds what somebody typed")
	}
}

// What is not known has to be read first; what can't be read is refused.
func TestADeedOfSomebodyUnknownWaitsForTheReading(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	tom := promotion.PersonID("U0TOM")
	w.people[tom] = promotion.Member
	g := promotion.Gesture{Key: "k", Kind: promotion.GestureHold, Person: tom, Channel: "C0SHOP", App: "shop", Reason: "wait"}
	for range 2 { // delivered twice
		a, err := w.gate.Take(t.Context(), g)
		if w.must(err); a.Verb != promotion.Checking || a.Deed != promotion.GestureHold {
			t.Fatalf("%+v", a)
		}
	}
	w.run()
	if h := w.newest().Facts.Holds; len(h) != 1 || h[0].By != tom || w.answers[tom].Verb != promotion.Counted || !w.answers[tom].Late {
		t.Errorf("holds %+v, told %+v", h, w.answers[tom])
	}
	w.down[promotion.EffectPerson] = promotion.Forbidden
	a := w.deed(promotion.Gesture{Kind: promotion.GestureHold, Person: "U0NEW", App: "shop", Reason: "wait"})
	if a.Verb != promotion.Refused || !strings.Contains(a.Reason, "could not be read") {
		t.Errorf("%+v", a)
	}
}
