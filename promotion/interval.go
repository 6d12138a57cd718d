package promotion

import (
	"slices"
	"time"
)

// Without takes stretches of time out of others. The first must be sorted and
// disjoint; the result is, too.
func Without(all []Interval, out []Interval) []Interval {
	out = slices.Clone(out)
	slices.SortStableFunc(out, func(a, b Interval) int { return a.From.Compare(b.From) })
	var left []Interval
	for _, i := range all {
		from, ended := i.From, false
		for _, o := range Join(out) {
			if o.Until != nil && !o.Until.After(from) {
				continue
			}
			if i.Until != nil && !o.From.Before(*i.Until) {
				break
			}
			if begins := o.From; begins.After(from) {
				left = append(left, Interval{From: from, Until: &begins})
			}
			if ended = o.Until == nil || i.Until != nil && !o.Until.Before(*i.Until); ended {
				break
			}
			from = *o.Until
		}
		if !ended {
			left = append(left, Interval{From: from, Until: i.Until})
		}
	}
	return left
}

// WallTime is the instant at which the clocks of a zone show the time. Of a
// time that they show twice, in autumn, it is the first; one that they skip, in
// spring, is the instant at which they are put forward.
func WallTime(year int, month time.Month, day, hour, minute, sec int, zone *time.Location) time.Time {
	const day1 = 24 * time.Hour // far enough for the clocks to have been put, near enough for only once
	shown := time.Date(year, month, day, hour, minute, sec, 0, time.UTC)
	offset := func(at time.Time) time.Duration {
		_, seconds := at.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	before, after := shown.Add(-offset(shown.Add(-day1))), shown.Add(-offset(shown.Add(day1)))
	early, late := before, after
	if after.Before(before) {
		early, late = after, before
	}
	for _, at := range []time.Time{early, late} {
		if at.Add(offset(at)).Equal(shown) {
			return at.In(zone)
		}
	}
	put, _ := late.In(zone).ZoneBounds()
	return put
}
