package policy

import (
	"fmt"

	"github.com/promotebot/promotebot/promotion"
)

// AsksForPlan tells whether a plan has to be there before the promotion can be
// approved. What puts a tag back, or leaves it, is that already.
func (d Document) AsksForPlan(p *promotion.Promotion) bool { return d.Plan && !p.Stays() }

// wayOut asks for what people would do if it went wrong.
func wayOut(d Document, f Facts) []Finding {
	if !d.AsksForPlan(&f.Promotion) {
		return nil
	}
	if f.Promotion.Plan == "" {
		return []Finding{{Rule: RulePlan, Outcome: Waiting, Reason: fmt.Sprintf("a rollback plan is asked for and there is none: /promote plan %s and a text or an address", f.Promotion.App)}}
	}
	return []Finding{{Rule: RulePlan, Outcome: Met, Reason: "there is a rollback plan"}}
}

// MayPlan says why the person can't say how it would be taken back, or "".
// Whoever can reject it can, and nobody where the policy does not ask.
func MayPlan(d Document, f Facts, id promotion.PersonID) (refusal string) {
	if !d.AsksForPlan(&f.Promotion) {
		return "no rollback plan is asked for here"
	}
	return MayReject(d, f, id)
}
