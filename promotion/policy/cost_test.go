package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// crowd is decided by fifty votes for a policy of so many roles.
func crowd(roles int) (policy.Document, policy.Facts) {
	d, f := ready()
	d.Approvals = nil
	for r := range roles {
		role := fmt.Sprintf("role-%d", r)
		d.Approvals = append(d.Approvals, policy.Requirement{Role: role, Count: 2})
		var members []promotion.PersonID
		for i := range 10 {
			members = append(members, promotion.PersonID(fmt.Sprintf("U%d", (r*3+i)%50)))
		}
		f.Rosters[role] = promotion.Roster{Role: role, Members: members}
	}
	return d, f
}

// vote has fifty people approve what the policy is by now.
func vote(d policy.Document, f *policy.Facts) {
	f.Promotion.PolicyHash = d.Hash()
	f.Votes = nil
	for i := range 50 {
		id := promotion.PersonID(fmt.Sprintf("U%d", i))
		f.People[id] = promotion.Person{ID: id, Standing: promotion.Member, ReadAt: noon}
		approve(f, id, time.Duration(i)*time.Second)
	}
}

// costly are policies of more than twenty rules: of one kind, and of many kinds.
func costly(t testing.TB) map[string]func() policy.Verdict {
	t.Helper()
	d, f := crowd(18) // with source, soak, tags, order and turn
	vote(d, &f)
	every, facts := crowd(4)
	every.Soak = 24 * time.Hour // from the last of the checks
	every.Incidents = policy.Interruptions{Pause: []promotion.Severity{"minor"}, Reset: []promotion.Severity{"critical"}}
	every.Exposure = promotion.Exposure{Requests: 1000}
	every.Windows = policy.Windows{Allow: []policy.Window{window(t, "0 9 * * MON-FRI", "Europe/Berlin", 8*time.Hour)}, Deny: []policy.Window{window(t, "0 18 * * *", "Europe/Berlin", time.Hour)}}
	every.Freezes = []promotion.Freeze{{From: noon.Add(24 * time.Hour), Reason: "stocktaking"}}
	every.FreezeOn = []promotion.Severity{"critical"}
	every.Reject = policy.Veto{By: []string{"leads"}, Lift: []string{"security"}}
	every.Expires = policy.Expiry{Request: 14 * 24 * time.Hour, Approval: 7 * 24 * time.Hour}
	every.Supersede, every.Plan = policy.Keep, true
	facts.Promotion.OpenedAt = noon.Add(-48 * time.Hour)
	facts.Promotion.Plan = "roll back"
	facts.Exposure = promotion.Exposure{Requests: 5000}
	for i := range 4 {
		name := fmt.Sprintf("check-%d", i)
		every.Checks = append(every.Checks, policy.Check{Name: name, MaxAge: 72 * time.Hour, Numbers: []policy.Threshold{{Number: "p99_ms", Is: policy.AtMost, Limit: 250}}})
		facts.Checks = append(facts.Checks, promotion.Check{App: "shop", Digest: app, Name: name, Status: promotion.CheckPassed, Numbers: map[string]float64{"p99_ms": 200}, At: noon.Add(-47 * time.Hour)})
	}
	for i := range 4 {
		begun := noon.Add(-time.Duration(40-i) * time.Hour)
		ended := begun.Add(10 * time.Minute)
		facts.Incidents = append(facts.Incidents, promotion.Incident{ID: promotion.IncidentID(i + 1), App: "shop", Severity: "minor", From: begun, ReportedAt: begun, ResolvedAt: &ended})
	}
	vote(every, &facts)
	return map[string]func() policy.Verdict{
		"eighteen roles": func() policy.Verdict { return policy.Evaluate(d, f, noon) },
		"many rules":     func() policy.Verdict { return policy.Evaluate(every, facts, noon) },
	}
}

// Each list evaluates every promotion that is open, and each click its own.
func TestAVerdictAllocatesLittle(t *testing.T) {
	const most = 200
	for name, evaluate := range costly(t) {
		v := evaluate()
		if n := testing.AllocsPerRun(20, func() { evaluate() }); n > most {
			t.Errorf("%s: %.0f allocations, and %d are allowed", name, n, most)
		} else {
			t.Logf("%s: %s, %d findings, %.0f allocations", name, v.Outcome, len(v.Findings), n)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	for name, evaluate := range costly(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				evaluate()
			}
		})
	}
}
