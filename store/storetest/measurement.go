package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func measurements(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	other := add(t, s, sample("wiki", "a"))
	later := noon.Add(time.Minute)
	of := func(id promotion.ID, name string) promotion.Measurement {
		return promotion.Measurement{Promotion: id, Asked: promotion.MeasureWork{Name: name, Server: "https://p", Query: `up{app="shop"}`}}
	}
	slow, errs := of(p.ID, "slow"), of(p.ID, "errors")
	slow.Fault, slow.Since = "down", &noon
	update(t, s, func(tx gate.Tx) error {
		for _, m := range []promotion.Measurement{slow, errs, of(other.ID, "errors")} {
			if err := tx.SaveMeasurement(m); err != nil {
				return err
			}
		}
		return nil
	})
	slow.Last, slow.Wrong = &promotion.Sample{Value: 0.25, At: later}, &noon
	slow.Fault, slow.Since = "", nil
	update(t, s, func(tx gate.Tx) error { return tx.SaveMeasurement(slow) })
	for range 2 {
		view(t, s, func(tx gate.Tx) error {
			got, err := tx.Measurements(p.ID)
			if want := []promotion.Measurement{errs, slow}; !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if len(got) == 2 && got[1].Last != nil {
				got[1].Last.Value = 7 // what the caller changes is not changed in the store
			}
			return err
		})
	}
}

func forbiddenMeasurements(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	for why, m := range map[string]promotion.Measurement{
		"of a promotion that is not there": {Promotion: 99, Asked: promotion.MeasureWork{Name: "errors"}},
		"without a name":                   {Promotion: p.ID},
		"with a fault that never began":    {Promotion: p.ID, Asked: promotion.MeasureWork{Name: "errors"}, Fault: "down"},
		"with a beginning of no fault":     {Promotion: p.ID, Asked: promotion.MeasureWork{Name: "errors"}, Since: &noon},
	} {
		if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.SaveMeasurement(m) }); err == nil {
			t.Errorf("a measurement %s was stored", why)
		}
	}
}
