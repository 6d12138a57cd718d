package gate

import (
	"context"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// TurnAway refuses a gesture about a promotion, as Take would, if it is known
// already that whoever makes it may not. So nobody is asked for a reason first and
// turned away afterwards. What is not known bars nobody: it is read once the
// gesture is made. A gesture that is not refused after all leaves nothing behind: it
// has no reason yet.
func (g *Gate) TurnAway(ctx context.Context, by promotion.Gesture) (barred bool, err error) {
	err = g.read(ctx, func(t *turn) error {
		barred, err = t.barred(by)
		return err
	})
	if err != nil || !barred {
		return false, err
	}
	err = g.update(ctx, string(by.Person), func(t *turn) error {
		if barred, err = t.barred(by); err != nil || !barred {
			return err
		}
		answer, err := t.take(by)
		if err == nil && answer.Lasts() {
			return promotion.Errorf(promotion.Conflict, "%s is barred from it, and would be let do it", by.Person)
		}
		return err
	})
	return barred, err
}

func (t *turn) barred(g promotion.Gesture) (bool, error) {
	p, err := t.load(g.Promotion)
	if err != nil {
		return false, err
	}
	if g.Kind == promotion.GestureVote {
		return t.mayNotVote(g, p)
	}
	return t.mayNotDo(g, p)
}

func (t *turn) mayNotVote(g promotion.Gesture, p *promotion.Promotion) (bool, error) {
	d, f, err := t.votersFacts(g, p)
	if err != nil || len(policy.StaleFor(g.Decision, d, f, g.Person, policy.KnownFor, t.now)) > 0 {
		return false, err
	}
	refusal := ""
	switch g.Decision {
	case promotion.Reject:
		refusal = policy.MayReject(d, f, g.Person)
	case promotion.PlanFor:
		refusal = policy.MayPlan(d, f, g.Person)
	case promotion.Keep:
		_, refusal = policy.MayApprove(d, f, g.Person, t.now)
	case promotion.BreakGlass:
		refusal = policy.MayBreak(d, f, g.Person)
	case promotion.Fine, promotion.NotFine:
		refusal = policy.MayReview(d, f, g.Person)
	}
	return refusal != "", nil
}

func (t *turn) mayNotDo(g promotion.Gesture, p *promotion.Promotion) (bool, error) {
	d, who, asks := policy.Document{}, policy.Document{}, policy.Document{}
	if g.Kind == promotion.GestureRollback {
		d, who, asks = t.returning(p.App, p)
	}
	rosters, people, err := t.people(who, []promotion.Vote{{Person: g.Person}}, nil)
	f := policy.Facts{Rosters: rosters, People: people}
	if err != nil || len(policy.Stale(who, f, g.Person, policy.KnownFor, t.now)) > 0 {
		return false, err
	}
	if g.Kind == promotion.GestureRollback {
		return policy.MayReturn(d, f, g.Person, asks) != "", nil
	}
	return policy.MayHold(f, g.Person) != "", nil
}
