package gate

import (
	"context"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Digest is when a channel is told what has happened and what waits.
type Digest struct {
	Channel string
	Spec    string // the cron expression, with CRON_TZ; with the channel it identifies the digest
	Comes   policy.Window
}

// digests has every digest come. The first one tells what happens from now on.
func (t *turn) digests() error {
	for _, d := range t.catalog.Digests {
		w := promotion.SumWork{Channel: d.Channel, Schedule: d.Spec, Since: t.now, Tick: d.Comes.Next(t.now).UTC()}
		if err := t.sumAt(w, w.Tick); err != nil {
			return err
		}
	}
	return nil
}

// sum has a digest posted. One that could not be while promotebot was down comes
// late, and tells of all that time; of several, one comes.
func (t *turn) sum(e promotion.Effect) error {
	w, err := promotion.Work[promotion.SumWork](e)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(t.catalog.Digests, func(d Digest) bool { return d.Channel == w.Channel && d.Spec == w.Schedule })
	if i < 0 {
		return nil // taken out of the configuration
	}
	at, err := t.informed(t.now)
	switch {
	case err != nil:
		return err
	case at.After(t.now):
		return t.sumAt(w, at)
	}
	if err := t.digest(w); err != nil {
		return err
	}
	w.Since, w.Tick = t.now, t.catalog.Digests[i].Comes.Next(later(t.now, w.Tick)).UTC()
	return t.sumAt(w, w.Tick)
}

// Digest is what a channel is told now of what happened since then.
func (g *Gate) Digest(ctx context.Context, w promotion.DigestWork) (d policy.Digest, err error) {
	err = g.read(ctx, func(t *turn) error {
		d = policy.Digest{Since: w.Since, Until: w.Until}
		views, err := t.pending()
		if err != nil {
			return err
		}
		for _, v := range views {
			switch p := &v.Facts.Promotion; {
			case p.Card.Channel != w.Channel:
			case p.State == promotion.Failing:
				d.Failing = append(d.Failing, v)
			case p.Overdue(t.now):
				d.Overdue = append(d.Overdue, v)
			case p.State == promotion.Open && v.Verdict.OnlyApprovals():
				d.Waiting = append(d.Waiting, v)
			case p.State == promotion.Open && v.Verdict.Unsoaked():
				d.Soaking = append(d.Soaking, v)
			case !p.State.Final():
				d.Open = append(d.Open, v)
			}
		}
		return t.ended(w, &d)
	})
	return d, err
}

func (t *turn) ended(w promotion.DigestWork, d *policy.Digest) (err error) {
	after := w.Since.Add(time.Microsecond) // what ended at that very instant was in the digest before
	past, err := t.Promotions(Query{Apart: true, FinishedSince: &after})
	if err != nil {
		return err
	}
	var ids []promotion.PersonID
	for _, p := range slices.Backward(past) { // the oldest first
		if p.Card.Channel != w.Channel || p.FinishedAt.After(w.Until) || p.State == promotion.Superseded {
			continue // what gave way to a newer build is no news beside that
		}
		if ids = append(ids, p.EndedBy); p.Broken != nil {
			ids = append(ids, p.Broken.By)
		}
		switch {
		case p.State == promotion.Promoted && p.Purpose == promotion.Rollback:
			d.RolledBack = append(d.RolledBack, p)
		case p.State == promotion.Promoted && p.Repairs():
			d.PutBack = append(d.PutBack, p)
		case p.State == promotion.Promoted:
			d.Promoted = append(d.Promoted, p)
		default:
			d.Ended = append(d.Ended, p)
		}
	}
	if d.People, err = t.People(ids); err != nil {
		return err
	}
	d.Figures, err = t.figures(func(name string) bool {
		app, ok := t.catalog.App(name)
		return ok && app.Channel == w.Channel
	}, after, w.Until)
	return err
}
