package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// vouched is a promotion of which everything is met, under a policy that hears
// provenance.
func vouched(required bool) (policy.Document, policy.Facts) {
	d, f := ready()
	d.AuthorsCannotApprove, d.Provenance = true, policy.Provenance{By: "k1", Required: required}
	f.Promotion.PolicyHash = d.Hash()
	for i := range f.Votes {
		f.Votes[i].Terms.Policy = f.Promotion.PolicyHash
	}
	twice(&f)
	f.Promotion.Image = &promotion.Image{Labels: map[string]string{promotion.LabelAuthors: "left@example.com"}}
	f.Promotion.Provenance = looked(noon, promotion.Attested{Verified: 1, Named: 1})
	return d, f
}

func looked(at time.Time, found promotion.Attested) *promotion.Provenance {
	return &promotion.Provenance{By: "k1", ReadAt: &at, Found: found}
}

func TestProvenance(t *testing.T) {
	type facts = *policy.Facts
	refused := promotion.Attested{Refused: []string{"aaaaaaaaaaaa: none of the keys has signed it"}}
	for _, c := range []struct {
		name     string
		required bool
		change   func(facts)
		outcome  policy.Outcome
		says     string
		look     bool
	}{
		{"one was verified", false, func(facts) {}, policy.Met, "names: 1", false},
		{"one was verified that is required", true, func(facts) {}, policy.Met, "names: 1", false},
		{"it was never looked for", false, func(f facts) { f.Promotion.Provenance = nil }, policy.Waiting, "is being read", true},
		{"it was looked for with other keys", false, func(f facts) { f.Promotion.Provenance.By = "k0" }, policy.Waiting, "is being read", true},
		{"it was looked for in another repository", false, func(f facts) { f.Promotion.Provenance.Repository = "other" }, policy.Waiting, "is being read", true},
		{"it could not be looked for", false, func(f facts) { f.Promotion.Provenance.Fault = "the registry is down" }, policy.Waiting, "so far: the registry is down", false},
		{"there is none", false, func(f facts) { f.Promotion.Provenance = looked(noon, promotion.Attested{}) }, policy.Met, "there is no provenance", false},
		{"there is none, and it is required", true, func(f facts) { f.Promotion.Provenance = looked(noon, promotion.Attested{}) }, policy.Blocked, "the policy requires one", true},
		{"it is required, and names nobody", true, func(f facts) { f.Promotion.Provenance = looked(noon, promotion.Attested{Verified: 1}) }, policy.Blocked, "names an author", true},
		{"that of a stranger", false, func(f facts) { f.Promotion.Provenance = looked(noon, refused) }, policy.Met, "does not count: aaaaaaaaaaaa: none of the keys has signed it", false},
		{"that of a stranger, where one is required", true, func(f facts) { f.Promotion.Provenance = looked(noon, refused) }, policy.Blocked, "none of the keys has signed it", true},
		{"it was looked for long ago", false, func(f facts) { f.Promotion.Provenance = looked(noon.Add(-policy.ProvedFor), promotion.Attested{}) }, policy.Waiting, "once more", true},
		{"not quite so long ago", false, func(f facts) {
			f.Promotion.Provenance = looked(noon.Add(time.Second-policy.ProvedFor), promotion.Attested{})
		}, policy.Met, "there is no provenance", false},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			d, f := vouched(c.required)
			c.change(&f)
			v := policy.Evaluate(d, f, noon)
			all := v.Of(policy.RuleProvenance)
			if last := all[len(all)-1]; last.Outcome != c.outcome || v.Outcome != c.outcome || !strings.Contains(last.Reason, c.says) {
				t.Errorf("%s, and in all %s: %q", last.Outcome, v.Outcome, last.Reason)
			}
			if look := slices.Contains(v.Attest, f.Promotion.ID); look != c.look {
				t.Errorf("looked for: %v", v.Attest)
			}
		})
	}
	d, f := vouched(false)
	f.Promotion.Provenance, f.Votes = looked(noon.Add(-time.Hour), promotion.Attested{}), nil
	if v := policy.Evaluate(d, f, noon); len(v.Attest) > 0 {
		t.Error("it is looked for again before nothing else is missing")
	}
	d.Provenance = policy.Provenance{}
	f.Promotion.Provenance = nil
	if v := policy.Evaluate(d, f, noon); len(v.Of(policy.RuleProvenance)) > 0 || len(v.Attest) > 0 {
		t.Error("where nobody is trusted, nothing is looked for")
	}
}

func TestEachAppOfATrainNeedsItsOwnProvenance(t *testing.T) {
	d, f := coupled()
	twice(&f)
	d.AuthorsCannotApprove, d.Provenance = true, policy.Provenance{By: "k1", Required: true}
	for i := range f.Rides {
		f.Rides[i].Identities = f.Identities
		f.Rides[i].Promotion.Image = &promotion.Image{Labels: map[string]string{promotion.LabelAuthors: "left@example.com"}}
		f.Rides[i].Promotion.Provenance = looked(noon, promotion.Attested{Verified: 1, Named: 1})
		f.Rides[i].Promotion.Provenance.Repository = f.Rides[i].Promotion.Repository
	}
	f.Rides[1].Promotion.Provenance = nil
	v := policy.Evaluate(d, f, noon)
	if all := v.Of(policy.RuleProvenance); len(all) != len(f.Rides) || all[0].Outcome != policy.Met || all[1].Outcome != policy.Waiting {
		t.Errorf("%+v", all)
	}
	if !slices.Equal(v.Attest, []promotion.ID{f.Rides[1].Promotion.ID}) {
		t.Errorf("looked for: %v", v.Attest)
	}
}

func TestWhatIsReplayedUnderOtherKeysIsNotJudgedByThem(t *testing.T) {
	d, f := vouched(true)
	if _, met, v := policy.Replay(d, f, noon, noon.Add(time.Hour)); !met || policy.Unheard(d, f) {
		t.Errorf("%+v", v.Missing())
	}
	d.Provenance.By = "k2"
	if _, met, v := policy.Replay(d, f, noon, noon.Add(time.Hour)); !met || !policy.Unheard(d, f) {
		t.Errorf("under other keys: %+v", v.Missing())
	}
}

// What was found then holds at every instant of a replay, also where it would have
// been looked for once more before it went ahead.
func TestAReplayTakesProvenanceForWhatWasFound(t *testing.T) {
	d, f := vouched(true)
	d.Soak = 72 * time.Hour                               // which is a day after it was read
	f.Promotion.Provenance.Fault = "the registry is down" // as it is by now
	if at, met, v := policy.Replay(d, f, noon, noon.Add(48*time.Hour)); !met || !at.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("%s, lacking %+v", at, v.Missing())
	}
	f.Promotion.Provenance.Found = promotion.Attested{Verified: 1}
	if at, met, _ := policy.Replay(d, f, noon, noon.Add(48*time.Hour)); met {
		t.Errorf("it names nobody, and goes ahead %s", at)
	}
	f.Promotion.Provenance.Found.Named, f.Promotion.Provenance.ReadAt = 1, nil
	if at, met, _ := policy.Replay(d, f, noon, noon.Add(48*time.Hour)); met {
		t.Errorf("it was never read, and goes ahead %s", at)
	}
}

// A train is judged by what was found of each app that it carries.
func TestAReplayOfATrainHearsWhatIsKnownOfEachApp(t *testing.T) {
	d, f := coupled()
	twice(&f)
	d.AuthorsCannotApprove, d.Provenance = true, policy.Provenance{By: "k1", Required: true}
	for i := range f.Rides {
		f.Rides[i].Identities = f.Identities
		f.Rides[i].Promotion.Image = &promotion.Image{Labels: map[string]string{promotion.LabelAuthors: "left@example.com"}}
		f.Rides[i].Promotion.Provenance = looked(noon, promotion.Attested{Verified: 1, Named: 1})
		f.Rides[i].Promotion.Provenance.Repository = f.Rides[i].Promotion.Repository
	}
	if _, met, v := policy.Replay(d, f, noon, noon.Add(time.Hour)); !met || policy.Unheard(d, f) {
		t.Errorf("all of them are known: %+v", v.Missing())
	}
	f.Rides[1].Promotion.Provenance.Found = promotion.Attested{}
	if _, met, _ := policy.Replay(d, f, noon, noon.Add(time.Hour)); met {
		t.Error("one of them names nobody, and the train goes ahead")
	}
	f.Rides[1].Promotion.Provenance.By = "k0"
	if _, met, v := policy.Replay(d, f, noon, noon.Add(time.Hour)); !met || !policy.Unheard(d, f) {
		t.Errorf("of one of them it is not known: %+v", v.Missing())
	}
}
