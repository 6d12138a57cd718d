package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Interruptions are the severities of incidents that a soak takes notice of. An
// incident of any other severity is shown and does nothing.
type Interruptions struct {
	Pause []promotion.Severity `json:",omitempty"` // while one is open, time does not count
	Reset []promotion.Severity `json:",omitempty"` // when one is resolved, the soak begins again
}

// Interrupts tells whether an incident of the severity does anything to the
// soak.
func (i Interruptions) Interrupts(s promotion.Severity) bool {
	return slices.Contains(i.Pause, s) || slices.Contains(i.Reset, s)
}

// Since is what a soak is counted from.
type Since string

// SinceArrival counts from when the digest came. Otherwise it is counted from
// the last required check that passed, if there is one: that is stricter, and so
// it is what holds when nothing is said.
const SinceArrival Since = "arrival"

// FromChecks tells whether there is a check that the soak is counted from. What
// people sign off is not: it is an answer to what they have seen, and not a
// beginning.
func (d Document) FromChecks() bool {
	return d.Since != SinceArrival && slices.ContainsFunc(d.Checks, Check.Begins)
}

// Begins tells whether the check is one that a soak is counted from.
func (c Check) Begins() bool { return !c.Advisory && c.ReviewedBy == "" }

// verified is when the last of the checks passed that the soak is counted from,
// or the name of one that has not.
func (f Facts) verified(d Document) (since time.Time, missing string) {
	if !d.FromChecks() {
		return since, ""
	}
	for _, c := range d.Checks {
		if !c.Begins() {
			continue
		}
		r, ok := f.Report(c.Name)
		if !ok || !c.passedBy(r) { // that it grows old does not undo it
			return since, c.Name
		}
		if r.At.After(since) {
			since = r.At
		}
	}
	return since, ""
}

// counted is the time in its environment that counts: that during which nothing
// was known to be wrong there, and after the last incident that has the soak
// begin again.
func (f Facts) counted(d Document) []promotion.Interval {
	var out []promotion.Interval
	for _, i := range f.Incidents {
		switch {
		case !f.happensWhereItSoaks(i):
		case slices.Contains(d.Incidents.Reset, i.Severity):
			out = append(out, promotion.Interval{Until: i.ResolvedAt}) // from ever
		case slices.Contains(d.Incidents.Pause, i.Severity):
			out = append(out, i.Interval())
		}
	}
	for _, u := range f.Unhealthy {
		if f.soaksThere(u) {
			out = append(out, u.Interval())
		}
	}
	if since, missing := f.verified(d); missing != "" {
		out = append(out, promotion.Interval{}) // from ever and for ever
	} else if !since.IsZero() {
		out = append(out, promotion.Interval{Until: &since})
	}
	return promotion.Without(f.Presence, out)
}

func (f Facts) happensWhereItSoaks(i promotion.Incident) bool {
	return i.Concerns(f.Promotion.App, f.Promotion.From)
}

func (f Facts) soaksThere(u promotion.Unhealth) bool {
	return (u.App == "" || u.App == f.Promotion.App) && u.Environment == f.Promotion.From
}

// Soaked is how long the digest has been in its environment, as far as that
// counts.
func (f Facts) Soaked(d Document, now time.Time) time.Duration {
	return together(f.counted(d), now)
}

func together(counted []promotion.Interval, now time.Time) time.Duration {
	var soaked time.Duration
	for _, i := range counted {
		soaked += i.Within(now)
	}
	return soaked
}

// SoakEnds is the instant at which the soak is complete if everything stays as
// it is. It is absent while the soak stands still.
func (f Facts) SoakEnds(d Document, now time.Time) (time.Time, bool) {
	if len(f.Rides) > 0 {
		return f.lastSoakEnds(d, now)
	}
	counted := f.counted(d)
	n := len(counted)
	if n == 0 || counted[n-1].Until != nil {
		return time.Time{}, false
	}
	last := counted[n-1]
	before := together(counted, now) - last.Within(now)
	return last.From.Add(d.Soak - before), true
}

// lastSoakEnds is when the last ride of a train will have soaked.
func (f Facts) lastSoakEnds(d Document, now time.Time) (last time.Time, running bool) {
	for _, r := range f.Rides {
		ends, running := r.SoakEnds(d, now)
		if !running {
			return time.Time{}, false
		}
		if ends.After(last) {
			last = ends
		}
	}
	return last, true
}

func soak(d Document, f Facts, now time.Time) Finding {
	env := f.Promotion.From
	finding := Finding{Rule: RuleSoak, Outcome: Waiting}
	ends, running := f.SoakEnds(d, now)
	switch {
	case d.Soak == 0:
		finding.Outcome, finding.Reason = Met, "no soak is asked for"
	case f.Soaked(d, now) >= d.Soak:
		finding.Outcome, finding.Reason = Met, fmt.Sprintf("soaked %s in %s", span(d.Soak), env)
	case running:
		finding.ChangesAt, finding.Reason = &ends, fmt.Sprintf("soaks %s in %s, until %s", span(d.Soak), env, instant(ends))
		if i, did := f.BeganAgain(d); did {
			finding.Reason += fmt.Sprintf("; it began again %s, when %s was resolved", instant(*i.ResolvedAt), called(i))
		}
	case !f.present():
		finding.Reason = fmt.Sprintf("the soak of %s in %s stands still while the digest is not there", span(d.Soak), env)
	default:
		finding.Reason = fmt.Sprintf("the soak of %s in %s stands still %s", span(d.Soak), env, f.obstacles(d))
	}
	return finding
}

// obstacles is why a soak stands still although the digest is there.
func (f Facts) obstacles(d Document) string {
	var all []string
	for _, i := range f.Incidents {
		if i.ResolvedAt != nil || !f.happensWhereItSoaks(i) || !d.Incidents.Interrupts(i.Severity) {
			continue
		}
		why := fmt.Sprintf("since %s because %s is open", instant(i.From), called(i))
		if slices.Contains(d.Incidents.Reset, i.Severity) {
			why += ", and begins again when that is resolved"
		}
		all = append(all, why)
	}
	for _, u := range f.Unhealthy {
		if u.Until != nil || !f.soaksThere(u) {
			continue
		}
		why := fmt.Sprintf("since %s because %s is reported unhealthy", instant(u.From), u.Environment)
		if u.Reason != "" {
			why += " (" + u.Reason + ")"
		}
		all = append(all, why)
	}
	if _, missing := f.verified(d); missing != "" {
		all = append(all, fmt.Sprintf("until the check %s has passed, because it counts from then", missing))
	}
	return strings.Join(all, "; and ")
}

// BeganAgain is the incident whose end had the soak begin again, if one did.
func (f Facts) BeganAgain(d Document) (last promotion.Incident, did bool) {
	for _, i := range f.Incidents {
		resets := i.ResolvedAt != nil && f.happensWhereItSoaks(i) && slices.Contains(d.Incidents.Reset, i.Severity)
		if resets && len(f.Presence) > 0 && i.ResolvedAt.After(f.Presence[0].From) && (!did || i.ResolvedAt.After(*last.ResolvedAt)) {
			last, did = i, true
		}
	}
	return last, did
}

// called is how reasons name an incident.
func called(i promotion.Incident) string {
	return fmt.Sprintf("incident #%d (%s: %s)", i.ID, i.Severity, i.Summary)
}

// interrupted says what makes the soak longer.
func (d Document) interrupted() []string {
	var all []string
	if d.Soak > 0 && d.FromChecks() {
		all = append(all, "It counts from the last of the required checks that machines report.")
	}
	if len(d.Incidents.Pause) > 0 {
		all = append(all, "The soak stands still during incidents that are "+words(d.Incidents.Pause)+".")
	}
	if len(d.Incidents.Reset) > 0 {
		all = append(all, "It begins again after incidents that are "+words(d.Incidents.Reset)+".")
	}
	if asked := inUse(d.Exposure); asked != "" {
		all = append(all, "It has to have been used there for "+asked+".")
	}
	return all
}

func words(severities []promotion.Severity) string {
	var all []string
	for _, s := range severities {
		all = append(all, string(s))
	}
	return strings.Join(all, " or ")
}
