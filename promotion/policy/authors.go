package policy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// Where authors can't approve, it has to be known who they are: an image of which
// neither its label nor a report nor provenance says so, or of which one names
// somebody who is nobody's account, could be anybody's. What all say counts together.

// An address is one of e-mail, or the number of an account of GitHub.
var address = regexp.MustCompile(`[^\s<>()"'=:,;]+@[^\s<>()"'=:,;]+|\bgithub:[0-9]+`)

// authors says whether it is known who wrote what is in the image.
func authors(d Document, f Facts) []Finding {
	if !d.AuthorsCannotApprove {
		return nil
	}
	finding := Finding{Rule: RuleAuthors, Outcome: Blocked}
	if f.Promotion.Image == nil {
		finding.Outcome, finding.Reason = Waiting, "the image has not been read yet, so it is not known who its authors are"
		return []Finding{finding}
	}
	named := authorsOf(f)
	if len(named) == 0 {
		finding.Reason = fmt.Sprintf("it is not known who the authors of the image are, and they can't approve it: build it with the label %s, with their e-mail addresses, or have them reported", promotion.LabelAuthors)
		return []Finding{finding}
	}
	var unknown []string
	for _, name := range named {
		if _, known := f.Identities.Addresses[name.address]; !known {
			unknown = append(unknown, name.text)
		}
	}
	if len(unknown) > 0 {
		finding.Reason = fmt.Sprintf("it is not known who the author %q is, and authors can't approve: add it under people in the configuration", unknown[0])
		if more := len(unknown) - 1; more > 0 {
			finding.Reason += fmt.Sprintf(" (and %d more)", more)
		}
		return []Finding{finding}
	}
	finding.Outcome, finding.Reason = Met, "it is known who the authors are; they can't approve it"
	return []Finding{finding}
}

// author is one part of the label or of a report, which may be any text.
type author struct{ text, address string }

func authorsOf(f Facts) (all []author) {
	said := f.Authors
	if f.Promotion.Image != nil {
		said = append([]string{f.Promotion.Image.Labels[promotion.LabelAuthors]}, said...)
	}
	for part := range strings.FieldsFuncSeq(strings.Join(said, "\n"), func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
		part = strings.TrimSpace(part)
		found := address.FindAllString(part, -1)
		switch {
		case part == "":
		case len(found) == 0:
			all = append(all, author{text: part}) // a name can be anybody's
		}
		for _, a := range found {
			all = append(all, author{text: a, address: strings.ToLower(a)})
		}
	}
	return all
}

// wrote tells whether the person wrote what is in an image: of a train, in any.
func wrote(f Facts, id promotion.PersonID) bool {
	for _, a := range authorsOf(f) {
		if of := f.Identities.Addresses[a.address]; of != "" && f.Identities.Same(of, id) {
			return true
		}
	}
	for _, r := range f.Rides {
		r.Identities, r.Rides = f.Identities, nil
		if wrote(r, id) {
			return true
		}
	}
	return false
}
