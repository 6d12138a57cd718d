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
	all = append(all, d.interrupted()...)
	for _, c := range d.Checks {
		all = append(all, c.sentence())
	}
	all = append(all, d.asked()...)
	all = append(append(all, d.stopped()...), d.ends()...)
	all = append(all, d.lined()...)
	all = append(append(all, d.backed()...), d.BreakGlass.sentences()...)
	if d.RefuseShared {
		all = append(all, "Nothing goes ahead whose card is in a channel that is shared with another organisation.")
	}
	all = append(all, d.followed()...)
	if !train && !d.Returns { // the apps of a train go back one by one
		all = append(all, d.GoingBack())
	}
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
	all := []string{"Approvals: " + d.Asks().sentence(true) + ", all from different people."}
	if d.RequesterMayApprove {
		all = append(all, "Whoever requested it may be one of them.")
	} else {
		all = append(all, "Whoever requested it can't be one of them.")
	}
	if d.AuthorsCannotApprove {
		all = append(all, "Nor can the authors of the image, as its label "+promotion.LabelAuthors+" and reports of its commits name them.")
	}
	if d.Provenance.By != "" {
		all = append(all, "Nor can those whom its provenance names, where one of the keys has signed it.")
	}
	if d.Provenance.Required {
		all = append(all, "Without such provenance that names an author it does not go ahead.")
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
	switch {
	case len(d.Reject.By) > 0:
		all = append(all, "It can be rejected by "+strings.Join(d.Reject.By, ", ")+", and by whoever requested it.")
	case !d.Automatic:
		all = append(all, "It can be rejected by whoever could approve it, and by whoever requested it.")
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
