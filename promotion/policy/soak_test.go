package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func ago(d time.Duration) *time.Time {
	t := noon.Add(-d)
	return &t
}

// trouble is an incident of the app, from so long ago until so long ago; open
// when it ends in the future.
func trouble(id promotion.IncidentID, s promotion.Severity, from, until time.Duration) promotion.Incident {
	i := promotion.Incident{ID: id, App: "shop", Severity: s, Summary: "checkout fails", From: *ago(from), ReportedAt: *ago(from)}
	if until >= 0 {
		i.ResolvedAt, i.ResolvedBy = ago(until), "U0ANN"
	}
	return i
}

// says checks what one rule says of what lacks nothing else.
func says(t *testing.T, change func(*policy.Document, *policy.Facts), rule policy.Rule, outcome policy.Outcome, want string) {
	t.Helper()
	d, f := ready()
	change(&d, &f)
	v := policy.Evaluate(d, f, noon)
	of := v.Of(rule)
	if len(of) == 0 {
		if want != "" {
			t.Errorf("nothing is said about %s, want %q", rule, want)
		}
		return
	}
	if of[0].Outcome != outcome || !strings.Contains(of[0].Reason, want) || want == "" {
		t.Errorf("%s is %s: %q, want %s: %q", rule, of[0].Outcome, of[0].Reason, outcome, want)
	}
	if of[0].ChangesAt != nil && !of[0].ChangesAt.After(noon) {
		t.Errorf("it announces a change at %s, which has been", of[0].ChangesAt)
	}
}

func TestSoak(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name    string
		change  func(d *policy.Document, f *policy.Facts)
		outcome policy.Outcome
		says    string
	}{
		{"an incident of a severity that the policy does not name does nothing", func(d *policy.Document, f *policy.Facts) {
			f.Incidents = []promotion.Incident{trouble(3, "info", 40*hour, -1)}
		}, policy.Met, "soaked 24h in staging"},
		{"an open incident that pauses stops the clock", func(d *policy.Document, f *policy.Facts) {
			f.Incidents = []promotion.Incident{trouble(3, "warning", 40*hour, -1)}
		}, policy.Waiting, "stands still since 2026-02-28 20:00:00 UTC because incident #3 (warning: checkout fails) is open"},
		{"time during a pause does not count", func(d *policy.Document, f *policy.Facts) {
			f.Incidents = []promotion.Incident{trouble(3, "warning", 40*hour, 10*hour)} // 8 + 10 of 24 hours
		}, policy.Waiting, "until 2026-03-02 18:00:00 UTC"},
		{"two pauses that overlap are one", func(d *policy.Document, f *policy.Facts) {
			f.Incidents = []promotion.Incident{trouble(3, "warning", 40*hour, 10*hour), trouble(4, "warning", 20*hour, 12*hour)}
		}, policy.Waiting, "until 2026-03-02 18:00:00 UTC"},
		{"a pause after the soak was complete changes nothing", func(d *policy.Document, f *policy.Facts) {
			f.Incidents = []promotion.Incident{trouble(3, "warning", 2*hour, -1)}
		}, policy.Met, "soaked 24h in staging"},
		{"a pause from before it arrived changes nothing", func(d *policy.Document, f *policy.Facts) {
			f.Incidents = []promotion.Incident{trouble(3, "warning", 60*hour, 48*hour)}
		}, policy.Met, "soaked 24h in staging"},
		{"an open incident that resets leaves nothing", func(d *policy.Document, f *policy.Facts) {
			f.Incidents = []promotion.Incident{trouble(3, "critical", 2*hour, -1)}
		}, policy.Waiting, "because incident #3 (critical: checkout fails) is open, and begins again when that is resolved"},
		{"the soak starts again at the resolution of one that resets", func(d *policy.Document, f *policy.Facts) {
			f.Incidents = []promotion.Incident{trouble(3, "critical", 20*hour, 10*hour)}
		}, policy.Waiting, "until 2026-03-03 02:00:00 UTC; it began again 2026-03-02 02:00:00 UTC, when incident #3 (critical: checkout fails) was resolved"},
		{"of several that reset the last counts", func(d *policy.Document, f *policy.Facts) {
			f.Incidents = []promotion.Incident{trouble(3, "critical", 20*hour, 10*hour), trouble(4, "critical", 18*hour, 16*hour)}
		}, policy.Waiting, "until 2026-03-03 02:00:00 UTC"},
		{"one that resets was over before it arrived", func(d *policy.Document, f *policy.Facts) {
			f.Incidents = []promotion.Incident{trouble(3, "critical", 60*hour, 49*hour)}
		}, policy.Met, "soaked 24h"},
		{"an incident of all apps pauses", func(d *policy.Document, f *policy.Facts) {
			i := trouble(3, "warning", 40*hour, -1)
			i.App = ""
			f.Incidents = []promotion.Incident{i}
		}, policy.Waiting, "incident #3"},
		{"an incident of another app does not", func(d *policy.Document, f *policy.Facts) {
			i := trouble(3, "warning", 40*hour, -1)
			i.App = "cart"
			f.Incidents = []promotion.Incident{i}
		}, policy.Met, "soaked 24h"},
		{"an incident in another environment does not", func(d *policy.Document, f *policy.Facts) {
			i := trouble(3, "warning", 40*hour, -1)
			i.Environment = "production"
			f.Incidents = []promotion.Incident{i}
		}, policy.Met, "soaked 24h"},
		{"unhealthy time does not count", func(d *policy.Document, f *policy.Facts) {
			f.Unhealthy = []promotion.Unhealth{{App: "shop", Environment: "staging", From: *ago(40 * hour), Until: ago(10 * hour)}}
		}, policy.Waiting, "until 2026-03-02 18:00:00 UTC"},
		{"the clock stands while the environment is unhealthy", func(d *policy.Document, f *policy.Facts) {
			f.Unhealthy = []promotion.Unhealth{{Environment: "staging", Reason: "probes fail", From: *ago(40 * hour)}}
		}, policy.Waiting, "stands still since 2026-02-28 20:00:00 UTC because staging is reported unhealthy (probes fail)"},
		{"the health of another environment is no matter", func(d *policy.Document, f *policy.Facts) {
			f.Unhealthy = []promotion.Unhealth{{Environment: "production", From: *ago(40 * hour)}}
		}, policy.Met, "soaked 24h"},
		{"the health of another app is no matter", func(d *policy.Document, f *policy.Facts) {
			f.Unhealthy = []promotion.Unhealth{{App: "cart", Environment: "staging", From: *ago(40 * hour)}}
		}, policy.Met, "soaked 24h"},
		{"a pause, ill health and an absence that overlap count once", func(d *policy.Document, f *policy.Facts) {
			f.Presence = []promotion.Interval{{From: *ago(48 * hour), Until: ago(30 * hour)}, {From: *ago(20 * hour)}}             // 18 + 20
			f.Incidents = []promotion.Incident{trouble(3, "warning", 35*hour, 15*hour)}                                            // 13 + 15
			f.Unhealthy = []promotion.Unhealth{{App: "shop", Environment: "staging", From: *ago(16 * hour), Until: ago(8 * hour)}} // 13 + 8
		}, policy.Waiting, "until 2026-03-02 15:00:00 UTC"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			says(t, func(d *policy.Document, f *policy.Facts) {
				d.Incidents = policy.Interruptions{Pause: []promotion.Severity{"warning"}, Reset: []promotion.Severity{"critical"}}
				c.change(d, f)
			}, policy.RuleSoak, c.outcome, c.says)
		})
	}
}

// A digest has soaked when it was where the policy wants it, not when something
// of its name was anywhere.
func TestRegressionSoakInAnUnrelatedEnvironmentMustNotCount(t *testing.T) {
	says(t, func(d *policy.Document, f *policy.Facts) {
		f.Presence = nil // it was in canary for days, and staging never had it
	}, policy.RuleSoak, policy.Waiting, "stands still while the digest is not there")
	says(t, func(d *policy.Document, f *policy.Facts) {
		d.Exposure.Requests = 1 // those of canary are not among the facts
	}, policy.RuleExposure, policy.Waiting, "none have been reported")
}

// What was verified a minute ago has not soaked for twelve hours since, however
// long it has been there.
func TestRegressionAnImageVerifiedOneMinuteAgoMustNotPassASoakSinceVerified(t *testing.T) {
	perf := func(name string, before time.Duration, s promotion.CheckStatus) promotion.Check {
		return promotion.Check{Name: name, Status: s, At: *ago(before), Token: "ci"}
	}
	for _, c := range []struct {
		name    string
		change  func(d *policy.Document, f *policy.Facts)
		outcome policy.Outcome
		says    string
	}{
		{"it passed a minute ago", func(_ *policy.Document, f *policy.Facts) {
			f.Checks = []promotion.Check{perf("perf", time.Minute, promotion.CheckPassed)}
		}, policy.Waiting, "until 2026-03-02 23:59:00 UTC"},
		{"it passed long ago", func(_ *policy.Document, f *policy.Facts) {
			f.Checks = []promotion.Check{perf("perf", 12*time.Hour, promotion.CheckPassed)}
		}, policy.Met, "soaked 12h"},
		{"of two the later counts", func(d *policy.Document, f *policy.Facts) {
			d.Checks = append(d.Checks, policy.Check{Name: "e2e"})
			f.Checks = []promotion.Check{perf("e2e", time.Hour, promotion.CheckPassed), perf("perf", 12*time.Hour, promotion.CheckPassed)}
		}, policy.Waiting, "until 2026-03-02 23:00:00 UTC"},
		{"it has not been reported", func(*policy.Document, *policy.Facts) {}, policy.Waiting, "stands still until the check perf has passed"},
		{"it failed", func(_ *policy.Document, f *policy.Facts) {
			f.Checks = []promotion.Check{perf("perf", 13*time.Hour, promotion.CheckFailed)}
		}, policy.Waiting, "stands still until the check perf has passed"},
		{"its number was out of bounds", func(d *policy.Document, f *policy.Facts) {
			d.Checks[0].Numbers = []policy.Threshold{{Number: "p99_ms", Is: policy.AtMost, Limit: 250}}
			f.Checks = []promotion.Check{perf("perf", 13*time.Hour, promotion.CheckPassed)}
			f.Checks[0].Numbers = map[string]float64{"p99_ms": 251}
		}, policy.Waiting, "stands still until the check perf has passed"},
		{"its number was not said", func(d *policy.Document, f *policy.Facts) {
			d.Checks[0].Numbers = []policy.Threshold{{Number: "p99_ms", Is: policy.AtMost, Limit: 250}}
			f.Checks = []promotion.Check{perf("perf", 13*time.Hour, promotion.CheckPassed)}
		}, policy.Waiting, "stands still until the check perf has passed"},
		{"its number was as it has to be", func(d *policy.Document, f *policy.Facts) {
			d.Checks[0].Numbers = []policy.Threshold{{Number: "p99_ms", Is: policy.AtMost, Limit: 250}}
			f.Checks = []promotion.Check{perf("perf", 13*time.Hour, promotion.CheckPassed)}
			f.Checks[0].Numbers = map[string]float64{"p99_ms": 250}
		}, policy.Met, "soaked 12h"},
		{"one that has grown too old has begun it all the same", func(d *policy.Document, f *policy.Facts) {
			d.Checks[0].MaxAge = 13 * time.Hour
			f.Checks = []promotion.Check{perf("perf", 14*time.Hour, promotion.CheckPassed)}
		}, policy.Met, "soaked 12h"},
		{"advice and the look of people begin nothing", func(d *policy.Document, f *policy.Facts) {
			d.Checks = []policy.Check{{Name: "perf", Advisory: true}, {Name: "scan", ReviewedBy: "security"}}
		}, policy.Met, "soaked 12h"},
		{"it counts from the arrival when the policy says so", func(d *policy.Document, f *policy.Facts) { d.Since = policy.SinceArrival }, policy.Met, "soaked 12h"},
		{"it passed before it arrived", func(_ *policy.Document, f *policy.Facts) {
			f.Presence[0].From = *ago(time.Hour)
			f.Checks = []promotion.Check{perf("perf", 20*time.Hour, promotion.CheckPassed)}
		}, policy.Waiting, "until 2026-03-02 23:00:00 UTC"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			says(t, func(d *policy.Document, f *policy.Facts) {
				d.Soak, d.Checks = 12*time.Hour, []policy.Check{{Name: "perf"}}
				c.change(d, f)
			}, policy.RuleSoak, c.outcome, c.says)
		})
	}
}

func TestExposure(t *testing.T) {
	ask := func(asked, had promotion.Exposure) func(*policy.Document, *policy.Facts) {
		return func(d *policy.Document, f *policy.Facts) { d.Exposure, f.Exposure = asked, had }
	}
	for _, c := range []struct {
		name       string
		asked, had promotion.Exposure
		outcome    policy.Outcome
		says       string
	}{
		{"nothing is asked", promotion.Exposure{}, promotion.Exposure{}, policy.Met, ""},
		{"one request too few", promotion.Exposure{Requests: 100}, promotion.Exposure{Requests: 99, PodTime: 1000 * time.Hour}, policy.Waiting, "99 of 100 requests in staging"},
		{"as many as are asked", promotion.Exposure{Requests: 100}, promotion.Exposure{Requests: 100}, policy.Met, "100 of 100 requests in staging"},
		{"either is enough", promotion.Exposure{Requests: 100, PodTime: 48 * time.Hour}, promotion.Exposure{Requests: 3, PodTime: 48 * time.Hour}, policy.Met, "3 of 100 requests or 48.0 of 48.0 pod hours"},
		{"neither is", promotion.Exposure{Requests: 100, PodTime: 48 * time.Hour}, promotion.Exposure{Requests: 3, PodTime: time.Hour}, policy.Waiting, "1.0 of 48.0 pod hours"},
		{"nothing was reported", promotion.Exposure{PodTime: time.Hour}, promotion.Exposure{}, policy.Waiting, "none have been reported so far"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) { says(t, ask(c.asked, c.had), policy.RuleExposure, c.outcome, c.says) })
	}
}

func TestHolds(t *testing.T) {
	hold := func(by promotion.PersonID, reason string) promotion.Hold {
		return promotion.Hold{App: "shop", By: by, Reason: reason, At: noon}
	}
	says(t, func(*policy.Document, *policy.Facts) {}, policy.RuleHold, policy.Met, "")
	says(t, func(_ *policy.Document, f *policy.Facts) { f.Holds = []promotion.Hold{hold("ann", "load test")} }, policy.RuleHold, policy.Waiting, "on hold: load test")
	says(t, func(_ *policy.Document, f *policy.Facts) {
		f.Holds = []promotion.Hold{hold("ann", "load test"), hold("bob", "demo")}
	}, policy.RuleHold, policy.Waiting, "on hold 2 times, and all have to be lifted: load test; demo")
	d, f := ready()
	f.Holds = []promotion.Hold{hold("ann", "load test"), hold("ann", "demo"), hold("bob", "demo")}
	if held := policy.Evaluate(d, f, noon).Of(policy.RuleHold); !slices.Equal(held[0].Who, []promotion.PersonID{"ann", "bob"}) {
		t.Errorf("could lift it: %v", held[0].Who)
	}
}

func TestFreezes(t *testing.T) {
	frozen := func(from, until time.Duration) promotion.Freeze {
		return promotion.Freeze{From: *ago(from), Until: ago(until), Reason: "holidays"}
	}
	for _, c := range []struct {
		name    string
		change  func(d *policy.Document, f *policy.Facts)
		outcome policy.Outcome
		says    string
	}{
		{"nothing is frozen", func(*policy.Document, *policy.Facts) {}, policy.Met, ""},
		{"a freeze of the policy", func(d *policy.Document, f *policy.Facts) {
			d.Freezes = []promotion.Freeze{frozen(time.Hour, -time.Hour)}
		}, policy.Waiting, "frozen until 2026-03-02 13:00:00 UTC: holidays"},
		{"a freeze begins to the instant", func(d *policy.Document, f *policy.Facts) { f.Freezes = []promotion.Freeze{frozen(0, -time.Hour)} }, policy.Waiting, "frozen until"},
		{"a freeze ends to the instant", func(d *policy.Document, f *policy.Facts) { f.Freezes = []promotion.Freeze{frozen(time.Hour, 0)} }, policy.Met, ""},
		{"a freeze without an end", func(d *policy.Document, f *policy.Facts) {
			f.Freezes = []promotion.Freeze{{From: *ago(1), Reason: "migration"}}
		}, policy.Waiting, "frozen until somebody lifts it: migration"},
		{"a freeze to come", func(d *policy.Document, f *policy.Facts) {
			f.Freezes = []promotion.Freeze{frozen(-2*time.Hour, -3*time.Hour)}
		}, policy.Met, "nothing is frozen before 2026-03-02 14:00:00 UTC (holidays)"},
		{"of several to come, the first", func(d *policy.Document, f *policy.Facts) {
			d.Freezes = []promotion.Freeze{frozen(-9*time.Hour, -10*time.Hour)}
			f.Freezes = []promotion.Freeze{frozen(-5*time.Hour, -6*time.Hour), frozen(-2*time.Hour, -3*time.Hour)}
		}, policy.Met, "nothing is frozen before 2026-03-02 14:00:00 UTC (holidays)"},
		{"an incident that freezes", func(d *policy.Document, f *policy.Facts) {
			d.FreezeOn, f.Incidents = []promotion.Severity{"critical"}, []promotion.Incident{trouble(3, "critical", 1, -1)}
		}, policy.Waiting, "frozen while incident #3 (critical: checkout fails) is open"},
		{"an incident that freezes, where it goes", func(d *policy.Document, f *policy.Facts) {
			i := trouble(3, "critical", 1, -1)
			i.Environment = "production"
			d.FreezeOn, f.Incidents = []promotion.Severity{"critical"}, []promotion.Incident{i}
		}, policy.Waiting, "frozen while"},
		{"one that is over", func(d *policy.Document, f *policy.Facts) {
			d.FreezeOn, f.Incidents = []promotion.Severity{"critical"}, []promotion.Incident{trouble(3, "critical", 2, 1)}
		}, policy.Met, "nothing is frozen"},
		{"one of another severity", func(d *policy.Document, f *policy.Facts) {
			d.FreezeOn, f.Incidents = []promotion.Severity{"critical"}, []promotion.Incident{trouble(3, "warning", 2, -1)}
		}, policy.Met, "nothing is frozen"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) { says(t, c.change, policy.RuleFreeze, c.outcome, c.says) })
	}
}

// What is frozen for all and what the policy freezes is said of a train once;
// what is held of one of its apps is said of that.
func TestATrainIsStoppedByWhatStopsOneOfItsRides(t *testing.T) {
	d, f := coupled()
	d.Freezes = []promotion.Freeze{{From: *ago(1), Reason: "holidays"}}
	d.FreezeOn = []promotion.Severity{"critical"}
	f.Holds = []promotion.Hold{{App: "storefront", Reason: "demo"}}
	f.Rides[1].Holds = []promotion.Hold{{App: "cart", Reason: "load test"}}
	i := trouble(3, "critical", 1, -1)
	i.App = "cart"
	f.Rides[1].Incidents = []promotion.Incident{i}
	var said []string
	for _, m := range policy.Evaluate(d, f, noon).Missing() {
		said = append(said, m.Reason)
	}
	want := "cart: on hold: load test; frozen while incident #3 (critical: checkout fails) is open|on hold: demo|frozen until somebody lifts it: holidays"
	if got := strings.Join(said, "|"); !strings.HasPrefix(got, want) {
		t.Errorf("missing: %s", got)
	}
}

func TestAPolicyThatDoesNotUseARuleHasTheHashThatItHad(t *testing.T) {
	d := policy.Document{Soak: 24 * time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 2}}}
	const was = "4522608173eec9ebc0ddb51f5bf52a4dca9d7d99c05d9d90553b9475f029a916" // before there were these rules
	if h := d.Hash(); h != was {
		t.Errorf("the hash is %s, and votes on record are bound to %s", h, was)
	}
	seen := map[string]bool{d.Hash(): true}
	for name, change := range map[string]func(*policy.Document){
		"pause":    func(d *policy.Document) { d.Incidents.Pause = []promotion.Severity{"warning"} },
		"reset":    func(d *policy.Document) { d.Incidents.Reset = []promotion.Severity{"warning"} },
		"exposure": func(d *policy.Document) { d.Exposure.Requests = 1 },
		"freezes":  func(d *policy.Document) { d.Freezes = []promotion.Freeze{{From: noon}} },
		"freeze":   func(d *policy.Document) { d.FreezeOn = []promotion.Severity{"warning"} },
		"allow":    func(d *policy.Document) { d.Windows.Allow = []policy.Window{{Spec: "x"}} },
		"deny":     func(d *policy.Document) { d.Windows.Deny = []policy.Window{{Spec: "x"}} },
	} {
		changed := d
		change(&changed)
		if h := changed.Hash(); seen[h] {
			t.Errorf("%s is not part of what a vote is bound to", name)
		} else {
			seen[h] = true
		}
	}
}
