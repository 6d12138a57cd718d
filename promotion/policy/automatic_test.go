package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion/policy"
)

func TestAutomaticSteps(t *testing.T) {
	type facts = *policy.Facts
	for _, c := range []struct {
		name    string
		change  func(*policy.Document, facts)
		outcome policy.Outcome
		rule    policy.Rule
		says    string
	}{
		{"a step that asks nobody needs no human", func(*policy.Document, facts) {}, policy.Met, policy.RuleApprovals, "no approval is asked for"},
		{"it still soaks", func(d *policy.Document, _ facts) { d.Soak = 72 * time.Hour }, policy.Waiting, policy.RuleSoak, "soaks 72h"},
		{"a policy that is not there still blocks", func(d *policy.Document, _ facts) { *d = policy.Document{} }, policy.Blocked, policy.RuleApprovals, "no policy for this step"},
		{"it still goes in its turn", func(_ *policy.Document, f facts) { f.Executing = 6 }, policy.Waiting, policy.RuleTurn, "#6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, f := ready()
			d.Approvals, d.Automatic, f.Votes = nil, true, nil
			c.change(&d, &f)
			v := policy.Evaluate(d, f, noon)
			finding, _ := v.Finding(c.rule)
			if v.Outcome != c.outcome || finding.Outcome != c.outcome || !strings.Contains(finding.Reason, c.says) {
				t.Errorf("%s, and %s says %+v", v.Outcome, c.rule, finding)
			}
			if len(v.Lookups) > 0 {
				t.Errorf("it waits for %+v to be read", v.Lookups)
			}
		})
	}
}

func TestNobodyHasASayWhereNobodyIsAsked(t *testing.T) {
	d, f := ready()
	d.Approvals, d.Automatic, f.Promotion.Requester = nil, true, "eve"
	if _, refusal := policy.MayApprove(d, f, "ann", noon); !strings.Contains(refusal, "by itself") {
		t.Errorf("Ann's approval: %q", refusal)
	}
	if refusal := policy.MayReject(d, f, "ann"); !strings.Contains(refusal, "whoever requested it can") {
		t.Errorf("Ann's rejection: %q", refusal)
	}
	if refusal := policy.MayReject(d, f, "eve"); refusal != "" {
		t.Errorf("the requester's rejection: %q", refusal)
	}
}
