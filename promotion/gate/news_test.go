package gate_test

import (
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// A thousand apps are looked at twice a minute each, and nearly every look says
// what the rows say already.
func TestALookThatSaysNothingNewIsNotATransaction(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	commits := 0
	w.gate = gate.New(w.db, w.gate.Catalog(), func() time.Time { return w.now }, func() { commits++ })
	looks := func(why string, want bool) {
		t.Helper()
		commits = 0
		w.look()
		if (commits > 0) != want {
			t.Errorf("%s: %d transactions", why, commits)
		}
		w.run()
	}
	looks("the same again", false)
	w.tags["staging-passed"] = digest("b")
	looks("another digest in staging", true)
	looks("the same again", false)
	w.tags["production"] = digest("9")
	looks("another digest in production", true)
	w.blind("down")
	looks("what is there can be seen again", true)
	looks("the same again", false)

	// The tag was read elsewhere meanwhile, for a promotion that is open; then
	// somebody moved it back.
	w.tags["production"] = digest("8")
	c := catalog(t, careful())
	c.Environments[1].Tags = append(c.Environments[1].Tags, "other")
	w.must(w.gate.Adopt(t.Context(), c))
	w.run()
	w.tags["production"] = digest("9")
	if now := w.newest().Facts.Promotion.Targets[0].Now; now != digest("8") {
		t.Fatalf("the promotion expects %s", now.Short())
	}
	looks("an open promotion expects something else", true)
	if now := w.newest().Facts.Promotion.Targets[0].Now; now != digest("9") {
		t.Errorf("the promotion still expects %s", now.Short())
	}
}

// The watcher reports what it saw last again, and this time it is news.
func TestATagThatIsMovedBackBeforeTheNextLookIsNoticed(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	was := w.tags["production"]
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(24 * time.Hour)
	w.expect(1, promotion.Promoted)
	w.tags["production"] = was
	w.wait(time.Minute)
	w.look()
	if p := w.newest().Facts.Promotion; p.Purpose != promotion.Restore {
		t.Errorf("the newest is %s of %s", p.Purpose, p.Digest.Short())
	}
}
