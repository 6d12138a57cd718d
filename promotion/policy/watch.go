package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// After is what counts for a while after a digest has come to run.
type After struct {
	Watch     time.Duration        // how long
	Incidents []promotion.Severity `json:",omitempty"` // none of these is opened
	Checks    []string             `json:",omitempty"` // none of these is reported to have failed
	Health    bool                 `json:",omitempty"` // the environment is not reported unhealthy
	Queries   []Query              `json:",omitempty"` // each of these answers as it has to
	RollBack  bool                 `json:",omitempty"` // what is failing goes back by itself
}

// Aftermath is what has happened where a promotion goes since its tags were moved.
type Aftermath struct {
	Incidents []promotion.Incident // of the app or of all, that were opened since
	Unhealthy []promotion.Unhealth // of the app or of all, that began since or lasted then
	Checks    []promotion.Check    // of the digest: of each name the newest, as far as it was reported since
	Measured  []promotion.Measurement
}

// Watch says how it is going: met when it is over and nothing has gone wrong,
// blocked when something has. It is blind when it is blocked only because it could
// not be known whether anything has: that is for people. It is asked only of what is
// watched.
func Watch(d Document, f Facts, now time.Time) (finding Finding, blind bool) {
	p := f.Promotion
	finding = Finding{Rule: RuleWatch, Outcome: Waiting}
	if d.After == nil || p.WatchUntil == nil {
		finding.Outcome, finding.Reason = Met, "nothing is watched"
		return finding, false
	}
	over := !now.Before(*p.WatchUntil)
	var wrong []string
	for _, i := range f.Since.Incidents {
		if slices.Contains(d.After.Incidents, i.Severity) {
			wrong = append(wrong, fmt.Sprintf("%s was opened %s", called(i), instant(i.ReportedAt)))
		}
	}
	if d.After.Health {
		wrong = append(wrong, ailing(p, f.Since.Unhealthy, over)...)
	}
	for _, c := range f.Since.Checks {
		if slices.Contains(d.After.Checks, c.Name) && c.Status == promotion.CheckFailed {
			wrong = append(wrong, fmt.Sprintf("the check %s was reported to have failed %s", c.Name, instant(c.At)))
		}
	}
	out, unanswered := d.After.measured(f, over)
	wrong = append(wrong, out...)
	last := p.WatchUntil.Add(Patience)
	switch {
	case len(wrong) > 0:
		finding.Outcome, finding.Reason = Blocked, strings.Join(wrong, "; ")
	case over && len(unanswered) > 0 && !now.Before(last):
		finding.Outcome, finding.Reason = Blocked, "it is not known how it went: "+strings.Join(unanswered, "; ")
		return finding, true
	case over && len(unanswered) > 0:
		finding.ChangesAt, finding.Reason = &last, fmt.Sprintf("until %s it is waited for answers: %s", instant(last), strings.Join(unanswered, "; "))
	case over:
		finding.Outcome, finding.Reason = Met, fmt.Sprintf("nothing has gone wrong for %s", span(d.After.Watch))
	default:
		until := *p.WatchUntil
		finding.ChangesAt, finding.Reason = &until, fmt.Sprintf("it is watched until %s", instant(until))
	}
	return finding, false
}

// ailing is why an environment is not healthy. What was so before may be what the
// promotion is to heal: that it has, has to be known in the end.
func ailing(p promotion.Promotion, all []promotion.Unhealth, over bool) (wrong []string) {
	for _, u := range all {
		why := ""
		if u.Reason != "" {
			why = " (" + u.Reason + ")"
		}
		switch before := u.From.Before(*p.MovedAt); {
		case !before:
			wrong = append(wrong, fmt.Sprintf("%s was reported unhealthy %s%s", p.To, instant(u.From), why))
		case over && u.Until == nil:
			wrong = append(wrong, fmt.Sprintf("%s has been reported unhealthy since %s, and still is%s", p.To, instant(u.From), why))
		}
	}
	return wrong
}

// followed says what follows the tags.
func (d Document) followed() []string {
	var all []string
	if len(d.Deploys) > 0 {
		all = append(all, "Then it is deployed to "+strings.Join(d.Deploys, ", ")+".")
	}
	if d.After == nil {
		return all
	}
	all = append(all, "After that it is watched for "+span(d.After.Watch)+".")
	if len(d.After.Incidents) > 0 {
		all = append(all, "It counts as failing when an incident that is "+words(d.After.Incidents)+" is opened meanwhile.")
	}
	if len(d.After.Checks) > 0 {
		all = append(all, "Or when one of these checks is reported to have failed: "+strings.Join(d.After.Checks, ", ")+".")
	}
	if d.After.Health {
		all = append(all, "Or when its environment is reported unhealthy.")
	}
	all = append(all, d.After.asked()...)
	if d.After.RollBack {
		return append(all, "What is failing is rolled back by itself, without anybody's approval.")
	}
	return append(all, "What is failing stays until somebody who could approve it has decided.")
}
