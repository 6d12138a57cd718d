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
		train, together := t.catalog.Train(name)
		f, err = t.figures(func(app string) bool {
			return app == name || name == "" || together && slices.Contains(train.Apps, app)
		}, since, t.now)
		return err
	})
	return f, err
}

// figures are those of some apps at the end of the chain, of what ended no earlier
// than one instant and no later than another.
func (t *turn) figures(of func(app string) bool, since, until time.Time) (promotion.Figures, error) {
	rows, err := t.Promotions(Query{States: []promotion.State{promotion.Promoted, promotion.Failed}, FinishedSince: &since})
	rows = slices.DeleteFunc(rows, func(p promotion.Promotion) bool { return !of(p.App) })
	last := t.catalog.Environments[len(t.catalog.Environments)-1].Name
	f := promotion.Measure(rows, last, since, until.Add(time.Microsecond))
	f.Until = until
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
