package gate

import (
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// withdraw takes an approval back, from whichever of their accounts the person
// gave it. Once the promotion is executed it is too late: then it is not open.
func (t *turn) withdraw(g promotion.Gesture, p *promotion.Promotion, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	if !policy.HasApproved(f, g.Person) {
		return t.refuse(g, p, policy.Document{}, answer, "you have not approved it, so there is nothing to take back")
	}
	v := promotion.Vote{Promotion: p.ID, Person: g.Person, Decision: promotion.Withdraw, Terms: p.TermsNow(), At: t.after(f, g.Person)}
	if err := t.SaveVote(v); err != nil {
		return answer, err
	}
	if err := t.record(audit.Withdrawn, p, map[string]any{"gesture": g.Key}); err != nil {
		return answer, err
	}
	said := promotion.NoticeWork{Kind: promotion.NoticeVote, Person: g.Person, Decision: promotion.Withdraw}
	if err := t.notice(p, "vote/"+g.Key, said); err != nil {
		return answer, err
	}
	p.Touch()
	verdict, err := t.settle(p)
	answer.Verb = promotion.Counted
	for _, m := range verdict.Missing() {
		answer.Missing = append(answer.Missing, m.Reason)
	}
	return answer, err
}
