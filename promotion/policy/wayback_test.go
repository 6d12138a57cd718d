package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestTheWayBack(t *testing.T) {
	type facts = *policy.Facts
	read := func(age time.Duration, missing string) *promotion.WayBack {
		at := noon.Add(-age)
		return &promotion.WayBack{Repository: "r", Digests: []promotion.Digest{before}, ReadAt: &at, Proof: promotion.Proof{Manifests: 3, Blobs: 9, Missing: missing}}
	}
	for _, c := range []struct {
		name    string
		change  func(*policy.Document, facts)
		outcome policy.Outcome
		says    string // nothing: the rule says nothing
		look    bool
	}{
		{"it was looked for just now", func(_ *policy.Document, f facts) {}, policy.Met, "is whole: 3 manifests and 9 blobs", false},
		{"it never was", func(_ *policy.Document, f facts) { f.Promotion.WayBack = nil }, policy.Waiting, "000000000000, is whole is being read", true},
		{"it was, long ago", func(_ *policy.Document, f facts) { f.Promotion.WayBack = read(policy.ProvedFor, "") }, policy.Waiting, "once more", true},
		{"production has moved since", func(_ *policy.Document, f facts) { f.Promotion.WayBack.Digests[0] = app }, policy.Waiting, "is being read", true},
		{"it goes elsewhere since", func(_ *policy.Document, f facts) { f.Promotion.WayBack.Repository = "other" }, policy.Waiting, "is being read", true},
		{"a part of it is gone", func(_ *policy.Document, f facts) { f.Promotion.WayBack = read(0, "the blob 123 is gone") }, policy.Blocked, "the blob 123 is gone; push it there again", false},
		{"a part of it was gone, long ago", func(_ *policy.Document, f facts) { f.Promotion.WayBack = read(policy.ProvedFor, "a blob") }, policy.Waiting, "once more", true},
		{"it can't be looked for", func(_ *policy.Document, f facts) { f.Promotion.WayBack.Fault = "503" }, policy.Waiting, "could not be read so far: 503", true},
		{"there is none: it is the first promotion", func(_ *policy.Document, f facts) {
			f.Promotion.Targets[1].Now, f.Promotion.WayBack = "", nil
			for i := range f.Votes {
				f.Votes[i].Terms = f.Promotion.TermsNow()
			}
		}, policy.Met, "nothing to go back to", false},
		{"the policy does without", func(d *policy.Document, f facts) { d.NoWayBack, f.Promotion.WayBack = true, nil }, policy.Met, "", false},
		{"it is not looked for while an approval is missing", func(_ *policy.Document, f facts) { f.Votes, f.Promotion.WayBack = nil, nil }, policy.Waiting, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, f := ready()
			f.Promotion.Destination, f.Promotion.Repository, f.Promotion.WayBack = "r", "r", read(0, "")
			c.change(&d, &f)
			v := policy.Evaluate(d, f, noon)
			finding, said := v.Finding(policy.RuleWayBack)
			if v.Outcome != c.outcome || said != (c.says != "") || said && (finding.Outcome != c.outcome || !strings.Contains(finding.Reason, c.says)) {
				t.Errorf("%s, and the rule says %+v", v.Outcome, finding)
			}
			if look := len(v.Prove) > 0; look != c.look {
				t.Errorf("it is to be looked for: %v", look)
			}
		})
	}
}
