package render_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestWhatIsStoppedSaysSo(t *testing.T) {
	all := map[string]policy.View{}
	for _, s := range sample.Stops() {
		all[s.Name] = s.View
	}
	for state, words := range map[string][]string{
		"soak standing still":        {"Not soaking", "stands still since", "because incident #3 (critical: checkout &lt;fails&gt;) is open", "begins again when that is resolved", "Until it is resolved, the soak stands still, nothing is promoted"},
		"soak that stood still":      {"*Stood still* from <!date^", "staging was reported unhealthy (probes fail)", "incident #3 (warning: checkout &lt;fails&gt;)"},
		"soak begun again":           {"Soaking", "It began again <!date^", "when incident #3 (critical: checkout &lt;fails&gt;) was resolved"},
		"incident of no consequence": {"Waiting for approvals", "*Incident #3*, info", "reported by Eve", "takes no notice"},
		"unhealthy":                  {"staging is reported unhealthy (probes fail)"},
		"not used enough":            {"4711 of 100000 requests in staging"},
		"on hold":                    {"*On hold* by Eve, Ann", "*Held* by Eve since", "the load test runs &lt;!here&gt;", "with every other build of it, by Ann since", "no demo today"},
		"frozen":                     {"*Frozen* until", "holidays", "*Frozen* by Ann: the database moves"},
		"outside the windows":        {"*Waiting for a window*", "the next one opens <!date^"},
	} {
		for _, word := range words {
			if m := render.Card(all[state]); !strings.Contains(m.Text, word) {
				t.Errorf("%s: %q is not in %q", state, word, m.Text)
			}
		}
	}
	golden(t, "why on hold", render.Why(all["on hold"]))
	golden(t, "details frozen", render.Details(all["frozen"]))
	golden(t, "details of a policy with everything", render.Details(sample.Shop(sample.Later, sample.Interrupted, func(d *policy.Document, _ *policy.Facts) {
		d.Exposure = promotion.Exposure{Requests: 7, PodTime: 48 * time.Hour}
		d.Windows = all["outside the windows"].Document.Windows
		d.Windows.Deny = d.Windows.Allow
		d.Freezes = []promotion.Freeze{{From: sample.Monday, Until: sample.At(time.Hour), Reason: "inventory"}}
	})))
	golden(t, "hold", render.HoldModal(all["frozen"], "C1", "1.1"))
}

func TestStatusSaysWhatKeepsAnAppFromBeingPromoted(t *testing.T) {
	s := policy.AppStatus{
		App: "shop", Repository: "registry.example.com/shop", Incidents: []promotion.Incident{sample.Incident(3, "critical", 0)},
		Freezes: []promotion.Freeze{{From: sample.Monday, Until: sample.At(time.Hour), Reason: "holidays"}, {From: sample.Monday, Reason: "it is late", By: sample.Ann}},
		Holds:   []promotion.Hold{{By: sample.Bob, Reason: "load test"}, {By: sample.Eve, Digest: sample.Build, Reason: "demo"}},
	}
	const when = "<!date^1795424400^{date_short_pretty} {time}|2026-11-23 09:00 UTC>"
	text := render.Status([]policy.AppStatus{s}, sample.Monday, render.Pages{}).Text
	for _, line := range []string{
		"• incident #3, critical, since " + when + ": checkout &lt;fails&gt;\n", "• frozen until <!date^", ": holidays\n", "• frozen by <@U0000ANN>: it is late\n",
		"• every build held by <@U0000BOB>: load test\n", "• `4f1c2a9b4f1c` held by <@U0000EVE>: demo",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is not in %s", line, text)
		}
	}
}

func TestAnswersToDeeds(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer promotion.Answer
		want   string
	}{
		{"a hold", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureHold, App: "shop", Digest: sample.Build, Reason: "load test", Others: 1},
			"On hold: *shop* `4f1c2a9b4f1c`: load test. With others that makes 2; all have to be lifted."},
		{"a hold twice", promotion.Answer{Verb: promotion.Repeated, Deed: promotion.GestureHold, App: "shop"}, "You hold *shop* already. Nothing was changed."},
		{"holds that are lifted", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureUnhold, App: "shop", Whose: []promotion.PersonID{sample.Ann, sample.Bob}},
			"Not held any more by <@U0000ANN>, <@U0000BOB>: *shop*. Nobody holds it now."},
		{"one of them", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureUnhold, App: "shop", Whose: []promotion.PersonID{sample.Ann}, Others: 1},
			"Not held any more by <@U0000ANN>: *shop*. Holds that are left: 1."},
		{"a freeze", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureFreeze, App: "shop", Until: sample.At(0), Reason: "it is late"},
			"Frozen, *shop* until <!date^1795424400^{date_short_pretty} {time}|2026-11-23 09:00 UTC>: it is late. Approvals can be given, and nothing is promoted. `/promote unfreeze shop` lifts it."},
		{"a freeze of everything", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureFreeze, Reason: "it is late"},
			"Frozen, everything: it is late. Approvals can be given, and nothing is promoted. `/promote unfreeze` lifts it."},
		{"a freeze that is lifted", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureUnfreeze}, "Not frozen any more: everything. What lacks nothing goes ahead now."},
		{"an incident", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureIncident, App: "shop", Incident: 3, Severity: "critical", Reason: "checkout fails"},
			"Incident #3 of *shop* is open, critical: checkout fails. `/promote resolve 3` ends it."},
		{"one that is over", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureResolve, App: "shop", Incident: 3, Reason: "checkout fails"}, "Incident #3 of *shop* is resolved: checkout fails."},
		{"a refusal", promotion.Answer{Verb: promotion.Refused, Deed: promotion.GestureFreeze, App: "shop", Reason: "this takes a role that the person does not hold", Could: []string{"leads"}},
			"It was not done: this takes a role that the person does not hold. Nothing was changed. Who holds one of these roles could: leads."},
		{"too late", promotion.Answer{Verb: promotion.Closed, Deed: promotion.GestureHold, App: "shop", Digest: sample.Build, Reason: "promoted"}, "It was not done: *shop* `4f1c2a9b4f1c` has been promoted already. Nothing was changed."},
		{"by somebody who has to be looked up", promotion.Answer{Verb: promotion.Checking, Deed: promotion.GestureHold, App: "shop"},
			"That is recorded. promotebot is asking Slack who you are before it counts, and tells you here what comes of it."},
		{"of what there is not", promotion.Answer{Verb: promotion.Missing, Deed: promotion.GestureHold}, "There is no such app or promotion, and nothing was changed."},
	} {
		t.Run(row.name, func(t *testing.T) {
			if m := render.Answer(row.answer); m.Text != row.want {
				t.Errorf("says %q\n not %q", m.Text, row.want)
			}
		})
	}
}

func TestNoticesOfDeeds(t *testing.T) {
	const missing = "Still missing: 1 of 2 from leads (could approve: Bob), 0 of 1 from security (could approve: Sam)."
	for _, row := range []struct {
		name string
		work promotion.NoticeWork
		want string
	}{
		{"an incident that a program reported", promotion.NoticeWork{Kind: promotion.NoticeIncident, Incident: 3, Severity: "critical", Reason: "checkout fails"}, "Incident #3, critical: checkout fails. promotebot was told of it.\n" + missing},
		{"its end", promotion.NoticeWork{Kind: promotion.NoticeResolved, Person: sample.Ann, Incident: 3, Severity: "critical", Reason: "checkout fails"}, "Incident #3, critical: checkout fails, is resolved. Said by Ann.\n" + missing},
		{"a freeze", promotion.NoticeWork{Kind: promotion.NoticeFrozen, Person: sample.Ann, Reason: "it is late"}, "Ann has frozen *shop* `4f1c2a9b4f1c`: it is late. Approvals can be given all the same."},
		{"a freeze that is lifted", promotion.NoticeWork{Kind: promotion.NoticeUnfrozen, Person: sample.Ann}, "Ann has lifted the freeze.\n" + missing},
		{"a hold", promotion.NoticeWork{Kind: promotion.NoticeHeld, Person: sample.Eve, Reason: "load test"}, "Eve holds *shop* `4f1c2a9b4f1c`: load test. It can be approved all the same."},
		{"one's own hold that is lifted", promotion.NoticeWork{Kind: promotion.NoticeUnheld, Person: sample.Eve, Whose: []promotion.PersonID{sample.Eve}}, "Eve does not hold *shop* `4f1c2a9b4f1c` any more.\n" + missing},
		{"the hold of another that is lifted", promotion.NoticeWork{Kind: promotion.NoticeUnheld, Person: sample.Ann, Whose: []promotion.PersonID{sample.Eve}}, "Ann has lifted the hold of Eve on *shop* `4f1c2a9b4f1c`.\n" + missing},
	} {
		t.Run(row.name, func(t *testing.T) {
			if m := render.Notice(row.work, view(t, "partially approved")); m.Text != row.want {
				t.Errorf("says %q\n not %q", m.Text, row.want)
			}
		})
	}
}

// drawStops adds everything that can hold a promotion up, with hostile words.
func drawStops(t *rapid.T, text *rapid.Generator[string], person *rapid.Generator[promotion.PersonID], moment *rapid.Generator[time.Time], d *policy.Document, f *policy.Facts) {
	severity := rapid.Custom(func(t *rapid.T) promotion.Severity { return promotion.Severity(text.Draw(t, "severity")) })
	maybe := rapid.Ptr(moment, true)
	d.Incidents.Pause, d.FreezeOn = rapid.SliceOfN(severity, 0, 3).Draw(t, "pause"), rapid.SliceOfN(severity, 0, 3).Draw(t, "freeze on")
	for n := range rapid.SampledFrom([]int{0, 0, 1, 30}).Draw(t, "incidents") {
		s := severity.Draw(t, "of")
		if len(d.Incidents.Pause) > 0 && rapid.Bool().Draw(t, "pauses") {
			s = d.Incidents.Pause[0]
		}
		f.Incidents = append(f.Incidents, promotion.Incident{
			ID: promotion.IncidentID(n + 1), Severity: s, Summary: text.Draw(t, "summary"), From: moment.Draw(t, "since"), ReportedBy: string(person.Draw(t, "reporter")), ResolvedAt: maybe.Draw(t, "resolved"),
		})
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 30}).Draw(t, "holds") {
		f.Holds = append(f.Holds, promotion.Hold{By: person.Draw(t, "holder"), Reason: text.Draw(t, "hold"), At: moment.Draw(t, "held")})
	}
	for range rapid.SampledFrom([]int{0, 0, 1, 30}).Draw(t, "freezes") {
		f.Freezes = append(f.Freezes, promotion.Freeze{From: moment.Draw(t, "from"), Until: maybe.Draw(t, "until"), Reason: text.Draw(t, "freeze"), By: person.Draw(t, "freezer")})
	}
	if rapid.Bool().Draw(t, "ill") {
		f.Unhealthy = []promotion.Unhealth{{Environment: f.Promotion.From, Reason: text.Draw(t, "ill because"), From: moment.Draw(t, "ill since")}}
	}
}
