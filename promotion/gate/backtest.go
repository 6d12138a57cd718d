package gate

import (
	"context"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Replayed is a promotion of the past under another catalog.
type Replayed struct {
	Promotion promotion.Promotion
	Would     *time.Time // when it would have gone ahead; nil: not by now, or not before it ended otherwise
	Verdict   policy.Verdict
	Unheard   bool // what provenance would have said is not recorded, and counted as in order
}

// Backtest replays the past that is recorded under another catalog: everything
// that was decided and has ended since an instant, oldest first. Who held which
// role is not recorded, so the roles are as they are known now.
func (g *Gate) Backtest(ctx context.Context, c *Catalog, since time.Time) (all []Replayed, err error) {
	err = g.read(ctx, func(t *turn) error {
		all = nil
		t.catalog = c
		ended, err := t.query(Query{Apart: true, Purposes: []promotion.Purpose{promotion.Forward, promotion.Train, promotion.Rollback},
			States: []promotion.State{promotion.Promoted, promotion.Conflicted, promotion.Failed, promotion.Rejected, promotion.Superseded, promotion.Expired}})
		if err != nil {
			return err
		}
		for _, p := range slices.Backward(ended) {
			if !p.FinishedAt.Before(since) {
				r, err := t.replayed(p)
				if err != nil {
					return err
				}
				all = append(all, r)
			}
		}
		return nil
	})
	return all, err
}

// replayed follows what was executed until now, since a stricter policy may only
// have made it later; what was not, until it ended.
func (t *turn) replayed(p *promotion.Promotion) (Replayed, error) {
	d, f, err := t.facts(p)
	if err != nil {
		return Replayed{}, err
	}
	if err := t.history(d, &f); err != nil {
		return Replayed{}, err
	}
	until := t.now
	if p.StartedAt == nil {
		until = p.FinishedAt.Add(-time.Microsecond)
	}
	met, ok, last := policy.Replay(d, f, p.OpenedAt, until)
	r := Replayed{Promotion: *p, Verdict: last, Unheard: policy.Unheard(d, f)}
	if ok {
		r.Would = &met
	}
	return r, nil
}
