package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func incident(key, app string) promotion.Incident {
	return promotion.Incident{
		Key: key, App: app, Environment: "staging", Severity: "critical", Summary: "it's \"down\"", From: noon.Add(-time.Hour), ReportedAt: noon, ReportedBy: "token:alerts",
	}
}

func incidents(t *testing.T, s Store) {
	shop, all, cart, quiet := incident("k", "shop"), incident("", ""), incident("c", "cart"), incident("", "shop")
	update(t, s, func(tx gate.Tx) error {
		return errors.Join(tx.AddIncident(&shop), tx.AddIncident(&all), tx.AddIncident(&cart), tx.AddIncident(&quiet))
	})
	if shop.ID != 1 || all.ID != 2 {
		t.Errorf("numbered %d, %d", shop.ID, all.ID)
	}
	refused(t, s, "a key that is open", promotion.Conflict, func(tx gate.Tx) error { again := incident("k", "wiki"); return tx.AddIncident(&again) })
	later := noon.Add(time.Hour)
	resolve := func(tx gate.Tx) error { return tx.ResolveIncident(shop.ID, later, "U1") }
	update(t, s, resolve)
	refused(t, s, "one that is over", promotion.Stale, resolve)
	shop.ResolvedAt, shop.ResolvedBy = &later, "U1"
	again := incident("k", "shop")
	update(t, s, func(tx gate.Tx) error { return tx.AddIncident(&again) })
	view(t, s, func(tx gate.Tx) error {
		if got, err := tx.Incident(shop.ID); err != nil || !reflect.DeepEqual(got, shop) {
			t.Errorf("got  %+v, %v\nwant %+v", got, err, shop)
		}
		if got, err := tx.IncidentByKey("k"); err != nil || got.ID != again.ID {
			t.Errorf("the newest with the key: %+v, %v", got, err)
		}
		for _, key := range []string{"", "none"} {
			if _, err := tx.IncidentByKey(key); !errors.Is(err, promotion.NotFound) {
				t.Errorf("the key %q: %v", key, err)
			}
		}
		after := later.Add(time.Microsecond)
		for _, c := range []struct {
			since *time.Time
			want  []promotion.IncidentID
		}{{nil, []promotion.IncidentID{all.ID, quiet.ID, again.ID}}, {&later, []promotion.IncidentID{shop.ID, all.ID, quiet.ID, again.ID}}, {&after, []promotion.IncidentID{all.ID, quiet.ID, again.ID}}} {
			got, err := tx.Incidents("shop", c.since)
			var ids []promotion.IncidentID
			for _, i := range got {
				ids = append(ids, i.ID)
			}
			if err != nil || !reflect.DeepEqual(ids, c.want) {
				t.Errorf("since %v: %v, %v", c.since, ids, err)
			}
		}
		return nil
	})
}

func unhealth(t *testing.T, s Store) {
	shop := promotion.Unhealth{App: "shop", Environment: "staging", Reason: "probes fail", From: noon}
	all := promotion.Unhealth{Environment: "staging", From: noon.Add(time.Minute)}
	other := promotion.Unhealth{Environment: "canary", From: noon}
	update(t, s, func(tx gate.Tx) error {
		return errors.Join(tx.OpenUnhealth(shop), tx.OpenUnhealth(all), tx.OpenUnhealth(other))
	})
	refused(t, s, "ill twice at once", promotion.Conflict, func(tx gate.Tx) error { return tx.OpenUnhealth(shop) })
	later := noon.Add(time.Hour)
	heal := func(tx gate.Tx) error { return tx.CloseUnhealth("shop", "staging", later) }
	update(t, s, heal)
	refused(t, s, "healthy twice", promotion.Stale, heal)
	over := shop
	over.Until = &later
	view(t, s, func(tx gate.Tx) error {
		open, err := tx.Unhealth("shop", "staging", nil)
		past, err2 := tx.Unhealth("shop", "staging", &later)
		if !reflect.DeepEqual(open, []promotion.Unhealth{all}) || !reflect.DeepEqual(past, []promotion.Unhealth{over, all}) {
			t.Errorf("open %+v, with the past %+v", open, past)
		}
		return errors.Join(err, err2)
	})
}

func exposures(t *testing.T, s Store) {
	r := promotion.ExposureReport{App: "shop", Environment: "staging", Digest: digest("a"), Source: "eu", Exposure: promotion.Exposure{Requests: 7, PodTime: time.Hour + time.Microsecond}}
	us, elsewhere := r, r
	us.Source, us.Requests = "us", 1
	elsewhere.Environment = "canary"
	update(t, s, func(tx gate.Tx) error {
		return errors.Join(tx.SaveExposure(r), tx.SaveExposure(us), tx.SaveExposure(elsewhere))
	})
	r.Requests = 9
	update(t, s, func(tx gate.Tx) error { return tx.SaveExposure(r) })
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Exposure("shop", "staging", digest("a"))
		if want := map[string]promotion.Exposure{"eu": r.Exposure, "us": us.Exposure}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		return err
	})
}

func freezes(t *testing.T, s Store) {
	until := noon.Add(time.Hour)
	shop := promotion.Freeze{App: "shop", From: noon, Until: &until, Reason: "it's <late>", By: "U1"}
	all, cart := promotion.Freeze{From: noon, By: "U1"}, promotion.Freeze{App: "cart", From: noon, By: "U1"}
	update(t, s, func(tx gate.Tx) error {
		return errors.Join(tx.AddFreeze(&shop), tx.AddFreeze(&all), tx.AddFreeze(&cart))
	})
	frozen := func(now time.Time, want ...promotion.Freeze) {
		t.Helper()
		view(t, s, func(tx gate.Tx) error {
			got, err := tx.Freezes("shop", now)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("at %v: %+v, want %+v", now, got, want)
			}
			return err
		})
	}
	frozen(until.Add(-time.Microsecond), shop, all)
	frozen(until, all)
	lift := func(tx gate.Tx) error { return tx.LiftFreeze(all.ID, noon, "U2") }
	update(t, s, lift)
	refused(t, s, "lifting twice", promotion.Stale, lift)
	frozen(noon, shop)
}

func holds(t *testing.T, s Store) {
	one := promotion.Hold{App: "shop", Digest: digest("a"), By: "U1", Reason: "load test", At: noon}
	other, app, cart := one, one, one
	other.By, app.Digest, cart.App = "U2", "", "cart"
	update(t, s, func(tx gate.Tx) error {
		return errors.Join(tx.AddHold(&one), tx.AddHold(&other), tx.AddHold(&app), tx.AddHold(&cart))
	})
	refused(t, s, "the same hold twice", promotion.Conflict, func(tx gate.Tx) error { again := one; return tx.AddHold(&again) })
	lift := func(tx gate.Tx) error { return tx.LiftHold(one.ID, noon, "U2") }
	update(t, s, lift)
	refused(t, s, "lifting twice", promotion.Stale, lift)
	again := one
	update(t, s, func(tx gate.Tx) error { return tx.AddHold(&again) })
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Holds("shop")
		if want := []promotion.Hold{other, app, again}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		return err
	})
}

// forbiddenStops are the rules of the schema for what stops time and promotions.
func forbiddenStops(t *testing.T, s Store) {
	early := noon.Add(-time.Hour)
	for why, write := range map[string]func(gate.Tx) error{
		"an incident of no severity":   func(tx gate.Tx) error { i := incident("", ""); i.Severity = ""; return tx.AddIncident(&i) },
		"an incident of the future":    func(tx gate.Tx) error { i := incident("", ""); i.From = noon.Add(1e6); return tx.AddIncident(&i) },
		"an incident by nobody":        func(tx gate.Tx) error { i := incident("", ""); i.ReportedBy = ""; return tx.AddIncident(&i) },
		"an incident ended by nobody":  func(tx gate.Tx) error { i := incident("", ""); i.ResolvedAt = &noon; return tx.AddIncident(&i) },
		"ill health of no environment": func(tx gate.Tx) error { return tx.OpenUnhealth(promotion.Unhealth{From: noon}) },
		"a use of no digest":           func(tx gate.Tx) error { return tx.SaveExposure(promotion.ExposureReport{App: "shop", Digest: "x"}) },
		"fewer than no requests": func(tx gate.Tx) error {
			return tx.SaveExposure(promotion.ExposureReport{Digest: digest("a"), Exposure: promotion.Exposure{Requests: -1}})
		},
		"a freeze that ends too early":   func(tx gate.Tx) error { return tx.AddFreeze(&promotion.Freeze{From: noon, Until: &early, By: "U1"}) },
		"a freeze by nobody":             func(tx gate.Tx) error { return tx.AddFreeze(&promotion.Freeze{From: noon}) },
		"a freeze lifted by nobody":      func(tx gate.Tx) error { return tx.AddFreeze(&promotion.Freeze{From: noon, By: "U1", LiftedAt: &noon}) },
		"a hold of nothing":              func(tx gate.Tx) error { return tx.AddHold(&promotion.Hold{By: "U1", At: noon}) },
		"a hold by nobody":               func(tx gate.Tx) error { return tx.AddHold(&promotion.Hold{App: "shop", At: noon}) },
		"a hold by nobody of all builds": func(tx gate.Tx) error { return tx.AddHold(&promotion.Hold{App: "shop", At: noon, Rollback: 1}) },
		"a withdrawal by nobody":         func(tx gate.Tx) error { w := withdrawal("a"); w.By = ""; return tx.AddWithdrawal(&w) },
		"a withdrawal without a reason":  func(tx gate.Tx) error { w := withdrawal("a"); w.Reason = ""; return tx.AddWithdrawal(&w) },
		"a withdrawal of no digest":      func(tx gate.Tx) error { w := withdrawal("a"); w.Digest = "x"; return tx.AddWithdrawal(&w) },
		"a withdrawal of no app":         func(tx gate.Tx) error { w := withdrawal("a"); w.App = ""; return tx.AddWithdrawal(&w) },
		"reinstated by nobody":           func(tx gate.Tx) error { w := withdrawal("a"); w.ReinstatedAt = &noon; return tx.AddWithdrawal(&w) },
		"a hold lifted by nobody at all": func(tx gate.Tx) error {
			return tx.AddHold(&promotion.Hold{App: "shop", By: "U1", At: noon, LiftedAt: &noon})
		},
	} {
		if err := s.Update(t.Context(), write); err == nil {
			t.Errorf("%s was stored", why)
		}
	}
}
