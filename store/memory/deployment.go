package memory

import (
	"cmp"
	"slices"

	"github.com/promotebot/promotebot/promotion"
)

var phases = []promotion.RolloutPhase{
	promotion.RolloutPlanned, promotion.RolloutOrdered, promotion.RolloutAsked, promotion.RolloutUnder, promotion.RolloutDone, promotion.RolloutFailed,
}

func copiedDeployment(d promotion.Deployment) promotion.Deployment {
	d.Order.Manifests, d.Order.Tags, d.Order.Approvers = slices.Clone(d.Order.Manifests), slices.Clone(d.Order.Tags), slices.Clone(d.Order.Approvers)
	d.Rollout.Lines, d.Rollout.Running = slices.Clone(d.Rollout.Lines), slices.Clone(d.Rollout.Running)
	d.EndedAt = instantOrNil(d.EndedAt)
	return d
}

func (t *tx) Deployments(of promotion.ID) (found []promotion.Deployment, err error) {
	for k, d := range t.deployed.rows {
		if k.of == of {
			found = append(found, copiedDeployment(d))
		}
	}
	slices.SortFunc(found, func(a, b promotion.Deployment) int { return cmp.Compare(a.Place, b.Place) })
	return found, nil
}

func (t *tx) SaveDeployment(d promotion.Deployment) error {
	const what = "save a deployment"
	if err := t.writable(); err != nil {
		return err
	}
	_, exists := t.promotions.rows[d.Order.Promotion]
	switch phase := d.Rollout.Phase; {
	case !exists:
		return forbidden(what, "promotion")
	case d.Order.Target == "" || d.Place < 0:
		return forbidden(what, "target or place")
	case !slices.Contains(phases, phase):
		return forbidden(what, "phase")
	case d.Order.OrderedAt.IsZero() != (phase == promotion.RolloutPlanned):
		return forbidden(what, "ordered exactly when it is not only planned")
	case (d.EndedAt != nil) != phase.Ended():
		return forbidden(what, "ended exactly when done or failed")
	}
	for k, other := range t.deployed.rows {
		if k.of == d.Order.Promotion && k.target != d.Order.Target && other.Place == d.Place {
			return twice(what)
		}
	}
	t.deployed.set(deploymentKey{d.Order.Promotion, d.Order.Target}, copiedDeployment(d))
	return nil
}
