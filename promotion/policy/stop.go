package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// stops is what keeps a promotion from going ahead now, whatever it has and
// whatever it lacks: holds, freezes and closed windows. Approvals can be given
// all the same. What concerns nothing that is asked here is not mentioned.
//
// The windows and freezes of a policy are about the decision, so a train is asked
// about them once; what was frozen or held by hand is asked of each ride.
func stops(d Document, f Facts, now time.Time) []Finding {
	if f.Promotion.Purpose == promotion.Ride {
		d.Windows, d.Freezes = Windows{}, nil
	}
	if !d.heeds(RuleHold) { // a hold of the very build does
		f.Holds = slices.DeleteFunc(slices.Clone(f.Holds), func(h promotion.Hold) bool { return h.Digest == "" })
	}
	if !d.heeds(RuleFreeze) {
		f.Freezes = nil
	}
	return slices.Concat(held(f), frozen(d, f, now), d.Windows.finding(now))
}

func held(f Facts) []Finding {
	if len(f.Holds) == 0 {
		return nil
	}
	finding := Finding{Rule: RuleHold, Outcome: Waiting, Reason: "on hold: "}
	if n := len(f.Holds); n > 1 {
		finding.Reason = fmt.Sprintf("on hold %d times, and all have to be lifted: ", n)
	}
	var reasons []string
	for _, h := range f.Holds {
		if h.Rollback != 0 {
			h.Reason = fmt.Sprintf("it was rolled back in #%d: %s", h.Rollback, h.Reason)
		}
		reasons = append(reasons, h.Reason)
		if h.By != "" && !slices.Contains(finding.Who, h.By) {
			finding.Who = append(finding.Who, h.By)
		}
	}
	finding.Reason += strings.Join(reasons, "; ")
	return []Finding{finding}
}

// frozen changes by itself whenever a freeze begins or ends.
func frozen(d Document, f Facts, now time.Time) []Finding {
	finding := Finding{Rule: RuleFreeze, Outcome: Met}
	var reasons []string
	var next promotion.Freeze
	change := func(at time.Time) {
		if at.After(now) && (finding.ChangesAt == nil || at.Before(*finding.ChangesAt)) {
			finding.ChangesAt = &at
		}
	}
	for _, z := range slices.Concat(d.Freezes, f.Freezes) {
		if z.Until != nil && !z.Until.After(now) {
			continue
		}
		change(z.From)
		if z.Until != nil {
			change(*z.Until)
		}
		switch {
		case z.At(now):
			reasons = append(reasons, fmt.Sprintf("frozen until %s: %s", end(z), z.Reason))
		case next.From.IsZero() || z.From.Before(next.From):
			next = z
		}
	}
	for _, i := range f.Incidents {
		if i.ResolvedAt == nil && slices.Contains(d.FreezeOn, i.Severity) && i.Concerns(f.Promotion.App, f.Promotion.From, f.Promotion.To) {
			reasons = append(reasons, "frozen while "+called(i)+" is open")
		}
	}
	switch {
	case len(reasons) > 0:
		finding.Outcome, finding.Reason = Waiting, strings.Join(reasons, "; ")
	case !next.From.IsZero():
		finding.Reason = fmt.Sprintf("nothing is frozen before %s (%s)", instant(next.From), next.Reason)
	case len(d.FreezeOn) > 0:
		finding.Reason = "nothing is frozen"
	default:
		return nil
	}
	return []Finding{finding}
}

func end(z promotion.Freeze) string {
	if z.Until == nil {
		return "somebody lifts it"
	}
	return instant(*z.Until)
}

// MayHold says why the person can't stop anything, or "".
func MayHold(f Facts, id promotion.PersonID) (refusal string) { return notAMember(&f, id) }

// MayStop says why the person can't stop all that is under the document, or lift
// what another has stopped, or "". It takes one of the roles that it asks.
func MayStop(d Document, f Facts, id promotion.PersonID) (refusal string) {
	if refusal := notAMember(&f, id); refusal != "" {
		return refusal
	}
	if roles := d.Roles(); !holdsOne(f, roles, id) {
		return noRole(f, roles)
	}
	return ""
}

// stopped says what keeps promotions from going ahead, whatever they have.
func (d Document) stopped() []string {
	var all []string
	if len(d.Windows.Allow) > 0 {
		all = append(all, "It goes ahead only for "+windows(d.Windows.Allow)+".")
	}
	if len(d.Windows.Deny) > 0 {
		all = append(all, "It does not go ahead for "+windows(d.Windows.Deny)+".")
	}
	for _, z := range d.Freezes {
		all = append(all, fmt.Sprintf("It is frozen from %s until %s: %s.", instant(z.From), end(z), strings.TrimRight(z.Reason, ". ")))
	}
	if len(d.FreezeOn) > 0 {
		all = append(all, "It is frozen during incidents that are "+words(d.FreezeOn)+".")
	}
	return all
}

func windows(all []Window) string {
	var said []string
	for _, w := range all {
		zone, at, _ := strings.Cut(strings.TrimPrefix(w.Spec, "CRON_TZ="), " ")
		said = append(said, fmt.Sprintf("%s from every %s (%s)", span(w.For), at, zone))
	}
	return strings.Join(said, ", or for ")
}
