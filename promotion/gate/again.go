package gate

import (
	"fmt"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// A target that failed for something that has been put right since, such as rights
// that were missing, can be told again: the same digest, under the same promotion.
// What was approved is that this digest runs there, and its tags are set. So it is
// for those to say who could keep it; all that holds up a target does so again.

// tryAgain has those targets told again that do not run what is failing: those that
// failed, and those whose turn has not come.
func (t *turn) tryAgain(g promotion.Gesture, p *promotion.Promotion, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	if p.State != promotion.Failing {
		return t.refuse(g, p, policy.Document{}, answer, "it is not failing, so there is nothing to try again")
	}
	if _, refusal := policy.MayApprove(d, f, g.Person, t.now); refusal != "" {
		return t.refuse(g, p, d, answer, refusal)
	}
	all, err := t.Deployments(p.ID)
	if err != nil {
		return answer, err
	}
	all = promotion.Untold(all)
	if why, err := t.notAgain(p, all); err != nil {
		return answer, err
	} else if why != "" {
		return t.refuse(g, p, policy.Document{}, answer, why)
	}
	if err := p.Step(promotion.Deploying, "", t.now); err != nil {
		return answer, err
	}
	answer.Verb = promotion.Counted
	for _, d := range all {
		answer.Targets = append(answer.Targets, d.Order.Target)
	}
	if err := t.record(audit.Retried, p, map[string]any{"targets": answer.Targets, "gesture": g.Key}); err != nil {
		return answer, err
	}
	for _, d := range all {
		if err := t.anew(p, d); err != nil {
			return answer, err
		}
	}
	said := promotion.NoticeWork{Kind: promotion.NoticeRetried, Person: g.Person, Target: strings.Join(answer.Targets, ", ")}
	if err := t.notice(p, "retried/"+g.Key, said); err != nil {
		return answer, err
	}
	if err := t.proceed(p); err != nil {
		return answer, err
	}
	return answer, t.othersWait(p)
}

// notAgain says why these targets are not told again now, or "".
func (t *turn) notAgain(p *promotion.Promotion, all []promotion.Deployment) (string, error) {
	if len(all) == 0 {
		return "every target has it, so there is none to be told again", nil
	}
	for _, d := range all {
		if gone := t.gone(d); gone != "" {
			return gone, nil
		}
	}
	if under, err := t.underWay(p.ID); err != nil || under {
		return "it is still under way to another target: it can be tried again when that has ended", err
	}
	others, err := t.query(Query{App: p.App, To: p.To, States: live})
	if err != nil {
		return "", err
	}
	for _, o := range others {
		switch {
		case o.ID == p.ID:
		case o.Purpose == promotion.Rollback && o.Back.Bad == p.Digest:
			return fmt.Sprintf("#%d goes back from it: reject that first", o.ID), nil
		case o.State.Moves():
			return fmt.Sprintf("#%d is being promoted to %s just now", shownAs(o), p.To), nil
		}
	}
	if p.Purpose == promotion.Rollback {
		return "", nil
	}
	withdrawn, err := t.Withdrawals(p.App)
	if policy.Withdrawn(withdrawn, p.Digest) != nil {
		return "the digest was withdrawn", err
	}
	return "", err
}

// anew makes another order of one that has failed. Whatever is still said of the
// one before counts for nothing.
func (t *turn) anew(p *promotion.Promotion, d promotion.Deployment) error {
	was := d.Rollout.Phase
	if was == promotion.RolloutPlanned {
		return nil
	}
	d.Order.Retries++
	d.Order.OrderedAt, d.Order.Deadline, d.Order.Handle = time.Time{}, time.Time{}, ""
	d.Rollout, d.Fault, d.EndedAt = promotion.Rollout{Phase: promotion.RolloutPlanned}, "", nil
	return t.keepRollout(p, d, was)
}
