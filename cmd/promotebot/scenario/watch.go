package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// A scenario can also be about what follows a promotion: it runs, and is watched.

const exampleMeasured = "{errors: 0.7, p99_seconds: {value: 0.3, off: 3m}, orders: missing}"

// answer is what a query has come to.
type answer struct {
	missing bool // it was never answered
	value   float64
	off     time.Duration // for how long it has not been what it has to be
}

// since are what can be said of what is watched: the rest was before.
var since = []string{"watched", "measured", "checks", "incidents", "rollback"}

// watched reads since when it has run.
func (r *reader) watched(n *yaml.Node, in map[string]strict.Pair, d policy.Document) *time.Duration {
	for key, p := range in {
		if !slices.Contains(since, key) {
			r.Fault(p.At, fmt.Sprintf("%s changes nothing for what runs and is watched", key), "take it out; what counts then is "+strings.Join(since[1:], ", "))
		}
	}
	long, ok := r.ago(n, "watched")
	if ok && d.After == nil {
		r.Fault(n, "the policy watches nothing", "give it after: {watch: 15m}, or take watched out")
	}
	return &long
}

// measured reads what the queries of the watch have come to.
func (r *reader) measured(p strict.Pair, watched bool, d policy.Document) map[string]answer {
	if !watched {
		r.Fault(p.At, "only what is watched is measured", "add watched: 10m, or take it out")
	}
	all := map[string]answer{}
	pairs, _ := r.Pairs(p.Value, "measured", exampleMeasured)
	for _, q := range pairs {
		if d.After == nil || !slices.ContainsFunc(d.After.Queries, func(asked policy.Query) bool { return asked.Number == q.Key }) {
			r.Fault(q.At, fmt.Sprintf("the policy asks no query %q", strict.Clip(q.Key)), "name one that it asks, or take it out: it would change nothing")
		}
		all[q.Key] = r.answer(q.Value)
	}
	return all
}

func (r *reader) answer(n *yaml.Node) (a answer) {
	if r.IsText(n) {
		if a.missing = n.Value == string(missing); !a.missing {
			r.Fault(n, fmt.Sprintf("no answer is %q", strict.Clip(n.Value)), "write a number, or missing for none")
		}
		return a
	}
	if n.Kind != yaml.MappingNode {
		a.value = r.number(n)
		return a
	}
	in, ok := r.Fields(n, "an answer", "{value: 0.3, off: 3m}", "value", "off")
	if !ok {
		return a
	}
	if at, ok := r.Required(n, in, "value", "the answer", "add value: 0.3"); ok {
		a.value = r.number(at)
	}
	if p, ok := in["off"]; ok {
		a.off, _ = r.ago(p.Value, "off")
	}
	return a
}

// watch is what the policy says of a digest that runs. Left to people is what could
// not be measured.
func (s Scenario) watch(d policy.Document, f policy.Facts) policy.Verdict {
	moved := s.At.Add(-*s.given.watched)
	until := moved.Add(d.After.Watch)
	f.Promotion.State, f.Promotion.StartedAt, f.Promotion.MovedAt, f.Promotion.WatchUntil = promotion.Watching, &moved, &moved, &until
	f.Since = policy.Aftermath{Incidents: slices.Clone(s.given.incidents)}
	f.Since.Incidents = slices.DeleteFunc(f.Since.Incidents, func(i promotion.Incident) bool { return i.ReportedAt.Before(moved) })
	for name, r := range s.given.checks {
		if check := (promotion.Check{Name: name, Status: r.status, At: s.At.Add(-r.ago)}); r.status != missing && !check.At.Before(moved) {
			f.Since.Checks = append(f.Since.Checks, check)
		}
	}
	slices.SortFunc(f.Since.Checks, func(a, b promotion.Check) int { return strings.Compare(a.Name, b.Name) })
	for _, q := range d.After.Queries {
		given, mentioned := s.given.measured[q.Number]
		m := promotion.Measurement{Promotion: f.Promotion.ID, Asked: q.Ask(f.Promotion), Last: &promotion.Sample{Value: q.Within(), At: s.At}}
		switch {
		case given.missing:
			m.Last = nil
		case mentioned:
			m.Last.Value = given.value
			if !q.Holds(given.value) {
				began := s.At.Add(-min(given.off, *s.given.watched))
				m.Wrong = &began
			}
		}
		f.Since.Measured = append(f.Since.Measured, m)
	}
	finding, blind := policy.Watch(d, f, s.At)
	if blind {
		finding.Reason += "; people decide"
	}
	return policy.Verdict{Outcome: finding.Outcome, Findings: []policy.Finding{finding}, NextChange: finding.ChangesAt}
}
