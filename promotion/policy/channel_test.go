package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestNothingGoesAheadWhereAnotherOrganisationSeesIt(t *testing.T) {
	type facts = *policy.Facts
	before := noon.Add(-2 * policy.SureFor)
	for _, c := range []struct {
		name    string
		change  func(*policy.Document, facts)
		outcome policy.Outcome
		says    string // nothing: the rule says nothing
	}{
		{"nobody minds", func(d *policy.Document, f facts) { d.RefuseShared, f.Channel.Shared = false, true }, policy.Met, ""},
		{"it is not shared", func(*policy.Document, facts) {}, policy.Met, "no other organisation"},
		{"it is shared", func(_ *policy.Document, f facts) { f.Channel.Shared = true }, policy.Blocked, "stop sharing the channel"},
		{"it was never read", func(_ *policy.Document, f facts) { f.Channel = nil }, policy.Waiting, "has not been read"},
		{"Slack won't say", func(_ *policy.Document, f facts) {
			f.Channel.ReadAt, f.Channel.Fault = nil, "Slack knows no such channel"
		}, policy.Waiting, "is not known whether"},
		{"it was read long ago", func(_ *policy.Document, f facts) { f.Channel.ReadAt = &before }, policy.Waiting, "once more"},
		{"it is a part of a train", func(_ *policy.Document, f facts) { f.Promotion.Purpose, f.Channel = promotion.Ride, nil }, policy.Met, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, f := ready()
			d.RefuseShared = true
			f.Channel = &promotion.Channel{ID: "C0SHOP", ReadAt: &noon}
			c.change(&d, &f)
			f.Promotion.PolicyHash = d.Hash()
			for i := range f.Votes {
				f.Votes[i].Terms = f.Promotion.TermsNow()
			}
			v := policy.Evaluate(d, f, noon)
			finding, said := v.Finding(policy.RuleChannel)
			if v.Outcome != c.outcome || said != (c.says != "") || said && (finding.Outcome != c.outcome || !strings.Contains(finding.Reason, c.says)) {
				t.Errorf("%s, and the rule says %+v", v.Outcome, finding)
			}
			if again := slices.Contains(v.Lookups, policy.Subject{Channel: "C0SHOP"}); again != (c.name == "it was read long ago") {
				t.Errorf("to be read: %+v", v.Lookups)
			}
		})
	}
}

func TestAChannelIsNotReadAgainForWhatLacksMore(t *testing.T) {
	d, f := ready()
	d.RefuseShared, f.Votes = true, nil
	long := noon.Add(-time.Hour)
	f.Channel = &promotion.Channel{ID: "C0SHOP", ReadAt: &long}
	if v := policy.Evaluate(d, f, noon); len(v.Lookups) != 0 || v.Outcome != policy.Waiting {
		t.Errorf("%s, to be read: %+v", v.Outcome, v.Lookups)
	}
}

func TestABrokenGlassDoesNotWaitForTheChannelToBeRead(t *testing.T) {
	d, f := broken()
	long := noon.Add(-time.Hour)
	d.RefuseShared, f.Channel = true, &promotion.Channel{ID: "C0SHOP", ReadAt: &long}
	f.Promotion.PolicyHash = d.Hash()
	onThese(&f)
	if v := policy.Evaluate(d, f, noon); v.Outcome != policy.Met || len(v.Lookups) != 0 {
		t.Errorf("%s, to be read: %+v", v.Outcome, v.Lookups)
	}
}
