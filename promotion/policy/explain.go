package policy

import (
	"fmt"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// Sentences are the document in English: what a promotion between the two
// environments takes, one rule after the other. A train's says it of every
// digest that it carries.
func (d Document) Sentences(from, to string, train bool) []string {
	if len(d.Approvers()) == 0 && !d.Automatic {
		return []string{fmt.Sprintf("There is no policy for promotions to %s, so none can go ahead.", to)}
	}
	var all []string
	if d.Soak > 0 {
		it := "The digest"
		if train {
			it = "Each digest"
		}
		all = append(all, fmt.Sprintf("%s has to have been in %s for %s; time during which it was not there does not count.", it, from, span(d.Soak)))
	}
	all = append(all, d.interruptions()...)
	for _, c := range d.Checks {
		all = append(all, c.sentence())
	}
	all = append(all, d.asked()...)
	all = append(append(all, d.stops()...), d.ends()...)
	all = append(all, d.lined()...)
	switch d.OnFailure {
	case promotion.TakeBack:
		all = append(all, "If one app fails, the tags of the others that were moved are moved back; tags that are set once stay.")
	case promotion.Complete:
		all = append(all, "If one app fails, the others go on and stay.")
	}
	return all
}

// interruptions are what makes a soak longer, and what is asked beside it.
func (d Document) interruptions() []string {
	var all []string
	if d.Soak > 0 && d.FromChecks() {
		all = append(all, "It counts from the last of the required checks that machines report.")
	}
	if len(d.Incidents.Pause) > 0 {
		all = append(all, "The soak stands still during incidents that are "+severities(d.Incidents.Pause)+".")
	}
	if len(d.Incidents.Reset) > 0 {
		all = append(all, "It begins again after incidents that are "+severities(d.Incidents.Reset)+".")
	}
	requests, hours := d.Exposure.Requests, int64(d.Exposure.PodTime.Hours())
	switch {
	case requests > 0 && hours > 0:
		all = append(all, fmt.Sprintf("It has to have served %d requests there, or run for %d pod hours.", requests, hours))
	case requests > 0:
		all = append(all, fmt.Sprintf("It has to have served %d requests there.", requests))
	case hours > 0:
		all = append(all, fmt.Sprintf("It has to have run there for %d pod hours.", hours))
	}
	return all
}

func severities(all []promotion.Severity) string {
	var names []string
	for _, s := range all {
		names = append(names, string(s))
	}
	return strings.Join(names, " or ")
}

// stops are when it may not go ahead, whoever has approved it.
func (d Document) stops() []string {
	var all []string
	if len(d.Windows.Allow) > 0 {
		all = append(all, "It goes ahead only for "+windows(d.Windows.Allow)+".")
	}
	if len(d.Windows.Deny) > 0 {
		all = append(all, "It does not go ahead for "+windows(d.Windows.Deny)+".")
	}
	for _, z := range d.Freezes {
		until := ""
		if z.Until != nil {
			until = " until " + instant(*z.Until)
		}
		all = append(all, fmt.Sprintf("It is frozen from %s%s: %s.", instant(z.From), until, strings.TrimRight(z.Reason, ". ")))
	}
	if len(d.FreezeOn) > 0 {
		all = append(all, "It is frozen during incidents that are "+severities(d.FreezeOn)+".")
	}
	return all
}

func windows(all []Window) string {
	var said []string
	for _, w := range all {
		said = append(said, span(w.For)+" from every "+w.Spec)
	}
	return strings.Join(said, ", or for ")
}

// asked is who has to approve.
func (d Document) asked() []string {
	if d.Automatic {
		return []string{"Nobody has to approve: it goes ahead by itself when everything else is met."}
	}
	all := []string{"Approvals: " + d.Asks().sentence(true) + ", all from different people."}
	if d.RequesterMayApprove {
		all = append(all, "Whoever requested it may be one of them.")
	} else {
		all = append(all, "Whoever requested it can't be one of them.")
	}
	if d.AuthorsCannotApprove {
		all = append(all, "Nor can the authors of the image, as its label "+promotion.LabelAuthors+" names them.")
	}
	return all
}

func (t Tree) sentence(top bool) string {
	if t.Role != "" {
		return fmt.Sprintf("%d from %s", t.Count, t.Role)
	}
	var parts []string
	for _, of := range t.Of {
		parts = append(parts, of.sentence(false))
	}
	all := strings.Join(parts, ", ")
	switch {
	case t.Count == 1 && len(t.Of) > 1:
		all = "any one of: " + all
	case t.Count < len(t.Of):
		all = fmt.Sprintf("any %d of: ", t.Count) + all
	}
	if top {
		return all
	}
	return "(" + all + ")"
}

// ends are how it can end without being promoted.
func (d Document) ends() []string {
	var all []string
	if len(d.Reject.By) > 0 {
		all = append(all, "It can be rejected by "+strings.Join(d.Reject.By, ", ")+", and by whoever requested it.")
	}
	if len(d.Reject.Lift) > 0 {
		all = append(all, "A rejection can be lifted by whoever rejected, and by "+strings.Join(d.Reject.Lift, ", ")+".")
	}
	if d.Expires.Request > 0 {
		all = append(all, "A request expires after "+span(d.Expires.Request)+".")
	}
	if d.Expires.Approval > 0 {
		all = append(all, "An approval expires after "+span(d.Expires.Approval)+".")
	}
	return all
}

func (c Check) sentence() string {
	s := fmt.Sprintf("The check %s has to be reported as passed", c.Name)
	if c.ReviewedBy != "" {
		s = fmt.Sprintf("%s has to be signed off by somebody of %s", c.Name, c.ReviewedBy)
	}
	for i, t := range c.Numbers {
		word := ", with "
		if i > 0 {
			word = " and "
		}
		s += word + t.String()
	}
	if c.MaxAge > 0 {
		s += ", not more than " + span(c.MaxAge) + " ago"
	}
	if c.Advisory {
		s += "; that is only shown and never in the way"
	}
	return s + "."
}
