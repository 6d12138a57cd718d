package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func delegation(app string, by, to promotion.PersonID) promotion.Delegation {
	return promotion.Delegation{App: app, By: by, To: to, From: noon, Until: noon.Add(time.Hour)}
}

func delegations(t *testing.T, s Store) {
	all, shop, other := delegation("", "U1", "U2"), delegation("shop", "U1", "U3"), delegation("", "U3", "U1")
	other.Until = noon.Add(2 * time.Hour)
	update(t, s, func(tx gate.Tx) error {
		return errors.Join(tx.AddDelegation(&all), tx.AddDelegation(&shop), tx.AddDelegation(&other))
	})
	refused(t, s, "two of one person for the same", promotion.Conflict, func(tx gate.Tx) error { again := delegation("", "U1", "U3"); return tx.AddDelegation(&again) })
	since := func(when time.Time, want ...promotion.Delegation) {
		t.Helper()
		view(t, s, func(tx gate.Tx) error {
			got, err := tx.Delegations(when)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("since %v: %+v, want %+v", when, got, want)
			}
			return err
		})
	}
	since(noon, all, shop, other)
	since(all.Until.Add(-time.Microsecond), all, shop, other)
	since(all.Until, other)
	ended := noon.Add(time.Minute)
	end := func(tx gate.Tx) error { return tx.EndDelegation(all.ID, ended, "U2") }
	update(t, s, end)
	refused(t, s, "ending twice", promotion.Stale, end)
	all.EndedAt, all.EndedBy = &ended, "U2"
	since(noon, all, shop, other)
	since(ended, shop, other)
	again := delegation("", "U1", "U3")
	update(t, s, func(tx gate.Tx) error { return tx.AddDelegation(&again) })
	since(ended, shop, other, again)
}

// forbiddenDelegations are the rules of the schema.
func forbiddenDelegations(t *testing.T, s Store) {
	for why, spoil := range map[string]func(*promotion.Delegation){
		"a delegation by nobody":       func(d *promotion.Delegation) { d.By = "" },
		"a delegation to nobody":       func(d *promotion.Delegation) { d.To = "" },
		"a delegation to oneself":      func(d *promotion.Delegation) { d.To = d.By },
		"a delegation without an end":  func(d *promotion.Delegation) { d.Until = d.From },
		"a delegation ended by nobody": func(d *promotion.Delegation) { d.EndedAt = &noon },
	} {
		d := delegation("", "U1", "U2")
		spoil(&d)
		if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.AddDelegation(&d) }); err == nil {
			t.Errorf("%s was stored", why)
		}
	}
}

// pages are how a long list is read.
func pages(t *testing.T, s Store) {
	for _, c := range []string{"1", "2", "3", "4", "5", "6"} {
		add(t, s, sample("shop", c))
	}
	for name, c := range map[string]struct {
		q    gate.Query
		want []promotion.ID
	}{
		"the first":                  {gate.Query{Limit: 2}, []promotion.ID{6, 5}},
		"what is older":              {gate.Query{Before: 5, Limit: 2}, []promotion.ID{4, 3}},
		"what is newer, the nearest": {gate.Query{After: 2, Limit: 2}, []promotion.ID{4, 3}},
		"all that is newer":          {gate.Query{After: 4}, []promotion.ID{6, 5}},
		"newer, of an app":           {gate.Query{App: "shop", After: 1, Limit: 1}, []promotion.ID{2}},
		"newer, of what is open":     {gate.Query{States: []promotion.State{promotion.Open}, After: 2, Limit: 3}, []promotion.ID{5, 4, 3}},
		"some are passed over":       {gate.Query{Skip: 3, Limit: 2}, []promotion.ID{3, 2}},
		"passed over, of an app":     {gate.Query{App: "shop", Skip: 5, Limit: 2}, []promotion.ID{1}},
		"all are passed over":        {gate.Query{Skip: 6, Limit: 2}, nil},
	} {
		view(t, s, func(tx gate.Tx) error {
			found, err := tx.Promotions(c.q)
			var got []promotion.ID
			for _, p := range found {
				got = append(got, p.ID)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
			return err
		})
	}
}

// cards are found by where they are.
func cards(t *testing.T, s Store) {
	one, same, none := sample("shop", "1"), sample("shop", "2"), sample("shop", "3")
	one.Card.TS, same.Card.TS, same.Card.Channel = "1.000001", "1.000001", "C2"
	one = add(t, s, one)
	add(t, s, same)
	add(t, s, none)
	view(t, s, func(tx gate.Tx) error {
		found, err := tx.Promotions(gate.Query{CardChannel: "C1", CardTS: "1.000001"})
		if len(found) != 1 || found[0].ID != one.ID {
			t.Errorf("found %+v", found)
		}
		return err
	})
}
