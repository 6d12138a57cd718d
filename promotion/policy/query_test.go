package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestWhatAPrometheusAnswersCountsForAsLongAsItIsWatched(t *testing.T) {
	moved := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	until := moved.Add(20 * time.Minute)
	query := func(hold time.Duration) policy.Query {
		return policy.Query{Threshold: policy.Threshold{Number: "errors", Is: policy.Below, Limit: 0.01}, Text: `errors{app="{app}",env="{environment}"}`, Server: "https://p", For: hold}
	}
	asked := promotion.MeasureWork{Name: "errors", Server: "https://p", Query: `errors{app="shop",env="production"}`}
	at := func(d time.Duration) *time.Time { i := moved.Add(d); return &i }
	answered := func(n float64, d time.Duration) promotion.Measurement {
		return promotion.Measurement{Asked: asked, Last: &promotion.Sample{Value: n, At: moved.Add(d)}}
	}
	wrongSince := func(m promotion.Measurement, d time.Duration) promotion.Measurement {
		m.Wrong = at(d)
		return m
	}
	faulty := func(m promotion.Measurement) promotion.Measurement {
		m.Asked, m.Fault, m.Since = asked, "p can't be reached", at(7*time.Minute)
		return m
	}
	other := answered(0, 20*time.Minute)
	other.Asked.Query = `errors{app="shop"}`
	for _, c := range []struct {
		name    string
		hold    time.Duration
		has     []promotion.Measurement
		at      time.Duration // after the tags were moved
		outcome policy.Outcome
		blind   bool
		reason  string
	}{
		{"not asked yet", 0, nil, time.Minute, policy.Waiting, false, "it is watched until"},
		{"well, so far", 0, []promotion.Measurement{answered(0, 10*time.Minute)}, 10 * time.Minute, policy.Waiting, false, "it is watched until"},
		{"well at its end", 0, []promotion.Measurement{answered(0, 20*time.Minute)}, 20 * time.Minute, policy.Met, false, "nothing has gone wrong"},
		{"well shortly before its end", 0, []promotion.Measurement{answered(0, 20*time.Minute-time.Microsecond)}, 20 * time.Minute, policy.Waiting, false, "errors was last answered at 2026-11-23 09:19:59"},
		{"what must not be", 0, []promotion.Measurement{answered(0.01, 5*time.Minute)}, 5 * time.Minute, policy.Blocked, false, "errors was 0.01 at 2026-11-23 09:05:00 UTC and has to be < 0.01"},
		{"for a moment only", 2 * time.Minute, []promotion.Measurement{answered(1, 5*time.Minute)}, 5 * time.Minute, policy.Waiting, false, "watched until"},
		{"not for long enough", 2 * time.Minute, []promotion.Measurement{wrongSince(answered(1, 5*time.Minute), 3*time.Minute+time.Second)}, 5 * time.Minute, policy.Waiting, false, "watched until"},
		{"for long enough", 2 * time.Minute, []promotion.Measurement{wrongSince(answered(1, 5*time.Minute), 3*time.Minute)}, 5 * time.Minute, policy.Blocked, false, "has not been since 2026-11-23 09:03:00 UTC"},
		{"for a moment, and it is the last", 2 * time.Minute, []promotion.Measurement{answered(1, 20*time.Minute)}, 20 * time.Minute, policy.Blocked, false, "errors was 1"},
		{"for a moment, and not answered since", 2 * time.Minute, []promotion.Measurement{faulty(answered(1, 19*time.Minute))}, 20 * time.Minute, policy.Waiting, false, "last answered at"},
		{"never answered", 0, []promotion.Measurement{faulty(promotion.Measurement{})}, 19 * time.Minute, policy.Waiting, false, "watched until"},
		{"never answered, at its end", 0, []promotion.Measurement{faulty(promotion.Measurement{})}, 20 * time.Minute, policy.Waiting, false, "until 2026-11-23 09:30:00 UTC it is waited for answers: errors was never answered: p can't be reached"},
		{"never answered, after patience", 0, []promotion.Measurement{faulty(promotion.Measurement{})}, 30 * time.Minute, policy.Blocked, true, "it is not known how it went: errors was never answered"},
		{"not asked at all, after patience", 0, nil, 30 * time.Minute, policy.Blocked, true, "errors was never answered"},
		{"answered well, and then no more", 0, []promotion.Measurement{faulty(answered(0, 6*time.Minute))}, 30 * time.Minute, policy.Blocked, true, "was last answered at 2026-11-23 09:06:00 UTC: p can't be reached"},
		{"answered late", 0, []promotion.Measurement{answered(0, 25*time.Minute)}, 25 * time.Minute, policy.Met, false, ""},
		{"another question", 0, []promotion.Measurement{other}, 30 * time.Minute, policy.Blocked, true, "never answered"},
	} {
		d := policy.Document{After: &policy.After{Watch: 15 * time.Minute, Queries: []policy.Query{query(c.hold)}}}
		f := policy.Facts{Promotion: promotion.Promotion{App: "shop", To: "production", State: promotion.Watching, MovedAt: &moved, WatchUntil: &until}, Since: policy.Aftermath{Measured: c.has}}
		v, blind := policy.Watch(d, f, moved.Add(c.at))
		if v.Outcome != c.outcome || blind != c.blind || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s: %s (blind %t), %s", c.name, v.Outcome, blind, v.Reason)
		}
		if (v.ChangesAt != nil) != (c.outcome == policy.Waiting) {
			t.Errorf("%s: it changes %v", c.name, v.ChangesAt)
		}
	}
}

func TestAnotherQueryIsAnotherPolicy(t *testing.T) {
	with := func(change func(*policy.Query)) string {
		q := policy.Query{Threshold: policy.Threshold{Number: "errors", Is: policy.Below, Limit: 1}, Text: "up", Server: "https://p"}
		change(&q)
		return policy.Document{After: &policy.After{Watch: time.Hour, Queries: []policy.Query{q}}}.Hash()
	}
	same := with(func(*policy.Query) {})
	for name, change := range map[string]func(*policy.Query){
		"name": func(q *policy.Query) { q.Number = "faults" }, "query": func(q *policy.Query) { q.Text = "down" }, "server": func(q *policy.Query) { q.Server = "https://q" },
		"limit": func(q *policy.Query) { q.Limit = 2 }, "comparison": func(q *policy.Query) { q.Is = policy.AtMost }, "time": func(q *policy.Query) { q.For = time.Minute },
	} {
		if with(change) == same {
			t.Errorf("votes count under another %s", name)
		}
	}
}
