package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func gestures(t *testing.T, s Store) {
	g := promotion.Gesture{Key: "click/1", Kind: promotion.GestureVote, Person: "U1", At: noon, Promotion: 7, ResponseURL: "https://hooks.example/secret"}
	update(t, s, func(tx gate.Tx) error { return tx.AddGesture(g, nil) })
	refused(t, s, "the same gesture again", promotion.Conflict, func(tx gate.Tx) error { return tx.AddGesture(g, nil) })
	view(t, s, func(tx gate.Tx) error {
		waiting, err := tx.UndecidedGestures()
		if !reflect.DeepEqual(waiting, []promotion.Gesture{g}) {
			t.Errorf("undecided: %+v", waiting)
		}
		return err
	})
	answer := promotion.Answer{Verb: promotion.Counted, Role: "leads"}
	decide := func(tx gate.Tx) error { return tx.DecideGesture(g.Key, answer, noon.Add(time.Second)) }
	update(t, s, decide)
	refused(t, s, "deciding it again", promotion.Stale, decide)
	view(t, s, func(tx gate.Tx) error {
		got, decided, err := tx.Gesture(g.Key)
		if decided == nil || !reflect.DeepEqual(*decided, answer) {
			t.Errorf("the answer is %+v", decided)
		}
		if got.ResponseURL != "" {
			t.Error("a decided gesture still holds its response URL")
		}
		waiting, err2 := tx.UndecidedGestures()
		if len(waiting) != 0 {
			t.Errorf("undecided: %+v", waiting)
		}
		_, _, missing := tx.Gesture("click/2")
		if !errors.Is(missing, promotion.NotFound) {
			t.Errorf("a gesture that never was: %v", missing)
		}
		return errors.Join(err, err2)
	})
}
