package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestWatches(t *testing.T) {
	moved := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	until := moved.Add(20 * time.Minute)
	d := policy.Document{After: &policy.After{Watch: 15 * time.Minute, Incidents: []promotion.Severity{"critical"}, Checks: []string{"smoke"}, Health: true}}
	incident := func(s promotion.Severity) policy.Aftermath {
		return policy.Aftermath{Incidents: []promotion.Incident{{ID: 7, Severity: s, Summary: "errors", From: moved.Add(time.Minute), ReportedAt: moved.Add(time.Minute)}}}
	}
	ill := func(from time.Duration, over bool) policy.Aftermath {
		u := promotion.Unhealth{Environment: "production", Reason: "5xx", From: moved.Add(from)}
		if over {
			end := moved.Add(5 * time.Minute)
			u.Until = &end
		}
		return policy.Aftermath{Unhealthy: []promotion.Unhealth{u}}
	}
	check := func(name string, s promotion.CheckStatus) policy.Aftermath {
		return policy.Aftermath{Checks: []promotion.Check{{Name: name, Status: s, At: moved.Add(time.Minute)}}}
	}
	for _, c := range []struct {
		name    string
		since   policy.Aftermath
		at      time.Duration // after the tags were moved
		outcome policy.Outcome
		reason  string
	}{
		{"nothing yet", policy.Aftermath{}, 10 * time.Minute, policy.Waiting, "watched until 2026-11-23 09:20:00 UTC"},
		{"a moment before its end", policy.Aftermath{}, 20*time.Minute - time.Microsecond, policy.Waiting, "watched until"},
		{"nothing at all", policy.Aftermath{}, 20 * time.Minute, policy.Met, "nothing has gone wrong for 15m"},
		{"an incident", incident("critical"), 10 * time.Minute, policy.Blocked, "incident #7"},
		{"an incident, heard of at the end", incident("critical"), 20 * time.Minute, policy.Blocked, "incident #7"},
		{"an incident of no consequence", incident("warning"), 20 * time.Minute, policy.Met, ""},
		{"ill since", ill(time.Minute, false), 10 * time.Minute, policy.Blocked, "reported unhealthy 2026-11-23 09:01:00 UTC (5xx)"},
		{"ill since, and well again", ill(time.Minute, true), 10 * time.Minute, policy.Blocked, "unhealthy"},
		{"ill before", ill(-time.Hour, false), 10 * time.Minute, policy.Waiting, ""},
		{"ill before, and healed", ill(-time.Hour, true), 20 * time.Minute, policy.Met, ""},
		{"ill before, and not healed", ill(-time.Hour, false), 20 * time.Minute, policy.Blocked, "still is"},
		{"a check that failed", check("smoke", promotion.CheckFailed), 10 * time.Minute, policy.Blocked, "the check smoke"},
		{"a check that passed", check("smoke", promotion.CheckPassed), 20 * time.Minute, policy.Met, ""},
		{"another check that failed", check("perf", promotion.CheckFailed), 20 * time.Minute, policy.Met, ""},
	} {
		f := policy.Facts{Promotion: promotion.Promotion{App: "shop", To: "production", State: promotion.Watching, MovedAt: &moved, WatchUntil: &until}, Since: c.since}
		v, blind := policy.Watch(d, f, moved.Add(c.at))
		if v.Outcome != c.outcome || blind || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s: %s, %s", c.name, v.Outcome, v.Reason)
		}
		if ends := v.ChangesAt != nil && v.ChangesAt.Equal(until); ends != (c.outcome == policy.Waiting) {
			t.Errorf("%s: it changes %v", c.name, v.ChangesAt)
		}
	}
}
