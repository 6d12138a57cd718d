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

// promoted is a world in which production is what promotion #1 set, some time
// ago.
func promoted(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, catalog(t, policy.Document{Name: "quick", Soak: time.Minute, Approvals: []policy.Requirement{{Role: "leads", Count: 1}}}))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.wait(time.Hour)
	w.expect(1, promotion.Promoted)
	return w
}

// tamper has somebody move production by hand, and the watcher see it.
func (w *world) tamper(c string) {
	w.t.Helper()
	w.tags["production"] = digest(c)
	if c == "" {
		delete(w.tags, "production")
	}
	w.look()
	w.run()
}

func (w *world) all() int {
	w.t.Helper()
	found, err := w.gate.Promotions(w.t.Context(), gate.Query{})
	w.must(err)
	return len(found)
}

func TestATagThatWasMovedByHandIsPutBackAfterApproval(t *testing.T) {
	w := promoted(t)
	w.tamper("f")
	p := w.get(2)
	if p.Purpose != promotion.Restore || p.Digest != digest("a") || p.Targets[0].Now != digest("f") || p.State != promotion.Open {
		t.Fatalf("opened: %+v", p)
	}
	if w.tags["production"] != digest("f") {
		t.Fatal("it was put back without anybody's approval")
	}
	w.click(bob, promotion.Approve)
	w.expect(2, promotion.Promoted)
	if w.tags["production"] != digest("a") {
		t.Errorf("production is %s", w.tags["production"].Short())
	}
	w.wait(time.Hour)
	if w.look(); w.all() != 2 {
		t.Errorf("%d promotions", w.all())
	}
}

func TestADeletedTagIsPutBack(t *testing.T) {
	w := promoted(t)
	w.tamper("")
	if a := w.click(ann, promotion.Instead); a.Verb != promotion.Refused {
		t.Errorf("adopting nothing: %+v", a)
	}
	w.click(bob, promotion.Approve)
	w.expect(2, promotion.Promoted)
	if w.tags["production"] != digest("a") {
		t.Errorf("production is %q", w.tags["production"])
	}
}

func TestWhatWasFoundCanBeAdopted(t *testing.T) {
	w := promoted(t)
	w.tamper("f")
	w.click(eve, promotion.Instead)
	if w.all() != 2 || w.count("to U0EVE: refused") != 1 {
		t.Errorf("somebody without a role was told %q, and there are %d promotions", w.said, w.all())
	}
	if a := w.click(ann, promotion.Instead); a.Verb != promotion.Requested || a.Promotion != 3 || a.Digest != digest("f") {
		t.Fatalf("Ann adopts: %+v", a)
	}
	w.run()
	w.expect(2, promotion.Superseded)
	if p := w.get(3); p.Purpose != promotion.Adopt || p.Requester != ann || p.State != promotion.Open {
		t.Fatalf("the adoption: %+v", p)
	}
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Refused {
		t.Errorf("Ann approves what she asked for: %+v", a)
	}
	w.click(bob, promotion.Approve)
	w.expect(3, promotion.Promoted)
	if len(w.moves) != 1 || w.tags["production"] != digest("f") {
		t.Errorf("moves %v, production %s", w.moves, w.tags["production"].Short())
	}
	// From here on it is what belongs there.
	w.wait(time.Hour)
	if w.look(); w.all() != 3 {
		t.Errorf("what was adopted is reported: %d promotions", w.all())
	}
	w.tamper("a")
	if p := w.get(4); p.Purpose != promotion.Restore || p.Digest != digest("f") {
		t.Errorf("moved back by hand: %+v", p)
	}
}

func TestAnAdoptionDoesNotBlockTheNextBuild(t *testing.T) {
	w := promoted(t)
	w.stage("b")
	w.wait(time.Hour)
	w.tamper("f")
	w.click(ann, promotion.Instead)
	w.click(bob, promotion.Approve)
	if p := w.get(2); p.State != promotion.Open {
		t.Fatalf("the next build: %+v", p)
	}
	if a := w.clickOn(bob, promotion.Approve, w.get(2)); a.Verb != promotion.Counted {
		t.Fatalf("approved: %+v", a)
	}
	w.expect(2, promotion.Promoted)
	if w.tags["production"] != digest("b") {
		t.Errorf("production is %s", w.tags["production"].Short())
	}
}

func TestATagThatComesBackByItselfNeedsNobody(t *testing.T) {
	w := promoted(t)
	w.tamper("f")
	w.tamper("a")
	w.expect(2, promotion.Superseded)
	w.tamper("f")
	w.expect(3, promotion.Open)
}

func TestATagThatMovesOnIsAskedAboutAnew(t *testing.T) {
	w := promoted(t)
	w.tamper("f")
	w.click(ann, promotion.Instead)
	w.tamper("e")
	w.expect(3, promotion.Superseded)
	if p := w.get(4); p.Purpose != promotion.Restore || p.Targets[0].Now != digest("e") || p.State != promotion.Open {
		t.Errorf("asked: %+v", p)
	}
	w.tamper("d")
	if p := w.get(4); p.Targets[0].Now != digest("d") || w.all() != 4 {
		t.Errorf("moved once more: %+v, %d promotions", p, w.all())
	}
}

func TestAnAnswerIsNotAskedForTwice(t *testing.T) {
	w := promoted(t)
	w.tamper("f")
	w.click(ann, promotion.Reject)
	w.expect(2, promotion.Rejected)
	w.restart()
	w.look()
	w.run()
	if w.all() != 2 {
		t.Errorf("it was asked again: %d promotions", w.all())
	}
	w.tamper("e")
	w.expect(3, promotion.Open)
}

func TestANewBuildDoesNotSilenceARestore(t *testing.T) {
	w := promoted(t)
	w.tamper("f")
	w.stage("b")
	w.expect(2, promotion.Open)
	w.wait(time.Hour)
	w.clickOn(bob, promotion.Approve, w.get(3))
	w.expect(3, promotion.Promoted)
	w.expect(2, promotion.Superseded) // production was promoted over
}

// A look that was under way while the tag was put shows what was before.
func TestALookAtWhatWasBeforeIsTakenAgain(t *testing.T) {
	w := promoted(t)
	w.stage("b")
	w.wait(time.Minute)
	w.click(bob, promotion.Approve)
	w.expect(2, promotion.Promoted)
	old := promotion.Sighting{
		App: "shop", Environment: "production", Side: promotion.Held, At: w.now.Add(time.Second),
		Tags: []promotion.TaggedDigest{{Tag: "production", Digest: digest("a")}},
	}
	if err := w.gate.Sight(t.Context(), []promotion.Sighting{old}); !errors.Is(err, promotion.Stale) {
		t.Errorf("taken as it is: %v", err)
	}
	if w.all() != 2 {
		t.Errorf("an old look was taken for a move by somebody else: %d promotions", w.all())
	}
	w.now = w.now.Add(time.Minute)
	old.At = w.now
	w.must(w.gate.Sight(t.Context(), []promotion.Sighting{old}))
	if p := w.get(3); p.Purpose != promotion.Restore {
		t.Errorf("a minute later: %+v", p)
	}
}

func TestARestoreIsInTheAuditLog(t *testing.T) {
	w := promoted(t)
	w.tamper("f")
	var log strings.Builder
	w.must(w.db.Audit(t.Context(), 0, func(body []byte) error { log.Write(body); return nil }))
	if !strings.Contains(log.String(), `"kind":"drifted","promotion":2`) || !strings.Contains(log.String(), string(digest("f"))) {
		t.Error("nothing is said of it")
	}
}

// A tag that is set once is not watched; it is compared with what was set.
func TestAVersionTagThatWasOverwrittenIsPutBack(t *testing.T) {
	c := catalog(t, policy.Document{Name: "quick", Approvals: []policy.Requirement{{Role: "leads", Count: 1}}})
	c.Environments[1].Tags = []promotion.TagTemplate{"production", "v{label.version}"}
	w := newWorld(t, c)
	w.labels = map[string]string{"version": "1"}
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Promoted)
	w.wait(3 * time.Hour)
	if w.all() != 1 {
		t.Fatalf("%d promotions while nothing has happened", w.all())
	}
	w.tags["v1"] = digest("f")
	w.wait(time.Hour)
	p := w.get(2)
	if p.Purpose != promotion.Restore || len(p.Targets) != 1 || p.Targets[0].Tag != "v1" || p.Digest != digest("a") {
		t.Fatalf("opened: %+v", p)
	}
	w.look() // a look at production says nothing about v1
	w.run()
	w.click(bob, promotion.Approve)
	w.expect(2, promotion.Promoted)
	if w.tags["v1"] != digest("a") || w.tags["production"] != digest("a") {
		t.Errorf("the tags are %v", w.tags)
	}
}
