package gate

import (
	"errors"
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// For a while after it has come to run, what happens where it runs still counts.
// All of that is in rows, and what it means is for the policy to say.

// watch begins that while, and saves the promotion.
func (t *turn) watch(p *promotion.Promotion, d policy.Document) error {
	until := t.now.Add(d.After.Watch)
	p.WatchUntil = &until
	if err := p.Step(promotion.Watching, "", t.now); err != nil {
		return err
	}
	if err := t.record(audit.Watching, p, map[string]any{"until": until}); err != nil {
		return err
	}
	if err := errors.Join(t.wakeAt(p, until), t.measure(p, d)); err != nil {
		return err
	}
	if err := t.save(p); err != nil {
		return err
	}
	if err := t.nextTurn(p); err != nil {
		return err
	}
	return t.oversee(p)
}

// oversee asks the policy how a watch is going, does what follows, and saves the
// promotion.
func (t *turn) oversee(p *promotion.Promotion) error {
	if p.State != promotion.Watching {
		return t.save(p)
	}
	d, f, err := t.facts(p)
	if err != nil {
		return err
	}
	switch v, blind := policy.Watch(d, f, t.now); {
	case blind:
		if err := t.fail(p, v.Reason); err != nil {
			return err
		}
		return t.nextTurn(p)
	case v.Outcome == policy.Blocked:
		return t.failing(p, v.Reason)
	case v.Outcome == policy.Met:
		return t.settled(p)
	}
	return t.save(p)
}

// overseeAll does so for what is watched of an app, or of all, in an environment,
// or in any, because something has happened there.
func (t *turn) overseeAll(app, environment string) error {
	watched, err := t.query(Query{App: app, To: environment, States: []promotion.State{promotion.Watching}})
	if err != nil {
		return err
	}
	for _, p := range watched {
		p.Touch()
		if err := t.oversee(p); err != nil {
			return err
		}
	}
	return nil
}

// aftermath adds to the facts the orders of a promotion, and what has happened
// where it goes since its tags were moved.
func (t *turn) aftermath(p *promotion.Promotion, f *policy.Facts) (err error) {
	if p.StartedAt == nil || !p.Deploys() {
		return nil
	}
	if f.Deployments, err = t.Deployments(p.ID); err != nil {
		return err
	}
	stocks, err := t.Stocks(p.App)
	if err != nil {
		return err
	}
	f.Stocks = slices.DeleteFunc(stocks, func(s promotion.Stock) bool { return s.Promotion != p.ID })
	if p.WatchUntil == nil {
		return nil
	}
	until := *p.WatchUntil
	if p.FinishedAt != nil {
		until = *p.FinishedAt
	}
	if f.Since.Incidents, err = t.Incidents(p.App, p.MovedAt); err != nil {
		return err
	}
	f.Since.Incidents = slices.DeleteFunc(f.Since.Incidents, func(i promotion.Incident) bool {
		return !i.Concerns(p.App, p.To) || i.ReportedAt.Before(*p.MovedAt) || i.ReportedAt.After(until)
	})
	if f.Since.Unhealthy, err = t.Unhealth(p.App, p.To, p.MovedAt); err != nil {
		return err
	}
	if f.Since.Measured, err = t.Measurements(p.ID); err != nil {
		return err
	}
	if f.Since.Checks, err = t.Checks(p.App, p.Digest); err != nil {
		return err
	}
	f.Since.Checks = slices.DeleteFunc(f.Since.Checks, func(c promotion.Check) bool { return c.At.Before(*p.MovedAt) || c.At.After(until) })
	return nil
}
