package gate

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// read runs f on a snapshot. Reading decides nothing, but asks the same policy
// with the same facts as deciding does.
func (g *Gate) read(ctx context.Context, f func(*turn) error) error {
	return g.store.View(ctx, func(tx Tx) error {
		return f(&turn{Tx: tx, now: g.instant(), catalog: g.Catalog(), loaded: map[promotion.ID]int64{}})
	})
}

// View is the promotion with its verdict. The error is NotFound when there is
// none.
func (g *Gate) View(ctx context.Context, id promotion.ID) (v policy.View, err error) {
	err = g.read(ctx, func(t *turn) error {
		p, err := t.load(id)
		if err != nil {
			return err
		}
		v, err = t.view(p)
		return err
	})
	return v, err
}

// Views are the promotions that the query selects, with their verdicts.
func (g *Gate) Views(ctx context.Context, q Query) (views []policy.View, err error) {
	err = g.read(ctx, func(t *turn) error {
		views = nil
		found, err := t.query(q)
		if err != nil {
			return err
		}
		views, err = t.viewed(found)
		return err
	})
	return views, err
}

// ViewsOf are those promotions, with their verdicts.
func (g *Gate) ViewsOf(ctx context.Context, all []promotion.Promotion) (views []policy.View, err error) {
	err = g.read(ctx, func(t *turn) error {
		found := make([]*promotion.Promotion, len(all))
		for i, p := range all {
			if found[i], err = t.load(p.ID); err != nil {
				return err
			}
		}
		views, err = t.viewed(found)
		return err
	})
	return views, err
}

func (t *turn) viewed(all []*promotion.Promotion) (views []policy.View, err error) {
	for _, p := range all {
		v, err := t.view(p)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

// WhatIf is a promotion as it is and as it would be if the person approved now,
// or why that approval could not count.
func (g *Gate) WhatIf(ctx context.Context, id promotion.ID, person promotion.PersonID) (is, would policy.View, refusal string, err error) {
	err = g.read(ctx, func(t *turn) error {
		p, err := t.load(id)
		if err != nil {
			return err
		}
		d, f, err := t.facts(p)
		if err != nil {
			return err
		}
		if err := t.acquaint(&f, person); err != nil {
			return err
		}
		is = policy.ViewAt(d, f, t.now)
		if _, known := f.People[person]; !known {
			would, refusal = is, "it has not been read in Slack yet who this is; a click has it read"
			return nil
		}
		would, refusal = policy.WhatIf(d, f, person, t.now)
		return nil
	})
	return is, would, refusal, err
}

// Promotions are the promotions that the query selects, as rows.
func (g *Gate) Promotions(ctx context.Context, q Query) (found []promotion.Promotion, err error) {
	err = g.store.View(ctx, func(tx Tx) error {
		found, err = tx.Promotions(q)
		return err
	})
	return found, err
}

// Status is what is where, for one app, for those of a train or, with an empty
// name, for all.
func (g *Gate) Status(ctx context.Context, name string) (all []policy.AppStatus, err error) {
	err = g.read(ctx, func(t *turn) error {
		all = nil
		train, _ := t.catalog.Train(name)
		for _, a := range t.catalog.Apps {
			if name != "" && a.Name != name && !slices.Contains(train.Apps, a.Name) {
				continue
			}
			s, err := t.status(a)
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		return nil
	})
	return all, err
}

func (t *turn) status(a App) (policy.AppStatus, error) {
	s := policy.AppStatus{App: a.Name, Repository: a.Repository}
	open, err := t.Promotions(Query{App: a.Name, States: promotion.Unfinished()})
	if err != nil {
		return s, err
	}
	for i := range open {
		s.Open = append(s.Open, shownAs(&open[i]))
		if open[i].MovedAt == nil {
			continue
		}
		orders, err := t.Deployments(open[i].ID)
		if err != nil {
			return s, err
		}
		s.Following = append(s.Following, policy.Following{Promotion: open[i], Deployments: orders})
	}
	if s.Incidents, err = t.Incidents(a.Name, nil); err != nil {
		return s, err
	}
	if s.Freezes, err = t.Freezes(a.Name, t.now); err != nil {
		return s, err
	}
	s.Freezes = slices.DeleteFunc(slices.Concat(t.catalog.Freezes, s.Freezes), func(z promotion.Freeze) bool { return !z.At(t.now) })
	if s.Holds, err = t.Holds(a.Name); err != nil {
		return s, err
	}
	withdrawn, err := t.Withdrawals(a.Name)
	if err != nil {
		return s, err
	}
	s.Withdrawn = slices.DeleteFunc(withdrawn, func(w promotion.Withdrawal) bool { return w.ReinstatedAt != nil })
	if s.Unreviewed, err = t.Promotions(Query{App: a.Name, Unreviewed: true}); err != nil {
		return s, err
	}
	channels, err := t.Channels([]string{a.Channel})
	if err != nil {
		return s, err
	}
	s.Channel = channels[a.Channel]
	for i, env := range t.catalog.Environments {
		side, watch := promotion.Source, env.Watch.String()
		if i == len(t.catalog.Environments)-1 {
			side, watch = promotion.Held, ""
			if floating := env.FloatingTags(); len(floating) > 0 {
				watch = floating[0]
			}
		}
		status := policy.EnvironmentStatus{Name: env.Name, Images: a.Images[env.Name], Watch: watch, Target: i > 0}
		look, err := t.look(a.Name, env.Name, side)
		if err != nil {
			return s, err
		}
		if look.Fault != "" {
			since := look.Since
			status.Fault, status.Since = look.Fault, &since
		}
		holdings, err := t.Holdings(a.Name, env.Name, side)
		if err != nil {
			return s, err
		}
		for _, h := range holdings {
			status.Holds = append(status.Holds, policy.Holding{Digest: h.Digest, Tag: h.Tag, Since: h.Since})
		}
		if status.Strays, err = t.strays(a.Name, env.Name); err != nil {
			return s, err
		}
		s.Environments = append(s.Environments, status)
	}
	return s, nil
}

// Waiting are the tags that brought what is open for an app in an environment.
func (g *Gate) Waiting(ctx context.Context, app, environment string) (tags []string, err error) {
	open, err := g.Promotions(ctx, Query{App: app, From: environment, States: live})
	for _, p := range open {
		if p.SourceTag != "" {
			tags = append(tags, p.SourceTag)
		}
	}
	return tags, err
}

// Blind are the watches that can't be seen, for metrics and health.
func (g *Gate) Blind(ctx context.Context) (blind []Watch, err error) {
	err = g.store.View(ctx, func(tx Tx) error {
		all, err := tx.Watches()
		blind = nil
		watched := g.Catalog().watchings()
		for _, w := range all {
			if _, configured := watched[watching{w.App, w.Environment, w.Side}]; configured && w.Fault != "" {
				blind = append(blind, w)
			}
		}
		return err
	})
	return blind, err
}

// Unpostable are the channels of cards in which none can be posted, for metrics.
func (g *Gate) Unpostable(ctx context.Context) (faulty []promotion.Channel, err error) {
	err = g.store.View(ctx, func(tx Tx) error {
		all, err := tx.Channels(g.Catalog().Channels())
		faulty = nil
		for _, id := range slices.Sorted(maps.Keys(all)) {
			if all[id].Fault != "" {
				faulty = append(faulty, all[id])
			}
		}
		return err
	})
	return faulty, err
}

// Now is the gate's clock, for whoever renders a view.
func (g *Gate) Now() time.Time { return g.instant() }
