package kubernetes

import (
	"context"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// Running reads what runs of the app of an order, whoever has set it: what the
// workloads are set to where that is not the digest of the order, and what the
// machines report. What can't be told is an error, unless there is something else
// to be told.
func (d *Deployer) Running(ctx context.Context, o promotion.Order) (all []promotion.Running, err error) {
	untold := ""
	for _, s := range d.target.Workloads {
		some, err := d.read(ctx, s)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			return nil, promotion.Errorf(promotion.NotFound, "there is no %s in the namespace %s of %s", s, d.target.Namespace, d.cluster.name)
		}
		for _, w := range some {
			chosen, _ := d.chosen(w, o, s.Containers)
			if len(chosen) == 0 {
				all = append(all, promotion.Running{Where: w.String(), Set: line(listed(w.containers))})
			}
			for _, c := range chosen {
				if at := pinned(c.image); at != o.Digest {
					all = append(all, promotion.Running{Where: w.String() + ", container " + c.name, Digest: at, Set: line(c.image)})
				}
			}
			t, err := d.reported(ctx, o, found{w, s.Containers, chosen})
			if err != nil {
				return nil, err
			}
			all = append(all, t.running(found{w, s.Containers, chosen})...)
			if t.untold != "" {
				untold = t.untold
			}
		}
	}
	if untold != "" && len(o.Others(all)) == 0 {
		return nil, promotion.Errorf(promotion.Invalid, "%s", strings.TrimSpace(untold))
	}
	return all, nil
}

// reported is what the pods of a workload say, as the watch that all targets share
// has them.
func (d *Deployer) reported(ctx context.Context, o promotion.Order, w found) (*tally, error) {
	if w.kind == CronJob {
		return tallied(o, w, nil), nil
	}
	from, giveBack := d.feeds([]member{{kind: w.kind, name: w.name}})
	defer giveBack()
	if err := from.pods.ready(ctx); err != nil {
		return nil, err
	}
	return tallied(o, w, from.pods.of(w.key())), nil
}
