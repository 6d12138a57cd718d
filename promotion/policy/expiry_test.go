package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestAnApprovalExpiresAtTheInstantThatWasAnnounced(t *testing.T) {
	d, f := ready()
	d.Expires.Approval, d.NoWayBack = 48*time.Hour, true // what is read of a way back holds for less
	ends := f.Votes[0].At.Add(48 * time.Hour)
	read := func(now time.Time) {
		for id, p := range f.People {
			p.ReadAt = now
			f.People[id] = p
		}
		r := f.Rosters["security"]
		r.ReadAt = &now
		f.Rosters["security"] = r
	}
	v := policy.Evaluate(d, f, noon)
	if v.Outcome != policy.Met || v.NextChange == nil || !v.NextChange.Equal(ends) {
		t.Fatalf("%s, changes %v, want %v: %+v", v.Outcome, v.NextChange, ends, v.Missing())
	}
	read(ends.Add(-time.Microsecond))
	if v = policy.Evaluate(d, f, ends.Add(-time.Microsecond)); v.Outcome != policy.Met {
		t.Errorf("a microsecond before: %+v", v.Missing())
	}
	read(ends)
	v = policy.Evaluate(d, f, ends)
	if v.Outcome != policy.Waiting || len(v.Discounted) != 1 || !strings.Contains(v.Discounted[0].Reason, "expired 2026-03-04 11:00:00 UTC") {
		t.Errorf("at the instant: %s, discounted %+v", v.Outcome, v.Discounted)
	}
	if policy.Counts(d, f, "ann", ends) || !policy.Counts(d, f, "bob", ends) {
		t.Error("Ann can't give her approval again, or Bob has to")
	}
	approve(&f, "ann", ends.Sub(noon)+time.Hour)
	if v = policy.Evaluate(d, f, ends); v.Outcome != policy.Met {
		t.Errorf("given again: %+v", v.Missing())
	}
}

func TestARequestExpiresAtTheInstantThatWasAnnounced(t *testing.T) {
	d, f := ready()
	f.Promotion.OpenedAt, d.Expires.Request = noon.Add(-time.Hour), 7*24*time.Hour
	ends := noon.Add(167 * time.Hour)
	v := policy.Evaluate(d, f, noon)
	if finding, _ := v.Finding(policy.RuleExpiry); finding.Outcome != policy.Met || finding.ChangesAt == nil || !finding.ChangesAt.Equal(ends) {
		t.Errorf("%+v", finding)
	}
	if v = policy.Evaluate(d, f, ends); v.Outcome != policy.Blocked {
		t.Errorf("at the instant: %s: %+v", v.Outcome, v.Missing())
	}
	if at, yes := policy.Expired(d, &f.Promotion, ends); !yes || !at.Equal(ends) {
		t.Errorf("expired %v: %v", at, yes)
	}
	d.Expires = policy.Expiry{}
	if _, yes := policy.Expired(d, &f.Promotion, ends.Add(time.Hour)); yes {
		t.Error("what has no end has expired")
	}
}

func TestWhoMayRejectAndWhoMayLift(t *testing.T) {
	d, f := ready()
	f.Promotion.State, f.Promotion.EndedBy, f.Promotion.Requester = promotion.Rejected, "ann", "eve"
	for id, want := range map[promotion.PersonID]string{"ann": "", "bob": "can be lifted by", "mel": "can be lifted by", "tom": "does not know"} {
		if refusal := policy.MayLift(d, f, id); (want == "") != (refusal == "") || !strings.Contains(refusal, want) {
			t.Errorf("%s lifts: %q", id, refusal)
		}
	}
	twice(&f)
	if refusal := policy.MayLift(d, f, "ann2"); refusal != "" {
		t.Errorf("with another account: %q", refusal)
	}
	d.Reject = policy.Veto{By: []string{"security"}, Lift: []string{"leads"}}
	if refusal := policy.MayLift(d, f, "bob"); refusal != "" {
		t.Errorf("a holder of the role: %q", refusal)
	}
	for id, want := range map[promotion.PersonID]string{"mel": "", "bob": "role", "eve": ""} {
		if refusal := policy.MayReject(d, f, id); (want == "") != (refusal == "") {
			t.Errorf("%s rejects: %q", id, refusal)
		}
	}
	if refusal := policy.MayAdopt(d, f, "bob"); refusal != "" {
		t.Errorf("Bob can still ask for what was found: %q", refusal)
	}
	f.Promotion.Successor = 9
	if refusal := policy.MayLift(d, f, "ann"); !strings.Contains(refusal, "#9") {
		t.Errorf("after something else has taken its place: %q", refusal)
	}
	standing(&f, "ann", promotion.Deactivated)
	if refusal := policy.MayLift(d, f, "ann"); !strings.Contains(refusal, "deactivated") {
		t.Errorf("an account that is gone: %q", refusal)
	}
}

func TestTheGroundOfARejection(t *testing.T) {
	usual, own := policy.Document{}, policy.Document{Reject: policy.Veto{Grounds: []promotion.Ground{"data", "law"}}}
	for _, c := range []struct {
		what        string
		d           policy.Document
		named       promotion.Ground
		reason      string
		ground      promotion.Ground
		says, wrong string
	}{
		{"none is named", usual, "", "too slow", "other", "too slow", ""},
		{"one is chosen", usual, "security", "CVE: bad", "security", "CVE: bad", ""},
		{"one is typed", usual, "", "Security: it leaks", "security", "it leaks", ""},
		{"another word is typed", usual, "", "note: it leaks", "other", "note: it leaks", ""},
		{"nothing follows", usual, "", "timing:", "", "", "why"},
		{"none is named of two", own, "", "too slow", "", "", "data, law"},
		{"one of the two is typed", own, "", "law: no", "law", "no", ""},
		{"one is chosen that the policy does not have", own, "security", "no", "", "", "data, law"},
	} {
		g, reason, refusal := policy.Objection(c.d, c.named, c.reason)
		if g != c.ground || reason != c.says || (refusal == "") != (c.wrong == "") || !strings.Contains(refusal, c.wrong) {
			t.Errorf("%s: %q, %q, %q", c.what, g, reason, refusal)
		}
	}
}
