package gate_test

import (
	"slices"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// What fails where it is told to run is rolled back as anything else is: the
// rollback goes to the targets, too.
func TestWhatFailsWhereItRunsIsRolledBack(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	first := w.promote("a")
	w.wait(time.Minute)
	w.expect(first, promotion.Promoted)
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutFailed, "5 of 5 pods crash") }
	bad := w.promote("b")
	w.wait(time.Minute)
	w.expect(bad, promotion.Failing)
	if len(w.view(bad).Facts.Back) != 1 || len(w.view(first).Facts.Back) != 0 {
		t.Errorf("b offers %+v, a %+v", w.view(bad).Facts.Back, w.view(first).Facts.Back)
	}
	w.target["eu"], w.told = nil, nil
	a := w.says(ann, promotion.Gesture{Kind: promotion.GestureRollback, Promotion: bad})
	w.wait(time.Minute)
	w.expect(a.Promotion, promotion.Promoted)
	w.production("a")
	if !slices.Equal(w.told, []string{"eu=" + digest("a").Short()}) {
		t.Errorf("told %v", w.told)
	}
	w.expect(bad, promotion.Failed)
	p := w.get(a.Promotion)
	if b := w.view(bad).Facts; b.Promotion.UndoneBy != a.Promotion || b.Undone == nil || p.Back.Of != bad || !p.Back.Since.Equal(*b.Promotion.MovedAt) || w.drawn[bad] != b.Promotion.Revision {
		t.Errorf("what failed: %+v; the rollback: %+v", b.Promotion, p.Back)
	}
	if h := w.holds(); len(h) != 1 || h[0].Digest != digest("b") {
		t.Errorf("holds: %+v", h)
	}
	f, err := w.gate.Figures(t.Context(), "shop", start)
	if err != nil || f.Promoted != 2 || f.TakenBack != 1 || f.Rollbacks != 1 {
		t.Errorf("%+v, %v", f, err)
	}
}

// The hold is there from when the tags are back, whatever the targets say of it.
func TestWhatIsRolledBackIsHeldBeforeTheTargetsAreDone(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	for _, build := range []string{"a", "b"} {
		w.promote(build)
		w.wait(time.Minute)
		w.production(build)
	}
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "1 of 3") }
	a := w.rollback(ann, "")
	w.expect(a.Promotion, promotion.Deploying)
	w.production("a")
	if h := w.holds(); len(h) != 1 || w.get(2).UndoneBy != a.Promotion {
		t.Errorf("holds %+v, undone by #%d", h, w.get(2).UndoneBy)
	}
	w.target["eu"] = nil
	w.wait(time.Minute)
	w.expect(a.Promotion, promotion.Promoted)
	if len(w.holds()) != 1 {
		t.Errorf("holds %+v", w.holds())
	}
}
