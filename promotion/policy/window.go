package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/promotebot/promotebot/promotion"
)

// Windows are when promotions may go ahead: in one of Allow, if there are any,
// and in none of Deny.
type Windows struct {
	Allow []Window `json:",omitempty"`
	Deny  []Window `json:",omitempty"`
}

// IsZero tells whether there are none.
func (w Windows) IsZero() bool { return len(w.Allow) == 0 && len(w.Deny) == 0 }

// Window is a stretch of time that comes again and again: it begins when a
// clock on the wall says so, and has its length in real time, whatever becomes
// of the clock meanwhile.
type Window struct {
	Spec     string // the cron expression of its beginnings, with CRON_TZ; it identifies the window
	For      time.Duration
	schedule *cron.SpecSchedule
	wall     *cron.SpecSchedule // the same, of a clock that is never put forward or back
}

// ParseWindow reads a cron expression of five fields, or a descriptor such as
// "@daily". The error is Invalid.
func ParseWindow(expression, zone string, length time.Duration) (Window, error) {
	w := Window{Spec: "CRON_TZ=" + zone + " " + strings.Join(strings.Fields(expression), " "), For: length}
	schedule, err := cron.ParseStandard(w.Spec)
	if err != nil {
		return w, promotion.Errorf(promotion.Invalid, "%q is not a schedule (%w)", expression, err)
	}
	spec, ok := schedule.(*cron.SpecSchedule)
	if !ok || strings.Contains(expression, "TZ=") {
		return w, promotion.Errorf(promotion.Invalid, "%q does not say when by the clock", expression)
	}
	wall := *spec
	wall.Location = time.UTC
	w.schedule, w.wall = spec, &wall
	return w, nil
}

// everyHour is how package cron marks an hour that was written as *.
const everyHour = 1 << 63

// Next is its first beginning after an instant; zero when there is none.
//
// Where hours are named, they are those of a clock on the wall: one that is
// skipped in spring counts when the clocks are put forward, one that comes twice
// in autumn counts the first time. Where every hour is meant, every hour that
// passes is.
func (w Window) Next(after time.Time) time.Time {
	if w.schedule.Hour&everyHour != 0 {
		return w.schedule.Next(after)
	}
	zone := w.schedule.Location
	local := after.In(zone)
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
	for {
		if wall = w.wall.Next(wall); wall.IsZero() {
			return wall
		}
		if at := promotion.WallTime(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), zone); at.After(after) {
			return at
		}
	}
}

// at tells whether an instant is in the window, and the next one at which that
// may change; zero when it never does.
func (w Window) at(now time.Time) (in bool, until time.Time) {
	begins := w.Next(now.Add(-w.For))
	if begins.IsZero() || begins.After(now) {
		return false, begins
	}
	return true, begins.Add(w.For)
}

// at tells whether things may go ahead, and the next instant at which that may
// change; zero when it never does.
func (w Windows) at(now time.Time) (open bool, until time.Time) {
	look := func(windows []Window) (in bool) {
		for _, one := range windows {
			inside, change := one.at(now)
			in = in || inside
			if !change.IsZero() && (until.IsZero() || change.Before(until)) {
				until = change
			}
		}
		return in
	}
	open = look(w.Allow) || len(w.Allow) == 0
	if look(w.Deny) {
		open = false
	}
	return open, until
}

// farSighted is how many beginnings and ends of windows are looked at to find
// the one that makes a difference. Whoever has more of them in a row is told of
// the first, and looks again then.
const farSighted = 100

// turns is the next instant at which the answer is another, or, when it is not
// sure, one until which the answer is the same; zero when there is none.
func (w Windows) turns(was bool, next time.Time) (at time.Time, sure bool) {
	at = next
	for range farSighted {
		if at.IsZero() {
			return at, true
		}
		is, then := w.at(at)
		if is != was {
			return at, true
		}
		at = then
	}
	return next, false
}

// Opens tells whether things may go ahead at all within a year of an instant.
// Windows that come so often that this takes too long are given the benefit of
// the doubt.
func (w Windows) Opens(from time.Time) bool {
	const manyAYear = 20_000
	at, year := from, from.AddDate(1, 0, 0)
	for range manyAYear {
		open, next := w.at(at)
		if open || next.IsZero() || next.After(year) {
			return open
		}
		at = next
	}
	return true
}

// Comes tells whether the window ever begins.
func (w Window) Comes(after time.Time) bool { return !w.Next(after).IsZero() }

func (w Windows) finding(now time.Time) []Finding {
	if w.IsZero() {
		return nil
	}
	open, next := w.at(now)
	change, sure := w.turns(open, next)
	finding := Finding{Rule: RuleWindow, Outcome: Waiting}
	if !change.IsZero() {
		change = change.UTC()
		finding.ChangesAt = &change
	}
	switch {
	case open && change.IsZero():
		finding.Outcome, finding.Reason = Met, "a window of the policy is open"
	case open && sure:
		finding.Outcome, finding.Reason = Met, fmt.Sprintf("a window of the policy is open until %s", instant(change))
	case open:
		finding.Outcome, finding.Reason = Met, fmt.Sprintf("a window of the policy is open at least until %s", instant(change))
	case change.IsZero():
		finding.Outcome, finding.Reason = Blocked, "no window of the policy ever opens again"
	case sure:
		finding.Reason = fmt.Sprintf("outside the windows of the policy; the next one opens %s", instant(change))
	default:
		finding.Reason = fmt.Sprintf("outside the windows of the policy, and none opens before %s", instant(change))
	}
	return []Finding{finding}
}
