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

func remindedPeople(t *testing.T, s Store) {
	until := noon.Add(time.Hour)
	update(t, s, func(tx gate.Tx) error {
		return errors.Join(
			tx.SaveReminded(promotion.Reminded{Person: "U1", Clock: "then"}), tx.SaveReminded(promotion.Reminded{Person: "U2", SnoozedUntil: &until}),
			tx.SaveReminded(promotion.Reminded{Person: "U1", Clock: "2026-03-02 09:00", SnoozedUntil: &until}))
	})
	view(t, s, func(tx gate.Tx) error {
		all, err := tx.Reminded([]promotion.PersonID{"U1", "U3"})
		if r := all["U1"]; len(all) != 1 || r.Clock != "2026-03-02 09:00" || r.SnoozedUntil == nil || !r.SnoozedUntil.Equal(until) {
			t.Errorf("%+v", all)
		}
		return err
	})
	update(t, s, func(tx gate.Tx) error { return tx.SaveReminded(promotion.Reminded{Person: "U2"}) })
	view(t, s, func(tx gate.Tx) error {
		all, err := tx.Reminded([]promotion.PersonID{"U2"})
		if r, there := all["U2"]; !there || r.SnoozedUntil != nil {
			t.Errorf("not snoozed any more: %+v", all)
		}
		return err
	})
	if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.SaveReminded(promotion.Reminded{}) }); promotion.KindOf(err) != promotion.Unavailable {
		t.Errorf("nobody: %v", err)
	}
}

func awaited(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	told := noon.Add(time.Hour)
	update(t, s, func(tx gate.Tx) error {
		if _, err := tx.Awaited(p.ID); !errors.Is(err, promotion.NotFound) {
			t.Errorf("before it waits: %v", err)
		}
		return errors.Join(tx.SaveAwaited(promotion.Awaited{Promotion: p.ID, Since: noon}), tx.SaveAwaited(promotion.Awaited{Promotion: p.ID, Since: noon, ToldAt: &told}))
	})
	view(t, s, func(tx gate.Tx) error {
		a, err := tx.Awaited(p.ID)
		if !a.Since.Equal(noon) || a.ToldAt == nil || !a.ToldAt.Equal(told) || a.Promotion != p.ID {
			t.Errorf("%+v", a)
		}
		return err
	})
	before := noon.Add(-time.Second)
	for name, a := range map[string]promotion.Awaited{"told before it waited": {Promotion: p.ID, Since: noon, ToldAt: &before}, "of nothing": {Promotion: 99, Since: noon}} {
		if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.SaveAwaited(a) }); promotion.KindOf(err) != promotion.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	update(t, s, func(tx gate.Tx) error { return tx.DropAwaited(p.ID) })
	view(t, s, func(tx gate.Tx) error {
		if _, err := tx.Awaited(p.ID); !errors.Is(err, promotion.NotFound) {
			t.Errorf("dropped: %v", err)
		}
		return nil
	})
}
