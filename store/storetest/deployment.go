package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func deployment(of promotion.ID, target string, place int) promotion.Deployment {
	return promotion.Deployment{
		Place:   place,
		Order:   promotion.Order{Promotion: of, Purpose: promotion.Forward, App: "shop", Environment: "production", Target: target, Digest: digest("a"), Tags: []string{"production"}, Approvers: []string{"Ann <3"}},
		Rollout: promotion.Rollout{Phase: promotion.RolloutPlanned},
	}
}

func deployments(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	other := add(t, s, sample("wiki", "a"))
	us, eu := deployment(p.ID, "us", 1), deployment(p.ID, "eu", 0)
	update(t, s, func(tx gate.Tx) error {
		for _, d := range []promotion.Deployment{us, eu, deployment(other.ID, "eu", 0)} {
			if err := tx.SaveDeployment(d); err != nil {
				return err
			}
		}
		return nil
	})
	later := noon.Add(time.Minute)
	eu.Order.OrderedAt, eu.Order.Deadline, eu.Order.Handle = noon, later, "job-7"
	eu.Rollout = promotion.Rollout{Phase: promotion.RolloutFailed, Handle: "job-7", Ready: 1, Total: 2, Detail: "it crashes", Lines: []string{"panic: \"no\""}, Running: []promotion.Running{{Where: "pod", Digest: digest("a"), Count: 1}}, ReadAt: later}
	eu.Fault, eu.EndedAt = "down", &later
	update(t, s, func(tx gate.Tx) error { return tx.SaveDeployment(eu) })
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Deployments(p.ID)
		if want := []promotion.Deployment{eu, us}; !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if len(got) > 0 {
			got[0].Rollout.Lines[0] = "scribbled"
		}
		return err
	})
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Deployments(p.ID)
		if len(got) == 0 || got[0].Rollout.Lines[0] != eu.Rollout.Lines[0] {
			t.Error("what the caller changes is changed in the store")
		}
		return err
	})
}

func forbiddenDeployments(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	update(t, s, func(tx gate.Tx) error { return tx.SaveDeployment(deployment(p.ID, "us", 1)) })
	for why, spoil := range map[string]func(*promotion.Deployment){
		"of a promotion that is not there": func(d *promotion.Deployment) { d.Order.Promotion = 99 },
		"without a target":                 func(d *promotion.Deployment) { d.Order.Target = "" },
		"before the first place":           func(d *promotion.Deployment) { d.Place = -1 },
		"in the place of another":          func(d *promotion.Deployment) { d.Place = 1 },
		"in a phase that is none":          func(d *promotion.Deployment) { d.Rollout.Phase = "" },
		"ordered and only planned":         func(d *promotion.Deployment) { d.Order.OrderedAt = noon },
		"under way and never ordered":      func(d *promotion.Deployment) { d.Rollout.Phase = promotion.RolloutUnder },
		"planned and ended":                func(d *promotion.Deployment) { d.EndedAt = &noon },
		"done and not ended": func(d *promotion.Deployment) {
			d.Rollout.Phase, d.Order.OrderedAt = promotion.RolloutDone, noon
		},
	} {
		d := deployment(p.ID, "eu", 0)
		spoil(&d)
		if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.SaveDeployment(d) }); err == nil {
			t.Errorf("a deployment %s was stored", why)
		}
	}
}

// following are the states between the tags and the end.
func following(t *testing.T, s Store) {
	follow := func(p promotion.Promotion, state promotion.State) func(gate.Tx) error {
		p.State, p.StartedAt, p.MovedAt, p.Revision = state, &noon, &noon, p.Revision+1
		return func(tx gate.Tx) error { return tx.SavePromotion(p, p.Revision-1) }
	}
	first := add(t, s, sample("shop", "a"))
	unmoved := first
	unmoved.State, unmoved.StartedAt, unmoved.Revision = promotion.Deploying, &noon, 2
	if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.SavePromotion(unmoved, 1) }); err == nil {
		t.Error("a deployment without tags that were moved was stored")
	}
	update(t, s, follow(first, promotion.Deploying))
	second := add(t, s, sample("shop", "b"))
	executing := second
	executing.State, executing.StartedAt, executing.Revision = promotion.Executing, &noon, 2
	refused(t, s, "an execution beside a deployment", promotion.Conflict, func(tx gate.Tx) error { return tx.SavePromotion(executing, 1) })
	first.Revision = 2
	update(t, s, follow(first, promotion.Watching))
	update(t, s, func(tx gate.Tx) error { return tx.SavePromotion(executing, 1) })
	again := sample("shop", "a")
	update(t, s, func(tx gate.Tx) error { return tx.AddPromotion(&again) }) // a tag that was moved meanwhile is put back
	view(t, s, func(tx gate.Tx) error {
		found, err := tx.Promotions(gate.Query{States: promotion.Unfinished()})
		if len(found) != 3 {
			t.Errorf("unfinished are %d", len(found))
		}
		return err
	})
}
