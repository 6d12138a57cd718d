package gate

import (
	"context"
	"errors"
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

var live = []promotion.State{promotion.Open, promotion.Executing}

// notRead is the fault of every watch until its first look after a start:
// whatever was true before the process ended may not be true now.
const notRead = "not read since promotebot started"

// Sight takes looks at registries: what is behind the watched tags now, or
// that it could not be seen. New digests become candidates; digests that left
// stop soaking. Looks at apps or environments that are not configured (any
// more) are dropped, and so are those that say what the rows say already.
func (g *Gate) Sight(ctx context.Context, sightings []promotion.Sighting) error {
	sightings, err := g.news(ctx, sightings)
	if err != nil || len(sightings) == 0 {
		return err
	}
	return g.update(ctx, audit.Self, func(t *turn) error {
		for _, s := range sightings {
			app, known := t.catalog.App(s.App)
			env, ok := t.catalog.Environment(s.Environment)
			if !known || !ok || !t.catalog.watches(env.Name, s.Side) {
				continue
			}
			if err := t.sight(app, env, s); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *turn) sight(app App, env Environment, s promotion.Sighting) error {
	changed, err := t.watched(s)
	if err != nil {
		return err
	}
	if s.Fault == "" {
		if s.Side == promotion.Source {
			err = t.arrivals(app, env, s)
		} else if err = t.held(s, env.FloatingTags()); err == nil {
			err = t.drifted(app, env, look{s.At, sightedTags(s, env.FloatingTags())})
		}
		if err != nil {
			return err
		}
	}
	if !changed {
		return nil
	}
	q := Query{App: s.App, States: []promotion.State{promotion.Open}}
	if s.Side == promotion.Source {
		q.From = s.Environment
	} else {
		q.To = s.Environment
	}
	return t.settleAll(q, true)
}

// watched notes how the look went, and tells whether sight was lost or
// regained by it.
func (t *turn) watched(s promotion.Sighting) (changed bool, err error) {
	was, err := t.Watch(s.App, s.Environment, s.Side)
	if err != nil && !errors.Is(err, promotion.NotFound) {
		return false, err
	}
	if err == nil && was.Fault == s.Fault {
		return false, nil
	}
	w := Watch{App: s.App, Environment: s.Environment, Side: s.Side, Fault: s.Fault, Since: t.now}
	if was.Fault != "" && s.Fault != "" && was.Fault != notRead {
		w.Since = was.Since // another fault, but it has been unseen all along
	}
	return true, t.SaveWatch(w)
}

// arrivals compares what is behind the watched tags with what was. Of several
// digests that arrive in one look, the one behind the highest tag becomes the
// candidate; the others soak, and can be requested.
func (t *turn) arrivals(app App, env Environment, s promotion.Sighting) error {
	before, arrived, err := t.rehold(s)
	if err != nil {
		return err
	}
	var newest *promotion.TaggedDigest
	for i := range arrived {
		td := &arrived[i]
		if holds(before, td.Digest) {
			continue // another tag of a digest that was here already
		}
		if err := t.record(audit.Observed, nil, map[string]any{"app": s.App, "environment": env.Name, "tag": td.Tag, "digest": td.Digest}); err != nil {
			return err
		}
		if err := t.settleAll(Query{App: s.App, From: env.Name, Digest: td.Digest, States: live}, true); err != nil {
			return err
		}
		newest = td
	}
	if newest == nil {
		return nil
	}
	to, ok := t.catalog.Next(env.Name)
	if !ok {
		return nil
	}
	wanted, err := t.isCandidate(app.Name, to.Name, newest.Digest)
	if err != nil || !wanted {
		return err
	}
	_, err = t.open(app, env.Name, to.Name, *newest, "")
	return err
}

// rehold closes and opens holdings so that they are what was seen. It returns
// what was held before and what is new.
func (t *turn) rehold(s promotion.Sighting) (before []Holding, arrived []promotion.TaggedDigest, err error) {
	before, err = t.Holdings(s.App, s.Environment, s.Side)
	if err != nil {
		return nil, nil, err
	}
	for _, h := range before {
		if slices.ContainsFunc(s.Tags, func(td promotion.TaggedDigest) bool { return td.Tag == h.Tag && td.Digest == h.Digest }) {
			continue
		}
		if err := t.CloseHolding(s.App, s.Environment, s.Side, h.Tag, t.now); err != nil {
			return nil, nil, err
		}
		if s.Side == promotion.Held || slices.ContainsFunc(s.Tags, func(td promotion.TaggedDigest) bool { return td.Digest == h.Digest }) {
			continue
		}
		if err := t.record(audit.Left, nil, map[string]any{"app": s.App, "environment": s.Environment, "tag": h.Tag, "digest": h.Digest}); err != nil {
			return nil, nil, err
		}
		if err := t.settleAll(Query{App: s.App, From: s.Environment, Digest: h.Digest, States: live}, true); err != nil {
			return nil, nil, err
		}
	}
	for _, td := range s.Tags {
		if slices.ContainsFunc(before, func(h Holding) bool { return h.Tag == td.Tag && h.Digest == td.Digest }) {
			continue
		}
		if err := t.OpenHolding(s.App, s.Environment, s.Side, Holding{Tag: td.Tag, Digest: td.Digest, Captures: td.Captures, Since: t.now}); err != nil {
			return nil, nil, err
		}
		arrived = append(arrived, td)
	}
	return before, arrived, nil
}

func holds(holdings []Holding, d promotion.Digest) bool {
	return slices.ContainsFunc(holdings, func(h Holding) bool { return h.Digest == d })
}

// isCandidate tells whether a digest that was noticed should be put to the
// approvers: not if it is on its way, runs there already, was promoted before
// (going back is a rollback) or was rejected. A person can still request it.
func (t *turn) isCandidate(app, to string, d promotion.Digest) (bool, error) {
	had, err := t.Promotions(Query{App: app, To: to, Digest: d, Purposes: []promotion.Purpose{promotion.Forward},
		States: []promotion.State{promotion.Open, promotion.Executing, promotion.Promoted, promotion.Rejected}, Limit: 1})
	if err != nil || len(had) > 0 {
		return false, err
	}
	holdings, err := t.Holdings(app, to, promotion.Held)
	return !holds(holdings, d), err
}

// held takes a look at the tags of a target that were looked at: what runs
// there now, and what every open promotion into it has to expect there.
func (t *turn) held(s promotion.Sighting, looked []string) error {
	_, arrived, err := t.rehold(s)
	if err != nil {
		return err
	}
	return t.reread(s.App, s.Environment, sightedTags(s, looked), len(arrived) > 0)
}

// reread tells every open promotion into an environment what its tags point at.
func (t *turn) reread(app, env string, tags map[string]promotion.Digest, touch bool) error {
	open, err := t.query(Query{App: app, To: env, States: []promotion.State{promotion.Open}})
	if err != nil {
		return err
	}
	for _, p := range open {
		changed := touch
		for i := range p.Targets {
			target := &p.Targets[i]
			seen, looked := tags[target.Tag]
			if !looked {
				continue
			}
			if target.ReadAt == nil || target.Now != seen {
				target.Now, changed = seen, true
			}
			now := t.now
			target.ReadAt = &now
		}
		if changed {
			p.Touch()
		}
		if _, err := t.settle(p); err != nil {
			return err
		}
	}
	return nil
}

// sightedTags is what each of the tags that were looked at pointed at.
func sightedTags(s promotion.Sighting, looked []string) map[string]promotion.Digest {
	tags := map[string]promotion.Digest{}
	for _, tag := range looked {
		tags[tag] = pointsAt(s.Tags, tag)
	}
	return tags
}

func pointsAt(tags []promotion.TaggedDigest, tag string) promotion.Digest {
	for _, td := range tags {
		if td.Tag == tag {
			return td.Digest
		}
	}
	return ""
}

// open puts a digest to the approvers of the next environment. Older open
// promotions into it give way.
func (t *turn) open(app App, from, to string, td promotion.TaggedDigest, requester promotion.PersonID) (*promotion.Promotion, error) {
	presence, err := t.Presence(app.Name, from, promotion.Source, td.Digest)
	if err != nil {
		return nil, err
	}
	p := t.fresh(app, from, to, td.Digest)
	p.SourceTag, p.Captures, p.Requester = td.Tag, td.Captures, requester
	if len(presence) > 0 {
		p.ObservedAt = presence[len(presence)-1].From
	}
	detail := map[string]any{"tag": p.SourceTag, "repository": p.Repository, "destination": p.Destination}
	return p, t.enter(p, audit.Opened, detail)
}

// fresh is a promotion that has not been entered yet.
func (t *turn) fresh(app App, from, to string, d promotion.Digest) *promotion.Promotion {
	return &promotion.Promotion{
		Purpose: promotion.Forward, App: app.Name, From: from, To: to, Repository: app.In(from), Destination: app.In(to), Digest: d,
		State: promotion.Open, Revision: 1, PolicyHash: app.Policies[to].Hash(), ObservedAt: t.now, OpenedAt: t.now, Card: promotion.Card{Channel: app.Channel},
	}
}

// enter records a promotion, has its image read, and asks the policy about it.
func (t *turn) enter(p *promotion.Promotion, kind audit.Kind, detail map[string]any) error {
	if err := t.AddPromotion(p); err != nil {
		return err
	}
	t.loaded[p.ID] = p.Revision
	if err := t.record(kind, p, detail); err != nil {
		return err
	}
	if !p.Repairs() {
		if err := t.supersede(p, promotion.Forward); err != nil {
			return err
		}
	}
	if err := t.inspect(p); err != nil {
		return err
	}
	_, err := t.settle(p)
	return err
}

// supersede ends the open promotions of the purposes into the same environment
// whose digest was observed no later than p's.
func (t *turn) supersede(p *promotion.Promotion, purposes ...promotion.Purpose) error {
	open, err := t.query(Query{App: p.App, To: p.To, States: []promotion.State{promotion.Open}, Purposes: purposes})
	if err != nil {
		return err
	}
	for _, old := range open {
		if old.ID == p.ID || old.ObservedAt.After(p.ObservedAt) {
			continue
		}
		old.Successor = p.ID
		if err := t.end(old, promotion.Superseded, "", map[string]any{"successor": p.ID}); err != nil {
			return err
		}
	}
	return nil
}
