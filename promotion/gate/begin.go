package gate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// Begin is called once at every start, before anything else: nothing that was
// seen before the process ended is taken for granted until it has been seen
// again, and the recurring wakes are in place.
func (g *Gate) Begin(ctx context.Context) error {
	return g.update(ctx, audit.Self, func(t *turn) error {
		for k := range t.catalog.watchings() {
			if err := t.unseen(k, notRead); err != nil {
				return err
			}
		}
		return t.adopted()
	})
}

// Adopt puts another catalog in force and settles everything that is open
// under it. What is watched in another way than before, or not any more, counts
// as unseen until it is looked at. When it can't be recorded, the old one stays.
func (g *Gate) Adopt(ctx context.Context, c *Catalog) error {
	old := g.Catalog()
	err := g.update(ctx, audit.Self, func(t *turn) error {
		was, is := t.catalog.watchings(), c.watchings()
		t.catalog = c
		all := maps.Clone(was)
		maps.Copy(all, is)
		for k := range all {
			if was[k] != is[k] {
				if err := t.unseen(k, notReadYet); err != nil {
					return err
				}
			}
		}
		if err := t.adopted(); err != nil {
			return err
		}
		// Last, and still before the commit: no transaction before this one
		// decides under the new catalog, and none after it under the old.
		old = g.catalog.Swap(c)
		return nil
	})
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
	for _, train := range t.catalog.Trains {
		for to, d := range train.Policies {
			policies[train.Name+" to "+to] = d.Hash()
		}
	}
	if err := t.record(audit.Configured, nil, map[string]any{"policies": policies}); err != nil {
		return err
	}
	for _, r := range t.catalog.Reminders {
		if err := t.remindAt(r, nil); err != nil {
			return err
		}
	}
	if err := t.refresh(); err != nil {
		return err
	}
	if err := errors.Join(t.abandoned(), t.measureAll(), t.takeAllStock(), t.nudges(), t.digests()); err != nil {
		return err
	}
	return t.replan()
}

// replan names the tags of everything open anew, as the catalog has them now,
// and settles it. What the catalog has no place for any more is ended.
func (t *turn) replan() error {
	open, err := t.query(Query{States: []promotion.State{promotion.Open}})
	if err != nil {
		return err
	}
	for _, p := range open {
		why, err := t.displaced(p)
		if err != nil {
			return err
		}
		if why != "" && p.Purpose == promotion.Ride {
			continue // it ends with its train
		}
		if why != "" {
			if err := t.end(p, promotion.Superseded, why, nil); err != nil {
				return err
			}
			continue
		}
		if p.Purpose != promotion.Train {
			if err := t.rename(p); err != nil {
				return err
			}
		}
		p.Touch() // the card shows names of roles and policies, and who holds them
		if _, err := t.settle(p); err != nil {
			return err
		}
	}
	return nil
}

// rename names the tags of an open promotion anew.
func (t *turn) rename(p *promotion.Promotion) error {
	had, fault, destination := p.Targets, p.PlanFault, p.Destination
	if app, ok := t.catalog.App(p.App); ok && !p.Stays() {
		p.Destination = app.In(p.To)
	}
	if p.Image != nil && !p.Repairs() {
		t.plan(p)
	}
	same := func(a, b promotion.Target) bool { return a.Tag == b.Tag && a.Floating == b.Floating }
	if slices.EqualFunc(had, p.Targets, same) && fault == p.PlanFault && destination == p.Destination {
		p.Targets = had // with what was read
		return nil
	}
	if destination != p.Destination {
		p.Copy = nil
	}
	return t.readTags(p)
}

// displaced says why the catalog has no place for the promotion, or "".
func (t *turn) displaced(p *promotion.Promotion) (string, error) {
	if p.Purpose == promotion.Train {
		return t.derailed(p)
	}
	return t.catalog.displaced(p), nil
}

func (c *Catalog) displaced(p *promotion.Promotion) string {
	app, configured := c.App(p.App)
	next, more := c.Next(p.From)
	if _, known := c.Environment(p.To); p.Stays() && configured && known && app.In(p.To) == p.Destination {
		return ""
	}
	switch {
	case !configured || !more || next.Name != p.To:
		return fmt.Sprintf("the configuration does not lead %s from %s to %s any more", p.App, p.From, p.To)
	case app.In(p.From) != p.Repository || p.Stays():
		return fmt.Sprintf("the configuration names another image for %s, %s", p.App, app.In(p.From))
	}
	return ""
}
