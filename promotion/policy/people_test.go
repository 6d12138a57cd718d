package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// twice gives Ann a second account, which is security.
func twice(f *policy.Facts) {
	f.Identities = promotion.Identities{
		Accounts:  map[promotion.PersonID]promotion.PersonID{"ann": "ann", "ann2": "ann"},
		Addresses: map[string]promotion.PersonID{"ann@example.com": "ann", "left@example.com": ""},
	}
	f.People["ann2"] = promotion.Person{ID: "ann2", Standing: promotion.Member, ReadAt: noon}
	r := f.Rosters["security"]
	r.Members = append(r.Members, "ann2")
	f.Rosters["security"] = r
}

func TestTwoAccountsOfOnePersonAreOnePerson(t *testing.T) {
	d, f := ready()
	twice(&f)
	f.Votes = nil
	for i, id := range []promotion.PersonID{"ann", "bob", "ann2"} {
		approve(&f, id, time.Duration(i)*time.Minute)
	}
	v := policy.Evaluate(d, f, noon)
	if finding, _ := v.Finding(policy.RuleApprovals); finding.Reason != "2 of 3 approvals" {
		t.Errorf("two leads, one of whom is security with another account: %s", finding.Reason)
	}
	approve(&f, "sue", time.Hour-time.Minute)
	if v = policy.Evaluate(d, f, noon); v.Outcome != policy.Met {
		t.Errorf("with one more: %+v", v.Missing())
	}
	f.Identities = promotion.Identities{}
	f.Votes = f.Votes[:3]
	if v = policy.Evaluate(d, f, noon); v.Outcome != policy.Met {
		t.Errorf("where they are two people: %+v", v.Missing())
	}
}

func TestARequesterCantApproveWithAnotherAccount(t *testing.T) {
	d, f := ready()
	twice(&f)
	f.Promotion.Requester = "ann2"
	if _, refusal := policy.MayApprove(d, f, "ann", noon); !strings.Contains(refusal, "requested") {
		t.Errorf("refusal: %q", refusal)
	}
	if refusal := policy.MayReject(d, f, "ann"); refusal != "" {
		t.Errorf("and yet whoever requested can say no: %q", refusal)
	}
}

func TestTheLastWordOfAPersonCountsFromWhicheverAccount(t *testing.T) {
	d, f := ready()
	twice(&f)
	for _, word := range []promotion.Decision{promotion.Withdraw, promotion.Reject} {
		g := f
		g.Votes = append(slices.Clip(g.Votes), promotion.Vote{Promotion: 7, Person: "ann2", Decision: word, At: noon})
		if v := policy.Evaluate(d, g, noon); len(v.Assigned) != 2 || policy.HasApproved(g, "ann") {
			t.Errorf("after %s: assigned %+v", word, v.Assigned)
		}
		approve(&g, "ann", time.Hour)
		if v := policy.Evaluate(d, g, noon.Add(time.Minute)); len(v.Assigned) != 3 || !policy.HasApproved(g, "ann2") {
			t.Errorf("approved again after %s: assigned %+v", word, v.Assigned)
		}
	}
}

func TestAuthors(t *testing.T) {
	for _, c := range []struct {
		name, label string
		outcome     policy.Outcome
		says        string
		reported    string
	}{
		{"another author", "Tom <left@example.com>", policy.Met, "known who the authors are", ""},
		{"an author who is an approver", "Ann <Ann@Example.com>", policy.Met, "known who the authors are", ""},
		{"a label that is not there", "", policy.Blocked, "build it with the label org.opencontainers.image.authors", ""},
		{"somebody unknown", "left@example.com, eve@example.com; mallory@example.com", policy.Blocked, `"eve@example.com"`, ""},
		{"more than one unknown", "eve@example.com; mallory@example.com", policy.Blocked, "(and 1 more)", ""},
		{"a name alone", "Ann", policy.Blocked, `"Ann"`, ""},
		{"nothing but commas", " ,\n;", policy.Blocked, "not known who the authors of the image are", ""},
		{"an author who was reported", "", policy.Met, "known who the authors are", "Tom <left@example.com>"},
		{"a reported author who is an approver", "left@example.com", policy.Met, "known who the authors are", "Ann <Ann@Example.com>"},
		{"a reported author whom nobody knows", "left@example.com", policy.Blocked, `"eve@example.com"`, "eve@example.com"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			d, f := ready()
			d.AuthorsCannotApprove = true
			twice(&f)
			f.Promotion.Image = &promotion.Image{Labels: map[string]string{promotion.LabelAuthors: c.label}}
			if c.reported != "" {
				f.Authors = []string{c.reported}
			}
			v := policy.Evaluate(d, f, noon)
			if finding, _ := v.Finding(policy.RuleAuthors); finding.Outcome != c.outcome || !strings.Contains(finding.Reason, c.says) {
				t.Errorf("%s: %q", finding.Outcome, finding.Reason)
			}
			for _, id := range []promotion.PersonID{"ann", "ann2"} {
				_, refusal := policy.MayApprove(d, f, id, noon)
				if wrote := strings.Contains(c.label+c.reported, "Ann@"); wrote != strings.Contains(refusal, "wrote") {
					t.Errorf("%s: %q", id, refusal)
				}
			}
		})
	}
	d, f := ready()
	d.AuthorsCannotApprove = true
	if finding, _ := policy.Evaluate(d, f, noon).Finding(policy.RuleAuthors); finding.Outcome != policy.Waiting {
		t.Errorf("before the image was read: %+v", finding)
	}
	d.AuthorsCannotApprove = false
	if _, asked := policy.Evaluate(d, f, noon).Finding(policy.RuleAuthors); asked {
		t.Error("where it does not matter, it is not asked")
	}
}

func TestAnAuthorOfOneAppOfATrainCantApproveIt(t *testing.T) {
	d, f := coupled()
	d.AuthorsCannotApprove = true
	twice(&f)
	for i := range f.Rides {
		label := "left@example.com"
		if i == 1 {
			label = "ann@example.com"
		}
		f.Rides[i].Identities = f.Identities
		f.Rides[i].Promotion.Image = &promotion.Image{Labels: map[string]string{promotion.LabelAuthors: label}}
	}
	if _, refusal := policy.MayApprove(d, f, "ann", noon); !strings.Contains(refusal, "wrote") {
		t.Errorf("refusal: %q", refusal)
	}
	if _, refusal := policy.MayApprove(d, f, "bob", noon); refusal != "" {
		t.Errorf("bob: %q", refusal)
	}
	for _, finding := range policy.Evaluate(d, f, noon).Of(policy.RuleAuthors) {
		if finding.Outcome != policy.Met {
			t.Errorf("%+v", finding)
		}
	}
}
