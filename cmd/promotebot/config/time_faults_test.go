package config_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
)

func TestFaultsOfWhatMakesPromotionsWait(t *testing.T) {
	const policy = "{approvals: {leads: 1}}"
	with := func(text string) string { return "{approvals: leads, " + text + "}" }
	const crons = `write minute, hour, day of month, month and day of week, such as "0 9 * * MON-FRI", or "@daily", and a time zone as time_zone: Europe/Berlin beside it`
	for _, f := range []fault{
		{"a soak without a length", policy, with("soak: {incidents: {pause: warning}}"), []string{"6:37: soak has no for: add for: 24h"}},
		{"a key of a soak that there is not", policy, with("soak: {for: 24h, incident: {pause: warning}}"), []string{`6:48: unknown key "incident" in soak: did you mean "incidents"?`}},
		{"incidents of no soak", policy, with("soak: {for: 0, incidents: {pause: warning}}"), []string{
			"6:46: incidents can't interrupt a soak of no length: write how long a digest has to stay, such as for: 24h, or take incidents out",
		}},
		{"a severity that is no word", policy, with("soak: {for: 24h, incidents: {pause: [SEV 1]}}"), []string{
			`6:68: "SEV 1" is not a name: up to 63 lower-case letters, digits and '-', beginning with a letter or digit`,
		}},
		{"a severity twice", policy, with("freeze_on: [critical, critical]"), []string{`6:53: the severity "critical" is here twice: take one of the two out`}},
		{"no severity", policy, with("freeze_on: []"), []string{"6:42: freeze_on is empty: name severities, such as [critical], or take the key out"}},
		{"a severity that does both", policy, with("soak: {for: 24h, incidents: {pause: [a, b], reset: b}}"), []string{
			"6:75: incidents that are b pause the soak and reset it: keep it in one of the two: a soak that begins again stands still until then anyway",
		}},
		{"a soak since what is no beginning", policy, with("soak: {for: 24h, since: monday}"), []string{`6:55: a soak can't count from "monday": write checks, for the last required check that passed, or arrival`}},
		{"a soak since checks that there are not", policy, with("soak: {for: 24h, since: checks}, checks: [{name: look, reviewed_by: leads}, {name: perf, advisory: true}]"), []string{
			"6:55: the soak counts from checks, and no machine has to report any: add to the policy checks: [{name: perf, max_age: 24h, numbers: [\"p99_ms <= 250\"]}], or write arrival",
		}},
		{"a soak that outlasts the check that begins it", policy, with("soak: 24h, checks: [{name: perf, max_age: 24h}]"), []string{
			"6:37: the soak counts from the check perf and lasts longer than that may be old, so it is never complete in time: ask for a shorter soak, a longer max_age, or soak: {for: …, since: arrival}",
		}},
		{"exposure of nothing", policy, with("soak: {for: 24h, exposure: {}}"), []string{
			"6:58: exposure asks for nothing: write {requests: 100000} or {pod_hours: 48}; with both, either is enough",
		}},
		{"exposure of no number", policy, with("soak: {for: 24h, exposure: {requests: many}}"), []string{
			`6:69: requests must be a number from 1 to 1000000000, not the text "many": write a whole number without quotes`,
		}},
		{"a window without a beginning", policy, with("windows: {allow: [{for: 8h}]}"), []string{
			`6:49: the window has no from: add when it begins, such as from: "0 9 * * MON-FRI" for nine o'clock on workdays`,
		}},
		{"a window without an end", policy, with(`windows: {allow: [{from: "@daily"}]}`), []string{"6:49: the window has no for: add how long it lasts, such as for: 8h"}},
		{"a window of no length", policy, with(`windows: {allow: [{from: "@daily", for: 0s}]}`), []string{"6:71: a window can't be 0s long: write something from 1m to 90d"}},
		{"a window that begins at no time", policy, with(`windows: {deny: [{from: "at nine", for: 8h}]}`), []string{`6:55: "at nine" does not say when a window begins: ` + crons}},
		{"a window that never comes", policy, with(`windows: {allow: [{from: "0 9 31 2 *", for: 8h}]}`), []string{`6:56: the window "0 9 31 2 *" never begins: ` + crons}},
		{"a window in a zone that there is not", policy, with(`windows: {allow: [{from: "0 9 * * *", for: 8h, time_zone: Mars}]}`), []string{
			`6:89: "Mars" is not a time zone: write a name of the IANA database, such as Europe/Berlin or UTC`,
		}},
		{"no windows", policy, with("windows: {allow: []}"), []string{`6:48: allow is empty: write [{from: "0 9 * * MON-THU", for: 8h, time_zone: Europe/Berlin}], or take the key out`}},
		{"neither kind of window", policy, with("windows: {}"), []string{
			`6:40: windows has neither allow nor deny: write {allow: [{from: "0 9 * * MON-THU", for: 8h, time_zone: Europe/Berlin}]}, or take the key out`,
		}},
		{"windows that never open", policy, with(`windows: {allow: [{from: "0 9 * * *", for: 8h}], deny: [{from: "0 7 * * *", for: 1d}]}`), []string{
			"6:40: the windows never open: whatever allow opens, deny closes: leave some time in which a promotion may go ahead",
		}},
		{"a freeze that ends before it begins", policy, with("freezes: [{from: 2027-01-03, until: 2026-12-20, reason: x}]"), []string{
			"6:67: the freeze ends before it begins: write an until that comes after from; a date means the beginning of that day",
		}},
		{"a freeze of half a day", policy, with("freezes: [{from: friday, until: 2026-12-20, reason: x}]"), []string{
			`6:48: "friday" is not an instant: write a date such as 2026-12-20, or a date with time and zone such as 2026-12-20T18:00:00+01:00`,
		}},
		{"a freeze without anything", "roles:", "freezes: [{}]\nroles:", []string{
			"7:11: the freeze has no from: add when it begins, such as from: 2026-12-20",
			"7:11: the freeze has no until: add when it ends, such as until: 2027-01-03; whoever does not know yet types /promote freeze",
			"7:11: the freeze has no reason: add why, such as reason: holidays; it is shown to everybody who waits",
		}},
		{"a freeze for no reason", "roles:", "freezes: [{from: 2026-12-20, until: 2026-12-21, reason: \"\"}]\nroles:", []string{
			"7:57: the reason is empty: say in a few words why; it is shown to everybody who waits",
		}},
	} {
		t.Run(f.with, func(t *testing.T) {
			var got []string
			for _, p := range problems(t, f.document(t)).List {
				got = append(got, p.String())
			}
			if strings.Join(got, "\n") != strings.Join(f.want, "\n") {
				t.Errorf("it is said:\n%s\nand should be:\n%s", strings.Join(got, "\n"), strings.Join(f.want, "\n"))
			}
		})
	}
	for _, text := range []string{
		"soak: {for: 24h}", "soak: {for: 24h, since: checks}, checks: [perf]", "soak: {for: 24h, since: arrival}, checks: [{name: perf, max_age: 1h}]", "soak: {for: 1h, incidents: {reset: sev-1}}", `windows: {allow: [{from: "0 9 * * *", for: 40d}]}`, "freezes: [{from: \"2026-12-20\", until: \"2026-12-20T00:00:01Z\", reason: x}]",
	} {
		if _, err := config.Parse("promotebot.yaml", []byte(strings.Replace(sound, policy, with(text), 1))); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
