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
	if len(d.Approvals) == 0 && !d.Automatic {
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
	all = append(all, d.interrupted()...)
	for _, c := range d.Checks {
		all = append(all, c.sentence())
	}
	all = append(all, d.stopped()...)
	all = append(all, d.asked()...)
	all = append(all, d.lined()...)
	switch d.OnFailure {
	case promotion.TakeBack:
		all = append(all, "If one app fails, the tags of the others that were moved are moved back; tags that are set once stay.")
	case promotion.Complete:
		all = append(all, "If one app fails, the others go on and stay.")
	}
	return all
}

// asked is who has to approve.
func (d Document) asked() []string {
	if d.Automatic {
		return []string{"Nobody has to approve: it goes ahead by itself when everything else is met."}
	}
	var roles []string
	for _, r := range d.Approvals {
		roles = append(roles, fmt.Sprintf("%d from %s", r.Count, r.Role))
	}
	approvals := "Approvals: " + strings.Join(roles, ", ") + ", all from different people."
	if d.RequesterMayApprove {
		return []string{approvals, "Whoever requested it may be one of them."}
	}
	return []string{approvals, "Whoever requested it can't be one of them."}
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
