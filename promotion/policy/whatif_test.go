package policy_test

import (
	"testing"

	"github.com/promotebot/promotebot/promotion/policy"
)

func TestOneMoreClickIsTriedWithoutBeingMade(t *testing.T) {
	d, f := ready()
	f.Votes = f.Votes[:1] // ann
	v, refusal := policy.WhatIf(d, f, "bob", noon)
	if top, _ := v.Verdict.Finding(policy.RuleApprovals); refusal != "" || top.Reason != "2 of 3 approvals" {
		t.Errorf("bob's approval: %q, %s", refusal, top.Reason)
	}
	v, refusal = policy.WhatIf(d, f, "eve", noon)
	if top, _ := v.Verdict.Finding(policy.RuleApprovals); refusal == "" || top.Reason != "1 of 3 approvals" {
		t.Errorf("eve, who holds no role: %q, %s", refusal, top.Reason)
	}
	if len(f.Votes) != 1 {
		t.Error("a vote was left behind")
	}
}
