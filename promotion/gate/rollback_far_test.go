package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// From asking to the tag that is back: no more is asked of the registry than to move
// it, and what a promotion had asked before.
func TestARollbackAsksForNothingThatIsKnown(t *testing.T) {
	d := one()
	d.Soak = 0
	w := newWorld(t, catalog(t, d))
	w.effects = map[promotion.EffectKind]int{}
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.effects = map[promotion.EffectKind]int{}
	w.stage("b")
	w.click(ann, promotion.Approve)
	far := []promotion.EffectKind{promotion.EffectInspect, promotion.EffectReadTags, promotion.EffectResolve, promotion.EffectProve, promotion.EffectCopy, promotion.EffectMove}
	count := func() (all []int) {
		for _, kind := range far {
			all = append(all, w.effects[kind])
		}
		return all
	}
	if got := count(); !slices.Equal(got, []int{1, 1, 0, 1, 0, 1}) {
		t.Errorf("a promotion asks for %v", got)
	}
	w.effects = map[promotion.EffectKind]int{}
	w.rollback(ann, "")
	w.production("a")
	if got := count(); !slices.Equal(got, []int{0, 0, 0, 0, 0, 1}) {
		t.Errorf("a rollback asks for %v", got)
	}
}

func TestARollbackOfAnImageAbroadCopiesNothing(t *testing.T) {
	c := catalog(t, one())
	c.Apps[0].Images = map[string]promotion.Repository{"production": abroad}
	w := newWorld(t, c)
	for i, b := range []string{"a", "b"} {
		w.stage(b)
		w.click(ann, promotion.Approve)
		w.wait(time.Hour)
		w.expect(promotion.ID(i+1), promotion.Promoted)
		w.tags["production"] = digest(b) // which is where the watcher of this world looks
	}
	w.copies, w.moves = nil, nil
	w.rollback(ann, "")
	w.expect(3, promotion.Promoted)
	if len(w.copies) != 0 || !slices.Equal(w.moves, []string{"api:production=aaaaaaaaaaaa"}) || w.get(3).Repository != abroad {
		t.Errorf("copied %v, moved %v", w.copies, w.moves)
	}
	// Where the images are elsewhere since, they are no longer there.
	w.says(ann, promotion.Gesture{Kind: promotion.GestureUnhold})
	moved := catalog(t, one())
	w.must(w.gate.Adopt(t.Context(), moved))
	if a := w.rollback(ann, "bbbbbb"); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "in another repository") {
		t.Errorf("back to another repository: %+v", a)
	}
}

func TestWhatATrainHasBroughtIsRolledBackOneByOne(t *testing.T) {
	w := yard(t, promotion.Complete)
	w.tags["staging-passed"], w.tags["cart:staging-passed"] = digest("a"), digest("b")
	for _, p := range []promotion.ID{1, 2} { // each by itself
		w.wait(2 * time.Minute)
		w.clickOn(ann, promotion.Approve, w.get(p))
		w.expect(p, promotion.Promoted)
	}
	w.wait(time.Hour)
	w.tags["staging-passed"], w.tags["cart:staging-passed"] = digest("c"), digest("d")
	w.see()
	train := w.ask(bob, "storefront", "").Promotion
	w.wait(2 * time.Minute)
	w.clickOn(ann, promotion.Approve, w.get(train))
	w.expect(train, promotion.Promoted)
	if a := w.says(ann, promotion.Gesture{Kind: promotion.GestureRollback, App: "storefront"}); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "each by itself (shop, cart)") {
		t.Errorf("the train: %+v", a)
	}
	drawn := w.draws[train]
	a := w.says(ann, promotion.Gesture{Kind: promotion.GestureRollback, App: "cart"})
	w.expect(a.Promotion, promotion.Promoted)
	if w.tags["cart:production"] != digest("b") || w.tags["production"] != digest("c") {
		t.Errorf("cart is %s, shop %s", w.tags["cart:production"].Short(), w.tags["production"].Short())
	}
	v := w.view(train)
	if len(v.Facts.Rides) != 2 || v.Facts.Rides[1].Promotion.UndoneBy != a.Promotion || v.Facts.Rides[0].Promotion.UndoneBy != 0 || w.draws[train] == drawn {
		t.Errorf("the train: %+v", v.Facts.Rides)
	}
}

// What the policy has rolled back by itself gives way to somebody who knows better,
// and to nobody who asks for the same.
func TestWhatNobodyAskedForGivesWay(t *testing.T) {
	w := twice(t, one())
	w.stage("c")
	w.click(ann, promotion.Approve)
	w.wait(time.Hour)
	w.production("c")
	w.gone = digest("b")
	id, _, err := w.gate.RollBack(t.Context(), 3, "", "5 of 5 pods crash")
	w.must(err)
	w.run()
	w.expect(id, promotion.Open)
	if a := w.rollback(ann, ""); a.Verb != promotion.Existing || a.Promotion != id {
		t.Errorf("the same: %+v", a)
	}
	if a := w.clickOn(bob, promotion.Reject, w.get(id)); a.Verb != promotion.Checking && a.Verb != promotion.Counted {
		t.Errorf("nobody could say no: %+v", a)
	}
	id, _, err = w.gate.RollBack(t.Context(), 3, "", "5 of 5 pods crash")
	w.must(err)
	w.rollback(ann, "aaaaaa")
	w.expect(id, promotion.Superseded)
	w.production("a")
}

// Of what is promoted to an environment within the chain, and of nothing that
// watches it, nothing is brought on by going back.
func TestGoingBackWithinTheChainBringsNothingOn(t *testing.T) {
	c := catalog(t, one())
	c.Environments = append(c.Environments, gate.Environment{Name: "eu", Tags: []promotion.TagTemplate{"eu"}})
	c.Apps[0].Policies["eu"] = careful()
	w := newWorld(t, c)
	for _, b := range []string{"a", "b"} {
		w.stage(b)
		w.clickOn(ann, promotion.Approve, w.get(promotion.ID(w.all())))
		w.wait(time.Hour)
		w.production(b)
	}
	n := w.all()
	at := slices.IndexFunc([]promotion.ID{1, 2, 3, 4, 5}, func(id promotion.ID) bool {
		return int(id) <= n && w.get(id).Digest == digest("b") && w.get(id).To == "production"
	})
	a := w.says(ann, promotion.Gesture{Kind: promotion.GestureRollback, Promotion: promotion.ID(at + 1)})
	w.expect(a.Promotion, promotion.Promoted)
	w.production("a")
	if w.all() != n+1 {
		t.Errorf("%d promotions after %d", w.all(), n)
	}
	f, err := w.gate.Figures(t.Context(), "shop", start)
	if err != nil || f.Environment != "eu" || f.Promoted != 0 {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestFiguresOfWhatWasRolledBack(t *testing.T) {
	w := twice(t, one())
	w.rollback(ann, "")
	f, err := w.gate.Figures(t.Context(), "shop", start)
	if err != nil || f.Promoted != 2 || f.TakenBack != 1 || f.Rollbacks != 1 || f.Restore.Median != w.get(3).FinishedAt.Sub(*w.get(2).FinishedAt) {
		t.Errorf("%+v, %v", f, err)
	}
}

// What was adopted has no version of its own; what is set once is not asked for when
// something goes back.
func TestARollbackNeedsNoTagOfItsOwn(t *testing.T) {
	c := catalog(t, one())
	c.Environments[1].Tags = []promotion.TagTemplate{"v{label.org.opencontainers.image.version}", "production"}
	w := newWorld(t, c)
	w.labels = map[string]string{promotion.LabelVersion: "1"}
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.wait(time.Hour)
	w.expect(1, promotion.Promoted)
	w.labels = nil
	w.tamper("f")
	w.click(ann, promotion.Instead)
	w.click(bob, promotion.Approve)
	w.expect(3, promotion.Promoted)
	w.labels = map[string]string{promotion.LabelVersion: "2"}
	w.wait(time.Hour)
	w.stage("b")
	w.click(ann, promotion.Approve)
	w.wait(time.Hour)
	w.production("b")
	w.moves = nil
	if a := w.rollback(ann, ""); a.Digest != digest("f") {
		t.Fatalf("%+v", a)
	}
	w.production("f")
	if !slices.Equal(w.moves, []string{"production=ffffffffffff"}) {
		t.Errorf("moves: %v", w.moves)
	}
}

// What was skipped on the way back does not stand in the way of what is there.
func TestWhatARollbackWentPastIsNotNewerThanWhatIsThere(t *testing.T) {
	w := twice(t, one())
	w.stage("c")
	w.click(ann, promotion.Approve)
	w.wait(time.Hour)
	w.production("c")
	w.rollback(ann, "aaaaaa")
	w.production("a")
	if w.get(2).UndoneBy != 0 {
		t.Error("b was not taken back")
	}
	w.wait(time.Hour)
	w.tamper("f") // and a is to be put back
	p := w.newest()
	if f, _ := p.Verdict.Finding(policy.RuleOrder); f.Outcome != policy.Met || p.Facts.Promotion.Digest != digest("a") {
		t.Fatalf("%+v", p.Verdict.Missing())
	}
	w.click(ann, promotion.Approve)
	w.production("a")
	// By itself it goes to what was there last and was not taken back.
	if a := w.rollback(ann, ""); a.Digest != digest("b") {
		t.Errorf("%+v", a)
	}
}

func TestWhatWasToBeAdoptedGivesWayToARollback(t *testing.T) {
	w := twice(t, one())
	w.tamper("f")
	w.click(ann, promotion.Instead)
	w.expect(4, promotion.Open)
	w.rollback(bob, "")
	w.production("a")
	w.expect(4, promotion.Superseded)
	if p := w.get(4); p.Successor != 5 {
		t.Errorf("%+v", p)
	}
}
