package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func homes(t *testing.T, s Store) {
	shown := noon.Add(time.Second)
	ann := promotion.Home{Person: "U0ANN", OpenedAt: noon, ShownAt: &shown, Hash: "1.2", Print: "p"}
	bob := promotion.Home{Person: "U0BOB", OpenedAt: noon.Add(time.Minute)}
	update(t, s, func(tx gate.Tx) error {
		if _, err := tx.Home("U0ANN"); !errors.Is(err, promotion.NotFound) {
			t.Errorf("a home that was never opened: %v", err)
		}
		return errors.Join(tx.SaveHome(promotion.Home{Person: "U0ANN", OpenedAt: noon.Add(-time.Hour)}), tx.SaveHome(ann), tx.SaveHome(bob))
	})
	view(t, s, func(tx gate.Tx) error {
		had, err := tx.Home("U0ANN")
		if !reflect.DeepEqual(had, ann) {
			t.Errorf("%+v", had)
		}
		for since, want := range map[time.Time]string{noon: "[U0BOB U0ANN]", noon.Add(time.Microsecond): "[U0BOB]"} {
			if open, err := tx.Homes(since, 9); err != nil || names(open) != want {
				t.Errorf("opened since %v: %s %v", since, names(open), err)
			}
		}
		if open, err := tx.Homes(noon, 1); err != nil || names(open) != "[U0BOB]" {
			t.Errorf("the one opened last: %s %v", names(open), err)
		}
		return err
	})
	for name, h := range map[string]promotion.Home{
		"nobody's":                 {OpenedAt: noon},
		"shown and without a hash": {Person: "U1", OpenedAt: noon, ShownAt: &shown},
		"a hash and never shown":   {Person: "U1", OpenedAt: noon, Hash: "1"},
	} {
		if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.SaveHome(h) }); promotion.KindOf(err) != promotion.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func names(homes []promotion.Home) string {
	var ids []promotion.PersonID
	for _, h := range homes {
		ids = append(ids, h.Person)
	}
	return fmt.Sprint(ids)
}

func decided(t *testing.T, s Store) {
	update(t, s, func(tx gate.Tx) error {
		var errs []error
		for i, who := range []promotion.PersonID{"U1", "U1", "U2", "U1"} {
			answer := &promotion.Answer{Verb: promotion.Counted, App: fmt.Sprint("app", i)}
			if i == 3 {
				answer = nil // not decided yet
			}
			g := promotion.Gesture{Key: fmt.Sprint("k", i), Kind: promotion.GestureVote, Person: who, At: noon.Add(time.Duration(i) * time.Second), ResponseURL: "https://secret"}
			errs = append(errs, tx.AddGesture(g, answer))
		}
		return errors.Join(errs...)
	})
	view(t, s, func(tx gate.Tx) error {
		all, err := tx.Decided("U1", 9)
		if len(all) != 2 || all[0].Gesture.Key != "k1" || all[1].Answer.App != "app0" || all[0].Gesture.ResponseURL != "" {
			t.Errorf("%+v", all)
		}
		if newest, err := tx.Decided("U1", 1); err != nil || len(newest) != 1 || newest[0].Gesture.Key != "k1" {
			t.Errorf("the newest: %+v %v", newest, err)
		}
		return err
	})
}
