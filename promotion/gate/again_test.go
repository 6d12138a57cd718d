package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
)

// broken is a target that does not come to run anything.
func broken(promotion.Order) promotion.Result { return says(promotion.RolloutFailed, "no") }

func TestWhatFailedIsToldAgainToThoseThatDoNotRunIt(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "us", "eu", "asia"))
	w.target["eu"] = broken
	id := w.promote("a")
	w.wait(time.Minute)
	w.expect(id, promotion.Failing)
	if got := w.phases(id); got != "us done, eu failed, asia planned" {
		t.Fatal(got)
	}
	first := w.deployments(id)[1].Order
	w.target["eu"] = nil
	if w.clickOn(eve, promotion.Retry, w.get(id)); w.answers[eve].Verb != promotion.Refused {
		t.Errorf("eve: %+v", w.answers[eve])
	}
	w.wait(time.Hour) // long after the deadline of the first order
	seen := w.get(id)
	again := promotion.Gesture{Key: "click/again", Kind: promotion.GestureVote, Person: bob, Promotion: id, Decision: promotion.Retry, CardTS: seen.Card.TS}
	for range 2 { // the second is a delivery of the first
		a, err := w.gate.Take(t.Context(), again)
		if err != nil || a.Verb != promotion.Counted || !slices.Equal(a.Targets, []string{"eu", "asia"}) {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	if a := w.clickOn(ann, promotion.Retry, seen); a.Verb != promotion.Closed {
		t.Errorf("another one at the same time: %+v", a)
	}
	w.wait(time.Minute)
	w.expect(id, promotion.Promoted)
	if got := w.phases(id); got != "us done, eu done, asia done" || !slices.Equal(w.told, []string{"us=" + digest("a").Short(), "eu=" + digest("a").Short(), "eu=" + digest("a").Short(), "asia=" + digest("a").Short()}) {
		t.Errorf("%s, told %v", got, w.told)
	}
	second := w.deployments(id)[1].Order
	if second.Key() == first.Key() || second.Digest != first.Digest || !second.OrderedAt.After(first.Deadline) || second.Deadline.Sub(second.OrderedAt) != 15*time.Minute {
		t.Errorf("it was %+v, and is %+v", first, second)
	}
	found := w.recorded(audit.Retried)
	if len(found) != 1 || found[0].Actor != string(bob) || found[0].Promotion != id {
		t.Errorf("recorded are %+v", found)
	}
	if w.count("retried") != 1 || w.newest().Facts.Promotion.ID != id {
		t.Errorf("said %v", w.said)
	}
}

func TestItFailsAgainUntilWhatIsWrongIsPutRight(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.down[promotion.EffectDeploy] = promotion.Forbidden
	id := w.promote("a")
	for n := 2; n <= 3; n++ {
		if a := w.clickOn(bob, promotion.Retry, w.get(id)); a.Verb != promotion.Counted {
			t.Errorf("%+v", a)
		}
		w.expect(id, promotion.Failing)
		if p := w.get(id); w.count("failing") != n || !strings.Contains(p.Reason, "deploy is down") {
			t.Errorf("said %v, %q", w.said, p.Reason)
		}
	}
	delete(w.down, promotion.EffectDeploy)
	w.clickOn(bob, promotion.Retry, w.get(id))
	w.wait(time.Minute)
	w.expect(id, promotion.Promoted)
}

// What is still said of an order that has ended says nothing about the next one.
func TestWhatComesLateFromTheOrderBeforeCountsForNothing(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
	id := w.promote("a")
	w.expect(id, promotion.Deploying)
	late, err := w.db.Claim(t.Context(), []promotion.EffectKind{promotion.EffectObserve}, "slow", w.now.Add(time.Minute), w.now.Add(2*time.Hour), 1)
	if err != nil || len(late) != 1 {
		t.Fatalf("%v, %v", late, err)
	}
	w.must(w.gate.Adopt(t.Context(), deploying(t, false, nil)))
	w.expect(id, promotion.Failing)
	if a := w.clickOn(bob, promotion.Retry, w.get(id)); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "has no target eu") {
		t.Errorf("of a target that is gone: %+v", a)
	}
	w.must(w.gate.Adopt(t.Context(), deploying(t, false, nil, "eu")))
	if a := w.clickOn(bob, promotion.Retry, w.get(id)); a.Verb != promotion.Counted {
		t.Fatalf("%+v", a)
	}
	if err := w.gate.Wanted(t.Context(), late[0]); promotion.KindOf(err) != promotion.Stale {
		t.Errorf("the first order is still followed: %v", err)
	}
	failed := promotion.Rollout{Phase: promotion.RolloutFailed, Detail: "the first one"}
	w.must(w.gate.Report(t.Context(), late[0], promotion.Result{Rollout: &failed}))
	w.expect(id, promotion.Deploying)
	if d := w.deployments(id)[0]; d.Rollout.Phase != promotion.RolloutAsked || d.EndedAt != nil || d.Fault != "" {
		t.Errorf("%+v", d)
	}
	w.target["eu"] = nil
	w.wait(time.Minute)
	w.expect(id, promotion.Promoted)
}

func TestItIsNotTriedAgainWhereThatMakesNoSense(t *testing.T) {
	for name, c := range map[string]struct {
		catalog func(*gate.Catalog)
		before  func(*world, promotion.ID)
		says    string
	}{
		"it goes back": {before: func(w *world, id promotion.ID) {
			w.down[promotion.EffectMove] = promotion.Unavailable
			w.deed(promotion.Gesture{Kind: promotion.GestureRollback, Person: bob, Promotion: id, Reason: "it crashes"})
		}, says: "goes back from it: reject that first"},
		"a tag is being put back": {before: func(w *world, _ promotion.ID) {
			w.down[promotion.EffectMove] = promotion.Unavailable
			w.tags["production"] = digest("f")
			w.look()
			w.click(ann, promotion.Approve)
		}, says: "is being promoted to production just now"},
		"it was withdrawn": {before: func(w *world, _ promotion.ID) {
			w.deed(promotion.Gesture{Kind: promotion.GestureWithdraw, Person: bob, App: "shop", Ref: string(digest("a"))[7:19], Reason: "bad"})
		}, says: "the digest was withdrawn"},
		"another target is on its way": {catalog: func(c *gate.Catalog) { c.Environments[1].Deploy.Together = true }, says: "still under way to another target"},
	} {
		t.Run(name, func(t *testing.T) {
			cat := deploying(t, false, nil, "eu", "us")
			if c.catalog != nil {
				c.catalog(cat)
			}
			w := newWorld(t, cat)
			w.promote("b")
			w.wait(time.Minute)
			w.expect(1, promotion.Promoted)
			w.target["us"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
			w.target["eu"] = broken
			id := w.promote("a")
			w.wait(time.Minute)
			w.expect(id, promotion.Failing)
			if c.before != nil {
				c.before(w, id)
			}
			told := len(w.told)
			if a := w.clickOn(bob, promotion.Retry, w.get(id)); a.Verb != promotion.Refused || !strings.Contains(a.Reason, c.says) {
				t.Errorf("%+v", a)
			}
			if w.expect(id, promotion.Failing); len(w.told) != told {
				t.Errorf("told %v", w.told)
			}
		})
	}
}
