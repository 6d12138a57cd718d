package policy_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// lend has one person approve for another, since before all votes of ready.
func lend(f *policy.Facts, by, to promotion.PersonID) *promotion.Delegation {
	f.Delegations = append(f.Delegations, promotion.Delegation{
		ID: int64(len(f.Delegations) + 1), By: by, To: to, From: noon.Add(-2 * time.Hour), Until: noon.Add(time.Hour),
	})
	return &f.Delegations[len(f.Delegations)-1]
}

func withdraw(f *policy.Facts, id promotion.PersonID, after time.Duration) {
	f.Votes = append(f.Votes, promotion.Vote{Promotion: 7, Person: id, Decision: promotion.Withdraw, At: noon.Add(-time.Hour + after)})
}

// What a finding says holds until an instant that the verdict announces.
func TestTheEndOfADelegationThatCountsForNothingChangesNothing(t *testing.T) {
	for name, change := range map[string]func(*policy.Facts){
		"the delegator has left": func(f *policy.Facts) {
			f.People["ann"] = promotion.Person{ID: "ann", Standing: promotion.Deactivated, ReadAt: noon}
		},
		"another goes before it": func(f *policy.Facts) { lend(f, "ann", "sue").Until = noon.Add(2 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			d, f := ready()
			f.Votes = f.Votes[1:]
			lend(&f, "ann", "eve")
			change(&f)
			approve(&f, "eve", 9)
			during, after := policy.Evaluate(d, f, noon), policy.Evaluate(d, f, noon.Add(time.Hour))
			if !reflect.DeepEqual(during.Discounted, after.Discounted) && (during.NextChange == nil || during.NextChange.After(noon.Add(time.Hour))) {
				t.Errorf("%+v becomes %+v, and that was announced for %v", during.Discounted, after.Discounted, during.NextChange)
			}
		})
	}
}

// Eve holds no role. Ann, Bob and Sue are leads, Mel and Sue security.
func TestWhoApprovesForWhom(t *testing.T) {
	type facts = *policy.Facts
	others := func(f facts) { f.Votes = f.Votes[1:] } // Bob and Mel have approved, and Ann has not
	for _, c := range []struct {
		name   string
		change func(*policy.Document, facts)
		says   string
		filled string // "person role for", in order
	}{
		{"a delegate fills the slot of the delegator", func(_ *policy.Document, f facts) { others(f); lend(f, "ann", "eve"); approve(f, "eve", 9) }, "3 of 3", "eve leads ann, bob leads, mel security"},
		{"it has ended", func(_ *policy.Document, f facts) { others(f); lend(f, "ann", "eve").Until = noon; approve(f, "eve", 9) }, "2 of 3", "bob leads, mel security"},
		{"it has ended since it was decided", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "eve").Until = noon
			approve(f, "eve", 9)
			at := noon.Add(-time.Minute)
			f.Promotion.State, f.Promotion.StartedAt = promotion.Promoted, &at
		}, "3 of 3", "eve leads ann, bob leads, mel security"},
		{"it has ended since the promotion has", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "eve").Until = noon
			approve(f, "eve", 9)
			at := noon.Add(-time.Minute)
			f.Promotion.State, f.Promotion.FinishedAt = promotion.Superseded, &at
		}, "3 of 3", "eve leads ann, bob leads, mel security"},
		{"somebody has ended it", func(_ *policy.Document, f facts) {
			others(f)
			ended := noon
			lend(f, "ann", "eve").EndedAt = &ended
			approve(f, "eve", 9)
		}, "2 of 3", "bob leads, mel security"},
		{"what was approved before is not approved for them", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "eve").From = noon.Add(-time.Minute)
			approve(f, "eve", 9)
		}, "2 of 3", "bob leads, mel security"},
		{"the delegator does not hold the role any more", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "eve")
			approve(f, "eve", 9)
			f.Rosters["leads"] = promotion.Roster{Role: "leads", Members: []promotion.PersonID{"bob", "sue"}}
		}, "2 of 3", "bob leads, mel security"},
		{"the delegator has left", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "eve")
			approve(f, "eve", 9)
			standing(f, "ann", promotion.Deactivated)
		}, "2 of 3", "bob leads, mel security"},
		{"nobody knows the delegator", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "eve")
			approve(f, "eve", 9)
			delete(f.People, "ann")
		}, "2 of 3", "bob leads, mel security"},
		{"the delegate is a guest", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "eve")
			approve(f, "eve", 9)
			standing(f, "eve", promotion.Guest)
		}, "2 of 3", "bob leads, mel security"},
		{"it is not delegated onward", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "eve")
			lend(f, "eve", "joe")
			f.People["joe"] = promotion.Person{ID: "joe", Standing: promotion.Member, ReadAt: noon}
			approve(f, "joe", 9)
		}, "2 of 3", "bob leads, mel security"},
		{"both fill one slot, and the delegator's own word goes before", func(_ *policy.Document, f facts) { lend(f, "ann", "bob") }, "2 of 3", "ann leads, mel security"},
		{"also where the delegate holds another role", func(_ *policy.Document, f facts) { lend(f, "ann", "mel") }, "2 of 3", "ann leads, bob leads"},
		{"each for the other is one of them", func(_ *policy.Document, f facts) { lend(f, "ann", "bob"); lend(f, "bob", "ann") }, "2 of 3", "ann leads, mel security"},
		{"two for one are one", func(_ *policy.Document, f facts) {
			f.Votes = f.Votes[2:]
			lend(f, "ann", "eve")
			lend(f, "bob", "eve")
			approve(f, "eve", 9)
		}, "2 of 3", "mel security, eve leads ann"},
		{"who have delegated to the same one are still two", func(_ *policy.Document, f facts) { lend(f, "ann", "eve"); lend(f, "bob", "eve") }, "3 of 3", "ann leads, bob leads, mel security"},
		{"the delegator has taken it back since", func(_ *policy.Document, f facts) {
			f.Votes = f.Votes[1:]
			lend(f, "ann", "eve")
			approve(f, "eve", 9)
			withdraw(f, "ann", 10)
		}, "2 of 3", "bob leads, mel security"},
		{"the delegator had taken it back before", func(_ *policy.Document, f facts) {
			f.Votes = f.Votes[1:]
			withdraw(f, "ann", 1)
			lend(f, "ann", "eve").From = noon.Add(-50 * time.Minute)
			approve(f, "eve", 20*time.Minute)
		}, "3 of 3", "bob leads, mel security, eve leads ann"},
		{"the delegator's own approval was for something else", func(_ *policy.Document, f facts) {
			f.Votes[0].Terms.Policy = "another"
			lend(f, "ann", "eve")
			approve(f, "eve", 9)
		}, "3 of 3", "eve leads ann, bob leads, mel security"},
		{"the delegate takes back only their own", func(_ *policy.Document, f facts) { lend(f, "ann", "eve"); approve(f, "eve", 9); withdraw(f, "eve", 10) }, "3 of 3", "ann leads, bob leads, mel security"},
		{"the delegator requested it", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "eve")
			approve(f, "eve", 9)
			f.Promotion.Requester = "ann"
		}, "2 of 3", "bob leads, mel security"},
		{"the delegate requested it", func(_ *policy.Document, f facts) { lend(f, "ann", "eve"); f.Promotion.Requester = "eve" }, "2 of 3", "bob leads, mel security"},
		{"the delegator requested it, and the delegate holds a role of their own", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "bob")
			f.Promotion.Requester = "ann"
		}, "1 of 3", "mel security"},
		{"the delegator wrote it", func(d *policy.Document, f facts) {
			d.AuthorsCannotApprove = true
			f.Promotion.PolicyHash = d.Hash()
			for i := range f.Votes {
				f.Votes[i].Terms = f.Promotion.TermsNow()
			}
			f.Promotion.Image = &promotion.Image{Labels: map[string]string{"org.opencontainers.image.authors": "ann@example.com"}}
			f.Identities = promotion.Identities{Addresses: map[string]promotion.PersonID{"ann@example.com": "ann"}}
			others(f)
			lend(f, "ann", "eve")
			approve(f, "eve", 9)
		}, "2 of 3", "bob leads, mel security"},
		{"one that names the app goes before one for everything", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "eve")
			lend(f, "ann", "sue").App = "shop"
			approve(f, "eve", 9)
		}, "2 of 3", "bob leads, mel security"},
		{"of two alike the newest counts", func(_ *policy.Document, f facts) {
			others(f)
			lend(f, "ann", "eve")
			lend(f, "ann", "sue")
			approve(f, "eve", 9)
		}, "2 of 3", "bob leads, mel security"},
		{"whoever holds no role keeps nobody from approving", func(_ *policy.Document, f facts) {
			lend(f, "eve", "ann")
			f.Promotion.Requester = "eve"
		}, "3 of 3", "ann leads, bob leads, mel security"},
		{"delegating to oneself is nothing", func(_ *policy.Document, f facts) { lend(f, "ann", "ann") }, "3 of 3", "ann leads, bob leads, mel security"},
		{"a delegate who has left stands for nobody", func(_ *policy.Document, f facts) {
			lend(f, "ann", "eve")
			f.Promotion.Requester = "eve"
			standing(f, "eve", promotion.Deactivated)
		}, "3 of 3", "ann leads, bob leads, mel security"},
		{"delegating to another account of one's own is nothing", func(_ *policy.Document, f facts) {
			others(f)
			f.Identities = promotion.Identities{Accounts: map[promotion.PersonID]promotion.PersonID{"ann": "ann", "eve": "ann"}}
			lend(f, "ann", "eve")
			approve(f, "eve", 9)
		}, "2 of 3", "bob leads, mel security"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, f := ready()
			c.change(&d, &f)
			v := policy.Evaluate(d, f, noon)
			if got, _ := v.Finding(policy.RuleApprovals); !strings.Contains(got.Reason, c.says) {
				t.Errorf("%s: %+v", got.Reason, v.Discounted)
			}
			var filled []string
			for _, a := range v.Assigned {
				filled = append(filled, strings.TrimSpace(fmt.Sprint(a.Person, " ", a.Role, " ", a.For)))
			}
			slices.Sort(filled)
			want := strings.Split(c.filled, ", ")
			slices.Sort(want)
			if !slices.Equal(filled, want) {
				t.Errorf("filled by %q, want %q", filled, want)
			}
		})
	}
}

func TestADelegationEndsAtAnInstantThatTheVerdictNames(t *testing.T) {
	d, f := ready()
	f.Votes = f.Votes[1:]
	until := lend(&f, "ann", "eve").Until
	approve(&f, "eve", 9)
	v := policy.Evaluate(d, f, noon)
	if finding, _ := v.Finding(policy.RuleApprovals); v.Outcome != policy.Met || finding.ChangesAt == nil || !finding.ChangesAt.Equal(until) {
		t.Fatalf("%s, changes at %v", v.Outcome, finding.ChangesAt)
	}
	if v = policy.Evaluate(d, f, until.Add(-time.Microsecond)); len(v.Assigned) != 3 {
		t.Errorf("just before, %d approvals", len(v.Assigned))
	}
	v = policy.Evaluate(d, f, until)
	if len(v.Assigned) != 2 || len(v.Discounted) != 1 || !strings.Contains(v.Discounted[0].Reason, "delegated to them has ended") {
		t.Errorf("at its end: %+v", v.Discounted)
	}
}

func TestWhoIsReadAgainForADelegate(t *testing.T) {
	d, f := ready()
	f.Votes = f.Votes[1:]
	lend(&f, "ann", "eve")
	approve(&f, "eve", 9)
	old := f.People["ann"]
	old.ReadAt = noon.Add(-policy.SureFor - time.Second)
	f.People["ann"] = old
	v := policy.Evaluate(d, f, noon)
	if v.Outcome != policy.Waiting || !slices.Contains(v.Lookups, policy.Subject{Person: "ann"}) {
		t.Errorf("before it goes ahead: %s, %v", v.Outcome, v.Lookups)
	}
	if stale := policy.Stale(d, f, "eve", policy.SureFor, noon); !slices.Equal(stale, []policy.Subject{{Person: "ann"}}) {
		t.Errorf("before a click counts: %v", stale)
	}
}

func TestWhoCouldApproveIncludesDelegatesAndNobodyTwice(t *testing.T) {
	d, f := ready()
	f.Votes = f.Votes[1:]
	lend(&f, "sue", "eve")
	finding, _ := policy.Evaluate(d, f, noon).Finding(policy.RuleApprovals)
	if !slices.Equal(finding.Who, []promotion.PersonID{"ann", "sue", "eve"}) {
		t.Errorf("could approve: %v", finding.Who)
	}
	d.Approvals[0].Count = 3 // there are three leads, and then Sue would have to be one
	approve(&f, "eve", 9)
	finding, _ = policy.Evaluate(d, f, noon).Finding(policy.RuleApprovals)
	if slices.Contains(finding.Who, "sue") {
		t.Errorf("with Eve's approval for Sue, Sue still could: %v", finding.Who)
	}
}

// Whom a delegate stands for is no second person: what would never be reached
// without a delegation is not reached with one.
func TestADelegateIsNobodyMore(t *testing.T) {
	d, f := ready()
	f.Votes = nil
	d.Approvals = []policy.Requirement{{Role: "leads", Count: 4}}
	lend(&f, "ann", "eve")
	approve(&f, "eve", 9)
	if finding, _ := policy.Evaluate(d, f, noon).Finding(policy.RuleApprovals); finding.Outcome != policy.Blocked {
		t.Errorf("four of three leads: %s, %s", finding.Outcome, finding.Reason)
	}
}

func TestAClickOfADelegateThatAddsSomethingIsTaken(t *testing.T) {
	d, f := ready()
	if !policy.Counts(d, f, "mel", noon) {
		t.Error("Mel's approval counts")
	}
	lend(&f, "sue", "mel").From = noon.Add(-time.Second) // since Mel approved
	if policy.Counts(d, f, "mel", noon) {
		t.Error("with what Sue has delegated, another approval of Mel's would be more")
	}
}

func TestWhoMayDelegate(t *testing.T) {
	d, f := ready()
	f.Identities = promotion.Identities{Accounts: map[promotion.PersonID]promotion.PersonID{"ann": "ann", "ann2": "ann"}}
	f.People["ann2"] = promotion.Person{ID: "ann2", Standing: promotion.Member, ReadAt: noon}
	f.People["bot"] = promotion.Person{ID: "bot", Standing: promotion.Bot, ReadAt: noon}
	f.People["gus"] = promotion.Person{ID: "gus", Standing: promotion.Guest, ReadAt: noon}
	for _, c := range []struct {
		by, to promotion.PersonID
		says   string
	}{
		{"ann", "eve", ""},
		{"ann", "bob", ""},
		{"eve", "ann", "takes a role"},
		{"ann", "ann2", "themselves"},
		{"ann", "bot", "bots"},
		{"ann", "gus", "guests"},
		{"ann", "nobody", "does not know"},
		{"gus", "ann", "guests"},
	} {
		if refusal := policy.MayDelegate(d, f, c.by, c.to); (refusal == "") != (c.says == "") || !strings.Contains(refusal, c.says) {
			t.Errorf("%s to %s: %q", c.by, c.to, refusal)
		}
	}
}

func TestDelegationsMakeNobody(t *testing.T) {
	people := []promotion.PersonID{"a", "b", "c", "d", "e"}
	roles := []string{"leads", "security"}
	rapid.Check(t, func(t *rapid.T) {
		d, f := ready()
		f.Votes, f.People, f.Rosters = nil, map[promotion.PersonID]promotion.Person{}, map[string]promotion.Roster{}
		for _, id := range people {
			f.People[id] = promotion.Person{ID: id, Standing: promotion.Member, ReadAt: noon}
		}
		person := rapid.SampledFrom(people)
		d.Approvals = nil
		for _, role := range roles {
			members := rapid.SliceOfDistinct(person, rapid.ID).Draw(t, role)
			slices.Sort(members)
			f.Rosters[role] = promotion.Roster{Role: role, Members: members}
			d.Approvals = append(d.Approvals, policy.Requirement{Role: role, Count: rapid.IntRange(1, 3).Draw(t, "needed of "+role)})
		}
		f.Promotion.PolicyHash = d.Hash()
		if rapid.Bool().Draw(t, "requested") {
			f.Promotion.Requester = person.Draw(t, "requester")
		}
		for i := range rapid.IntRange(0, 6).Draw(t, "votes") {
			if id := person.Draw(t, "voter"); rapid.IntRange(0, 4).Draw(t, "decision") > 0 {
				approve(&f, id, time.Duration(i)*time.Minute)
			} else {
				withdraw(&f, id, time.Duration(i)*time.Minute)
			}
		}
		for range rapid.IntRange(0, 5).Draw(t, "delegations") {
			g := lend(&f, person.Draw(t, "by"), person.Draw(t, "to"))
			g.From = noon.Add(-time.Hour + time.Duration(rapid.IntRange(-1, 6).Draw(t, "from"))*time.Minute)
			g.App = rapid.SampledFrom([]string{"", "shop"}).Draw(t, "app")
		}
		v := policy.Evaluate(d, f, noon)
		soundly(t, f, v)

		everybody := f
		everybody.Delegations, everybody.Votes = nil, nil
		for _, id := range people {
			approve(&everybody, id, 0)
		}
		if most := policy.Evaluate(d, everybody, noon); len(v.Assigned) > len(most.Assigned) {
			t.Errorf("%d slots are filled, and everybody together would fill %d", len(v.Assigned), len(most.Assigned))
		}

		idle := f
		idle.Delegations = slices.DeleteFunc(slices.Clone(f.Delegations), func(g promotion.Delegation) bool {
			return f.Rosters["leads"].Has(g.By) || f.Rosters["security"].Has(g.By)
		})
		none := idle
		none.Delegations = nil
		if with, without := policy.Evaluate(d, idle, noon), policy.Evaluate(d, none, noon); !reflect.DeepEqual(with, without) {
			t.Errorf("with delegations of people without a role %+v\nwithout %+v", with, without)
		}
	})
}

// soundly asks of each slot that somebody fills it who may, and that nobody is in
// two of them, be it through another.
func soundly(t *rapid.T, f policy.Facts, v policy.Verdict) {
	stands := map[promotion.PersonID]int{}
	for _, a := range v.Assigned {
		holder := a.Person
		if a.For != "" {
			holder = a.For
			if !slices.ContainsFunc(f.Delegations, func(g promotion.Delegation) bool { return g.By == a.For && g.To == a.Person && !a.At.Before(g.From) }) {
				t.Errorf("%s approves for %s, who has not delegated to them by then", a.Person, a.For)
			}
			stands[a.For]++
		}
		stands[a.Person]++
		if !f.Rosters[a.Role].Has(holder) {
			t.Errorf("%s fills %s, which %s does not hold", a.Person, a.Role, holder)
		}
		if r := f.Promotion.Requester; r != "" && (r == a.Person || r == a.For) {
			t.Errorf("%s requested it and fills %s", r, a.Role)
		}
	}
	for _, g := range f.Delegations {
		elsewhere := func(other promotion.Delegation) bool {
			return other.By == g.By && other.At(noon) && (other.App != "" && g.App == "" || (other.App == "") == (g.App == "") && other.ID > g.ID)
		}
		in := g.At(noon) && !slices.ContainsFunc(f.Delegations, elsewhere) && (f.Rosters["leads"].Has(g.By) || f.Rosters["security"].Has(g.By))
		if in && g.By != g.To && stands[g.By] > 0 && slices.ContainsFunc(v.Assigned, func(a policy.Assignment) bool { return a.Person == g.To && a.For != g.By }) {
			t.Errorf("%s and %s fill a slot each, and are one person: %+v", g.By, g.To, v.Assigned)
		}
	}
	for id, n := range stands {
		if n > 1 {
			t.Errorf("%s stands for %d slots: %+v", id, n, v.Assigned)
		}
	}
}
