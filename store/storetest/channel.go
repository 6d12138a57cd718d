package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func channels(t *testing.T, s Store) {
	read := noon.Add(time.Minute)
	all := map[string]promotion.Channel{
		"C1": {ID: "C1", Shared: true, ReadAt: &read},
		"C2": {ID: "C2", ReadAt: &read, Fault: "it is archived", Since: &noon},
		"C3": {ID: "C3", Fault: "it can't be read", Since: &noon},
	}
	for range 2 { // the second time they are replaced
		update(t, s, func(tx gate.Tx) error {
			for _, c := range all {
				if err := tx.SaveChannel(c); err != nil {
					return err
				}
			}
			return nil
		})
		view(t, s, func(tx gate.Tx) error {
			got, err := tx.Channels([]string{"C1", "C2", "C3", "C4"})
			if !reflect.DeepEqual(got, all) {
				t.Errorf("channels: %+v", got)
			}
			return err
		})
		all["C1"] = promotion.Channel{ID: "C1", ReadAt: &noon}
	}
	for why, c := range map[string]promotion.Channel{
		"a channel without an id":              {ReadAt: &read},
		"a fault that began at no instant":     {ID: "C1", Fault: "it is archived"},
		"an instant at which no fault came up": {ID: "C1", Since: &noon},
	} {
		if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.SaveChannel(c) }); err == nil {
			t.Errorf("%s was stored", why)
		}
	}
}
