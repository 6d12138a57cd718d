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
	} {
		d, f := ready()
		if c.policy != nil {
			c.policy(&d)
		}
		if c.past != nil {
			c.past(&f)
		}
		met, ok, last := policy.Replay(d, f, arrived, noon)
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
