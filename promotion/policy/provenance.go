package policy

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Provenance is what is asked of what somebody who is trusted says about how an
// image was built. What it names as authors is added to what the label and reports
// name, and takes nobody out.
type Provenance struct {
	By       string `json:",omitempty"` // the hash of who is trusted; empty when nothing is looked for
	Required bool   `json:",omitempty"` // without any that names an author nothing goes ahead
}

// SoughtEvery is how long it takes until provenance that is missing is looked for
// again: a pipeline attaches it after it has pushed the image.
const SoughtEvery = time.Minute

// attested says whether it is known what provenance of the image says.
func attested(d Document, f Facts) []Finding {
	if d.Provenance.By == "" {
		return nil
	}
	finding := Finding{Rule: RuleProvenance, Outcome: Waiting}
	v := f.Promotion.Provenance
	if !v.Covers(&f.Promotion, d.Provenance.By) {
		v = &promotion.Provenance{}
	}
	switch found := v.Found; {
	case v.Fault != "":
		finding.Reason = "whether provenance of the image names more authors could not be read so far: " + v.Fault
	case v.ReadAt == nil:
		finding.Reason = "whether provenance of the image names more authors is being read"
	case found.Named == 0 && d.Provenance.Required:
		finding.Outcome = Blocked
		finding.Reason = "no provenance of the image that one of the keys has signed names an author, and the policy requires one: attach it to the digest; it is looked for every minute"
	case found.Verified == 0:
		finding.Outcome, finding.Reason = Met, "there is no provenance of the image that one of the keys has signed"
	default:
		finding.Outcome, finding.Reason = Met, fmt.Sprintf("authors that verified provenance of the image names: %d", found.Named)
	}
	if len(v.Found.Refused) > 0 {
		finding.Reason += ". What was attached and does not count: " + strings.Join(v.Found.Refused, "; ")
	}
	return []Finding{finding}
}

// sought are the promotions whose provenance has to be looked for: it never was
// under these keys, or what is required is missing, and is looked for every so often.
func sought(d Document, f Facts) []promotion.ID {
	return seek(d, f, func(v *promotion.Provenance) bool {
		return v.ReadAt == nil || d.Provenance.Required && v.Found.Named == 0
	})
}

// seek picks those whose provenance is wanted: of a train its rides.
func seek(d Document, f Facts, want func(*promotion.Provenance) bool) (ids []promotion.ID) {
	for _, r := range f.Rides {
		ids = append(ids, seek(d, r, want)...)
	}
	p := &f.Promotion
	if d.Provenance.By == "" || p.Purpose == promotion.Train || p.Repairs() {
		return ids
	}
	v := p.Provenance
	if !v.Covers(p, d.Provenance.By) {
		v = &promotion.Provenance{}
	}
	if want(v) {
		ids = append(ids, p.ID)
	}
	return ids
}

// anew has provenance looked for once more when nothing else is missing: who could
// push may have attached some since, and what it names has to be heard before it
// goes ahead.
func anew(d Document, f Facts, now time.Time) (findings []Finding, ids []promotion.ID) {
	ids = seek(d, f, func(v *promotion.Provenance) bool { return v.ReadAt == nil || now.Sub(*v.ReadAt) >= ProvedFor })
	if len(ids) == 0 {
		return nil, nil
	}
	return []Finding{{Rule: RuleProvenance, Outcome: Waiting, Reason: "whether provenance of the image names more authors is being read once more"}}, ids
}

// heard adds up two demands: whatever either asks for is asked for.
func (p Provenance) heard(more Provenance) Provenance {
	return Provenance{By: cmp.Or(p.By, more.By), Required: p.Required || more.Required}
}
