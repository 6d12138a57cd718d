package gate_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Three builds under a careful policy: one was promoted after a day, one was
// rejected though a lead had approved, one was superseded.
func TestThePastIsReplayedUnderAnotherConfiguration(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(25 * time.Hour)
	w.expect(1, promotion.Promoted)
	w.stage("b")
	w.click(ann, promotion.Approve)
	w.wait(time.Hour)
	w.click(bob, promotion.Reject)
	w.stage("c")
	w.wait(time.Hour)
	w.stage("d")
	w.wait(24 * time.Hour)

	leads := func(n int) []policy.Requirement { return []policy.Requirement{{Role: "leads", Count: n}} }
	for _, c := range []struct {
		name string
		d    policy.Document
		want []string
	}{
		{"the same", careful(), []string{"#1 after 24h0m0s", "#2 never", "#3 never"}},
		{"no soak", policy.Document{Approvals: leads(2)}, []string{"#1 after 0s", "#2 never", "#3 never"}},
		{"a longer soak", policy.Document{Soak: 24*time.Hour + 30*time.Minute, Approvals: leads(2)}, []string{"#1 after 24h30m0s", "#2 never", "#3 never"}},
		{"one lead, and no soak", policy.Document{Approvals: leads(1)}, []string{"#1 after 0s", "#2 after 0s", "#3 never"}},
		{"three leads", policy.Document{Approvals: leads(3)}, []string{"#1 never", "#2 never", "#3 never"}},
		{"no policy at all", policy.Document{}, []string{"#1 never", "#2 never", "#3 never"}},
	} {
		all, err := w.gate.Backtest(t.Context(), catalog(t, c.d), start)
		w.must(err)
		var got []string
		for _, r := range all {
			line := fmt.Sprintf("#%d never", r.Promotion.ID)
			if r.Would != nil {
				line = fmt.Sprintf("#%d after %s", r.Promotion.ID, r.Would.Sub(r.Promotion.OpenedAt))
			}
			got = append(got, line)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
	recent, err := w.gate.Backtest(t.Context(), catalog(t, careful()), start.Add(26*time.Hour+time.Minute))
	w.must(err)
	if len(recent) != 1 || recent[0].Promotion.ID != 3 {
		t.Errorf("what ended before was not left out: %d", len(recent))
	}
}
