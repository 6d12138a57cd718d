package policy

import (
	"slices"

	"github.com/promotebot/promotebot/promotion"
)

// Pause is time that a soak did not count, and what kept it.
type Pause struct {
	promotion.Interval
	Why string
}

// Pauses are those that are over, as far as the soak would be complete earlier
// without them. What it stands still for now, its finding says.
func (f Facts) Pauses(d Document) (all []Pause) {
	if len(f.Presence) == 0 || d.Soak == 0 {
		return nil
	}
	since := f.Presence[0].From
	if i, did := f.BeganAgain(d); did {
		since = *i.ResolvedAt
	}
	add := func(i promotion.Interval, why string) {
		if i.Until != nil && i.Until.After(since) {
			all = append(all, Pause{Interval: i, Why: why})
		}
	}
	for _, i := range f.Incidents {
		if f.happensWhereItSoaks(i) && slices.Contains(d.Incidents.Pause, i.Severity) && !slices.Contains(d.Incidents.Reset, i.Severity) {
			add(i.Interval(), called(i))
		}
	}
	for _, u := range f.Unhealthy {
		if !f.soaksThere(u) {
			continue
		}
		why := u.Environment + " was reported unhealthy"
		if u.Reason != "" {
			why += " (" + u.Reason + ")"
		}
		add(u.Interval(), why)
	}
	slices.SortStableFunc(all, func(a, b Pause) int { return a.From.Compare(b.From) })
	return all
}
