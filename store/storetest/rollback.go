package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func withdrawal(c string) promotion.Withdrawal {
	return promotion.Withdrawal{App: "shop", Digest: digest(c), By: "U1", Reason: "it's <bad>", At: noon}
}

func heldBack(t *testing.T, s Store) {
	back := add(t, s, sample("shop", "a"))
	one := promotion.Hold{App: "shop", Digest: digest("b"), Rollback: back.ID, Reason: "it fails", At: noon}
	own, again := one, one
	own.By, own.Rollback, again.By = "U1", 0, "U1"
	update(t, s, func(tx gate.Tx) error { return errors.Join(tx.AddHold(&one), tx.AddHold(&own), tx.AddHold(&again)) })
	refused(t, s, "the same hold twice", promotion.Conflict, func(tx gate.Tx) error { twice := again; return tx.AddHold(&twice) })
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Holds("shop")
		if want := []promotion.Hold{one, own, again}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		return err
	})
}

func withdrawals(t *testing.T, s Store) {
	one, two, cart := withdrawal("a"), withdrawal("b"), withdrawal("a")
	cart.App = "cart"
	update(t, s, func(tx gate.Tx) error {
		return errors.Join(tx.AddWithdrawal(&one), tx.AddWithdrawal(&two), tx.AddWithdrawal(&cart))
	})
	refused(t, s, "withdrawn twice", promotion.Conflict, func(tx gate.Tx) error { w := withdrawal("a"); return tx.AddWithdrawal(&w) })
	if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.Reinstate(one.ID, noon, "U1") }); err == nil {
		t.Error("whoever withdrew it has reinstated it")
	}
	later := noon.Add(time.Hour)
	reinstate := func(tx gate.Tx) error { return tx.Reinstate(one.ID, later, "U2") }
	update(t, s, reinstate)
	refused(t, s, "reinstated twice", promotion.Stale, reinstate)
	one.ReinstatedAt, one.ReinstatedBy = &later, "U2"
	again := withdrawal("a")
	update(t, s, func(tx gate.Tx) error { return tx.AddWithdrawal(&again) })
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Withdrawals("shop")
		if want := []promotion.Withdrawal{one, two, again}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		return err
	})
}

func rolledBack(t *testing.T, s Store) {
	bad := add(t, s, sample("shop", "b"))
	p := sample("shop", "a")
	p.Purpose, p.Back = promotion.Rollback, &promotion.Back{Bad: bad.Digest, Of: bad.ID, Since: noon, Reason: "it's \"down\""}
	p = add(t, s, p)
	later := noon.Add(time.Minute)
	bad.State, bad.StartedAt, bad.FinishedAt, bad.UndoneBy, bad.Revision = promotion.Promoted, &noon, &later, p.ID, 2
	update(t, s, func(tx gate.Tx) error { return tx.SavePromotion(bad, 1) })
	view(t, s, func(tx gate.Tx) error {
		for _, want := range []promotion.Promotion{p, bad} {
			if got, err := tx.Promotion(want.ID); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
			}
		}
		after := later.Add(time.Microsecond)
		for q, want := range map[*gate.Query]int{{Standing: true}: 1, {FinishedSince: &later}: 1, {FinishedSince: &after}: 0} {
			if got, err := tx.Promotions(*q); err != nil || len(got) != want {
				t.Errorf("%+v finds %d, %v", q, len(got), err)
			}
		}
		return nil
	})
	for why, spoil := range map[string]func(*promotion.Promotion){
		"what it took back, of what is no rollback": func(p *promotion.Promotion) { p.Purpose = promotion.Forward },
		"undone by what is not there":               func(p *promotion.Promotion) { p.UndoneBy = 99 },
	} {
		spoilt := p
		spoil(&spoilt)
		spoilt.Revision++
		if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.SavePromotion(spoilt, p.Revision) }); err == nil {
			t.Errorf("%s was stored", why)
		}
	}
}
