package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// trusting is a catalog whose policy hears provenance that the keys have signed.
func trusting(t *testing.T, required bool, keys ...string) (d policy.Document, trust promotion.Trust) {
	t.Helper()
	for _, k := range keys {
		trust.Keys = append(trust.Keys, promotion.TrustedKey{Name: k, PEM: k})
	}
	return policy.Document{
		Name: "of others", Approvals: []policy.Requirement{{Role: "leads", Count: 2}}, AuthorsCannotApprove: true,
		Provenance: policy.Provenance{By: trust.Hash(), Required: required},
	}, trust
}

func attestedWorld(t *testing.T, required bool, keys ...string) *world {
	t.Helper()
	d, trust := trusting(t, required, keys...)
	c := catalog(t, d)
	c.Identities.Addresses = map[string]promotion.PersonID{"ann@example.com": ann, "github:7": "U0TOM"}
	c.Trust = trust
	w := newWorld(t, c)
	w.labels = map[string]string{promotion.LabelAuthors: "github:7"}
	return w
}

func TestWhomProvenanceNamesCantApprove(t *testing.T) {
	w := attestedWorld(t, false, "ci")
	w.attested = promotion.Attested{Verified: 1, Named: 1, Authors: []string{"ann@example.com"}}
	w.stage("a")
	if len(w.sought) != 1 || w.sought[0].Digest != digest("a") || w.sought[0].App != "shop" || w.sought[0].Trust.Keys[0].Name != "ci" {
		t.Fatalf("looked for: %+v", w.sought)
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Open)
	w.attested = promotion.Attested{} // and is gone again, which takes nobody out
	w.wait(policy.ProvedFor)
	w.click(sue, promotion.Approve)
	w.expect(1, promotion.Promoted)
	if len(w.sought) != 2 {
		t.Errorf("looked for %d times, which is once and once more before it went ahead", len(w.sought))
	}
	if log := w.log(); !strings.Contains(log, `"verified":1`) || strings.Contains(log, "@") {
		t.Errorf("the log has to tell of it, and no address:\n%s", log)
	}
}

// A pipeline attaches after it has pushed, and somebody may have approved by then.
func TestProvenanceThatComesLaterHasAnApprovalStopCounting(t *testing.T) {
	w := attestedWorld(t, false, "ci")
	w.tags["production"] = "" // nothing is moved away, so nothing else is looked for
	w.down[promotion.EffectReadTags] = promotion.Unavailable
	w.stage("a")
	w.wait(policy.ProvedFor)
	delete(w.down, promotion.EffectReadTags)
	w.attested = promotion.Attested{Verified: 1, Named: 1, Authors: []string{"Ann <ANN@example.com>"}}
	w.wait(time.Minute)
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Open)
	if v := w.newest().Verdict; len(v.Discounted) != 1 || !strings.Contains(v.Discounted[0].Reason, "wrote") {
		t.Errorf("assigned %+v, discounted %+v", v.Assigned, v.Discounted)
	}
	w.click(sue, promotion.Approve)
	w.expect(1, promotion.Promoted)
}

func TestWithoutProvenanceThatIsRequiredNothingGoesAhead(t *testing.T) {
	w := attestedWorld(t, true, "ci")
	w.attested = promotion.Attested{Refused: []string{"aaaaaaaaaaaa: none of the keys has signed it"}}
	w.stage("a")
	w.click(bob, promotion.Approve)
	w.click(sue, promotion.Approve)
	w.expect(1, promotion.Open)
	f, _ := w.newest().Verdict.Finding(policy.RuleProvenance)
	if f.Outcome != policy.Blocked || !strings.Contains(f.Reason, "none of the keys has signed it") {
		t.Errorf("%+v", f)
	}
	revision, looks := w.newest().Facts.Promotion.Revision, len(w.sought)
	w.wait(5 * time.Minute)
	if w.newest().Facts.Promotion.Revision != revision || len(w.sought) != looks+5 {
		t.Errorf("in five minutes it was looked for %d times, and the card is at %d and not %d", len(w.sought)-looks, w.newest().Facts.Promotion.Revision, revision)
	}
	w.attested = promotion.Attested{Verified: 1, Named: 1, Authors: []string{"github:7"}}
	w.wait(policy.SoughtEvery)
	w.expect(1, promotion.Promoted)
}

func TestARegistryThatDoesNotSayWhatIsAttachedIsWaitedFor(t *testing.T) {
	for _, kind := range []promotion.Kind{promotion.Unavailable, promotion.Invalid, promotion.Forbidden} {
		t.Run(string(kind), func(t *testing.T) {
			w := attestedWorld(t, false, "ci")
			w.down[promotion.EffectAttested] = kind
			w.stage("a")
			w.click(bob, promotion.Approve)
			w.click(sue, promotion.Approve)
			w.wait(2 * time.Hour)
			w.expect(1, promotion.Open)
			f, _ := w.newest().Verdict.Finding(policy.RuleProvenance)
			if f.Outcome != policy.Waiting || !strings.Contains(f.Reason, "attested is down") {
				t.Errorf("%s: %+v", kind, f)
			}
			w.restart()
			w.look()
			delete(w.down, promotion.EffectAttested)
			w.wait(10 * time.Minute)
			w.expect(1, promotion.Promoted)
		})
	}
}

// Who may sign is part of what was approved.
func TestAnotherKeyHasItApprovedAgain(t *testing.T) {
	w := attestedWorld(t, true, "ci")
	w.stage("a")
	w.click(bob, promotion.Approve)
	w.click(sue, promotion.Approve)
	w.expect(1, promotion.Open)
	d, trust := trusting(t, true, "ci", "other")
	c := catalog(t, d)
	c.Identities, c.Trust = w.gate.Catalog().Identities, trust
	w.attested = promotion.Attested{Verified: 1, Named: 1, Authors: []string{"github:7"}}
	w.must(w.gate.Adopt(t.Context(), c))
	w.run()
	w.expect(1, promotion.Open)
	if v := w.newest().Verdict; len(v.Assigned) != 0 || len(v.Discounted) != 2 {
		t.Errorf("assigned %+v, discounted %+v", v.Assigned, v.Discounted)
	}
	w.wait(3 * time.Minute) // what was to be looked for with the key of before is, and counts for nothing
	looks := 0
	for _, s := range w.sought {
		if len(s.Trust.Keys) == 2 {
			looks++
		}
	}
	if looks != 1 {
		t.Errorf("looked for with both keys %d times", looks)
	}
	w.click(bob, promotion.Approve)
	w.click(sue, promotion.Approve)
	w.expect(1, promotion.Promoted)
}
