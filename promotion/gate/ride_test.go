package gate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func TestATrainThatFailsHalfwayIsCompleted(t *testing.T) {
	w := coupled(t, promotion.Complete)
	w.agree(ann)
	w.stuck[repo] = &promotion.Failure{Kind: promotion.Forbidden, Text: "the credentials may only read"}
	w.wait(time.Minute)
	w.expect(3, promotion.Failed)
	w.expect(4, promotion.Failed)
	w.expect(5, promotion.Promoted)
	w.holdsNow(map[string]promotion.Digest{"production": digest("0"), "cart:production": digest("b")})
	if p := w.get(3); p.Reason != "shop: the credentials may only read; promoted: cart" {
		t.Errorf("it says %q", p.Reason)
	}
}

func TestATrainThatFailsHalfwayIsTakenBack(t *testing.T) {
	w := coupled(t, promotion.TakeBack)
	w.agree(ann)
	w.stuck[repo] = &promotion.Failure{Kind: promotion.Unavailable, Text: "the registry is down"}
	w.wait(2 * time.Minute)
	w.expect(5, promotion.Executing) // its tags have been put; whether they stay is open
	w.see()
	w.holdsNow(map[string]promotion.Digest{"cart:production": digest("b")})
	w.restart()
	w.stuck[repo] = nil
	w.tags["production"] = digest("9")
	w.wait(10 * time.Minute)
	w.expect(3, promotion.Failed)
	w.expect(4, promotion.Conflicted)
	w.expect(5, promotion.Failed)
	w.holdsNow(map[string]promotion.Digest{"production": digest("9"), "cart:production": digest("1")})
	if holds := w.status("cart").Holds; len(holds) != 1 || holds[0].Digest != digest("1") {
		t.Errorf("before the next look, production of cart is %+v", holds)
	}
	if p := w.get(3); p.Reason != "shop: production was moved by somebody else; cart: it was taken back; promoted: nothing" {
		t.Errorf("it says %q", p.Reason)
	}
	w.see()
	w.wait(time.Hour)
	w.see()
	for _, s := range w.moves {
		if strings.HasPrefix(s, "production") {
			t.Errorf("moved: %v", w.moves)
		}
	}
	// Nothing that a train did by itself is taken for somebody else's doing.
	found, err := w.gate.Promotions(t.Context(), gate.Query{Purposes: []promotion.Purpose{promotion.Restore}})
	w.must(err)
	if len(found) != 0 {
		t.Errorf("to be put back: %+v", found)
	}
}

func TestAPinFollowsWhatWasTakenBack(t *testing.T) {
	w := coupled(t, promotion.TakeBack)
	w.agree(ann)
	w.wait(time.Minute)
	w.expect(3, promotion.Promoted)
	w.tags["staging-passed"], w.tags["cart:staging-passed"] = digest("c"), digest("d")
	w.see()
	a := w.ask(sue, "storefront", "")
	w.wait(time.Hour)
	w.stuck[cartRepo] = &promotion.Failure{Kind: promotion.Forbidden, Text: "the credentials may only read"}
	w.clickOn(ann, promotion.Approve, w.get(a.Promotion))
	w.expect(a.Promotion, promotion.Failed)
	w.holdsNow(map[string]promotion.Digest{"production": digest("a"), "cart:production": digest("b")})
	if holds := w.status("shop").Holds; len(holds) != 1 || holds[0].Digest != digest("a") {
		t.Errorf("production of shop is %+v", holds)
	}
	before := w.all()
	old := promotion.Sighting{
		App: "shop", Environment: "production", Side: promotion.Held, At: w.now.Add(time.Second),
		Tags: []promotion.TaggedDigest{{Tag: "production", Digest: digest("c")}},
	}
	if err := w.gate.Sight(t.Context(), []promotion.Sighting{old}); !errors.Is(err, promotion.Stale) {
		t.Errorf("a look that shows what was taken back: %v", err)
	}
	w.wait(time.Hour)
	w.see()
	if w.all() != before {
		t.Errorf("something was opened: %+v", w.newest().Facts.Promotion)
	}
	w.tags["production"] = digest("f")
	w.see()
	if p := w.newest().Facts.Promotion; p.Purpose != promotion.Restore || p.Digest != digest("a") {
		t.Errorf("moved by somebody else after it was taken back: %+v", p)
	}
}

func TestAConflictWhileTakingBackIsSaidAndNothingIsOverwritten(t *testing.T) {
	w := coupled(t, promotion.TakeBack)
	w.agree(ann)
	w.stuck[repo] = &promotion.Failure{Kind: promotion.Forbidden, Text: "the credentials may only read"}
	w.before = func() { w.tags["cart:production"] = digest("9") }
	w.wait(time.Minute)
	w.expect(3, promotion.Failed)
	w.expect(5, promotion.Conflicted)
	w.holdsNow(map[string]promotion.Digest{"cart:production": digest("9")})
	if p := w.get(3); p.Reason != "shop: the credentials may only read; cart: it could not be taken back: production was moved by somebody else; promoted: nothing" {
		t.Errorf("it says %q", p.Reason)
	}
}

func TestWhatCanNotBeTakenBackStaysPromoted(t *testing.T) {
	w := coupled(t, promotion.TakeBack)
	w.agree(ann)
	w.stuck[repo] = &promotion.Failure{Kind: promotion.Forbidden, Text: "the credentials may only read"}
	w.down[promotion.EffectUndo] = promotion.NotFound
	w.wait(time.Minute)
	w.expect(3, promotion.Failed)
	w.expect(5, promotion.Promoted)
	if p := w.get(3); !strings.HasSuffix(p.Reason, "; promoted: cart (it could not be taken back: undo is down)") {
		t.Errorf("it says %q", p.Reason)
	}
	w.wait(time.Hour)
	w.see()
	if p := w.newest().Facts.Promotion; p.Purpose == promotion.Restore {
		t.Errorf("what it did itself is taken for somebody else's doing: %+v", p)
	}
}

func TestTakingBackIsTriedAgain(t *testing.T) {
	w := coupled(t, promotion.TakeBack)
	w.agree(ann)
	w.stuck[repo] = &promotion.Failure{Kind: promotion.Forbidden, Text: "the credentials may only read"}
	w.down[promotion.EffectUndo] = promotion.Unavailable
	w.wait(time.Minute)
	w.expect(3, promotion.Executing)
	if p := w.get(3); p.ReadFault != "undo is down" {
		t.Errorf("the card says %q", p.ReadFault)
	}
	w.restart()
	delete(w.down, promotion.EffectUndo)
	w.wait(time.Hour)
	w.expect(3, promotion.Failed)
	w.holdsNow(map[string]promotion.Digest{"cart:production": digest("1")})
}

func TestARideThatFailsHalfwayTakesBackItsOwnTags(t *testing.T) {
	c := storefront(t, promotion.TakeBack)
	c.Environments[1].Tags = []promotion.TagTemplate{"v{digest}", "production", "eu"}
	w := newWorld(t, c)
	w.tags["staging-passed"], w.tags["cart:staging-passed"] = digest("a"), digest("b")
	w.tags["eu"], w.tags["cart:production"], w.tags["cart:eu"] = digest("0"), digest("1"), digest("1")
	w.see()
	w.ask(sue, "storefront", "")
	w.partly, w.stuck = 2, map[promotion.Repository]*promotion.Failure{repo: {Kind: promotion.Forbidden, Text: "the credentials may only read"}}
	w.agree(ann)
	w.wait(time.Minute)
	w.expect(3, promotion.Failed)
	w.holdsNow(map[string]promotion.Digest{"production": digest("0"), "eu": digest("0"), "cart:production": digest("1"), "cart:eu": digest("1"), "vaaaaaaaaaaaa": digest("a")})
	if p := w.get(3); p.Reason != "shop: the credentials may only read; it was taken back, and vaaaaaaaaaaaa stays; cart: it was taken back, and vbbbbbbbbbbbb stays; promoted: nothing" {
		t.Errorf("it says %q", p.Reason)
	}
}

func TestARideThatGoesAbroadIsBroughtThereBeforeTheTrainDeparts(t *testing.T) {
	w := newWorld(t, func() *gate.Catalog {
		c := storefront(t, promotion.Complete)
		c.Apps[1].Images = map[string]promotion.Repository{"production": "production.example.com/cart"}
		return c
	}())
	w.tags["staging-passed"], w.tags["cart:staging-passed"], w.tags["cart:production"] = digest("a"), digest("b"), digest("1")
	w.see()
	w.ask(sue, "storefront", "")
	w.wait(time.Hour)
	if len(w.copies) != 0 {
		t.Fatalf("copied before anybody agreed: %v", w.copies)
	}
	w.agree(ann)
	w.expect(3, promotion.Promoted)
	if !slices.Equal(w.copies, []promotion.Repository{"production.example.com/cart"}) || w.get(5).Copy.DoneAt == nil {
		t.Errorf("copied to %v", w.copies)
	}
	if got := w.get(3).Targets[1].Tag; got != "production.example.com/cart:production" {
		t.Errorf("agreed to %s", got)
	}
}

func TestEveryStepOfATrainIsInTheAuditLog(t *testing.T) {
	w := coupled(t, promotion.TakeBack)
	w.agree(ann)
	w.stuck[repo] = &promotion.Failure{Kind: promotion.Forbidden, Text: "the credentials may only read"}
	w.wait(time.Minute)
	var log []string
	w.must(w.db.Audit(t.Context(), 0, func(body []byte) error { log = append(log, string(body)); return nil }))
	for _, kind := range []string{"opened", "intended", "ended"} {
		for _, of := range []string{`"promotion":3,`, `"promotion":4,`, `"promotion":5,`} {
			n := 0
			for _, line := range log {
				if strings.Contains(line, `"kind":"`+kind+`",`+of) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s of %s is written down %d times", kind, of, n)
			}
		}
	}
}
