package memory

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func (t *tx) Holdings(app, environment string, side promotion.Side) ([]gate.Holding, error) {
	var open []gate.Holding
	for _, h := range t.holdings.rows {
		if h.watchKey == (watchKey{app, environment, side}) && h.interval.Until == nil {
			h.Captures = maps.Clone(h.Captures)
			open = append(open, h.Holding)
		}
	}
	slices.SortFunc(open, func(a, b gate.Holding) int { return cmp.Compare(a.Tag, b.Tag) })
	return open, nil
}

func (t *tx) Presence(app, environment string, side promotion.Side, d promotion.Digest) ([]promotion.Interval, error) {
	var all []promotion.Interval
	for i := range len(t.holdings.rows) {
		if h := t.holdings.rows[i]; h.watchKey == (watchKey{app, environment, side}) && h.Digest == d {
			all = append(all, promotion.Interval{From: h.interval.From, Until: pointee(h.interval.Until)})
		}
	}
	slices.SortStableFunc(all, func(a, b promotion.Interval) int { return a.From.Compare(b.From) })
	return promotion.Join(all), nil
}

// opened finds the open holding of the tag.
func (t *tx) opened(of watchKey, tag string) (at int, ok bool) {
	for i, h := range t.holdings.rows {
		if h.watchKey == of && h.Tag == tag && h.interval.Until == nil {
			return i, true
		}
	}
	return 0, false
}

func (t *tx) OpenHolding(app, environment string, side promotion.Side, h gate.Holding) error {
	if err := t.writable(); err != nil {
		return err
	}
	of := watchKey{app, environment, side}
	if _, taken := t.opened(of, h.Tag); taken {
		return twice("record an arrival")
	}
	if side != promotion.Source && side != promotion.Held {
		return forbidden("record an arrival", "side")
	}
	h.Since, h.Captures = instant(h.Since), maps.Clone(h.Captures)
	t.holdings.set(len(t.holdings.rows), holding{of, h, promotion.Interval{From: h.Since}})
	return nil
}

func (t *tx) CloseHolding(app, environment string, side promotion.Side, tag string, when time.Time) error {
	if err := t.writable(); err != nil {
		return err
	}
	i, ok := t.opened(watchKey{app, environment, side}, tag)
	if !ok {
		return tooLate("record a departure")
	}
	h := t.holdings.rows[i]
	h.interval.Until = instantOrNil(&when)
	t.holdings.set(i, h)
	return nil
}

func (t *tx) Watches() ([]gate.Watch, error) {
	all := slices.Collect(maps.Values(t.watches.rows))
	slices.SortFunc(all, func(a, b gate.Watch) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Side, b.Side))
	})
	return all, nil
}

func (t *tx) Watch(app, environment string, side promotion.Side) (gate.Watch, error) {
	w, ok := t.watches.rows[watchKey{app, environment, side}]
	if !ok {
		return w, promotion.Errorf(promotion.NotFound, "%s of %s has never been looked at", environment, app)
	}
	return w, nil
}

func (t *tx) SaveWatch(w gate.Watch) error {
	if err := t.writable(); err != nil {
		return err
	}
	if w.Side != promotion.Source && w.Side != promotion.Held {
		return forbidden("record a look", "side")
	}
	w.Since, w.LookedAt = instant(w.Since), instantOrNil(w.LookedAt)
	t.watches.set(watchKey{w.App, w.Environment, w.Side}, w)
	return nil
}

func (t *tx) Pins(app, environment string) ([]gate.Pin, error) {
	var all []gate.Pin
	for k, p := range t.pins.rows {
		if k.app == app && k.environment == environment {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b gate.Pin) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Tag, b.Tag)) })
	return all, nil
}

func (t *tx) SavePin(p gate.Pin) error {
	if err := t.writable(); err != nil {
		return err
	}
	if _, exists := t.promotions.rows[p.Promotion]; !exists {
		return forbidden("record what was set", "promotion")
	}
	if !isDigest(p.Digest) {
		return forbidden("record what was set", "digest")
	}
	p.At = instant(p.At)
	t.pins.set(pinKey{p.App, p.Environment, p.Tag}, p)
	return nil
}

func (t *tx) People(ids []promotion.PersonID) (map[promotion.PersonID]promotion.Person, error) {
	found := make(map[promotion.PersonID]promotion.Person, len(ids))
	for _, id := range ids {
		if p, ok := t.people.rows[id]; ok {
			found[id] = p
		}
	}
	return found, nil
}

var standings = []promotion.Standing{
	promotion.Member, promotion.Guest, promotion.External, promotion.Bot, promotion.Deactivated, promotion.Unknown,
}

func (t *tx) SavePerson(p promotion.Person) error {
	if err := t.writable(); err != nil {
		return err
	}
	if !slices.Contains(standings, p.Standing) {
		return forbidden("record a person", "standing")
	}
	p.ReadAt = instant(p.ReadAt)
	t.people.set(p.ID, p)
	return nil
}

func (t *tx) Groups(ids []promotion.GroupID) (map[promotion.GroupID]promotion.Group, error) {
	found := make(map[promotion.GroupID]promotion.Group, len(ids))
	for _, id := range ids {
		if g, ok := t.groups.rows[id]; ok {
			g.Members = slices.Clone(g.Members)
			found[id] = g
		}
	}
	return found, nil
}

func (t *tx) SaveGroup(g promotion.Group) error {
	if err := t.writable(); err != nil {
		return err
	}
	g.ReadAt, g.Members = instant(g.ReadAt), slices.Clone(g.Members)
	t.groups.set(g.ID, g)
	return nil
}
