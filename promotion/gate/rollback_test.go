package gate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// one is a policy that one lead fulfils.
func one() policy.Document {
	return policy.Document{Name: "quick", Soak: time.Minute, Approvals: []policy.Requirement{{Role: "leads", Count: 1}}}
}

// twice is a world in which production is b, which promotion #2 brought after #1
// had brought a.
func twice(t *testing.T, d policy.Document) *world {
	t.Helper()
	w := newWorld(t, catalog(t, d))
	for i, c := range []string{"a", "b"} {
		w.stage(c)
		w.click(ann, promotion.Approve)
		w.wait(time.Hour)
		w.click(bob, promotion.Approve)
		w.expect(promotion.ID(i+1), promotion.Promoted)
		w.wait(time.Hour)
		w.look()
		w.run()
	}
	w.moves, w.said, w.proved = nil, nil, nil
	return w
}

// says is what somebody does about the shop.
func (w *world) says(who promotion.PersonID, g promotion.Gesture) promotion.Answer {
	w.t.Helper()
	g.Person = who
	if g.App == "" && g.Promotion == 0 {
		g.App = "shop"
	}
	if g.Reason == "" {
		g.Reason = "the checkout fails"
	}
	return w.deed(g)
}

func (w *world) rollback(who promotion.PersonID, ref string) promotion.Answer {
	w.t.Helper()
	return w.says(who, promotion.Gesture{Kind: promotion.GestureRollback, Ref: ref})
}

// turnedAway tells whether somebody is refused before they are asked why.
func (w *world) turnedAway(who promotion.PersonID, g promotion.Gesture) bool {
	w.t.Helper()
	w.clicks++
	g.Key, g.Person = fmt.Sprintf("away/%d", w.clicks), who
	barred, err := w.gate.TurnAway(w.t.Context(), g)
	w.must(err)
	return barred
}

func (w *world) holds() []promotion.Hold {
	w.t.Helper()
	status, err := w.gate.Status(w.t.Context(), "shop")
	w.must(err)
	return status[0].Holds
}

func (w *world) production(c string) {
	w.t.Helper()
	if got := w.tags["production"]; got != digest(c) {
		w.t.Fatalf("production is %s, want %s", got.Short(), digest(c).Short())
	}
}

func TestARollbackPutsBackWhatWasThereBefore(t *testing.T) {
	w := twice(t, one())
	a := w.rollback(ann, "")
	if a.Verb != promotion.Requested || a.Promotion != 3 || a.Digest != digest("a") || a.Bad != digest("b") || a.Role != "leads" {
		t.Fatalf("the answer: %+v", a)
	}
	w.expect(3, promotion.Promoted)
	w.production("a")
	if !slices.Equal(w.moves, []string{"production=aaaaaaaaaaaa"}) {
		t.Errorf("moves: %v", w.moves)
	}
	p := w.get(3)
	if p.Purpose != promotion.Rollback || p.Back.Of != 2 || p.Back.Reason != "the checkout fails" || !p.Back.Since.Equal(*w.get(2).FinishedAt) {
		t.Errorf("the rollback: %+v", p)
	}
	if w.get(2).UndoneBy != 3 || w.get(1).UndoneBy != 0 || w.drawn[2] != w.get(2).Revision || w.count("rolled-back") != 1 {
		t.Errorf("what it took back: %+v, told %q", w.get(2), w.said)
	}
	holds := w.holds()
	if len(holds) != 1 || holds[0].Digest != digest("b") || holds[0].Rollback != 3 || holds[0].By != ann || holds[0].Reason != "the checkout fails" {
		t.Errorf("holds: %+v", holds)
	}
	w.wait(time.Hour)
	if w.look(); w.all() != 3 {
		t.Errorf("%d promotions: something was offered again, or put right", w.all())
	}
}

func TestWhatWasRolledBackComesAgainOnlyWhenItsHoldIsLifted(t *testing.T) {
	w := twice(t, one())
	w.rollback(ann, "")
	if a := w.request(sue, ""); a.Verb != promotion.Requested || a.Promotion != 4 {
		t.Fatalf("asked for again: %+v", a)
	}
	w.click(bob, promotion.Approve)
	w.wait(time.Hour)
	w.expect(4, promotion.Open)
	if f, _ := w.newest().Verdict.Finding(policy.RuleHold); f.Outcome != policy.Waiting || !slices.Equal(f.Who, []promotion.PersonID{ann}) {
		t.Fatalf("the hold: %+v", f)
	}
	w.says(ann, promotion.Gesture{Kind: promotion.GestureUnhold})
	w.expect(4, promotion.Promoted)
	w.production("b")
	// It is what is there now, and can be rolled back once more.
	if a := w.rollback(bob, ""); a.Digest != digest("a") || a.Verb != promotion.Requested {
		t.Fatalf("rolled back once more: %+v", a)
	}
	w.production("a")
	if w.get(4).UndoneBy != 5 || w.get(2).UndoneBy != 3 || len(w.holds()) != 1 {
		t.Errorf("undone: #2 %d, #4 %d; holds %+v", w.get(2).UndoneBy, w.get(4).UndoneBy, w.holds())
	}
}

// Whoever holds no role, or could not approve it by themselves, may ask; it waits
// for those who can.
func TestARollbackTakesTheApprovalsOfItsPolicy(t *testing.T) {
	two := one()
	two.Approvals[0].Count = 2
	w := twice(t, two)
	if a := w.rollback(eve, ""); a.Verb != promotion.Requested || a.Role != "" || len(a.Missing) == 0 {
		t.Fatalf("Eve asks: %+v", a)
	}
	w.expect(3, promotion.Open)
	w.click(ann, promotion.Approve)
	w.expect(3, promotion.Open)
	w.production("b")
	w.click(bob, promotion.Approve)
	w.expect(3, promotion.Promoted)
	w.production("a")
}

func TestAPolicyCanAskSomethingElseOfARollback(t *testing.T) {
	d := one()
	d.Approvals[0].Count = 2
	d.Rollback = &policy.Return{Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, RequesterCannotApprove: true}
	w := twice(t, d)
	w.rollback(ann, "")
	w.expect(3, promotion.Open)
	w.click(bob, promotion.Approve)
	w.expect(3, promotion.Promoted)
}

func TestWhereNobodyApprovesARoleIsNeededToGoBack(t *testing.T) {
	d := policy.Document{Automatic: true}
	c := catalog(t, d)
	careful := catalog(t, one()).Apps[0]
	careful.Name, careful.Repository = "cart", "registry.example.com/shop/cart"
	c.Apps = append(c.Apps, careful)
	w := newWorld(t, c)
	w.stage("a")
	w.stage("b")
	w.production("b")
	if a := w.rollback(eve, ""); a.Verb != promotion.Refused || !slices.Equal(a.Could, []string{"leads"}) {
		t.Fatalf("Eve: %+v", a)
	}
	back := promotion.Gesture{Kind: promotion.GestureRollback, Promotion: w.newest().Facts.Promotion.ID}
	if !w.turnedAway(eve, back) || w.turnedAway(ann, back) {
		t.Error("who is asked why to go back are not those who could")
	}
	w.rollback(ann, "")
	w.production("a")
	w.wait(time.Hour)
	w.look()
	w.run()
	w.production("a") // and nothing brings it again by itself
}

func TestARollbackGoesOnlyWhereItCan(t *testing.T) {
	w := twice(t, one())
	for ref, why := range map[string]string{
		"cccccc": "never promoted to production", "bbbbbb": "is what is in production", strings.Repeat("0", 64): "never promoted",
	} {
		if a := w.rollback(ann, ref); a.Verb != promotion.Refused || !strings.Contains(a.Reason, why) {
			t.Errorf("to %s: %+v", ref, a)
		}
	}
	w.rollback(ann, "aaaaaa")
	w.production("a")
	// b is held; there is nothing before a.
	for ref, why := range map[string]string{"": "nothing that could be gone back to", "bbbbbb": "it is on hold"} {
		if a := w.rollback(ann, ref); a.Verb != promotion.Refused || !strings.Contains(a.Reason, why) {
			t.Errorf("to %q: %+v", ref, a)
		}
	}
	w.says(ann, promotion.Gesture{Kind: promotion.GestureUnhold})
	if a := w.rollback(ann, ""); a.Verb != promotion.Refused {
		t.Errorf("what was rolled back is where a rollback goes by itself: %+v", a)
	}
	if a := w.rollback(ann, "bbbbbb"); a.Verb != promotion.Requested {
		t.Errorf("named, it can be gone back to: %+v", a)
	}
	w.production("b")
}

func TestHoldsAndFreezesOfTheAppDoNotStopARollback(t *testing.T) {
	w := twice(t, one())
	w.says(bob, promotion.Gesture{Kind: promotion.GestureFreeze, Reason: "nobody is here"})
	w.says(bob, promotion.Gesture{Kind: promotion.GestureHold, Reason: "wait for the load test"})
	w.rollback(ann, "")
	w.expect(3, promotion.Promoted)
}

func TestAPolicyCanHaveFreezesStopARollback(t *testing.T) {
	d := one()
	d.Rollback = &policy.Return{Heed: []policy.Rule{policy.RuleFreeze, policy.RuleHold}}
	w := twice(t, d)
	w.says(bob, promotion.Gesture{Kind: promotion.GestureFreeze, Reason: "nobody is here"})
	w.says(bob, promotion.Gesture{Kind: promotion.GestureHold, Reason: "wait for the load test"})
	w.rollback(ann, "")
	w.expect(3, promotion.Open)
	w.says(ann, promotion.Gesture{Kind: promotion.GestureUnfreeze})
	w.expect(3, promotion.Open)
	w.says(ann, promotion.Gesture{Kind: promotion.GestureUnhold})
	w.expect(3, promotion.Promoted)
}

// What was proved before b went ahead need not be looked for again a moment later.
func TestTheWayBackThatWasProvedIsNotProvedAgainAtOnce(t *testing.T) {
	d := one()
	d.Soak = 0
	w := newWorld(t, catalog(t, d))
	for _, c := range []string{"a", "b"} {
		w.stage(c)
		w.click(ann, promotion.Approve)
	}
	w.production("b")
	w.proved = nil
	w.rollback(ann, "")
	w.production("a")
	if len(w.proved) != 0 {
		t.Errorf("looked for: %v", w.proved)
	}
}

func TestTheWayBackThatWasProvedAnHourAgoIsProvedAgain(t *testing.T) {
	w := twice(t, one())
	w.rollback(ann, "")
	w.production("a")
	if !slices.Equal(w.proved, []promotion.Digest{digest("a")}) {
		t.Errorf("looked for: %v", w.proved)
	}
}

func TestNothingIsGoneBackToThatIsNotWhole(t *testing.T) {
	w := twice(t, func() policy.Document { d := one(); d.NoWayBack = true; return d }())
	w.gone = digest("a")
	w.rollback(ann, "")
	w.wait(time.Hour)
	w.expect(3, promotion.Open)
	w.production("b")
	w.gone = ""
	w.wait(time.Hour)
	w.expect(3, promotion.Promoted)
}

func TestAnOpenPromotionGoesOnAfterARollbackAndIsApprovedAnew(t *testing.T) {
	d := one()
	d.Approvals[0].Count = 2
	w := twice(t, d)
	w.stage("c")
	w.click(ann, promotion.Approve) // #3, on b
	w.rollback(ann, "")
	w.click(bob, promotion.Approve)
	w.expect(4, promotion.Promoted)
	w.expect(3, promotion.Open)
	v, err := w.gate.View(t.Context(), 3)
	w.must(err)
	if f := v.Facts.Promotion; f.Targets[0].Now != digest("a") || len(v.Verdict.Discounted) != 1 {
		t.Fatalf("it expects %v; %+v", f.Targets, v.Verdict.Discounted)
	}
	w.clickOn(ann, promotion.Approve, w.get(3))
	w.clickOn(bob, promotion.Approve, w.get(3))
	w.wait(time.Hour)
	w.expect(3, promotion.Promoted)
	w.production("c")
}

func TestARollbackWhoseCauseIsGoneEnds(t *testing.T) {
	d := one()
	d.Approvals[0].Count = 2
	w := twice(t, d)
	w.stage("c") // #3
	w.clickOn(ann, promotion.Approve, w.get(3))
	w.rollback(ann, "") // #4, for b
	w.clickOn(bob, promotion.Approve, w.get(3))
	w.wait(time.Hour)
	w.expect(3, promotion.Promoted)
	w.expect(4, promotion.Superseded)
	if p := w.get(4); p.Successor != 3 || !strings.Contains(p.Reason, "#3 has brought cccccccccccc") {
		t.Errorf("%+v", p)
	}
	w.production("c")
	if len(w.holds()) != 0 {
		t.Errorf("holds: %+v", w.holds())
	}
}

// Older than what was taken back is not older than what is there.
func TestWhatIsNewerThanWhatIsThereCanGoAheadAfterARollback(t *testing.T) {
	d := one()
	d.Supersede = policy.Keep
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.wait(time.Hour)
	w.stage("b") // #2 stays open
	w.wait(time.Hour)
	w.stage("c") // #3
	w.click(ann, promotion.Approve)
	w.wait(time.Hour)
	w.expect(3, promotion.Promoted)
	if f, _ := w.view(2).Verdict.Finding(policy.RuleOrder); f.Outcome != policy.Blocked {
		t.Fatalf("b may overwrite c: %+v", f)
	}
	w.rollback(ann, "")
	w.production("a")
	if f, _ := w.view(2).Verdict.Finding(policy.RuleOrder); f.Outcome != policy.Met {
		t.Fatalf("b may not follow a: %+v", f)
	}
}

func (w *world) view(id promotion.ID) policy.View {
	w.t.Helper()
	v, err := w.gate.View(w.t.Context(), id)
	w.must(err)
	return v
}

func TestOnlyOneRollbackIsAskedForAtATime(t *testing.T) {
	d := one()
	d.Approvals[0].Count = 2
	w := twice(t, d)
	w.rollback(ann, "")
	if a := w.rollback(bob, ""); a.Verb != promotion.Existing || a.Promotion != 3 {
		t.Errorf("again: %+v", a)
	}
	w.click(bob, promotion.Reject)
	w.expect(3, promotion.Rejected)
	if a := w.clickOn(bob, promotion.Lift, w.get(3)); a.Verb != promotion.Refused {
		t.Errorf("lifted: %+v", a)
	}
	if a := w.rollback(bob, ""); a.Verb != promotion.Requested || a.Promotion != 4 {
		t.Errorf("after a rejection: %+v", a)
	}
}

func TestACardThatIsNotCurrentRollsNothingBack(t *testing.T) {
	w := twice(t, one())
	if a := w.says(ann, promotion.Gesture{Kind: promotion.GestureRollback, Promotion: 1}); a.Verb != promotion.Outdated {
		t.Errorf("the card of a: %+v", a)
	}
	if len(w.view(1).Facts.Back) != 0 || len(w.view(2).Facts.Back) != 1 || w.drawn[1] != w.get(1).Revision {
		t.Errorf("a offers %v, b %v", w.view(1).Facts.Back, w.view(2).Facts.Back)
	}
	w.says(ann, promotion.Gesture{Kind: promotion.GestureRollback, Promotion: 2})
	w.production("a")
}

func TestWhileItIsAskedWhetherToGoBackNobodyIsAskedToPutBack(t *testing.T) {
	d := one()
	d.Approvals[0].Count = 2
	w := twice(t, d)
	w.tamper("f") // #3 would restore b
	w.expect(3, promotion.Open)
	w.rollback(ann, "")
	w.expect(3, promotion.Superseded)
	w.tamper("a") // by hand, since nobody came
	if w.all() != 4 {
		t.Fatalf("%d promotions", w.all())
	}
	w.clickOn(ann, promotion.Approve, w.get(4))
	w.clickOn(bob, promotion.Approve, w.get(4))
	w.expect(4, promotion.Promoted)
	if p := w.get(4); p.Moves[0].Outcome != promotion.MoveAlready || len(w.holds()) != 1 {
		t.Errorf("%+v, %+v", p.Moves, w.holds())
	}
	w.wait(time.Hour)
	if w.look(); w.all() != 4 {
		t.Errorf("%d promotions", w.all())
	}
	w.tamper("b") // what is expected is a now
	if p := w.get(5); p.Purpose != promotion.Restore || p.Digest != digest("a") {
		t.Errorf("%+v", p)
	}
}

func TestARollbackThatMeetsSomethingElseIsAConflict(t *testing.T) {
	w := twice(t, one())
	w.tags["production"] = digest("f") // and nobody has looked
	w.rollback(ann, "")
	w.expect(3, promotion.Conflicted)
	w.production("f")
	if len(w.holds()) != 0 || w.get(2).UndoneBy != 0 {
		t.Errorf("nothing was taken back: %+v, %+v", w.holds(), w.get(2))
	}
}

// A watch that fails, and a policy that says so, ask nobody.
func TestARollbackThatNobodyAskedForGoesAheadByItself(t *testing.T) {
	w := twice(t, one())
	id, refusal, err := w.gate.RollBack(t.Context(), 2, "", "5 of 5 pods crash")
	w.must(err)
	w.run()
	if id != 3 || refusal != "" {
		t.Fatalf("#%d, %q", id, refusal)
	}
	w.expect(3, promotion.Promoted)
	w.production("a")
	if h := w.holds(); len(h) != 1 || h[0].By != "" || h[0].Rollback != 3 {
		t.Fatalf("holds: %+v", h)
	}
	w.request(eve, "")
	if a := w.says(eve, promotion.Gesture{Kind: promotion.GestureUnhold}); a.Verb != promotion.Refused {
		t.Errorf("lifted without a role: %+v", a)
	}
	if a := w.says(bob, promotion.Gesture{Kind: promotion.GestureUnhold}); a.Verb != promotion.Counted {
		t.Errorf("lifted with a role: %+v", a)
	}
	if _, refusal, err := w.gate.RollBack(t.Context(), 1, "", "again"); err != nil || refusal == "" {
		t.Errorf("to nothing: %q, %v", refusal, err)
	}
}

func TestARollbackSurvivesTheProcess(t *testing.T) {
	w := twice(t, one())
	w.clicks++
	g := promotion.Gesture{Key: "command/once", Kind: promotion.GestureRollback, Person: ann, Channel: "C0SHOP", App: "shop", Reason: "the checkout fails"}
	_, err := w.gate.Take(t.Context(), g)
	w.must(err)
	w.restart()
	if a, err := w.gate.Take(t.Context(), g); err != nil || a.Promotion != 3 { // delivered again
		t.Fatalf("%+v, %v", a, err)
	}
	w.look()
	w.wait(time.Minute)
	w.expect(3, promotion.Promoted)
	w.production("a")
	if w.all() != 3 || len(w.holds()) != 1 {
		t.Errorf("%d promotions, holds %+v", w.all(), w.holds())
	}
}
