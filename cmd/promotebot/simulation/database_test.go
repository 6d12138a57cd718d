package simulation

import (
	"context"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
)

// database is one replica's way to the store that all share. A transaction is
// one call: the stores let only one in at a time, so there is no point inside
// of it at which somebody else could have come in between.
type database struct{ r *replica }

func (d database) unavailable(f fate) error {
	return promotion.Errorf(promotion.Unavailable, "the database %s", f)
}

// Update implements gate.Store.
func (d *database) Update(ctx context.Context, f func(gate.Tx) error) error {
	who := callerOf(ctx)
	fate, err := d.r.w.ask(ctx, &call{by: d.r, what: commit, name: who.name + " commits"})
	switch {
	case err != nil:
		return promotion.Errorf(promotion.Unavailable, "the database: %w", err)
	case fate == failBefore:
		return d.unavailable(fate)
	}
	seen := &recorder{}
	err = d.r.w.store.Update(ctx, func(tx gate.Tx) error {
		seen.Tx = tx
		return f(seen)
	})
	if err == nil {
		d.r.w.judge.committed(d.r, seen)
	}
	switch {
	case fate == crashAfter:
		d.r.crash()
		return errGone
	case fate == failAfter && err == nil:
		return d.unavailable(fate)
	}
	return err
}

// View implements gate.Store.
func (d *database) View(ctx context.Context, f func(gate.Tx) error) error {
	who := callerOf(ctx)
	switch fate, err := d.r.w.ask(ctx, &call{by: d.r, what: view, name: who.name + " looks"}); {
	case err != nil:
		return promotion.Errorf(promotion.Unavailable, "the database: %w", err)
	case fate != fine:
		return d.unavailable(fate)
	}
	return d.r.w.store.View(ctx, f)
}

// recorder notes the writes of a transaction that a rule is about.
type recorder struct {
	gate.Tx
	entries []audit.Entry
	saved   []promotion.Promotion
	votes   []promotion.Vote
	taken   []taken
	reports []func(*judge) // of incidents, health, checks, use and tags
}

// taken is a gesture that was recorded with its answer, or what was answered to one
// that had been recorded before.
type taken struct {
	gesture promotion.Gesture
	answer  *promotion.Answer // nil: it waits
}

func (r *recorder) AddGesture(g promotion.Gesture, a *promotion.Answer) error {
	r.taken = append(r.taken, taken{g, a})
	return r.Tx.AddGesture(g, a)
}

func (r *recorder) DecideGesture(key string, a promotion.Answer, at time.Time) error {
	r.taken = append(r.taken, taken{promotion.Gesture{Key: key}, &a})
	return r.Tx.DecideGesture(key, a, at)
}

func (r *recorder) AddIncident(i *promotion.Incident) error {
	r.reports = append(r.reports, func(j *judge) { j.incidents[i.ID] = *i })
	return r.Tx.AddIncident(i)
}

func (r *recorder) ResolveIncident(id promotion.IncidentID, at time.Time, by string) error {
	r.reports = append(r.reports, func(j *judge) { j.resolved(id) })
	return r.Tx.ResolveIncident(id, at, by)
}

func (r *recorder) OpenUnhealth(u promotion.Unhealth) error {
	r.reports = append(r.reports, func(j *judge) { j.ill = append(j.ill, u) })
	return r.Tx.OpenUnhealth(u)
}

func (r *recorder) CloseUnhealth(app, environment string, at time.Time) error {
	r.reports = append(r.reports, func(j *judge) { j.healed(app, environment) })
	return r.Tx.CloseUnhealth(app, environment, at)
}

func (r *recorder) OpenHolding(app, environment string, side promotion.Side, h gate.Holding) error {
	if side == promotion.Source && environment == source {
		r.reports = append(r.reports, func(j *judge) { j.appears(app, h.Tag, h.Digest) })
	}
	return r.Tx.OpenHolding(app, environment, side, h)
}

func (r *recorder) CloseHolding(app, environment string, side promotion.Side, tag string, at time.Time) error {
	if side == promotion.Source && environment == source {
		r.reports = append(r.reports, func(j *judge) { j.leaves(app, tag) })
	}
	return r.Tx.CloseHolding(app, environment, side, tag, at)
}

func (r *recorder) AddCheck(c *promotion.Check) error {
	err := r.Tx.AddCheck(c)
	r.reports = append(r.reports, func(j *judge) { j.reported(*c) })
	return err
}

func (r *recorder) SaveExposure(e promotion.ExposureReport) error {
	r.reports = append(r.reports, func(j *judge) { j.used(e) })
	return r.Tx.SaveExposure(e)
}

func (r *recorder) AppendAudit(e audit.Entry) error {
	r.entries = append(r.entries, e)
	return r.Tx.AppendAudit(e)
}

func (r *recorder) AddPromotion(p *promotion.Promotion) error {
	err := r.Tx.AddPromotion(p)
	r.saved = append(r.saved, *p)
	return err
}

func (r *recorder) SavePromotion(p promotion.Promotion, was int64) error {
	r.saved = append(r.saved, p)
	return r.Tx.SavePromotion(p, was)
}

func (r *recorder) SaveVote(v promotion.Vote) error {
	r.votes = append(r.votes, v)
	return r.Tx.SaveVote(v)
}

// queue is a lane's way to the effects.
type queue struct {
	database
	lane string
}

// Claim implements pipeline.Queue. To find nothing is not worth a decision of
// the scheduler: most claims do.
func (q *queue) Claim(ctx context.Context, kinds []promotion.EffectKind, owner string, now, until time.Time, limit int) ([]promotion.Effect, error) {
	w := q.r.w
	if due, any, err := w.store.NextDue(ctx, kinds); err == nil && (!any || due.After(now)) || q.r.isDead() {
		return nil, err
	}
	fate, err := w.ask(ctx, &call{by: q.r, what: claim, name: q.lane + " claims"})
	switch {
	case err != nil:
		return nil, err
	case fate == failBefore:
		return nil, q.unavailable(fate)
	}
	claimed, err := w.store.Claim(ctx, kinds, owner, now, until, limit)
	if err == nil {
		w.judge.claimed(claimed)
	}
	switch {
	case fate == crashAfter:
		q.r.crash()
		return nil, errGone
	case fate == failAfter && err == nil:
		return nil, q.unavailable(fate)
	}
	for _, e := range claimed {
		w.note("%s claims %s until %s", q.r.name, e.Key, e.LeaseUntil.Format("15:04:05"))
	}
	return claimed, err
}

// Extend implements pipeline.Queue.
func (q *queue) Extend(ctx context.Context, e promotion.Effect, until time.Time) error {
	fate, err := q.r.w.ask(ctx, &call{by: q.r, what: claim, name: q.lane + " extends " + e.Key})
	switch {
	case err != nil:
		return err
	case fate == failBefore:
		return q.unavailable(fate)
	}
	err = q.r.w.store.Extend(ctx, e, until)
	switch {
	case fate == crashAfter:
		q.r.crash()
		return errGone
	case fate == failAfter && err == nil:
		return q.unavailable(fate)
	}
	return err
}

// NextDue implements pipeline.Queue.
func (q *queue) NextDue(ctx context.Context, kinds []promotion.EffectKind) (time.Time, bool, error) {
	return q.r.w.store.NextDue(ctx, kinds)
}
