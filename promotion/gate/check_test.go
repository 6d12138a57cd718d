package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// checked is a catalog in which one lead approves, and the checks are asked
// for.
func checked(t *testing.T, checks ...policy.Check) *gate.Catalog {
	c := catalog(t, policy.Document{Name: "checked", Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, Checks: checks})
	c.Apps = append(c.Apps, gate.App{Name: "wiki", Repository: "registry.example.com/wiki", Channel: "C0WIKI", Policies: c.Apps[0].Policies})
	c.Roles["security"] = gate.Role{People: []promotion.PersonID{sue}, Groups: []promotion.GroupID{"S1"}}
	return c
}

var hash = strings.Repeat("0f", 32)

// token lets in what a machine sends.
func (w *world) token(id string, scopes ...promotion.Scope) promotion.Token {
	w.t.Helper()
	k := promotion.Token{ID: id, Name: "ci-" + id, Hash: hash, Scopes: scopes}
	w.must(w.gate.AddToken(w.t.Context(), "cli:root", k))
	return k
}

func (w *world) report(c promotion.Check) promotion.Receipt {
	w.t.Helper()
	r, err := w.gate.Check(w.t.Context(), gate.Call{Token: "t1"}, c)
	w.must(err)
	w.run()
	return r
}

func (w *world) sign(who promotion.PersonID, check string, status promotion.CheckStatus) promotion.Answer {
	w.t.Helper()
	w.clicks++
	p := w.newest().Facts.Promotion
	a, err := w.gate.Take(w.t.Context(), promotion.Gesture{
		Key: fmt.Sprintf("sign/%d", w.clicks), Kind: promotion.GestureSign, Person: who, Channel: "C0SHOP", Reply: true,
		Promotion: p.ID, Check: check, Status: status, Reason: "looked at it", CardTS: p.Card.TS,
	})
	w.must(err)
	w.run()
	return a
}

func perf(status promotion.CheckStatus, p99 float64) promotion.Check {
	return promotion.Check{App: "shop", Digest: digest("a"), Name: "perf", Status: status, Numbers: map[string]float64{"p99_ms": p99}}
}

func TestACheckThatPassesCompletesAPromotionAtOnce(t *testing.T) {
	w := newWorld(t, checked(t, policy.Check{Name: "perf", Numbers: []policy.Threshold{{Number: "p99_ms", Is: policy.AtMost, Limit: 250}}}))
	w.token("t1", promotion.ScopeChecks)
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Open)
	if r := w.report(perf(promotion.CheckRunning, 0)); r.Verb != promotion.Counted || r.Report != 1 || !slices.Equal(r.Promotions, []promotion.ID{1}) || !slices.Equal(r.Steps, []string{"production"}) {
		t.Errorf("the receipt: %+v", r)
	}
	w.report(perf(promotion.CheckPassed, 251))
	w.expect(1, promotion.Open)
	if got := w.newest().Verdict.Outcome; got != policy.Blocked {
		t.Errorf("beyond the threshold it is %s", got)
	}
	if p := w.get(1); w.drawn[1] != p.Revision {
		t.Errorf("the card shows revision %d of %d", w.drawn[1], p.Revision)
	}
	other := perf(promotion.CheckPassed, 1)
	other.Digest = digest("b")
	if r := w.report(other); len(r.Promotions) != 0 {
		t.Errorf("a report about another digest concerns %v", r.Promotions)
	}
	w.expect(1, promotion.Open)
	w.report(perf(promotion.CheckPassed, 250))
	w.expect(1, promotion.Promoted)
}

func TestAReportGrowsTooOldAtItsInstant(t *testing.T) {
	w := newWorld(t, checked(t, policy.Check{Name: "perf", MaxAge: time.Hour}))
	w.token("t1", promotion.ScopeChecks)
	w.stage("a")
	w.report(perf(promotion.CheckPassed, 0))
	w.wait(time.Hour - time.Second)
	if f, _ := w.newest().Verdict.Finding(policy.RuleChecks); f.Outcome != policy.Met {
		t.Fatalf("a second before: %+v", f)
	}
	draws := w.draws[1]
	w.wait(time.Second)
	w.run()
	if f, _ := w.newest().Verdict.Finding(policy.RuleChecks); f.Outcome != policy.Waiting || w.draws[1] == draws {
		t.Errorf("at the instant: %+v, and the card was drawn %d times", f, w.draws[1]-draws)
	}
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Open) // approved, on evidence that is too old
	w.report(perf(promotion.CheckPassed, 0))
	w.expect(1, promotion.Promoted)
}

func TestWhoMayReport(t *testing.T) {
	w := newWorld(t, checked(t, policy.Check{Name: "perf"}, policy.Check{Name: "review", ReviewedBy: "security"}))
	w.stage("a")
	w.token("t1", promotion.ScopeChecks)
	w.token("reads", promotion.ScopeRead)
	w.must(w.gate.AddToken(t.Context(), "cli:root", promotion.Token{ID: "other", Name: "other", Hash: hash, Scopes: []promotion.Scope{promotion.ScopeChecks}, Apps: []string{"wiki"}}))
	expires := w.now.Add(time.Hour)
	w.must(w.gate.AddToken(t.Context(), "cli:root", promotion.Token{ID: "short", Name: "short", Hash: hash, Scopes: []promotion.Scope{promotion.ScopeChecks}, ExpiresAt: &expires}))
	c := perf(promotion.CheckPassed, 0)
	for _, id := range []string{"nobody", "reads"} {
		if _, err := w.gate.Check(t.Context(), gate.Call{Token: id}, c); !errors.Is(err, promotion.Forbidden) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if r, err := w.gate.Check(t.Context(), gate.Call{Token: "other"}, c); err != nil || r.Verb != promotion.Missing {
		t.Errorf("a token about another app: %+v, %v", r, err)
	}
	c.App = "nothing"
	if r := w.report(c); r.Verb != promotion.Missing {
		t.Errorf("an app that is not configured: %+v", r)
	}
	c.App, c.Name = "shop", "review"
	if r := w.report(c); r.Verb != promotion.Refused || !strings.Contains(r.Reason, "people sign") {
		t.Errorf("what people sign off: %+v", r)
	}
	c.Name = "unasked"
	if r := w.report(c); r.Verb != promotion.Counted || len(r.Steps) != 0 {
		t.Errorf("what no policy asks for: %+v", r)
	}
	c.Name = "perf"
	if r, err := w.gate.Check(t.Context(), gate.Call{Token: "short"}, c); err != nil || r.Verb != promotion.Counted {
		t.Errorf("before it expires: %+v, %v", r, err)
	}
	w.now = expires
	if _, err := w.gate.Check(t.Context(), gate.Call{Token: "short"}, c); !errors.Is(err, promotion.Forbidden) {
		t.Errorf("when it has expired: %v", err)
	}
	_, err := w.gate.RevokeToken(t.Context(), "cli:root", "ci-t1")
	w.must(err)
	if _, err := w.gate.Check(t.Context(), gate.Call{Token: "t1"}, c); !errors.Is(err, promotion.Forbidden) {
		t.Errorf("when it was revoked: %v", err)
	}
	if _, err := w.gate.RevokeToken(t.Context(), "cli:root", "ci-t1"); !errors.Is(err, promotion.NotFound) {
		t.Errorf("revoking it again: %v", err)
	}
}

func TestWhatIsSentAgainCountsOnce(t *testing.T) {
	w := newWorld(t, checked(t, policy.Check{Name: "perf"}))
	w.token("t1", promotion.ScopeChecks)
	w.token("t2", promotion.ScopeChecks)
	w.stage("a")
	send := func(token, key, sum string) promotion.Receipt {
		r, err := w.gate.Check(t.Context(), gate.Call{Token: token, Key: key, Sum: strings.Repeat(sum, 64)}, perf(promotion.CheckPassed, 0))
		w.must(err)
		return r
	}
	first := send("t1", "build-7", "a")
	if again := send("t1", "build-7", "a"); again.Report != first.Report || again.Verb != promotion.Counted {
		t.Errorf("sent again: %+v, at first: %+v", again, first)
	}
	if other := send("t1", "build-7", "b"); other.Verb != promotion.Differs {
		t.Errorf("another body under the key: %+v", other)
	}
	if other := send("t2", "build-7", "b"); other.Report == first.Report {
		t.Errorf("the key of another token: %+v", other)
	}
	w.wait(25 * time.Hour)
	if later := send("t1", "build-7", "b"); later.Verb != promotion.Counted {
		// The key is forgotten when something else is kept.
		w.must(w.db.View(context.Background(), func(tx gate.Tx) error { _, err := tx.Kept("t1", "build-7"); return err }))
	}
}

func TestAReportIsInTheLogWithItsTokenAndWithoutItsWords(t *testing.T) {
	w := newWorld(t, checked(t, policy.Check{Name: "perf"}))
	w.token("t1", promotion.ScopeChecks)
	c := perf(promotion.CheckFailed, 0)
	c.Summary = "customer Miller's data leaked"
	w.report(c)
	found := false
	w.must(w.db.Audit(t.Context(), 0, func(body []byte) error {
		var e audit.Entry
		if err := json.Unmarshal(body, &e); err != nil {
			return err
		}
		if strings.Contains(string(body), "Miller") {
			t.Errorf("the log holds what was said: %s", body)
		}
		found = found || e.Kind == audit.Checked && e.Actor == "token:ci-t1" && e.App == "shop" && e.Digest == digest("a") && e.Detail["check"] == "perf" && e.Detail["said_sha256"] != nil
		return nil
	}))
	if !found {
		t.Error("the report is not in the log")
	}
}

func TestOnlyTheRoleSignsOff(t *testing.T) {
	w := newWorld(t, checked(t, policy.Check{Name: "review", ReviewedBy: "security"}, policy.Check{Name: "perf", Advisory: true}))
	const mel, guest = promotion.PersonID("U0MEL"), promotion.PersonID("U0GUEST")
	w.people[mel], w.people[guest] = promotion.Member, promotion.Guest
	w.groups["S1"] = []promotion.PersonID{mel, guest}
	w.wait(21 * time.Minute) // the groups are read, and then their members
	w.stage("a")
	w.click(ann, promotion.Approve)
	for _, c := range []struct {
		who  promotion.PersonID
		what string
		says string
	}{{ann, "review", "it takes the role security"}, {guest, "review", "guests"}, {mel, "perf", "machines"}, {mel, "nothing", "no check of this name"}} {
		if a := w.sign(c.who, c.what, promotion.CheckPassed); a.Verb != promotion.Refused || !strings.Contains(a.Reason, c.says) {
			t.Errorf("%s on %s: %+v", c.who, c.what, a)
		}
	}
	w.expect(1, promotion.Open)
	if a := w.sign(mel, "review", promotion.CheckFailed); a.Verb != promotion.Counted {
		t.Errorf("somebody of security has found something: %+v", a)
	}
	if got := w.newest().Verdict.Outcome; got != policy.Blocked {
		t.Errorf("it is %s", got)
	}
	if a := w.sign(mel, "review", promotion.CheckFailed); a.Verb != promotion.Repeated {
		t.Errorf("and says so again: %+v", a)
	}
	if a := w.sign(sue, "review", promotion.CheckPassed); a.Verb != promotion.Counted || a.Role != "security" {
		t.Errorf("and another one has looked too: %+v", a)
	}
	w.run()
	w.expect(1, promotion.Promoted)
	if n := w.count("signed"); n != 2 {
		t.Errorf("the thread was told %d times", n)
	}
}

func TestWhoRequestedDoesNotSignOff(t *testing.T) {
	w := newWorld(t, checked(t, policy.Check{Name: "review", ReviewedBy: "security"}))
	w.tags["staging-passed"] = digest("a")
	w.look()
	w.must(w.reject(ann))
	w.request(sue, "")
	if a := w.sign(sue, "review", promotion.CheckPassed); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "requested") {
		t.Errorf("%+v", a)
	}
}

// reject ends the newest promotion, so that it can be requested.
func (w *world) reject(by promotion.PersonID) error {
	w.run()
	if a := w.click(by, promotion.Reject); a.Verb != promotion.Counted {
		return fmt.Errorf("%+v", a)
	}
	return nil
}

func TestASignOffByWhoLosesTheRoleCountsNoMore(t *testing.T) {
	w := newWorld(t, checked(t, policy.Check{Name: "review", ReviewedBy: "security"}))
	const mel = promotion.PersonID("U0MEL")
	w.people[mel] = promotion.Member
	w.groups["S1"] = []promotion.PersonID{mel}
	w.wait(21 * time.Minute)
	w.stage("a")
	if a := w.sign(mel, "review", promotion.CheckPassed); a.Verb != promotion.Counted {
		t.Fatalf("%+v", a)
	}
	w.groups["S1"] = nil
	w.wait(5 * time.Minute) // it is not read again before Ann approves: what is older than a minute is read then
	w.click(ann, promotion.Approve)
	w.run()
	w.expect(1, promotion.Open)
	if f, _ := w.newest().Verdict.Finding(policy.RuleChecks); f.Outcome != policy.Waiting || !strings.Contains(f.Reason, "it takes the role security") {
		t.Errorf("%+v", f)
	}
	w.sign(sue, "review", promotion.CheckPassed)
	w.run()
	w.expect(1, promotion.Promoted)
}

func TestASignOffWaitsUntilItIsKnownWhoThatIs(t *testing.T) {
	w := newWorld(t, checked(t, policy.Check{Name: "review", ReviewedBy: "security"}))
	const mel = promotion.PersonID("U0MEL")
	w.people[mel] = promotion.Member
	w.groups["S1"] = []promotion.PersonID{mel}
	w.stage("a")
	w.wait(time.Minute)
	w.down[promotion.EffectGroup] = promotion.Unavailable
	w.now = w.now.Add(policy.KnownFor + time.Minute)
	if a := w.sign(mel, "review", promotion.CheckPassed); a.Verb != promotion.Checking {
		t.Fatalf("%+v", a)
	}
	delete(w.down, promotion.EffectGroup)
	w.wait(2 * time.Minute)
	if a := w.answers[mel]; a.Verb != promotion.Counted || !a.Late || a.Check != "review" {
		t.Errorf("told: %+v", a)
	}
}

func TestTheListAndTheExecutorNeverDisagree(t *testing.T) {
	w := newWorld(t, checked(t, policy.Check{Name: "perf", MaxAge: time.Hour}))
	w.token("t1", promotion.ScopeChecks)
	w.stage("a")
	w.click(ann, promotion.Approve)
	for range 5 {
		w.wait(30 * time.Minute)
		one, err := w.gate.View(t.Context(), 1)
		w.must(err)
		listed := w.newest()
		if one.Verdict.Outcome != listed.Verdict.Outcome || one.Verdict.Outcome == policy.Met && one.Facts.Promotion.State == promotion.Open {
			t.Errorf("one view is %s, the list %s, and it is %s", one.Verdict.Outcome, listed.Verdict.Outcome, one.Facts.Promotion.State)
		}
	}
}
