package gate

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// planFor takes how a promotion would be taken back. It is a part of what is
// agreed to: whoever had approved before has agreed to something else.
func (t *turn) planFor(g promotion.Gesture, p *promotion.Promotion, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	if refusal := policy.MayPlan(d, f, g.Person); refusal != "" {
		return t.refuse(g, p, policy.Document{}, answer, refusal)
	}
	if g.Reason == p.Plan {
		answer.Verb = promotion.Repeated
		return answer, nil
	}
	p.Plan = g.Reason
	p.Touch()
	// The text stays with the promotion, where it can be erased.
	sum := sha256.Sum256([]byte(g.Key + "\n" + g.Reason))
	if err := t.record(audit.Prepared, p, map[string]any{"gesture": g.Key, "plan_sha256": hex.EncodeToString(sum[:]), "terms": p.TermsNow().Hash()}); err != nil {
		return answer, err
	}
	said := promotion.NoticeWork{Kind: promotion.NoticeVote, Person: g.Person, Decision: promotion.PlanFor, Reason: g.Reason}
	if err := t.notice(p, "plan/"+g.Key, said); err != nil {
		return answer, err
	}
	answer.Verb = promotion.Noted
	_, err := t.settle(p)
	return answer, err
}
