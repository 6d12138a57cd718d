package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestWhatIsBeforeIt(t *testing.T) {
	type facts = *policy.Facts
	ahead := func(f facts) { f.Ahead = &promotion.Promotion{ID: 5} }
	for _, c := range []struct {
		name    string
		change  func(*policy.Document, facts)
		outcome policy.Outcome
		says    string // nothing: the rule says nothing
	}{
		{"where a newer build replaces an older one, nobody waits", func(_ *policy.Document, f facts) { ahead(f) }, policy.Met, ""},
		{"where both are kept, nobody waits", func(d *policy.Document, f facts) { d.Supersede = policy.Keep; ahead(f) }, policy.Met, ""},
		{"the first of a queue goes", func(d *policy.Document, _ facts) { d.Supersede = policy.Queue }, policy.Met, "nothing is before it"},
		{"the second of a queue waits", func(d *policy.Document, f facts) { d.Supersede = policy.Queue; ahead(f) }, policy.Waiting, "waits for #5, which is before it"},
		{"the oldest rides", func(d *policy.Document, _ facts) { d.RideOldest = true }, policy.Met, "nothing is before it"},
		{"a newer one waits for the one that rides", func(d *policy.Document, f facts) { d.RideOldest = true; ahead(f) }, policy.Waiting, "#5, which came first and keeps maturing"},
		{"what puts a tag back is in no line", func(d *policy.Document, f facts) {
			d.Supersede, f.Promotion.Purpose = policy.Queue, promotion.Restore
			ahead(f)
		}, policy.Met, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, f := ready()
			f.Promotion.Purpose = promotion.Forward
			c.change(&d, &f)
			for i := range f.Votes {
				f.Votes[i].Terms = f.Promotion.TermsNow()
			}
			v := policy.Evaluate(d, f, noon)
			finding, said := v.Finding(policy.RuleLine)
			if v.Outcome != c.outcome || said != (c.says != "") || said && (finding.Outcome != c.outcome || !strings.Contains(finding.Reason, c.says)) {
				t.Errorf("%s, and the rule says %+v", v.Outcome, finding)
			}
		})
	}
}

// Policies that do not use what is new are what they were: their votes count on.
func TestADocumentThatUsesNoneOfItHasTheHashItHad(t *testing.T) {
	d := policy.Document{Soak: 1, Approvals: []policy.Requirement{{Role: "leads", Count: 2}}}
	if got := d.Hash(); got != "1a3e52b29c47f31bdd764d976ea29a71abe5343a6831882f34026781088b18c5" {
		t.Errorf("%s", got)
	}
	for name, other := range map[string]policy.Document{
		"automatic": {Soak: 1, Automatic: true}, "queue": {Soak: 1, Approvals: d.Approvals, Supersede: policy.Queue}, "oldest": {Soak: 1, Approvals: d.Approvals, RideOldest: true},
	} {
		if other.Hash() == d.Hash() {
			t.Errorf("%s demands the same", name)
		}
	}
}

func TestALineReadsAsEnglish(t *testing.T) {
	for _, c := range []struct {
		change func(*policy.Document)
		want   string
	}{
		{func(d *policy.Document) { d.RideOldest = true }, "The oldest build keeps maturing when newer ones come; of those, the newest waits until it has ended."},
		{func(d *policy.Document) { d.Supersede = policy.Queue }, "Builds go one after the other, the oldest first."},
		{func(d *policy.Document) { d.Supersede = policy.Keep }, "A newer build does not replace it, but once a newer one has been promoted it can't go ahead."},
	} {
		d, _ := ready()
		c.change(&d)
		if got := d.Sentences("staging", "production", false); !slices.Contains(got, c.want) || slices.Contains(got, "When something newer comes, that takes its place.") {
			t.Errorf("it reads %q", got)
		}
	}
}
