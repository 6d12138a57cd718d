package policy

import (
	"maps"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Replay finds the first instant, from one to another, at which the document
// would have let the promotion go ahead, had it been in force from the beginning.
// The facts are those of the whole life of the promotion; what came after an
// instant is not known at it. Without such an instant the verdict is the last.
//
// What is asked anew before every execution (who is who, what has been copied,
// whether the way back is whole, who else is in the channel, whether something else
// is moving or goes before)
// counts as in order, and so does what people had stopped: it says nothing about
// the document.
func Replay(d Document, f Facts, from, until time.Time) (met time.Time, ok bool, last Verdict) {
	f.Promotion.PolicyHash = d.Hash()
	if Unheard(d, f) {
		d.Provenance = Provenance{} // nobody knows what was attached then
	}
	f.Votes = slices.Clone(f.Votes)
	for i := range f.Votes {
		f.Votes[i].Terms.Policy = f.Promotion.PolicyHash
	}
	for now := from; ; {
		last = Evaluate(d, f.at(now), now)
		if last.Outcome == Met {
			return now, true, last
		}
		next := f.nextEvent(now)
		if c := last.NextChange; c != nil && c.After(now) && (next.IsZero() || c.Before(next)) {
			next = *c
		}
		if next.IsZero() || next.After(until) {
			return time.Time{}, false, last
		}
		now = next
	}
}

// Unheard tells whether the document asks for what provenance said, and it is not
// recorded what that was: it was never looked for, or under other keys. Replay
// counts it as in order.
func Unheard(d Document, f Facts) bool {
	if d.Provenance.By == "" {
		return false
	}
	if f.Promotion.Purpose == promotion.Train {
		return slices.ContainsFunc(f.Rides, func(r Facts) bool { return Unheard(d, r) })
	}
	return !f.Promotion.Provenance.Covers(&f.Promotion, d.Provenance.By)
}

// at is the facts as they stood at an instant.
func (f Facts) at(now time.Time) Facts {
	p := &f.Promotion
	p.State, p.Copy, p.Destination, p.ReadFault = promotion.Open, nil, p.Repository, ""
	p.Broken = nil // what the document would have said, and not who went past it
	p.WayBack = &promotion.WayBack{Repository: p.Destination, Digests: p.WaysBack(), ReadAt: &now}
	if v := p.Provenance; v != nil && v.ReadAt != nil { // what was found, looked for just now
		read := *v
		read.ReadAt, read.Fault = &now, ""
		p.Provenance = &read
	}
	f.Channel = &promotion.Channel{ReadAt: &now}
	f.Votes = slices.DeleteFunc(slices.Clone(f.Votes), func(v promotion.Vote) bool { return v.At.After(now) })
	f.Checks = slices.DeleteFunc(slices.Clone(f.Checks), func(c promotion.Check) bool { return c.At.After(now) })
	f.Presence = slices.Clone(f.Presence)
	f.Presence = slices.DeleteFunc(f.Presence, func(i promotion.Interval) bool { return i.From.After(now) })
	for i := range f.Presence {
		f.Presence[i].Until = asOf(now, f.Presence[i].Until)
	}
	f.Incidents = slices.DeleteFunc(slices.Clone(f.Incidents), func(i promotion.Incident) bool { return i.ReportedAt.After(now) })
	for i := range f.Incidents {
		f.Incidents[i].ResolvedAt = asOf(now, f.Incidents[i].ResolvedAt)
	}
	f.Unhealthy = slices.DeleteFunc(slices.Clone(f.Unhealthy), func(u promotion.Unhealth) bool { return u.From.After(now) })
	for i := range f.Unhealthy {
		f.Unhealthy[i].Until = asOf(now, f.Unhealthy[i].Until)
	}
	// What people have stopped and let go again is not among the facts any more; so
	// neither is what they stop now, which was not so then.
	f.Freezes, f.Holds = slices.DeleteFunc(slices.Clone(f.Freezes), func(z promotion.Freeze) bool { return z.ID != 0 }), nil
	f.Source, f.Target, f.Executing, f.Ahead = Look{}, Look{}, 0, nil
	if f.Newer != nil && f.Newer.FinishedAt != nil && f.Newer.FinishedAt.After(now) {
		f.Newer = nil
	}
	f.Rosters, f.People = maps.Clone(f.Rosters), maps.Clone(f.People)
	for role, r := range f.Rosters {
		if r.ReadAt != nil {
			r.ReadAt = &now
			f.Rosters[role] = r
		}
	}
	for id, p := range f.People {
		p.ReadAt = now
		f.People[id] = p
	}
	rides := make([]Facts, len(f.Rides))
	for i, r := range f.Rides {
		rides[i] = r.at(now)
	}
	f.Rides = rides
	return f
}

// asOf is the end of something as it was known at an instant.
func asOf(now time.Time, end *time.Time) *time.Time {
	if end != nil && end.After(now) {
		return nil
	}
	return end
}

// nextEvent is when, after an instant, something happened that the facts know of;
// zero when nothing did.
func (f Facts) nextEvent(after time.Time) (next time.Time) {
	happened := func(at time.Time) {
		if at.After(after) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, v := range f.Votes {
		happened(v.At)
	}
	for _, c := range f.Checks {
		happened(c.At)
	}
	for _, g := range f.Delegations {
		happened(g.From)
		if g.EndedAt != nil {
			happened(*g.EndedAt)
		}
	}
	span := func(i promotion.Interval) {
		happened(i.From)
		if i.Until != nil {
			happened(*i.Until)
		}
	}
	for _, i := range f.Presence {
		span(i)
	}
	for _, i := range f.Incidents {
		happened(i.ReportedAt)
		span(i.Interval())
	}
	for _, u := range f.Unhealthy {
		span(u.Interval())
	}
	if f.Newer != nil && f.Newer.FinishedAt != nil {
		happened(*f.Newer.FinishedAt)
	}
	for _, r := range f.Rides {
		if at := r.nextEvent(after); !at.IsZero() {
			happened(at)
		}
	}
	return next
}
