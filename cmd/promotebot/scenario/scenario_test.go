package scenario_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/cmd/promotebot/scenario"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func catalog(t testing.TB) *gate.Catalog {
	t.Helper()
	c, err := config.Parse("promotebot.yaml", []byte(`
slack: {channel: C0SHOP}
environments:
  - {name: build, watch: "{commit}-built"}
  - {name: staging, watch: staging-passed, tags: [staging], policy: {approvals: {leads: 1}, requester: may-approve}}
  - {name: audited, tags: [audited], policy: {approvals: {leads: 2}, authors: cannot-approve, provenance: required}}
  - {name: watched, tags: [watched], prometheus: "https://p.example.com", policy: {approvals: {leads: 1}, after: {watch: 15m, incidents: [major], checks: [smoke], promql: [{name: errors, query: errors, is: "< 0.5", for: 2m}, {name: orders, query: orders, is: "> 0"}]}}}
  - {name: production, tags: [production], policy: {soak: {for: 24h, since: arrival, incidents: {pause: [major]}, exposure: {requests: 10}}, approvals: {leads: 2, security: 1}, checks: [{name: perf, max_age: 30h, numbers: "rps > 10"}, {name: look, reviewed_by: leads}]}}
apps: [{name: shop, image: registry.example.com/shop/api}]
roles: {leads: [U0ANN, U0BOB, U0SUE], security: [S0SEC]}
people: {ann: [U0ANN, ann@example.com]}
provenance: {keys: {ci: "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsiAadmskVrNdYLeeR6qzHvZDbBJN\nR6x/3/A1x62DnjD2Tj1e5JERyDes6+TcfNwIRMnRsP5Ecs6OTpa0AclQlA==\n-----END PUBLIC KEY-----\n"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	return &c.Catalog
}

func parse(t testing.TB, text string) ([]scenario.Scenario, error) {
	t.Helper()
	return scenario.Parse("scenarios.yaml", []byte(text), catalog(t))
}

// Each scenario says what it expects; the test is that it is so, and that the
// opposite would be noticed.
func TestScenariosArePutToTheRealPolicy(t *testing.T) {
	all, err := parse(t, `
scenarios:
  - name: everybody who has to has approved a digest that has soaked
    app: shop
    given: {stayed: 25h, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN, ago: 2h}, {by: U0BOB, ago: 1h}, {by: U0MEL}]}
    expect: {outcome: met, missing: []}
  - name: an hour too early
    app: shop
    given: {stayed: 23h, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN}, {by: U0BOB}, {by: U0MEL}]}
    expect: {outcome: waiting, missing: [soak], says: "until 2026-03-04 13:00:00 UTC"}
  - name: at another time of the year
    app: shop
    at: 2026-07-01T10:00:00+02:00
    given: {stayed: 23h, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN}, {by: U0BOB}, {by: U0MEL}]}
    expect: {says: "until 2026-07-01 09:00:00 UTC"}
  - name: the requester does not count
    app: shop
    given: {stayed: 25h, requester: U0ANN, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN}, {by: U0BOB}, {by: U0MEL}]}
    expect: {outcome: waiting, missing: [approvals], says: "1 of 2 from leads"}
  - name: whoever has left does not count, and nobody is left who could
    app: shop
    given: {stayed: 25h, people: {U0BOB: deactivated, U0SUE: guest}, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN}, {by: U0BOB}, {by: U0MEL}]}
    expect: {outcome: blocked, missing: [approvals], says: not enough people}
  - name: a group that was never read
    app: shop
    given: {stayed: 25h, votes: [{by: U0ANN}, {by: U0BOB}]}
    expect: {outcome: waiting, missing: [approvals], says: have not been read yet}
  - name: a build that has left
    app: shop
    given: {votes: [{by: U0ANN}, {by: U0BOB}]}
    expect: {missing: [source, soak, approvals]}
  - name: something newer runs
    app: shop
    given: {stayed: 25h, newer: true}
    expect: {outcome: blocked, missing: [order, approvals]}
  - name: a check that was reported too low, and one that nobody has signed off
    app: shop
    given: {stayed: 25h, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN}, {by: U0BOB}, {by: U0MEL}], checks: {perf: {numbers: {rps: 9}}, look: missing}}
    expect: {outcome: blocked, missing: [checks], says: [rps is 9, waits for somebody of leads]}
  - name: one that somebody signed off who may not
    app: shop
    given: {stayed: 25h, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN}, {by: U0BOB}, {by: U0MEL}], checks: {look: {by: U0EVE}}}
    expect: {outcome: waiting, missing: [checks], says: it takes the role leads}
  - name: one that is too old
    app: shop
    given: {stayed: 49h, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN}, {by: U0BOB}, {by: U0MEL}], checks: {perf: {ago: 48h, numbers: {rps: 11}}}}
    expect: {outcome: waiting, missing: [checks], says: too old}
  - name: too little used, and an incident that is open
    app: shop
    given: {stayed: 25h, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN}, {by: U0BOB}, {by: U0MEL}], used: {requests: 5}, incidents: [{severity: major, ago: 2h}]}
    expect: {outcome: waiting, missing: [exposure, soak], says: 5 of 10 requests}
  - name: held, and frozen
    app: shop
    given: {stayed: 25h, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN}, {by: U0BOB}, {by: U0MEL}], held: true, frozen: true}
    expect: {outcome: waiting, missing: [hold, freeze]}
  - name: going back takes neither a soak nor a thaw
    app: shop
    given: {rollback: true, newer: true, frozen: true, held: true, requester: U0ANN, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN}, {by: U0BOB}, {by: U0MEL}]}
    expect: {outcome: met, says: on purpose}
  - name: but no build that was withdrawn
    app: shop
    given: {rollback: true, withdrawn: true, groups: {S0SEC: [U0MEL]}, votes: [{by: U0ANN}, {by: U0BOB}, {by: U0MEL}]}
    expect: {outcome: blocked, missing: [withdrawn]}
  - name: another step of the chain has another policy
    app: shop
    to: staging
    given: {stayed: 1m, requester: U0ANN, votes: [{by: U0ANN}]}
    expect: {outcome: met}
  - name: a deputy approves with the role that was lent
    app: shop
    given: {stayed: 25h, groups: {S0SEC: [U0MEL]}, delegations: [{by: U0BOB, to: U0DAN}], votes: [{by: U0ANN}, {by: U0DAN}, {by: U0MEL}]}
    expect: {outcome: met}
  - name: and fills no second slot beside whoever lent it
    app: shop
    given: {stayed: 25h, groups: {S0SEC: [U0MEL]}, delegations: [{by: U0BOB, to: U0DAN}], votes: [{by: U0BOB}, {by: U0DAN}, {by: U0MEL}]}
    expect: {outcome: waiting, missing: [approvals], says: 1 of 2 from leads}
  - name: not when it is over
    app: shop
    given: {stayed: 25h, groups: {S0SEC: [U0MEL]}, delegations: [{by: U0BOB, to: U0DAN, ago: 3h, lasts: 2h}], votes: [{by: U0ANN}, {by: U0DAN, ago: 2h}, {by: U0MEL}]}
    expect: {outcome: waiting, missing: [approvals], says: 1 of 2 from leads}
  - name: nor with an approval from before
    app: shop
    given: {stayed: 25h, groups: {S0SEC: [U0MEL]}, delegations: [{by: U0BOB, to: U0DAN, ago: 1h}], votes: [{by: U0ANN}, {by: U0DAN, ago: 2h}, {by: U0MEL}]}
    expect: {outcome: waiting, missing: [approvals], says: 1 of 2 from leads}
  - name: nor for whoever has requested it
    app: shop
    given: {stayed: 25h, requester: U0BOB, groups: {S0SEC: [U0MEL]}, delegations: [{by: U0BOB, to: U0DAN}], votes: [{by: U0ANN}, {by: U0DAN}, {by: U0MEL}]}
    expect: {outcome: waiting, missing: [approvals], says: 1 of 2 from leads}
  - name: where authors can't approve, somebody else has written it unless it is said
    app: shop
    to: audited
    given: {stayed: 1m, votes: [{by: U0ANN}, {by: U0BOB}]}
    expect: {outcome: met}
  - name: an author does not count
    app: shop
    to: audited
    given: {stayed: 1m, authors: ann@example.com, votes: [{by: U0ANN}, {by: U0BOB}]}
    expect: {outcome: waiting, missing: [approvals], says: 1 of 2 from leads}
  - name: an image of which nobody has said how it was built
    app: shop
    to: audited
    given: {stayed: 1m, unattested: true, votes: [{by: U0ANN}, {by: U0BOB}]}
    expect: {outcome: blocked, missing: [provenance], says: the policy requires one}
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		v := s.Verdict(catalog(t))
		if lines := s.Differs(v); len(lines) > 0 {
			t.Errorf("%s: %q; it says\n%s", s.Name, lines, strings.Join(scenario.Reasons(v), "\n"))
		}
		other := policy.Verdict{Outcome: "other", Findings: []policy.Finding{{Rule: "other", Outcome: policy.Waiting}}}
		if len(s.Differs(other)) == 0 {
			t.Errorf("%s: whatever the verdict, it is as expected", s.Name)
		}
	}
	if len(all) != 24 || all[1].Line != 7 {
		t.Errorf("%d scenarios, the second in line %d", len(all), all[1].Line)
	}
}

func TestWhatIsWrongWithAFileIsSaidInOneGo(t *testing.T) {
	_, err := parse(t, `
scenarios:
  - name: a
    app: shpo
    to: build
    at: yesterday
    given: {stayed: 25, votes: [{ago: 1h}, {by: U0ANN, decision: maybe}], people: {U0ANN: friend}, newer: yes please, nobody: x, delegations: [{by: U0ANN, lasts: 1}]}
    expect: {outcome: good, missing: [soaking], says: [[]]}
  - app: shop
    expect: {}
`)
	var problems *strict.Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems.List {
		got = append(got, p.String())
		if p.Remedy == "" {
			t.Errorf("no remedy: %s", p)
		}
	}
	for _, want := range []string{
		`4:10: the configuration has no app "shpo"`, `5:9: nothing is promoted to "build"`, `6:9: "yesterday" is not an instant`,
		"7:21: stayed of 25 has no unit", "7:33: the vote has no by", `7:66: "maybe" is no decision`, `7:91: nobody is "friend"`,
		"7:107: newer must be true or false", `7:119: unknown key "nobody"`, `8:23: "good" is no outcome`, `8:39: there is no rule "soaking"`,
		"7:144: the delegation has no to", "7:163: lasts of 1 has no unit", "8:56: a part of a reason must be text", "9:5: the scenario has no name", "10:13: nothing is expected",
	} {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("not said: %s", want)
		}
	}
	if len(got) != 16 {
		t.Errorf("%d problems:\n%s", len(got), strings.Join(got, "\n"))
	}
}

// What runs is put to what the policy watches.
func TestScenariosOfAWatch(t *testing.T) {
	for given, want := range map[string]struct {
		outcome policy.Outcome
		says    string
	}{
		"{watched: 10m}":                                              {policy.Waiting, "it is watched until 2026-03-04 12:05:00 UTC"},
		"{watched: 15m}":                                              {policy.Met, "nothing has gone wrong for 15m"},
		"{watched: 10m, measured: {orders: 0}}":                       {policy.Blocked, "orders was 0 at 2026-03-04 12:00:00 UTC and has to be > 0"},
		"{watched: 10m, measured: {orders: 1, errors: 0.4}}":          {policy.Waiting, "it is watched until"},
		"{watched: 10m, measured: {errors: {value: 0.7, off: 119s}}}": {policy.Waiting, "it is watched until"},
		"{watched: 10m, measured: {errors: {value: 0.7, off: 2m}}}":   {policy.Blocked, "errors was 0.7"},
		"{watched: 1m, measured: {errors: {value: 0.7, off: 2m}}}":    {policy.Waiting, "it is watched until"},
		"{watched: 15m, measured: {errors: 0.7}}":                     {policy.Blocked, "errors was 0.7"},
		"{watched: 10m, measured: {errors: missing}}":                 {policy.Waiting, "it is watched until"},
		"{watched: 16m, measured: {errors: missing}}":                 {policy.Waiting, "it is waited for answers: errors was never answered"},
		"{watched: 25m, measured: {errors: missing}}":                 {policy.Blocked, "it is not known how it went: errors was never answered; people decide"},
		"{watched: 10m, checks: {smoke: failed}}":                     {policy.Blocked, "the check smoke was reported to have failed"},
		"{watched: 10m, checks: {smoke: {status: failed, ago: 11m}}}": {policy.Waiting, "it is watched until"},
		"{watched: 10m, incidents: [{severity: major, ago: 5m}]}":     {policy.Blocked, "was opened 2026-03-04 11:55:00 UTC"},
		"{watched: 10m, incidents: [{severity: minor, ago: 5m}]}":     {policy.Waiting, "it is watched until"},
		"{watched: 10m, incidents: [{severity: major, ago: 1h}]}":     {policy.Waiting, "it is watched until"},
		"{rollback: true, watched: 10m, measured: {orders: missing}}": {policy.Waiting, "it is watched until"},
		"{rollback: true, watched: 10m, checks: {smoke: missing}}":    {policy.Waiting, "it is watched until"},
	} {
		all, err := parse(t, "scenarios: [{name: a, app: shop, to: watched, given: "+given+", expect: {outcome: met}}]")
		if err != nil {
			t.Errorf("%s: %v", given, err)
			continue
		}
		v := all[0].Verdict(catalog(t))
		if said := strings.Join(scenario.Reasons(v), "\n"); v.Outcome != want.outcome || !strings.Contains(said, want.says) {
			t.Errorf("%s is %s: %s", given, v.Outcome, said)
		}
	}
	for given, want := range map[string]string{
		"{measured: {errors: 1}}":                      "only what is watched is measured: add watched: 10m",
		"{watched: 1m, measured: {p99: 1}}":            `the policy asks no query "p99": name one`,
		"{watched: 1m, measured: {errors: none}}":      `no answer is "none": write a number`,
		"{watched: 1m, measured: {errors: {off: 1m}}}": "the answer has no value: add value: 0.3",
		"{watched: 1m, measured: {errors: .nan}}":      `".nan" is no number`,
		"{watched: 1m, stayed: 1h}":                    "stayed changes nothing for what runs and is watched: take it out; what counts then is measured, checks, incidents, rollback",
		"{watched: 1m, checks: {perf: failed}}":        `the policy asks for no check "perf"`,
		"{checks: {smoke: failed}}":                    `the policy asks for no check "smoke"`,
	} {
		if _, err := parse(t, "scenarios: [{name: a, app: shop, to: watched, given: "+given+", expect: {outcome: met}}]"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", given, err)
		}
	}
	if _, err := parse(t, "scenarios: [{name: a, app: shop, given: {watched: 1m}, expect: {outcome: met}}]"); err == nil || !strings.Contains(err.Error(), "the policy watches nothing: give it after: {watch: 15m}") {
		t.Errorf("%v", err)
	}
}

// Whatever a file holds, it is read or refused with a place, and what is read
// has a verdict.
func FuzzScenarios(f *testing.F) {
	f.Add("scenarios: [{name: a, app: shop, given: {stayed: 25h, votes: [{by: U0ANN}]}, expect: {outcome: met}}]")
	f.Add("scenarios: [{name: a, app: shop, to: staging, at: 2026-07-01T10:00:00Z, given: {groups: {S0SEC: U0ANN}}, expect: {missing: soak}}]")
	f.Add("scenarios: [{name: a, app: shop, given: {stayed: 25h, authors: a@b, unattested: true, delegations: [{by: U0ANN, to: U0BOB, ago: 1h, lasts: 2h}]}, expect: {outcome: met}}]")
	f.Add("scenarios: [{name: a, app: shop, to: watched, given: {watched: 16m, measured: {errors: {value: 0.7, off: 3m}, orders: missing}, checks: {smoke: failed}}, expect: {outcome: blocked}}]")
	f.Add("scenarios: []")
	f.Fuzz(func(t *testing.T, text string) {
		c := catalog(t)
		all, err := scenario.Parse("scenarios.yaml", []byte(text), c)
		var problems *strict.Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("%v", err)
		}
		for _, s := range all {
			if v := s.Verdict(c); v.Outcome == "" {
				t.Errorf("%+v has no verdict", s)
			}
		}
	})
}
