package policy_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestThePlan(t *testing.T) {
	type facts = *policy.Facts
	for _, c := range []struct {
		name    string
		change  func(*policy.Document, facts)
		outcome policy.Outcome
		says    string // nothing: the rule says nothing
	}{
		{"none is asked for", func(d *policy.Document, _ facts) { d.Plan = false }, policy.Met, ""},
		{"there is one", func(_ *policy.Document, f facts) { f.Promotion.Plan = "back to v1" }, policy.Met, "there is a rollback plan"},
		{"there is none", func(*policy.Document, facts) {}, policy.Waiting, "/promote plan shop"},
		{"what puts a tag back needs none", func(_ *policy.Document, f facts) { f.Promotion.Purpose = promotion.Restore }, policy.Met, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, f := ready()
			d.Plan = true
			c.change(&d, &f)
			for i := range f.Votes {
				f.Votes[i].Terms = f.Promotion.TermsNow()
			}
			v := policy.Evaluate(d, f, noon)
			finding, said := v.Finding(policy.RulePlan)
			if v.Outcome != c.outcome || said != (c.says != "") || said && (finding.Outcome != c.outcome || !strings.Contains(finding.Reason, c.says)) {
				t.Errorf("%s, and the rule says %+v", v.Outcome, finding)
			}
		})
	}
}
