package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestTheGlassOfATrainIsBrokenOnceAndReviewedOnce(t *testing.T) {
	w := coupled(t, promotion.TakeBack)
	c := *w.gate.Catalog()
	d := c.Trains[0].Policies["production"]
	d.BreakGlass = &policy.BreakGlass{Role: "commanders", By: []string{"security"}, Within: time.Hour}
	c.Trains = []gate.Train{{Name: "storefront", Apps: c.Trains[0].Apps, Channel: "C0SHOP", Policies: map[string]policy.Document{"production": d}}}
	c.Roles = map[string]gate.Role{"leads": c.Roles["leads"], "commanders": {People: []promotion.PersonID{eve}}, "security": {People: []promotion.PersonID{bob}}}
	w.must(w.gate.Adopt(t.Context(), &c))
	w.run()

	seen, err := w.gate.View(t.Context(), 3)
	w.must(err)
	if a := w.breaks(ann, seen); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "a role") {
		t.Errorf("Ann breaks it: %+v", a)
	}
	if a := w.breaks(eve, seen); a.Verb != promotion.Counted {
		t.Fatalf("Eve breaks it: %+v", a)
	}
	for id := promotion.ID(3); id <= 5; id++ {
		w.expect(id, promotion.Promoted)
	}
	w.holdsNow(map[string]promotion.Digest{"production": digest("a"), "cart:production": digest("b")})
	skipped := w.get(3).Broken.Skipped
	for _, want := range []string{"shop: soaks", "cart: soaks", "0 of 1 from leads"} {
		if !slices.ContainsFunc(skipped, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%q was skipped and not confirmed: %q", want, skipped)
		}
	}
	if w.count("broken") != 1 || len(w.logged(audit.Broken)) != 1 || w.get(4).Broken != nil || w.get(5).Broken != nil {
		t.Errorf("it is told %d times, and recorded %d times", w.count("broken"), len(w.logged(audit.Broken)))
	}
	owed, err := w.gate.Promotions(t.Context(), gate.Query{Unreviewed: true})
	w.must(err)
	if len(owed) != 1 || owed[0].ID != 3 {
		t.Errorf("reviews are owed of %d", len(owed))
	}
	if a := w.gesture(promotion.Gesture{Person: bob, Promotion: 3, Decision: promotion.Fine}); a.Verb != promotion.Counted {
		t.Errorf("Bob reviews: %+v", a)
	}
	if p := w.get(3); p.Owed() != nil {
		t.Errorf("after the review: %+v", p.Broken)
	}
}

// An app that has left staging keeps the others here, whoever breaks the glass.
func TestWhatOneRideLacksThatIsNeverSkippedKeepsTheTrain(t *testing.T) {
	w := coupled(t, promotion.Complete)
	c := *w.gate.Catalog()
	d := c.Trains[0].Policies["production"]
	d.BreakGlass = &policy.BreakGlass{Role: "leads", By: []string{"leads"}, Within: time.Hour}
	c.Trains = []gate.Train{{Name: "storefront", Apps: c.Trains[0].Apps, Channel: "C0SHOP", Policies: map[string]policy.Document{"production": d}}}
	w.must(w.gate.Adopt(t.Context(), &c))
	w.run()
	delete(w.tags, "cart:staging-passed")
	w.see()
	seen, err := w.gate.View(t.Context(), 3)
	w.must(err)
	a := w.breaks(ann, seen)
	w.wait(time.Minute)
	if len(w.moves) != 0 || a.Verb != promotion.Counted || !strings.Contains(strings.Join(a.Missing, " "), "cart: ") {
		t.Errorf("moved without one of its apps: %v; %+v", w.moves, a)
	}
	w.tags["cart:staging-passed"] = digest("b")
	w.see()
	w.expect(3, promotion.Promoted)
}
