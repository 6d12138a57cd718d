package gate

import (
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What a Prometheus is asked while a promotion is watched. An answer, or that there
// is none, becomes a row; what it means is for the policy to say.

// measure has everything asked that a policy wants to know.
func (t *turn) measure(p *promotion.Promotion, d policy.Document) error {
	if d.After == nil {
		return nil
	}
	for _, q := range d.After.Queries {
		if err := t.askAt(p, q, t.now); err != nil {
			return err
		}
	}
	return nil
}

// measureAll does so for all that is watched: another catalog may want to know
// something else.
func (t *turn) measureAll() error {
	watched, err := t.query(Query{States: []promotion.State{promotion.Watching}})
	if err != nil {
		return err
	}
	for _, p := range watched {
		d, err := t.document(p)
		if err != nil {
			return err
		}
		if err := t.measure(p, d); err != nil {
			return err
		}
	}
	return nil
}

// measured takes an answer, or why there is none, and has it asked again in due
// time. What was asked in other words than the policy has by now does not count.
func (t *turn) measured(e promotion.Effect, s *promotion.Sample, fault string) error {
	w, err := promotion.Work[promotion.MeasureWork](e)
	if err != nil {
		return err
	}
	p, err := t.load(e.Promotion)
	if err != nil || p.State != promotion.Watching {
		return err
	}
	d, err := t.document(p)
	if err != nil || d.After == nil {
		return err
	}
	i := slices.IndexFunc(d.After.Queries, func(q policy.Query) bool { return q.Number == w.Name })
	if i < 0 {
		return nil
	}
	q := d.After.Queries[i]
	if q.Ask(*p) != w {
		return t.askAt(p, q, t.now)
	}
	had, err := t.Measurements(p.ID)
	if err != nil {
		return err
	}
	m, _ := policy.Facts{Promotion: *p, Since: policy.Aftermath{Measured: had}}.Measurement(q)
	was := m
	m.Promotion = p.ID
	answered(&m, q, s, fault, t.now)
	if err := t.SaveMeasurement(m); err != nil {
		return err
	}
	// The card is drawn again when it says something else, and not for every number.
	if (was.Last == nil) != (m.Last == nil) || (was.Wrong == nil) != (m.Wrong == nil) || was.Fault != m.Fault {
		p.Touch()
	}
	if err := t.oversee(p); err != nil || p.State != promotion.Watching {
		return err
	}
	return t.askAt(p, q, t.nextLook(p, d))
}

// answered notes an answer, or why there is none.
func answered(m *promotion.Measurement, q policy.Query, s *promotion.Sample, fault string, now time.Time) {
	if s == nil {
		if m.Fault == "" {
			m.Since = &now
		}
		m.Fault = clipped(fault)
		return
	}
	m.Last, m.Fault, m.Since = s, "", nil
	switch {
	case q.Holds(s.Value):
		m.Wrong = nil
	case m.Wrong == nil:
		m.Wrong = &s.At
	}
}

// nextLook is when it is asked again: at the end of the watch in any case, and as
// long after it as it is waited for an answer.
func (t *turn) nextLook(p *promotion.Promotion, d policy.Document) time.Time {
	next := t.now.Add(d.After.Every())
	for _, marked := range []time.Time{*p.WatchUntil, p.WatchUntil.Add(policy.Patience)} {
		if t.now.Before(marked) && next.After(marked) {
			return marked
		}
	}
	return next
}
