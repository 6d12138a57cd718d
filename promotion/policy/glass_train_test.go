package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// shattered is a train that nobody has approved, whose cart soaks still and is
// frozen, and of which Eve has broken the glass.
func shattered() (policy.Document, policy.Facts) {
	d, f := coupled()
	d.BreakGlass = &policy.BreakGlass{Role: "commanders", By: []string{"security"}, Within: time.Hour}
	f.Rosters["commanders"] = promotion.Roster{Role: "commanders", Members: []promotion.PersonID{"eve"}}
	f.Votes = nil
	f.Rides[1].Presence[0].From = noon.Add(-time.Hour)
	f.Rides[1].Freezes = []promotion.Freeze{{ID: 1, From: noon.Add(-time.Hour), Reason: "Christmas"}}
	f.Promotion.PolicyHash = d.Hash()
	f.Promotion.Broken = &promotion.Broken{By: "eve", Reason: "the shop is down", At: noon, Due: noon.Add(time.Hour), Reviewers: []string{"security"}, Terms: f.Promotion.TermsNow()}
	return d, f
}

func TestTheGlassOfATrainIsBrokenOnceForAllThatItCarries(t *testing.T) {
	d, f := shattered()
	v := policy.Evaluate(d, f, noon)
	if v.Outcome != policy.Met {
		t.Fatalf("%+v", v.Missing())
	}
	if got := v.Skipped(); !slices.Equal(got, []policy.Rule{policy.RuleSoak, policy.RuleFreeze, policy.RuleApprovals}) {
		t.Errorf("skipped %v", got)
	}
	if v.Soaked() {
		t.Error("what was skipped has not soaked")
	}
	var said []string
	for _, s := range policy.Skips(d, f, noon) {
		said = append(said, s.Reason)
	}
	if all := strings.Join(said, "\n"); len(said) != 4 || !strings.Contains(all, "cart: soaks 24h") || !strings.Contains(all, "cart: ") || !strings.Contains(all, "Christmas") || strings.Contains(all, "shop: ") {
		t.Errorf("to be confirmed:\n%s", all)
	}
	hash := policy.HashOf(policy.Skips(d, f, noon))
	f.Rides[0].Holds = []promotion.Hold{{By: "ann", Reason: "wait for me"}}
	if policy.HashOf(policy.Skips(d, f, noon)) == hash {
		t.Error("what one app lacks since is confirmed with what the other does")
	}
}

func TestWhatOneAppOfATrainLacksThatIsNeverSkippedHoldsUpAll(t *testing.T) {
	left := noon.Add(-time.Minute)
	for name, c := range map[string]struct {
		change func(f *policy.Facts)
		says   string
	}{
		"it has left":              {func(f *policy.Facts) { f.Rides[1].Presence[0].Until = &left }, "cart: aaaaaaaaaaaa is not in staging any more"},
		"it was withdrawn":         {func(f *policy.Facts) { f.Rides[1].Withdrawn = &promotion.Withdrawal{By: "ann", Reason: "it leaks"} }, "it leaks"},
		"something newer is there": {func(f *policy.Facts) { f.Rides[1].Newer = &promotion.Promotion{ID: 9, Digest: before} }, "cart: "},
		"something else moves it":  {func(f *policy.Facts) { f.Rides[1].Executing = 6 }, "#6"},
	} {
		d, f := shattered()
		c.change(&f)
		v := policy.Evaluate(d, f, noon)
		missing := v.Missing()
		if v.Outcome == policy.Met || len(missing) != 1 || !strings.Contains(missing[0].Reason, c.says) || strings.Contains(missing[0].Reason, "soaks") {
			t.Errorf("%s: %s, %+v", name, v.Outcome, missing)
		}
	}
}

// What one ride would set is part of what was seen.
func TestTheGlassOfATrainHoldsForExactlyWhatWasSeen(t *testing.T) {
	d, f := shattered()
	f.Rides[1].Promotion.Targets = slices.Clone(f.Rides[1].Promotion.Targets)
	f.Rides[1].Promotion.Targets[1].Now = app
	f.Promotion.Targets = promotion.Coupled([]*promotion.Promotion{&f.Rides[0].Promotion, &f.Rides[1].Promotion})
	if v := policy.Evaluate(d, f, noon); v.Outcome == policy.Met || len(v.Skipped()) > 0 {
		t.Errorf("%s, skipped %v", v.Outcome, v.Skipped())
	}
}
