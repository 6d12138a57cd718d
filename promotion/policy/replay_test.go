package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// The life of ready(): in staging since two days before noon, approved an hour
// before noon, a minute apart.
func TestThePastUnderAnotherPolicy(t *testing.T) {
	arrived, third := noon.Add(-48*time.Hour), noon.Add(-time.Hour+2*time.Minute)
	for _, c := range []struct {
		name   string
		policy func(*policy.Document)
		past   func(*policy.Facts)
		met    time.Time // zero: never
		says   string
	}{
		{name: "the same policy", met: third},
		{name: "fewer approvals", policy: func(d *policy.Document) { d.Approvals = d.Approvals[:1] }, met: third.Add(-time.Minute)},
		{name: "a longer soak, over by now", policy: func(d *policy.Document) { d.Soak = 47*time.Hour + 30*time.Minute }, met: noon.Add(-30 * time.Minute)},
		{name: "a soak that would not be over", policy: func(d *policy.Document) { d.Soak = 72 * time.Hour }, says: "soaks 72h"},
		{name: "one more approval", policy: func(d *policy.Document) { d.Approvals[1].Count = 2 }, says: "1 of 2 from security"},
		{name: "a vote that was given for other tags does not count now either", past: func(f *policy.Facts) { f.Votes[0].Terms.Targets = nil }, says: "1 of 2 from leads"},
		{name: "it had left before the votes came", past: func(f *policy.Facts) {
			left := arrived.Add(time.Hour)
			f.Presence[0].Until = &left
		}, says: "is not in staging any more"},
		{name: "something newer had been promoted before", past: func(f *policy.Facts) {
			finished := third.Add(-time.Second)
			f.Newer = &promotion.Promotion{ID: 8, Digest: before, FinishedAt: &finished}
		}, says: "a newer build"},
		{name: "something newer was promoted afterwards", past: func(f *policy.Facts) {
			finished := third.Add(time.Second)
			f.Newer = &promotion.Promotion{ID: 8, Digest: before, FinishedAt: &finished}
		}, met: third},
		{name: "what stood in the way when it ended does not in hindsight", past: func(f *policy.Facts) {
			f.Promotion.State, f.Executing, f.Source.Fault = promotion.Promoted, 9, "down"
		}, met: third},
		{name: "it left afterwards", past: func(f *policy.Facts) { f.Presence[0].Until = ago(10 * time.Minute) }, met: third},
		{name: "it had left, and came again", policy: func(d *policy.Document) { d.Soak = 0 }, past: func(f *policy.Facts) {
			f.Presence = []promotion.Interval{{From: arrived, Until: ago(47 * time.Hour)}, {From: *ago(30 * time.Minute)}}
		}, met: noon.Add(-30 * time.Minute)},
		{name: "an incident that was open then", policy: func(d *policy.Document) { d.FreezeOn = []promotion.Severity{"major"} }, past: func(f *policy.Facts) {
			f.Incidents = []promotion.Incident{{ID: 1, App: "shop", Environment: "staging", Severity: "major", From: arrived, ReportedAt: arrived, ResolvedAt: ago(30 * time.Minute)}}
		}, met: noon.Add(-30 * time.Minute)},
		{name: "an incident that nobody had reported", policy: func(d *policy.Document) { d.Incidents.Reset = []promotion.Severity{"major"} }, past: func(f *policy.Facts) {
			f.Incidents = []promotion.Incident{{ID: 1, App: "shop", Environment: "staging", Severity: "major", From: arrived, ReportedAt: *ago(10 * time.Minute)}}
		}, met: third},
		{name: "it was frozen and held by people", past: func(f *policy.Facts) {
			f.Freezes = []promotion.Freeze{{ID: 5, From: arrived, Reason: "a demo"}}
			f.Holds = []promotion.Hold{{ID: 1, App: "shop", Reason: "a demo"}}
		}, met: third},
		{name: "it was frozen by the configuration", past: func(f *policy.Facts) {
			f.Freezes = []promotion.Freeze{{From: arrived, Until: ago(30 * time.Minute), Reason: "holidays"}}
		}, met: noon.Add(-30 * time.Minute)},
		{name: "it had to be brought elsewhere first", past: func(f *policy.Facts) {
			f.Promotion.Destination, f.Promotion.Copy = "registry.example.com/elsewhere", &promotion.Copy{Fault: "down", Stuck: true}
		}, met: third},
		{name: "its channel is shared by now", policy: func(d *policy.Document) { d.RefuseShared = true }, past: func(f *policy.Facts) {
			f.Channel = &promotion.Channel{ID: "C0SHOP", Shared: true, ReadAt: &noon}
		}, met: third},
	} {
		d, f := ready()
		if c.policy != nil {
			c.policy(&d)
		}
		if c.past != nil {
			c.past(&f)
		}
		read, agreed := f.People["ann"].ReadAt, f.Votes[0].Terms.Policy
		met, ok, last := policy.Replay(d, f, arrived, noon)
		if !f.People["ann"].ReadAt.Equal(read) || f.Votes[0].Terms.Policy != agreed {
			t.Errorf("%s: the facts are others afterwards", c.name)
		}
		if ok == c.met.IsZero() || !met.Equal(c.met) {
			t.Errorf("%s: met at %v (%v), not %v: %+v", c.name, met, ok, c.met, last.Missing())
		}
		var said []string
		for _, m := range last.Missing() {
			said = append(said, m.Reason)
		}
		if !strings.Contains(strings.Join(said, "; "), c.says) {
			t.Errorf("%s: %q", c.name, said)
		}
	}
}

// A train goes when the last of what it carries could have gone.
func TestThePastOfATrain(t *testing.T) {
	d, f := coupled()
	d.Soak = 0
	f.Rides[1].Presence = []promotion.Interval{{From: *ago(30 * time.Minute)}}
	if met, ok, last := policy.Replay(d, f, *ago(48 * time.Hour), noon); !ok || !met.Equal(*ago(30 * time.Minute)) {
		t.Errorf("met at %v (%v): %+v", met, ok, last.Missing())
	}
	f.Rides[1].Presence[0].Until = ago(10 * time.Minute)
	if met, ok, last := policy.Replay(d, f, *ago(48 * time.Hour), noon); !ok || !met.Equal(*ago(30 * time.Minute)) {
		t.Errorf("what left afterwards: met at %v (%v): %+v", met, ok, last.Missing())
	}
}
