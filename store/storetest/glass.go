package storetest

import (
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func glass(t *testing.T, s Store) {
	add(t, s, sample("shop", "a"))
	p := add(t, s, sample("wiki", "b"))
	owed := func() (ids []promotion.ID) {
		view(t, s, func(tx gate.Tx) error {
			found, err := tx.Promotions(gate.Query{Unreviewed: true})
			for _, f := range found {
				ids = append(ids, f.ID)
			}
			return err
		})
		return ids
	}
	if ids := owed(); len(ids) != 0 {
		t.Errorf("before anybody broke anything: %v", ids)
	}
	p.Broken, p.Revision = &promotion.Broken{By: "U1", Reason: "the shop is down", At: noon, Terms: p.TermsNow(), Due: noon.Add(time.Hour)}, 2
	update(t, s, func(tx gate.Tx) error { return tx.SavePromotion(p, 1) })
	if ids := owed(); len(ids) != 1 || ids[0] != p.ID {
		t.Errorf("broken: %v", ids)
	}
	p.Broken.Review, p.Revision = &promotion.Review{By: "U2", At: noon}, 3
	if ids := owed(); len(ids) != 1 {
		t.Error("what the caller changes is changed in the store")
	}
	update(t, s, func(tx gate.Tx) error { return tx.SavePromotion(p, 2) })
	if ids := owed(); len(ids) != 0 {
		t.Errorf("reviewed: %v", ids)
	}
}
