package gate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// People have the credentials of clusters, too. What runs in a target is read again
// for as long as nothing newer is told to it, and compared with what was promoted: a
// tag that still points where it was put says nothing about that. What is found is
// told once. Nothing is put right: whoever has changed it may have had to.

// stockEvery is how often. Pods that are replaced in the ordinary way run the same.
const stockEvery = 5 * time.Minute

// takeStock has those targets of an app in an environment read that can be.
func (t *turn) takeStock(app, environment string, at time.Time) error {
	env, _ := t.catalog.Environment(environment)
	for _, name := range env.Deploy.For(app) {
		if !env.Deploy.reads(name) {
			continue
		}
		d, _, err := t.standing(app, environment, name)
		if err != nil {
			return err
		}
		if d.Order.Target == "" {
			continue
		}
		if err := t.stockAt(d.Order, at); err != nil {
			return err
		}
	}
	return nil
}

// takeAllStock does so for every app: another catalog may have other targets.
func (t *turn) takeAllStock() error {
	for _, a := range t.catalog.Apps {
		for _, e := range t.catalog.Environments {
			if err := t.takeStock(a.Name, e.Name, t.now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d Deploy) reads(target string) bool {
	return slices.ContainsFunc(d.Targets, func(to Target) bool { return to.Name == target && to.Reads })
}

// standing is the order that a target has done last, with its promotion. There is
// none, and the target of what comes is empty, while something is on its way there,
// or when what came last did not come to run.
func (t *turn) standing(app, environment, target string) (none promotion.Deployment, of *promotion.Promotion, err error) {
	last, err := t.query(Query{App: app, To: environment, Purposes: []promotion.Purpose{promotion.Forward, promotion.Rollback}, Limit: 10, States: []promotion.State{
		promotion.Executing, promotion.Deploying, promotion.Watching, promotion.Failing, promotion.Promoted, promotion.Failed, promotion.Conflicted,
	}})
	if err != nil {
		return none, nil, err
	}
	i := slices.IndexFunc(last, func(p *promotion.Promotion) bool {
		return p.MovedAt != nil || !p.State.Final() || p.State == promotion.Promoted
	})
	if i < 0 || last[i].State.Moves() {
		return none, nil, nil
	}
	all, err := t.Deployments(last[i].ID)
	for _, d := range all {
		if d.Order.Target == target && d.Rollout.Phase == promotion.RolloutDone {
			return d, last[i], err
		}
	}
	return none, nil, err
}

// stocked takes what runs in a target, or why that can't be read, and has it read
// again. What was read about an order that is not the last any more does not count.
func (t *turn) stocked(e promotion.Effect, running []promotion.Running, fault string) error {
	w, err := promotion.Work[promotion.DeployWork](e)
	if err != nil {
		return err
	}
	o := w.Order
	env, _ := t.catalog.Environment(o.Environment)
	if !slices.Contains(env.Deploy.For(o.App), o.Target) || !env.Deploy.reads(o.Target) {
		return nil
	}
	d, p, err := t.standing(o.App, o.Environment, o.Target)
	if err != nil || p == nil {
		return err
	}
	if p.ID != o.Promotion {
		return t.stockAt(d.Order, t.now)
	}
	if err := t.stockAt(o, t.now.Add(stockEvery)); err != nil {
		return err
	}
	all, err := t.Stocks(o.App)
	if err != nil {
		return err
	}
	s := promotion.Stock{App: o.App, Environment: o.Environment, Target: o.Target, Promotion: p.ID}
	if i := slices.IndexFunc(all, func(had promotion.Stock) bool {
		return had.Environment == s.Environment && had.Target == s.Target && had.Promotion == p.ID
	}); i >= 0 {
		s = all[i]
	}
	if fault != "" {
		return t.unstocked(p, s, fault)
	}
	return t.compareStock(p, s, o.Others(running))
}

// unstocked keeps what was known before, and why there is nothing newer.
func (t *turn) unstocked(p *promotion.Promotion, s promotion.Stock, fault string) error {
	was, now := s.Fault, t.now
	if s.Fault = clipped(fault); was == s.Fault {
		return nil
	}
	if was == "" {
		s.Blind = &now
	}
	p.Touch()
	return errors.Join(t.SaveStock(s), t.save(p))
}

// compareStock says so once when something else runs there than before.
func (t *turn) compareStock(p *promotion.Promotion, s promotion.Stock, others []promotion.Running) error {
	had, blind, now := s.Others, s.Fault != "", t.now
	s.Others, s.ReadAt, s.Fault, s.Blind = others, &now, "", nil
	switch {
	case len(others) == 0:
		s.Since = nil
	case len(had) == 0:
		s.Since = &now
	}
	if err := t.SaveStock(s); err != nil {
		return err
	}
	news := !slices.EqualFunc(had, others, func(a, b promotion.Running) bool { return a.Where == b.Where && a.Digest == b.Digest && a.Set == b.Set })
	if !news && !blind {
		return nil
	}
	p.Touch()
	if news {
		var found []promotion.Digest
		for _, r := range others {
			found = append(found, r.Digest)
		}
		if err := t.record(audit.Strayed, p, map[string]any{"target": s.Target, "found": found}); err != nil {
			return err
		}
		if err := t.notice(p, "stray/"+s.Target+"/"+now.Format(time.RFC3339), promotion.NoticeWork{Kind: promotion.NoticeStrayed, Target: s.Target, Running: others}); err != nil {
			return err
		}
	}
	return t.save(p)
}

// Strays are all targets that run something else than was promoted, or of which that
// is not known, for metrics.
func (g *Gate) Strays(ctx context.Context) (all []promotion.Stock, err error) {
	err = g.read(ctx, func(t *turn) error {
		all = nil
		for _, a := range t.catalog.Apps {
			for _, e := range t.catalog.Environments {
				some, err := t.strays(a.Name, e.Name)
				if err != nil {
					return err
				}
				all = append(all, some...)
			}
		}
		return nil
	})
	return all, err
}

// strays are those targets of an app that run something else than they were told
// last, or of which it is not known.
func (t *turn) strays(app, environment string) (found []promotion.Stock, err error) {
	all, err := t.Stocks(app)
	if err != nil {
		return nil, err
	}
	env, _ := t.catalog.Environment(environment)
	for _, s := range all {
		if s.Environment != environment || !s.Strays() || !slices.Contains(env.Deploy.For(s.App), s.Target) {
			continue
		}
		_, p, err := t.standing(s.App, environment, s.Target)
		if err != nil {
			return nil, err
		}
		if p != nil && p.ID == s.Promotion {
			found = append(found, s)
		}
	}
	return found, nil
}
