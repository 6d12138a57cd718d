package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
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

func TestARollbackThatIsAskedForDuringALookWaitsForNoOther(t *testing.T) {
	w := newWorld(t, deploying(t, true, nil, "eu", "us"))
	w.promote("a")
	w.wait(time.Minute)
	w.target["eu"] = crashes("b")
	w.target["us"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "1 of 3") }
	bad := w.promote("b")
	w.wait(4 * time.Minute)
	w.expect(bad, promotion.Failing)
	var back promotion.ID
	w.target["us"] = func(promotion.Order) promotion.Result {
		if back == 0 {
			a, err := w.gate.Take(t.Context(), promotion.Gesture{Key: "meanwhile", Kind: promotion.GestureRollback, Person: ann, Promotion: bad, Channel: "C0SHOP", Reason: "it crashes"})
			w.must(err)
			back = a.Promotion
		}
		return says(promotion.RolloutUnder, "1 of 3")
	}
	for range 40 { // at most half a minute passes between two looks
		if back == 0 {
			w.wait(time.Second)
		}
	}
	w.expect(back, promotion.Deploying)
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

func TestAHoldDoesNotKeepARollbackWaitingForTheNextTarget(t *testing.T) {
	for name, held := range map[string]bool{"held": true, "not held": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, deploying(t, false, nil, "eu", "us"))
			w.promote("a")
			w.wait(time.Minute)
			w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "1 of 3") }
			w.told = nil
			bad := w.promote("b")
			w.wait(10 * time.Second)
			a := w.rollback(ann, "")
			w.expect(a.Promotion, promotion.Open)
			if held {
				w.deed(promotion.Gesture{Kind: promotion.GestureHold, Person: bob, App: "shop", Ref: string(digest("b"))[7:19], Reason: "stop"})
			}
			w.wait(time.Minute)
			w.expect(a.Promotion, promotion.Open) // for as long as eu is under way
			w.target["eu"] = nil
			w.wait(5 * time.Minute)
			w.expect(a.Promotion, promotion.Promoted)
			w.expect(bad, promotion.Failed)
			if got := w.phases(bad); got != "eu done, us planned" || slices.Contains(w.told, "us="+digest("b").Short()) {
				t.Errorf("%s, told %v", got, w.told)
			}
		})
	}
}

// returning is a catalog in which what is failing goes back by itself.
func returning(t *testing.T, targets ...string) *gate.Catalog {
	after := watched()
	after.RollBack = true
	return deploying(t, false, after, targets...)
}

// goingBack has b fail while it is watched, and its rollback wait until it is known
// that a is whole.
func (w *world) goingBack() (bad, back promotion.ID) {
	w.t.Helper()
	w.promote("a")
	w.wait(30 * time.Minute)
	bad = w.promote("b")
	w.wait(13 * time.Minute)
	w.expect(bad, promotion.Watching)
	w.down[promotion.EffectProve] = promotion.Unavailable
	w.opened(promotion.IncidentReport{Key: "k", App: "shop", Severity: "critical", Summary: "errors"})
	w.run()
	w.expect(bad, promotion.Failing)
	p := w.newest().Facts.Promotion
	if p.Purpose != promotion.Rollback || p.State != promotion.Open || p.Requester != "" {
		w.t.Fatalf("#%d, a %s, is %s", p.ID, p.Purpose, p.State)
	}
	return bad, p.ID
}

func TestWhatIsKeptIsNotRolledBackByItself(t *testing.T) {
	w := newWorld(t, returning(t, "eu"))
	bad, back := w.goingBack()
	if a := w.clickOn(bob, promotion.Keep, w.get(bad)); a.Verb != promotion.Counted {
		t.Fatalf("%+v", a)
	}
	w.expect(bad, promotion.Promoted)
	delete(w.down, promotion.EffectProve)
	w.wait(time.Hour)
	w.production("b")
	w.expect(back, promotion.Superseded)
	if p := w.get(back); p.Successor != bad || p.Reason != string(bob)+" kept what it was to take back" {
		t.Errorf("%+v", p)
	}
}

func TestARollbackThatSomebodyAskedForIsNotEndedByKeeping(t *testing.T) {
	w := newWorld(t, deploying(t, false, watched(), "eu"))
	w.promote("a")
	w.wait(30 * time.Minute)
	bad := w.promote("b")
	w.wait(13 * time.Minute)
	w.down[promotion.EffectProve] = promotion.Unavailable
	w.opened(promotion.IncidentReport{Key: "k", App: "shop", Severity: "critical", Summary: "errors"})
	a := w.rollback(ann, "")
	w.expect(a.Promotion, promotion.Open)
	w.clickOn(bob, promotion.Keep, w.get(bad))
	w.expect(bad, promotion.Promoted)
	w.expect(a.Promotion, promotion.Open)
}

func TestWhatCanNotBeDeployedAnyMoreGoesBackFromWhatItHasSet(t *testing.T) {
	for name, meanwhile := range map[string]func(*world){
		"its digest is withdrawn": func(w *world) {
			w.deed(promotion.Gesture{Kind: promotion.GestureWithdraw, Person: bob, App: "shop", Ref: string(digest("b"))[7:19], Reason: "bad"})
		},
		"its target is taken out": func(w *world) {
			w.must(w.gate.Adopt(w.t.Context(), returning(w.t, "us")))
			w.look()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, returning(t, "eu", "us"))
			w.promote("a")
			w.wait(30 * time.Minute)
			w.down[promotion.EffectMove] = promotion.Unavailable
			bad := w.promote("b")
			w.expect(bad, promotion.Executing)
			meanwhile(w)
			delete(w.down, promotion.EffectMove)
			w.wait(5 * time.Minute)
			back := w.newest().Facts.Promotion
			if back.Purpose != promotion.Rollback || back.State == promotion.Conflicted || back.Targets[0].Now != digest("b") {
				t.Errorf("#%d, a %s from %s, is %s: %s", back.ID, back.Purpose, back.Targets[0].Now.Short(), back.State, back.Reason)
			}
			w.production("a")
		})
	}
}

func TestARollbackIsOutdoneByWhatIsOnlyWatched(t *testing.T) {
	w := newWorld(t, deploying(t, false, watched()))
	for _, build := range []string{"a", "b"} {
		w.promote(build)
		w.wait(30 * time.Minute)
	}
	w.down[promotion.EffectMove] = promotion.Unavailable
	third := w.promote("c")
	w.expect(third, promotion.Executing)
	a := w.rollback(ann, "")
	w.expect(a.Promotion, promotion.Open)
	delete(w.down, promotion.EffectMove)
	w.wait(5 * time.Minute)
	w.expect(third, promotion.Watching)
	w.expect(a.Promotion, promotion.Superseded)
	w.production("c")
}

func TestARollbackByItselfOutlastsAPolicyThatStillSaysSo(t *testing.T) {
	w := newWorld(t, returning(t, "eu"))
	bad, back := w.goingBack()
	c := returning(t, "eu")
	c.Apps[0].Policies["production"].After.Watch = 20 * time.Minute
	w.must(w.gate.Adopt(t.Context(), c))
	w.look()
	delete(w.down, promotion.EffectProve)
	w.wait(time.Hour)
	w.expect(back, promotion.Promoted)
	w.expect(bad, promotion.Failed)
	w.production("a")
}

func TestARollbackByItselfEndsWithThePolicyThatSaidSo(t *testing.T) {
	w := newWorld(t, returning(t, "eu"))
	bad, back := w.goingBack()
	said := w.count("failing")
	w.must(w.gate.Adopt(t.Context(), deploying(t, false, watched(), "eu")))
	w.look()
	delete(w.down, promotion.EffectProve)
	w.wait(time.Hour)
	w.expect(back, promotion.Superseded)
	w.expect(bad, promotion.Failing)
	w.production("b")
	if p := w.get(bad); w.count("failing") != said+1 || !strings.Contains(p.Reason, "does not say any more that it goes back by itself") || w.drawn[bad] != p.Revision {
		t.Errorf("said %d times more; %+v", w.count("failing")-said, p)
	}
}
