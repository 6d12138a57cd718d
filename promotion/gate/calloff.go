package gate

import (
	"context"
	"fmt"
	"slices"

	"github.com/promotebot/promotebot/promotion"
)

// A promotion that is failing has stopped: whoever has not heard of it is not told
// any more. Whoever has is followed, so that people see what there is to decide,
// until it is gone back: then that is given up. For as long as something is under
// way nothing else is done in its environment, since what comes late would replace
// what came after it.

// Wanted has to be asked before an order is given or followed. The error is Stale
// when that is not to be done any more.
func (g *Gate) Wanted(ctx context.Context, e promotion.Effect) error {
	return g.read(ctx, func(t *turn) error {
		p, d, err := t.ordered(e)
		if err != nil {
			return err
		}
		why, err := t.calledOff(p, d, e.Kind)
		if err == nil && why != "" {
			err = promotion.Errorf(promotion.Stale, "%s", why)
		}
		return err
	})
}

// calledOff says why an order is not given, or not followed, any more, or "".
func (t *turn) calledOff(p *promotion.Promotion, d promotion.Deployment, what promotion.EffectKind) (string, error) {
	switch {
	case d.EndedAt != nil:
		return fmt.Sprintf("the order to %s has ended already", d.Order.Target), nil
	case p.State == promotion.Deploying:
		return "", nil
	case what == promotion.EffectDeploy:
		return fmt.Sprintf("it was called off, since #%d is %s", p.ID, p.State), nil
	case p.State != promotion.Failing:
		return fmt.Sprintf("it was not followed any more, since #%d is %s", p.ID, p.State), nil
	}
	back, err := t.waysBack(p, live)
	if err != nil || len(back) == 0 {
		return "", err
	}
	return fmt.Sprintf("it was not followed any more, since #%d goes back from it", back[0].ID), nil
}

// waysBack are the rollbacks of what a promotion has brought.
func (t *turn) waysBack(p *promotion.Promotion, states []promotion.State) ([]*promotion.Promotion, error) {
	all, err := t.query(Query{App: p.App, To: p.To, Purposes: []promotion.Purpose{promotion.Rollback}, States: states})
	return slices.DeleteFunc(all, func(back *promotion.Promotion) bool { return back.Back.Bad != p.Digest }), err
}

// underWay tells whether a target may still hear of a promotion, or do what it has
// heard.
func (t *turn) underWay(id promotion.ID) (bool, error) {
	all, err := t.Deployments(id)
	return slices.ContainsFunc(all, promotion.Deployment.Under), err
}

// halted saves a promotion that does not go on, and lets go on what waits until
// nothing of it is under way.
func (t *turn) halted(p *promotion.Promotion) error {
	if err := t.save(p); err != nil || p.State != promotion.Failing {
		return err
	}
	if under, err := t.underWay(p.ID); err != nil || under {
		return err
	}
	return t.nextTurn(p)
}
