package gate

import (
	"context"
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// Begin is called once at every start, before anything else: nothing that was
// seen before the process ended is taken for granted until it has been seen
// again, and the recurring wakes are in place.
func (g *Gate) Begin(ctx context.Context) error {
	return g.update(ctx, audit.Self, func(t *turn) error {
		for _, app := range t.catalog.Apps {
			for _, env := range t.catalog.Environments {
				for _, side := range []promotion.Side{promotion.Source, promotion.Held} {
					if !t.catalog.watches(env.Name, side) {
						continue
					}
					if err := t.SaveWatch(Watch{App: app.Name, Environment: env.Name, Side: side, Fault: notRead, Since: t.now}); err != nil {
						return err
					}
				}
			}
		}
		return t.adopted()
	})
}

// Adopt puts another catalog in force and settles everything that is open
// under it. When it can't be recorded, the old one stays.
func (g *Gate) Adopt(ctx context.Context, c *Catalog) error {
	old := g.catalog.Swap(c)
	err := g.update(ctx, audit.Self, func(t *turn) error { return t.adopted() })
	if err != nil {
		g.catalog.CompareAndSwap(c, old)
	}
	return err
}

func (t *turn) adopted() error {
	policies := map[string]any{}
	for _, app := range t.catalog.Apps {
		for to, d := range app.Policies {
			policies[app.Name+" to "+to] = d.Hash()
		}
	}
	if err := t.record(audit.Configured, nil, map[string]any{"policies": policies}); err != nil {
		return err
	}
	for _, r := range t.catalog.Reminders {
		if err := t.remindAt(r); err != nil {
			return err
		}
	}
	if err := t.refresh(); err != nil {
		return err
	}
	return t.replan()
}

// replan names the tags of everything open anew, as the catalog has them now,
// and settles it.
func (t *turn) replan() error {
	open, err := t.query(Query{States: []promotion.State{promotion.Open}})
	if err != nil {
		return err
	}
	for _, p := range open {
		had, fault, destination := p.Targets, p.PlanFault, p.Destination
		if app, ok := t.catalog.App(p.App); ok {
			p.Destination = app.In(p.To)
		}
		if p.Image != nil && !p.Repairs() {
			t.plan(p)
		}
		same := func(a, b promotion.Target) bool { return a.Tag == b.Tag && a.Floating == b.Floating }
		if slices.EqualFunc(had, p.Targets, same) && fault == p.PlanFault && destination == p.Destination {
			p.Targets = had // with what was read
		} else {
			if destination != p.Destination {
				p.Copy = nil
			}
			p.Touch()
			if err := t.readTags(p); err != nil {
				return err
			}
		}
		if _, err := t.settle(p); err != nil {
			return err
		}
	}
	return nil
}
