package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Query is asked of a Prometheus again and again for as long as it is watched.
type Query struct {
	Threshold               // under its name, what the answer has to be
	Text      string        // PromQL; {app}, {environment} and {digest} stand for what they say
	Server    string        // the address of the Prometheus
	For       time.Duration `json:",omitempty"` // how long it may be something else before that counts
}

// Patience is for how long, after the end of a watch, it is waited for what could
// not be read: a Prometheus that is begun anew is there again by then.
const Patience = 10 * time.Minute

// Ask is the query as it is asked about a promotion.
func (q Query) Ask(p promotion.Promotion) promotion.MeasureWork {
	fill := strings.NewReplacer("{app}", p.App, "{environment}", p.To, "{digest}", string(p.Digest))
	return promotion.MeasureWork{Name: q.Number, Server: q.Server, Query: fill.Replace(q.Text)}
}

// Every is the interval at which queries are asked during a watch: often enough that
// one answer is not the whole of it, and no more of a burden than a dashboard.
func (a After) Every() time.Duration {
	return max(10*time.Second, min(a.Watch/30, 5*time.Minute))
}

// Measurement is what a query has answered about the promotion so far.
func (f Facts) Measurement(q Query) (promotion.Measurement, bool) {
	asked := q.Ask(f.Promotion)
	i := slices.IndexFunc(f.Since.Measured, func(m promotion.Measurement) bool { return m.Asked == asked })
	if i < 0 {
		return promotion.Measurement{Asked: asked}, false
	}
	return f.Since.Measured[i], true
}

// measured is what the queries say: which have answered what they must not, and which
// have not answered for the end of the watch. An answer that is missing is neither
// good nor bad, and without one for its end a watch is not over.
func (a After) measured(f Facts, over bool) (wrong, unanswered []string) {
	for _, q := range a.Queries {
		m, _ := f.Measurement(q)
		final := m.Last != nil && !m.Last.At.Before(*f.Promotion.WatchUntil)
		switch {
		case m.Last != nil && !q.Holds(m.Last.Value) && (final || m.Last.At.Sub(wrongSince(m)) >= q.For):
			wrong = append(wrong, off(q, m))
		case over && m.Last == nil:
			unanswered = append(unanswered, q.Number+" was never answered"+told(m.Fault))
		case over && !final:
			unanswered = append(unanswered, fmt.Sprintf("%s was last answered at %s%s", q.Number, instant(m.Last.At), told(m.Fault)))
		}
	}
	return wrong, unanswered
}

// off says what an answer was, and what it has to be.
func off(q Query, m promotion.Measurement) string {
	s := fmt.Sprintf("%s was %s at %s and has to be %s %s", q.Number, m.Last, instant(m.Last.At), q.Is, figure(q.Limit))
	if began := wrongSince(m); began.Before(m.Last.At) {
		s += ", which it has not been since " + instant(began)
	}
	return s
}

func wrongSince(m promotion.Measurement) time.Time {
	if m.Wrong == nil {
		return m.Last.At
	}
	return *m.Wrong
}

// asked says what is asked, and what it means when there is no answer.
func (a After) asked() (all []string) {
	if len(a.Queries) == 0 {
		return nil
	}
	var each []string
	for _, q := range a.Queries {
		s := q.String()
		if q.For > 0 {
			s += fmt.Sprintf(" (unless it is something else for less than %s)", span(q.For))
		}
		each = append(each, s)
	}
	return []string{
		"Or when what Prometheus is asked is not as it has to be: " + strings.Join(each, ", ") + ".",
		fmt.Sprintf("No answer is neither good nor bad: the watch is not over before there is one for its end, and when there is none %s later, it is left to people.", span(Patience)),
	}
}
