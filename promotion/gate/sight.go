package gate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// live is what has not moved its tags yet.
var live = []promotion.State{promotion.Open, promotion.Executing}

// The faults of watches at which nobody has looked: whatever was true before the
// process ended, or before the configuration changed, may not be true now.
const (
	notRead    = "not read since promotebot started"
	notReadYet = "not read since the configuration was changed"
)

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
	if old, err := t.outlooked(s); err != nil || old {
		return err
	}
	seen, changed, err := t.watched(s)
	if err != nil {
		return err
	}
	if s.Fault == "" {
		if s.Side == promotion.Source {
			err = t.arrivals(app, env, s, seen)
		} else if err = t.held(s, seen, env.FloatingTags()); err == nil {
			err = t.drifted(app, env, look{s.At, sightedTags(s, env.FloatingTags())})
		}
		if err != nil {
			return err
		}
	}
	if !changed {
		return nil
	}
	open := []promotion.State{promotion.Open}
	if s.Side == promotion.Source || env.Watch.IsZero() {
		if err := t.settleAll(Query{App: s.App, From: s.Environment, States: open}, true); err != nil || s.Side == promotion.Source {
			return err
		}
	}
	return t.settleAll(Query{App: s.App, To: s.Environment, States: open}, true)
}

// watched notes how the look went. It tells until when the tags had been seen
// before it, and whether sight was lost or regained by it.
func (t *turn) watched(s promotion.Sighting) (seen time.Time, changed bool, err error) {
	was, err := t.Watch(s.App, s.Environment, s.Side)
	if err != nil && !errors.Is(err, promotion.NotFound) {
		return t.now, false, err
	}
	seen = t.now
	if was.Fault != "" {
		seen = was.Since
	}
	changed = err != nil || was.Fault != s.Fault
	is := Watch{App: s.App, Environment: s.Environment, Side: s.Side, Fault: s.Fault, Since: was.Since, LookedAt: &s.At}
	if changed {
		is.Since = seen // another fault does not end the time in which nothing was seen
	}
	return seen, changed, t.SaveWatch(is)
}

// outlooked tells whether somebody has looked since the look began, and has
// seen something new. When the clock was set back nothing is known of that.
func (t *turn) outlooked(s promotion.Sighting) (bool, error) {
	w, err := t.Watch(s.App, s.Environment, s.Side)
	if errors.Is(err, promotion.NotFound) || err == nil && w.LookedAt == nil {
		return false, nil
	}
	return err == nil && s.At.Before(*w.LookedAt) && !t.now.Before(*w.LookedAt), err
}

// unseen notes that nobody has looked, for now: what was true may not be true
// any more.
func (t *turn) unseen(k watching, why string) error {
	_, _, err := t.watched(promotion.Sighting{App: k.app, Environment: k.environment, Side: k.side, At: t.now, Fault: why})
	return err
}

// arrivals compares what is behind the watched tags with what was. Of several
// digests that arrive in one look, the one behind the highest tag becomes the
// candidate; the others soak, and can be requested.
func (t *turn) arrivals(app App, env Environment, s promotion.Sighting, seen time.Time) error {
	newest, err := t.rehold(s, seen)
	if err != nil || newest == nil {
		return err
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

// rehold closes and opens holdings so that they are what was seen. What has
// left counts as there until it was last seen. It returns the highest tag of a
// digest that was not here before.
func (t *turn) rehold(s promotion.Sighting, seen time.Time) (newest *promotion.TaggedDigest, err error) {
	before, err := t.Holdings(s.App, s.Environment, s.Side)
	if err != nil {
		return nil, err
	}
	for _, h := range before {
		if slices.ContainsFunc(s.Tags, func(td promotion.TaggedDigest) bool { return td.Tag == h.Tag && td.Digest == h.Digest }) {
			continue
		}
		if err := t.CloseHolding(s.App, s.Environment, s.Side, h.Tag, later(seen, h.Since)); err != nil {
			return nil, err
		}
		if s.Side == promotion.Held || slices.ContainsFunc(s.Tags, func(td promotion.TaggedDigest) bool { return td.Digest == h.Digest }) {
			continue
		}
		if err := t.came(audit.Left, s, promotion.TaggedDigest{Tag: h.Tag, Digest: h.Digest}); err != nil {
			return nil, err
		}
	}
	since := t.following(before)
	for i, td := range s.Tags {
		if slices.ContainsFunc(before, func(h Holding) bool { return h.Tag == td.Tag && h.Digest == td.Digest }) {
			continue
		}
		if err := t.OpenHolding(s.App, s.Environment, s.Side, Holding{Tag: td.Tag, Digest: td.Digest, Captures: td.Captures, Since: since}); err != nil {
			return nil, err
		}
		since = since.Add(time.Microsecond) // so that the order of one look is kept
		if holds(before, td.Digest) {
			continue // another tag of a digest that was here already
		}
		newest = &s.Tags[i]
		if s.Side == promotion.Held {
			continue
		}
		if err := t.came(audit.Observed, s, td); err != nil {
			return nil, err
		}
	}
	return newest, nil
}

// came records that a digest came to an environment or left it, and settles
// what that concerns.
func (t *turn) came(kind audit.Kind, s promotion.Sighting, td promotion.TaggedDigest) error {
	if err := t.record(kind, nil, map[string]any{"app": s.App, "environment": s.Environment, "tag": td.Tag, "digest": td.Digest}); err != nil {
		return err
	}
	if to, more := t.catalog.Next(s.Environment); more {
		t.stirred(s.App, to.Name)
	}
	return t.settleAll(Query{App: s.App, From: s.Environment, Digest: td.Digest, States: live}, true)
}

// following is the time of an arrival after what is there: now, unless the
// clock was set back. A build that comes later must not count as older.
func (t *turn) following(before []Holding) time.Time {
	since := t.now
	for _, h := range before {
		since = later(since, h.Since.Add(time.Microsecond))
	}
	return since
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func holds(holdings []Holding, d promotion.Digest) bool {
	return slices.ContainsFunc(holdings, func(h Holding) bool { return h.Digest == d })
}

// isCandidate tells whether a digest that was noticed should be put to the
// approvers: not if it is on its way, runs there already, was promoted before
// (going back is a rollback) or was rejected. A person can still request it.
func (t *turn) isCandidate(app, to string, d promotion.Digest) (bool, error) {
	had, err := t.Promotions(Query{App: app, To: to, Digest: d, Purposes: []promotion.Purpose{promotion.Forward, promotion.Ride},
		States: append(promotion.Unfinished(), promotion.Promoted, promotion.Rejected), Limit: 1})
	if err != nil || len(had) > 0 {
		return false, err
	}
	withdrawn, err := t.Withdrawals(app)
	if err != nil || policy.Withdrawn(withdrawn, d) != nil {
		return false, err
	}
	holdings, err := t.Holdings(app, to, promotion.Held)
	return !holds(holdings, d), err
}

// held takes a look at the tags of a target that were looked at: what runs
// there now, and what every open promotion into it has to expect there.
func (t *turn) held(s promotion.Sighting, seen time.Time, looked []string) error {
	arrived, err := t.rehold(s, seen)
	if err != nil {
		return err
	}
	if err := t.follow(s, seen); err != nil {
		return err
	}
	return t.reread(s.App, s.Environment, sightedTags(s, looked), arrived != nil)
}

// reread tells every open promotion into an environment what its tags point at.
func (t *turn) reread(app, env string, tags map[string]promotion.Digest, touch bool) error {
	open, err := t.query(Query{App: app, To: env, States: []promotion.State{promotion.Open}})
	if err != nil {
		return err
	}
	now := t.now
	for _, p := range open {
		changed := touch
		for i := range p.Targets {
			target := &p.Targets[i]
			seen, looked := tags[target.Tag]
			if !looked {
				continue
			}
			if target.ReadAt == nil || target.Now != seen {
				target.Now, target.ReadAt, changed = seen, &now, true
			}
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

// follow keeps an environment that nothing watches in step with its own tags:
// what a promotion has put there is there for as long as they say so. A digest
// that came by another road is not.
func (t *turn) follow(s promotion.Sighting, seen time.Time) error {
	if t.catalog.watches(s.Environment, promotion.Source) {
		return nil
	}
	there := promotion.Sighting{App: s.App, Environment: s.Environment, Side: promotion.Source}
	for _, td := range s.Tags {
		was, err := t.Presence(s.App, s.Environment, promotion.Source, td.Digest)
		if err != nil {
			return err
		}
		if len(was) > 0 {
			there.Tags = append(there.Tags, td)
		}
	}
	_, err := t.rehold(there, seen)
	return err
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
	p, err := t.noticed(app, from, to, td, requester)
	if err != nil {
		return nil, err
	}
	return p, t.enter(p, audit.Opened, origin(p))
}

// noticed is a promotion of what is in an environment, not entered yet.
func (t *turn) noticed(app App, from, to string, td promotion.TaggedDigest, requester promotion.PersonID) (*promotion.Promotion, error) {
	presence, err := t.Presence(app.Name, from, promotion.Source, td.Digest)
	if err != nil {
		return nil, err
	}
	p := t.fresh(app, from, to, td.Digest)
	p.SourceTag, p.Captures, p.Requester = td.Tag, td.Captures, requester
	if len(presence) > 0 {
		p.ObservedAt = presence[len(presence)-1].From
	}
	return p, nil
}

// origin is what the log says of where a promotion comes from and goes to.
func origin(p *promotion.Promotion) map[string]any {
	return map[string]any{"tag": p.SourceTag, "repository": p.Repository, "destination": p.Destination}
}

// fresh is a promotion that has not been entered yet.
func (t *turn) fresh(app App, from, to string, d promotion.Digest) *promotion.Promotion {
	return &promotion.Promotion{
		Purpose: promotion.Forward, App: app.Name, From: from, To: to, Repository: app.In(from), Destination: app.In(to), Digest: d,
		State: promotion.Open, Revision: 1, ObservedAt: t.now, OpenedAt: t.now, Card: promotion.Card{Channel: app.Channel},
	}
}

// enter records a promotion, has its image read unless it was before, and asks the
// policy about it.
func (t *turn) enter(p *promotion.Promotion, kind audit.Kind, detail map[string]any) error {
	d, err := t.document(p)
	if err != nil {
		return err
	}
	p.PolicyHash = d.Hash() // what puts something right is under another document than what goes forward
	if err := t.AddPromotion(p); err != nil {
		return err
	}
	t.loaded[p.ID] = p.Revision
	if err := t.record(kind, p, detail); err != nil {
		return err
	}
	if p.Stays() {
		if err := t.overtake(p, "", promotion.Restore, promotion.Adopt); err != nil {
			return err
		}
	} else {
		if err := errors.Join(t.overtake(p, p.Digest, promotion.Forward, promotion.Ride), t.replace(p, d)); err != nil {
			return err
		}
		t.stirred(p.App, p.To)
	}
	if p.Image == nil {
		if err := t.inspect(p); err != nil {
			return err
		}
	}
	_, err = t.settle(p)
	return err
}

// supersede ends the open promotions of the purposes into the same environment
// whose digest was observed no later than p's, but for the one that is spared.
func (t *turn) supersede(p *promotion.Promotion, spare promotion.ID, reason string, purposes ...promotion.Purpose) error {
	open, err := t.query(Query{App: p.App, To: p.To, States: []promotion.State{promotion.Open}, Purposes: purposes})
	if err != nil {
		return err
	}
	for _, old := range open {
		if old.ID == p.ID || old.ID == spare || old.ObservedAt.After(p.ObservedAt) {
			continue
		}
		old.Successor = p.ID
		if err := t.end(old, promotion.Superseded, reason, map[string]any{"successor": p.ID}); err != nil {
			return err
		}
	}
	if slices.Contains(purposes, promotion.Forward) {
		purposes = append(purposes, promotion.Ride)
	}
	return t.overtake(p, "", purposes...)
}
