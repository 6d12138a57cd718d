package gate

import (
	"context"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Figures are those of one app, of the apps of a train or, with an empty name, of
// all, at the end of the chain, from an instant until now.
func (g *Gate) Figures(ctx context.Context, name string, since time.Time) (f promotion.Figures, err error) {
	err = g.read(ctx, func(t *turn) error {
		q := Query{States: []promotion.State{promotion.Promoted}, FinishedSince: &since}
		train, together := t.catalog.Train(name)
		if !together {
			q.App = name
		}
		rows, err := t.Promotions(q)
		if together {
			rows = slices.DeleteFunc(rows, func(p promotion.Promotion) bool { return !slices.Contains(train.Apps, p.App) })
		}
		last := t.catalog.Environments[len(t.catalog.Environments)-1].Name
		f = promotion.Measure(rows, last, since, t.now.Add(time.Microsecond))
		f.Until = t.now
		return err
	})
	return f, err
}

// Withdrawals are those of the digests of an app, oldest first.
func (g *Gate) Withdrawals(ctx context.Context, app string) (withdrawn []promotion.Withdrawal, err error) {
	err = g.store.View(ctx, func(tx Tx) error {
		withdrawn, err = tx.Withdrawals(app)
		return err
	})
	return withdrawn, err
}
