package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func stocks(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	later := noon.Add(time.Minute)
	us := promotion.Stock{App: "shop", Environment: "production", Target: "us", Promotion: p.ID, ReadAt: &noon}
	eu, wiki := us, us
	eu.Target, wiki.App = "eu", "wiki"
	update(t, s, func(tx gate.Tx) error {
		for _, one := range []promotion.Stock{us, eu, wiki} {
			if err := tx.SaveStock(one); err != nil {
				return err
			}
		}
		return nil
	})
	us.Others = []promotion.Running{{Where: "Deployment shop", Digest: digest("b"), Count: 2, Set: "shop:v2"}}
	us.Since, us.ReadAt, us.Fault, us.Blind = &noon, &later, "down", &later
	update(t, s, func(tx gate.Tx) error { return tx.SaveStock(us) })
	for range 2 {
		view(t, s, func(tx gate.Tx) error {
			got, err := tx.Stocks("shop")
			if want := []promotion.Stock{eu, us}; !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if len(got) == 2 && len(got[1].Others) == 1 {
				got[1].Others[0].Where = "scribbled" // is not changed in the store
			}
			return err
		})
	}
}

func forbiddenStocks(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	for why, spoil := range map[string]func(*promotion.Stock){
		"of a promotion that is not there": func(s *promotion.Stock) { s.Promotion = 99 },
		"of no app":                        func(s *promotion.Stock) { s.App = "" },
		"of no environment":                func(s *promotion.Stock) { s.Environment = "" },
		"of no target":                     func(s *promotion.Stock) { s.Target = "" },
		"with a fault that never began":    func(s *promotion.Stock) { s.Fault = "down" },
		"that is blind and can be read":    func(s *promotion.Stock) { s.Blind = &noon },
	} {
		one := promotion.Stock{App: "shop", Environment: "production", Target: "eu", Promotion: p.ID}
		spoil(&one)
		if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.SaveStock(one) }); err == nil {
			t.Errorf("a stock %s was stored", why)
		}
	}
}
