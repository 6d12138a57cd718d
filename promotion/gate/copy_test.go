package gate_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

const abroad = promotion.Repository("production.example.com/shop/api")

// exporting is a catalog whose production has images of its own.
func exporting(t *testing.T, to promotion.Repository) *gate.Catalog {
	c := catalog(t, policy.Document{Name: "quick", Approvals: []policy.Requirement{{Role: "leads", Count: 2}}})
	c.Apps[0].Images = map[string]promotion.Repository{"production": to}
	return c
}

func TestNothingIsSentBeforeItIsApproved(t *testing.T) {
	w := newWorld(t, exporting(t, abroad))
	w.stage("a")
	w.click(ann, promotion.Approve)
	if len(w.copies) != 0 {
		t.Fatalf("copied to %v after one approval of two", w.copies)
	}
	w.click(bob, promotion.Approve)
	if len(w.copies) != 1 || w.copies[0] != abroad {
		t.Errorf("copied to %v", w.copies)
	}
	p := w.get(1)
	w.expect(1, promotion.Promoted)
	if p.Copy == nil || p.Copy.DoneAt == nil || p.Copy.Sent != 7 {
		t.Errorf("the copy is remembered as %+v", p.Copy)
	}
}

func TestAPromotionWithinARepositoryCopiesNothing(t *testing.T) {
	w := newWorld(t, exporting(t, repo))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Promoted)
	if len(w.copies) != 0 {
		t.Errorf("copied to %v", w.copies)
	}
}

// A copy can take an hour. What was true when it began is not what counts.
func TestThePolicyIsAskedAgainAfterTheCopy(t *testing.T) {
	w := newWorld(t, exporting(t, abroad))
	w.stage("a")
	w.copy = func(promotion.Effect) promotion.Result {
		w.people[bob] = promotion.Deactivated
		w.now = w.now.Add(time.Hour)
		return promotion.Result{Copy: &promotion.Copy{}}
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Open)
	if len(w.moves) != 0 {
		t.Errorf("moved %v on an approval of somebody who has left", w.moves)
	}
}

func TestARejectionEndsACopyThatIsUnderWay(t *testing.T) {
	w := newWorld(t, exporting(t, abroad))
	w.stage("a")
	w.copy = func(e promotion.Effect) promotion.Result {
		before := w.get(1).Revision
		w.must(w.gate.Progress(t.Context(), e, promotion.Copy{Bytes: promotion.Count{Done: 1, All: 2}}))
		if p := w.get(1); p.Copy.Bytes.Done != 1 || p.Revision == before {
			t.Errorf("the card is not told how far it is: %+v, revision %d", p.Copy, p.Revision)
		}
		w.people[sue] = promotion.Member
		g := promotion.Gesture{Key: "no", Kind: promotion.GestureVote, Person: sue, Promotion: 1, Decision: promotion.Reject, Reason: "no"}
		if a, err := w.gate.Take(t.Context(), g); err != nil || a.Verb != promotion.Counted {
			t.Fatalf("rejected: %+v %v", a, err)
		}
		err := w.gate.Progress(t.Context(), e, promotion.Copy{})
		if !errors.Is(err, promotion.Stale) {
			t.Errorf("it is not told to give up: %v", err)
		}
		return promotion.Result{Failure: promotion.FailureOf(err)}
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Rejected)
	if w.wait(time.Hour); len(w.copies) != 1 {
		t.Errorf("copied %d times", len(w.copies))
	}
}

// Whatever has the policy asked again while a copy is under way: no tag moves before
// all of it is there, and no target is told before the tags are.
func TestNoTagMovesWhileACopyIsUnderWay(t *testing.T) {
	c := exporting(t, abroad)
	c.Environments[1].Deploy = gate.Deploy{Deadline: time.Hour, Targets: []gate.Target{{Name: "eu"}}}
	w := newWorld(t, c)
	w.stage("a")
	w.copy = func(e promotion.Effect) promotion.Result {
		w.must(w.gate.Progress(t.Context(), e, promotion.Copy{Bytes: promotion.Count{Done: 1, All: 2}}))
		w.people[sue] = promotion.Member
		for _, g := range []promotion.Gesture{
			{Key: "hold", Kind: promotion.GestureHold, Person: sue, App: "shop", Reason: "wait"}, {Key: "unhold", Kind: promotion.GestureUnhold, Person: sue, App: "shop"},
		} {
			if a, err := w.gate.Take(t.Context(), g); err != nil || a.Verb != promotion.Counted {
				t.Fatalf("%s: %+v %v", g.Key, a, err)
			}
		}
		v := w.view(1)
		if f, _ := v.Verdict.Finding(policy.RuleCopy); v.Facts.Promotion.State != promotion.Open || f.Outcome != policy.Waiting || !strings.Contains(f.Reason, "is being brought to "+string(abroad)) {
			t.Errorf("while it is copied it is %s: %+v", v.Facts.Promotion.State, f)
		}
		return promotion.Result{Copy: &promotion.Copy{}}
	}
	w.target["eu"] = func(promotion.Order) promotion.Result {
		if w.get(1).Copy.DoneAt == nil || len(w.moves) != 1 {
			t.Errorf("the target is told after %v", w.moves)
		}
		return says(promotion.RolloutDone, "")
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(time.Minute)
	w.expect(1, promotion.Promoted)
	if len(w.copies) != 1 || len(w.moves) != 1 || len(w.told) != 1 {
		t.Errorf("copied to %v, moved %v, told %v", w.copies, w.moves, w.told)
	}
}

func TestACopyThatDoesNotGetOnSaysWhy(t *testing.T) {
	w := newWorld(t, exporting(t, abroad))
	w.stage("a")
	w.down[promotion.EffectCopy] = promotion.Unavailable
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	v := w.newest().Verdict
	if f, ok := v.Finding(policy.RuleCopy); !ok || f.Outcome != policy.Waiting || !strings.Contains(f.Reason, "copy is down") {
		t.Errorf("a registry that is down: %+v", f)
	}
	w.down[promotion.EffectCopy] = promotion.Forbidden
	w.wait(time.Minute)
	v = w.newest().Verdict
	if f, _ := v.Finding(policy.RuleCopy); v.Outcome != policy.Blocked || f.Outcome != policy.Blocked {
		t.Errorf("credentials that may not: %+v", v)
	}
	delete(w.down, promotion.EffectCopy)
	w.wait(15 * time.Minute)
	w.expect(1, promotion.Promoted)
}

func TestAnApprovalIsBoundToWhereTheImageGoes(t *testing.T) {
	w := newWorld(t, exporting(t, abroad))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.must(w.gate.Adopt(t.Context(), exporting(t, "elsewhere.example.com/shop")))
	w.look()
	w.run()
	v := w.newest()
	if len(v.Verdict.Discounted) != 1 || !strings.Contains(v.Verdict.Discounted[0].Reason, "repository") {
		t.Errorf("discounted: %+v", v.Verdict.Discounted)
	}
	if v.Facts.Promotion.Destination != "elsewhere.example.com/shop" {
		t.Errorf("it goes to %s", v.Facts.Promotion.Destination)
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Promoted)
	if len(w.copies) != 1 || w.copies[0] != "elsewhere.example.com/shop" {
		t.Errorf("copied to %v", w.copies)
	}
}

func TestAnOldCopyIsComparedOnceMore(t *testing.T) {
	w := newWorld(t, exporting(t, abroad))
	w.stage("a")
	w.copy = func(promotion.Effect) promotion.Result {
		w.now = w.now.Add(2 * policy.SureFor) // so that the approvers have to be read again
		w.down[promotion.EffectPerson] = promotion.Unavailable
		return promotion.Result{Copy: &promotion.Copy{}}
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Open)
	w.wait(policy.CopiedFor)
	if len(w.copies) != 2 {
		t.Fatalf("copied %d times", len(w.copies))
	}
	w.copy = nil
	delete(w.down, promotion.EffectPerson)
	w.wait(5 * time.Minute)
	w.expect(1, promotion.Promoted)
}
