package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// What one promotion does while another one is under way in the same place.

// crashes is a target on which a build does not come up.
func crashes(build string) func(promotion.Order) promotion.Result {
	return func(o promotion.Order) promotion.Result {
		if o.Digest == digest(build) {
			return says(promotion.RolloutFailed, "5 of 5 pods crash")
		}
		return says(promotion.RolloutDone, "")
	}
}

// halfFailed has a pass everywhere, and b fail in eu while us can't be told of it.
func (w *world) halfFailed() (bad promotion.ID) {
	w.t.Helper()
	w.promote("a")
	w.wait(30 * time.Minute)
	w.target["eu"] = crashes("b")
	w.deaf = func(o promotion.Order) bool { return o.Target == "us" && o.Digest == digest("b") }
	w.told, w.pause = nil, 30*time.Second
	bad = w.promote("b")
	w.wait(10 * time.Second)
	w.expect(bad, promotion.Failing)
	if got := w.phases(bad); got != "eu failed, us ordered" {
		w.t.Fatal(got)
	}
	return bad
}

func TestAnOrderThatDidNotGetThroughIsNotGivenAfterTheRollback(t *testing.T) {
	w := newWorld(t, deploying(t, true, nil, "eu", "us"))
	bad := w.halfFailed()
	a := w.says(ann, promotion.Gesture{Kind: promotion.GestureRollback, Promotion: bad})
	w.expect(a.Promotion, promotion.Open)
	w.deaf = nil
	w.wait(30 * time.Minute)
	w.expect(a.Promotion, promotion.Promoted)
	w.expect(bad, promotion.Failed)
	if want := []string{"eu=" + digest("b").Short(), "eu=" + digest("a").Short(), "us=" + digest("a").Short()}; !slices.Equal(w.told, want) {
		t.Errorf("told %v", w.told)
	}
	if d := w.deployments(bad)[1]; !strings.Contains(d.Rollout.Detail, "it was called off, since #2 is failing") {
		t.Errorf("us: %+v", d.Rollout)
	}
}

func TestAnOrderThatDidNotGetThroughIsNotGivenWhenNobodyGoesBack(t *testing.T) {
	w := newWorld(t, deploying(t, true, nil, "eu", "us"))
	bad := w.halfFailed()
	if a := w.clickOn(bob, promotion.Keep, w.get(bad)); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "still under way") {
		t.Errorf("kept while us may hear of it: %+v", a)
	}
	w.restart()
	w.deaf = nil
	w.wait(2 * time.Minute)
	w.expect(bad, promotion.Failing)
	if got := w.phases(bad); got != "eu failed, us failed" || len(w.told) != 1 {
		t.Errorf("%s, told %v", got, w.told)
	}
	if a := w.clickOn(bob, promotion.Keep, w.get(bad)); a.Verb != promotion.Counted {
		t.Errorf("%+v", a)
	}
}

// A program that puts out what is taken back may run still when the way back is
// agreed to.
func TestARollbackWaitsForWhatATargetIsDoing(t *testing.T) {
	w := newWorld(t, deploying(t, true, nil, "eu", "us"))
	w.promote("a")
	w.wait(time.Minute)
	w.target["eu"] = crashes("b")
	w.target["us"] = func(o promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "1 of 3") }
	bad := w.promote("b")
	w.wait(2 * time.Minute)
	w.expect(bad, promotion.Failing)
	if got := w.phases(bad); got != "eu failed, us rolling" {
		t.Fatal(got)
	}
	a := w.says(ann, promotion.Gesture{Kind: promotion.GestureRollback, Promotion: bad})
	w.expect(a.Promotion, promotion.Open)
	if v := w.view(a.Promotion); v.Facts.Executing != bad {
		t.Errorf("it waits for #%d", v.Facts.Executing)
	}
	w.target["us"] = nil
	asked := w.asked["us"]
	w.wait(time.Minute) // as long as a target is not asked again
	w.expect(a.Promotion, promotion.Promoted)
	if d := w.deployments(bad)[1]; d.Rollout.Phase != promotion.RolloutFailed || !strings.Contains(d.Rollout.Detail, "since #3 goes back from it") || w.asked["us"] != asked+1 {
		t.Errorf("us: %+v, asked %d times more", d.Rollout, w.asked["us"]-asked)
	}
}

func TestWhatIsStillUnderWayIsFollowedWhileItIsFailing(t *testing.T) {
	w := newWorld(t, deploying(t, true, nil, "eu", "us"))
	w.target["eu"] = crashes("a")
	w.target["us"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "1 of 3") }
	bad := w.promote("a")
	w.wait(time.Minute)
	w.expect(bad, promotion.Failing)
	w.stage("b")
	next := w.newest().Facts.Promotion.ID
	w.clickOn(ann, promotion.Approve, w.get(next))
	w.target["us"] = nil
	w.wait(time.Minute)
	if got := w.phases(bad); got != "eu failed, us done" {
		t.Error(got)
	}
	w.expect(next, promotion.Open) // until somebody decides
}
