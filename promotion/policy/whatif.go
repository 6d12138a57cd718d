package policy

import (
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// WhatIf is the view as it would be if the person approved now. The refusal
// says why that approval could not count; the view is then as it is.
func WhatIf(d Document, f Facts, id promotion.PersonID, now time.Time) (v View, refusal string) {
	if _, refusal = MayApprove(d, f, id, now); refusal != "" {
		return ViewAt(d, f, now), refusal
	}
	vote := promotion.Vote{Promotion: f.Promotion.ID, Person: id, Decision: promotion.Approve, Terms: f.Promotion.TermsNow(), At: now}
	f.Votes = append(slices.Clone(f.Votes), vote)
	return ViewAt(d, f, now), ""
}
