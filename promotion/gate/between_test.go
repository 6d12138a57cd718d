package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// throughTheMiddle has production lie between staging and the moon, to which what
// has been in production for an hour goes by itself.
func throughTheMiddle(t *testing.T) *world {
	t.Helper()
	c := deploying(t, false, nil, "eu")
	c.Environments[1].Deploy.Deadline = 5 * time.Hour
	c.Environments = append(c.Environments, gate.Environment{Name: "moon", Tags: []promotion.TagTemplate{"moon"}})
	c.Apps[0].Policies["moon"] = automatic(time.Hour)
	return newWorld(t, c)
}

// seen has what is in production and on the moon looked at.
func (w *world) seen() {
	w.t.Helper()
	w.must(w.gate.Sight(w.t.Context(), []promotion.Sighting{{App: "shop", Environment: "moon", Side: promotion.Held, At: w.now}}))
	w.must(w.gate.Sight(w.t.Context(), []promotion.Sighting{{App: "shop", Environment: "production", Side: promotion.Held, At: w.now, Tags: []promotion.TaggedDigest{{Tag: "production", Digest: w.tags["production"]}}}}))
}

func TestWhatFailsInTheMiddleGoesNoFurther(t *testing.T) {
	w := throughTheMiddle(t)
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutFailed, "CrashLoopBackOff") }
	w.stage("a")
	w.clickOn(ann, promotion.Approve, w.get(1))
	w.wait(time.Minute)
	w.expect(1, promotion.Failing)
	w.seen()
	w.wait(2 * time.Hour)
	if w.tags["moon"] == digest("a") {
		t.Fatal("it went on to the moon although it is failing in production")
	}
	if v := w.newest(); v.Facts.Promotion.To != "moon" || !strings.Contains(v.Verdict.Missing()[0].Reason, "is failing in production (#1)") {
		t.Errorf("#%d says %+v", v.Facts.Promotion.ID, v.Verdict.Missing())
	}
	w.clickOn(ann, promotion.Keep, w.get(1))
	w.expect(1, promotion.Promoted)
	w.wait(time.Minute)
	w.expect(2, promotion.Promoted) // it has run there for two hours
}

func TestASoakBeginsWhenTheDigestRunsAndNotWhenItsTagIsMoved(t *testing.T) {
	w := throughTheMiddle(t)
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "0 of 3") }
	w.stage("a")
	w.clickOn(ann, promotion.Approve, w.get(1))
	w.seen()
	w.wait(2 * time.Hour)
	w.expect(1, promotion.Deploying)
	w.expect(2, promotion.Open)
	w.target["eu"] = nil
	w.wait(time.Minute)
	w.expect(1, promotion.Promoted)
	w.seen()
	w.wait(58 * time.Minute)
	w.expect(2, promotion.Open)
	w.wait(2 * time.Minute)
	w.expect(2, promotion.Promoted)
}

func TestWhoAsksForARollbackThatIsUnderWayGoesNoFurtherBack(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	for _, b := range []string{"a", "b", "c"} {
		w.promote(b)
		w.wait(time.Minute)
	}
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
	a := w.rollback(ann, "")
	w.expect(a.Promotion, promotion.Deploying)
	w.wait(20 * time.Second)
	if second := w.rollback(bob, ""); second.Verb != promotion.Existing || second.Promotion != a.Promotion || second.Bad != digest("c") {
		t.Errorf("Bob is told %+v", second)
	}
	w.target["eu"] = nil
	w.wait(5 * time.Minute)
	w.production("b")
}

func TestARollbackThatIsDecidedLateIsAboutWhatWasThereWhenItWasAskedFor(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil))
	for _, b := range []string{"a", "b"} {
		w.promote(b)
		w.wait(time.Minute)
	}
	w.stage("c")
	w.down[promotion.EffectMove] = promotion.Unavailable
	w.click(bob, promotion.Approve)
	third := w.newest().Facts.Promotion.ID
	w.now = w.now.Add(31 * time.Minute) // nobody knows any more who Ann is
	a, err := w.gate.Take(t.Context(), promotion.Gesture{Key: "typed", Kind: promotion.GestureRollback, Person: ann, App: "shop", Channel: "C0SHOP", Reason: "b is bad"})
	w.must(err)
	if a.Verb != promotion.Checking {
		t.Fatalf("answered %+v", a)
	}
	delete(w.down, promotion.EffectMove)
	w.late, w.now = ann, w.now.Add(time.Second)
	w.run()
	w.wait(time.Minute)
	w.expect(third, promotion.Promoted)
	w.production("c")
	if w.newest().Facts.Promotion.ID != third || w.answers[ann].Verb != promotion.Outdated {
		t.Errorf("Ann is told %+v, and #%d is open", w.answers[ann], w.newest().Facts.Promotion.ID)
	}
}

func TestPuttingAnOldVersionTagBackLeavesAloneWhatIsThere(t *testing.T) {
	for _, later := range []time.Duration{5 * time.Minute, 7 * time.Hour} { // while it is watched, and after that
		t.Run(later.String(), func(t *testing.T) {
			after := watched()
			after.Watch = 6 * time.Hour
			c := deploying(t, false, after, "eu")
			c.Environments[1].Tags = []promotion.TagTemplate{"production", "v{label.org.opencontainers.image.version}"}
			w := newWorld(t, c)
			w.labels = map[string]string{"org.opencontainers.image.version": "1"}
			w.promote("a")
			w.wait(7 * time.Hour)
			w.labels = map[string]string{"org.opencontainers.image.version": "2"}
			second := w.promote("b")
			w.wait(later)
			was := w.get(second).State
			w.tags["v1"] = digest("f")
			w.wait(70 * time.Minute)
			back := w.newest().Facts.Promotion
			if back.Purpose != promotion.Restore {
				t.Fatalf("#%d is there to %s", back.ID, back.Purpose)
			}
			w.clickOn(bob, promotion.Approve, back)
			w.wait(time.Minute)
			w.expect(back.ID, promotion.Promoted)
			w.expect(second, was)
			w.production("b")
			if w.tags["v1"] != digest("a") {
				t.Errorf("v1 is %s", w.tags["v1"].Short())
			}
		})
	}
}

func TestThatADigestIsBadIsSaidWhereItIsWatched(t *testing.T) {
	w := newWorld(t, deploying(t, false, watched(), "eu"))
	bad := w.promote("b")
	w.wait(time.Minute)
	w.expect(bad, promotion.Watching)
	w.deed(promotion.Gesture{Kind: promotion.GestureWithdraw, Person: bob, App: "shop", Ref: string(digest("b"))[7:19], Reason: "bad"})
	if w.count("withdrawn") != 1 {
		t.Errorf("said %v", w.said)
	}
}
