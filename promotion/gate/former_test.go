package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// inspections are those that were asked for of a digest.
func (w *world) inspections(c string) int { return w.inspected[digest(c)] }

func (w *world) former() *promotion.Former {
	w.t.Helper()
	return w.newest().Facts.Promotion.Former
}

func TestWhatIsReplacedIsReadOnce(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	if f := w.former(); f == nil || f.Digest != digest("0") || f.Image == nil || w.inspections("0") != 1 {
		t.Fatalf("%+v after %d inspections", f, w.inspections("0"))
	}
	drawn, revision := w.drawn[1], w.newest().Facts.Promotion.Revision
	if drawn != revision {
		t.Errorf("the card shows revision %d, not %d", drawn, revision)
	}
	w.wait(time.Hour)
	w.stage("b") // would replace the same
	if f := w.former(); f == nil || f.Image == nil || w.inspections("0") != 1 {
		t.Errorf("%+v after %d inspections", f, w.inspections("0"))
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(24 * time.Hour)
	w.expect(2, promotion.Promoted)
	w.stage("c") // replaces what promotebot has read before
	if f := w.former(); f == nil || f.Digest != digest("b") || f.Image == nil || w.inspections("b") != 1 {
		t.Errorf("%+v after %d inspections", f, w.inspections("b"))
	}
}

func TestWhatIsReplacedByADigestThatSomebodyElsePutThereIsReadAnew(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.tags["production"] = digest("9")
	w.look()
	w.run()
	if f := w.former(); f == nil || f.Digest != digest("9") || f.Image == nil || w.inspections("9") != 1 {
		t.Errorf("%+v after %d inspections", f, w.inspections("9"))
	}
	w.unreadable, w.tags["production"] = digest("8"), digest("8")
	w.look()
	w.run()
	delete(w.tags, "production")
	w.look()
	w.wait(12 * time.Hour)
	if f := w.former(); f != nil || w.inspections("8") > 2 {
		t.Errorf("nothing is replaced any more, and yet %+v after %d inspections", f, w.inspections("8"))
	}
}

// It is there to be looked at: nothing waits for it, and no vote depends on it.
func TestWhatIsReplacedHoldsNothingUpWhenItCantBeRead(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.unreadable = digest("0")
	w.stage("a")
	w.wait(time.Minute)
	f := w.former()
	if f == nil || f.Image != nil || !strings.Contains(f.Fault, "unreadable") {
		t.Fatalf("%+v", f)
	}
	if p := w.newest().Facts.Promotion; p.ReadFault != "" {
		t.Errorf("the image of the build itself counts as unread: %s", p.ReadFault)
	}
	w.click(ann, promotion.Approve)
	w.unreadable = ""
	w.wait(time.Hour)
	if f := w.former(); f.Image == nil || f.Fault != "" {
		t.Errorf("it is not tried again: %+v", f)
	}
	w.unreadable = digest("0")
	w.click(bob, promotion.Approve)
	w.wait(24 * time.Hour)
	w.expect(1, promotion.Promoted)
}
