package gate_test

import (
	"context"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// queued has one promotion whose tags can't be moved for now, and one behind it
// that lacks nothing but its turn.
func queued(t *testing.T) *world {
	t.Helper()
	d := careful()
	d.Soak = time.Hour
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.down[promotion.EffectMove] = promotion.Unavailable
	w.wait(time.Hour)
	w.expect(1, promotion.Executing)
	w.stage("b")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(2 * time.Hour)
	w.expect(2, promotion.Open)
	return w
}

func TestWhoWaitedForAnotherGoesOnHoweverThatEnded(t *testing.T) {
	for how, c := range map[string]struct {
		first promotion.State
		fate  func(*world)
	}{
		"conflict": {promotion.Conflicted, func(w *world) {
			w.tags["production"] = digest("9")
			delete(w.down, promotion.EffectMove)
		}},
		"failed": {promotion.Failed, func(w *world) { w.down[promotion.EffectMove] = promotion.Forbidden }},
	} {
		t.Run(how, func(t *testing.T) {
			w := queued(t)
			c.fate(w)
			w.wait(2 * time.Minute)
			w.expect(1, c.first)
			w.expect(2, c.first) // for the same reason; but it had its turn
		})
	}
	t.Run("promoted", func(t *testing.T) {
		w := queued(t)
		before := w.draws[2]
		delete(w.down, promotion.EffectMove)
		w.wait(2 * time.Minute)
		w.expect(1, promotion.Promoted)
		w.expect(2, promotion.Open) // production is not what its voters saw any more
		if w.draws[2] == before {
			t.Error("its card still says that it waits for its turn")
		}
	})
}

func TestACardSaysThatItIsNotItsTurn(t *testing.T) {
	d := careful()
	d.Soak = time.Hour
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(time.Hour)
	w.expect(1, promotion.Promoted)
	w.stage("b")
	w.tags["production"] = digest("9")
	w.wait(time.Minute)
	w.look()
	w.run()
	w.down[promotion.EffectMove] = promotion.Unavailable
	w.click(ann, promotion.Approve)
	before := w.draws[2]
	w.click(bob, promotion.Approve)
	w.expect(3, promotion.Executing) // it puts production back
	if w.draws[2] == before {
		t.Error("the card of the other one still says that nothing is in its way")
	}
}

// The card lists who could approve, also those who have not said anything yet.
func TestACardDoesNotNameWhoHasLeft(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	before := w.draws[1]
	w.people[sue] = promotion.Deactivated
	w.wait(11 * time.Minute) // the directory is read
	if w.draws[1] == before {
		t.Error("the card still says that Sue could approve")
	}
	before = w.draws[1]
	w.wait(time.Hour)
	if w.draws[1] != before {
		t.Errorf("drawn %d times although nobody came or left", w.draws[1]-before)
	}
}

func TestACardFollowsTheRolesOfTheConfiguration(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	before := w.draws[1]
	c := catalog(t, careful())
	c.Roles["leads"] = gate.Role{People: []promotion.PersonID{ann, eve}}
	w.must(w.gate.Adopt(t.Context(), c))
	w.run()
	if w.draws[1] == before {
		t.Error("the card still says that Bob and Sue could approve")
	}
}

// asking runs something whenever a transaction is asked for.
type asking struct {
	gate.Store
	before func()
}

func (a asking) Update(ctx context.Context, f func(gate.Tx) error) error {
	a.before()
	return a.Store.Update(ctx, f)
}

// Until the configuration is in the log, nothing is decided under it.
func TestAConfigurationIsInForceWhenItIsRecorded(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	old, fresh := catalog(t, careful()), catalog(t, careful())
	var g *gate.Gate
	asked := 0
	g = gate.New(asking{w.db, func() {
		if asked++; g.Catalog() != old {
			t.Error("the new configuration is in force before its transaction")
		}
	}}, old, func() time.Time { return w.now }, func() {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Adopt(ctx, fresh); err == nil || g.Catalog() != old {
		t.Errorf("it could not be recorded (%v), and it is in force: %v", err, g.Catalog() == fresh)
	}
	if err := g.Adopt(t.Context(), fresh); err != nil || g.Catalog() != fresh || asked != 2 {
		t.Errorf("it was recorded (%v) in %d transactions, and it is in force: %v", err, asked, g.Catalog() == fresh)
	}
}
