package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func role(name string, count int) policy.Tree { return policy.Tree{Role: name, Count: count} }

func all(of ...policy.Tree) policy.Tree { return policy.Tree{Count: len(of), Of: of} }

func some(count int, of ...policy.Tree) policy.Tree { return policy.Tree{Count: count, Of: of} }

// tree is a promotion that lacks nothing but approvals of a tree. Ann, Bob and
// Sue are leads, Sue and Mel security, Olga is the owner.
func tree(t policy.Tree, approvedBy ...promotion.PersonID) (policy.Document, policy.Facts) {
	d, f := ready()
	d.Approvals, d.Tree = nil, &t
	f.Promotion.PolicyHash = d.Hash()
	f.Rosters["owners"] = promotion.Roster{Role: "owners", Members: []promotion.PersonID{"olga"}}
	f.People["olga"] = promotion.Person{ID: "olga", Standing: promotion.Member, ReadAt: noon}
	f.Votes = nil
	for i, id := range approvedBy {
		approve(&f, id, time.Duration(i)*time.Minute)
	}
	return d, f
}

func TestTrees(t *testing.T) {
	oneOwnerOrTwoLeads := some(1, role("owners", 1), role("leads", 2))
	twoOfThree := some(2, role("owners", 1), role("leads", 1), role("security", 1))
	nested := all(role("leads", 1), some(1, role("security", 1), role("owners", 1)))
	for _, c := range []struct {
		name    string
		tree    policy.Tree
		by      string
		outcome policy.Outcome
		says    string
	}{
		{"an owner is enough", oneOwnerOrTwoLeads, "olga", policy.Met, "1 of 1"},
		{"two leads are enough", oneOwnerOrTwoLeads, "ann bob", policy.Met, "2 of 2"},
		{"one lead is not", oneOwnerOrTwoLeads, "ann", policy.Waiting, "1 of 2"},
		{"nobody has approved", oneOwnerOrTwoLeads, "", policy.Waiting, "0 of 1"},
		{"two of three", twoOfThree, "olga mel", policy.Met, "2 of 2"},
		{"one who holds two of the three roles is one", twoOfThree, "sue", policy.Waiting, "1 of 2"},
		{"they are two with anybody else", twoOfThree, "sue ann", policy.Met, "2 of 2"},
		{"two of the same role are one of the three", twoOfThree, "ann bob", policy.Waiting, "1 of 2"},
		{"a lead, and security or an owner", nested, "ann olga", policy.Met, "2 of 2"},
		{"who holds both roles stands for one", nested, "sue", policy.Waiting, "1 of 2"},
		{"who holds both roles is placed where it helps", nested, "sue ann", policy.Met, "2 of 2"},
		{"a tree of one", role("leads", 1), "ann", policy.Met, "1 of 1"},
		{"too much of a tree", some(3, slices.Repeat([]policy.Tree{role("leads", 1)}, 12)...), "ann", policy.Blocked, "more than 64 ways"},
		{"more children asked for than there are", some(2, role("leads", 1)), "ann", policy.Blocked, "2 of 1"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			var by []promotion.PersonID
			for id := range strings.FieldsSeq(c.by) {
				by = append(by, promotion.PersonID(id))
			}
			d, f := tree(c.tree, by...)
			v := policy.Evaluate(d, f, noon)
			if finding, _ := v.Finding(policy.RuleApprovals); finding.Outcome != c.outcome || !strings.Contains(finding.Reason, c.says) {
				t.Errorf("%s: %q, want %s: %q\n%+v", finding.Outcome, finding.Reason, c.outcome, c.says, finding)
			}
		})
	}
}

func TestAChoiceSaysThatOneOfItIsEnough(t *testing.T) {
	d, f := tree(all(role("security", 1), some(1, role("owners", 1), all(role("leads", 2), role("security", 1)))), "ann")
	v := policy.Evaluate(d, f, noon)
	missing := v.Missing()
	if len(missing) != 2 || missing[0].Reason != "0 of 1 from security" {
		t.Fatalf("missing: %+v", missing)
	}
	if want := "one of these is enough: 0 of 1 from owners, or (1 of 2 from leads and 0 of 1 from security)"; missing[1].Reason != want {
		t.Errorf("the choice says\n%q, want\n%q", missing[1].Reason, want)
	}
	if who := missing[1].Who; !slices.Contains(who, "olga") || !slices.Contains(who, "bob") || slices.Contains(who, "ann") {
		t.Errorf("who could bring it nearer: %v", who)
	}
	approve(&f, "mel", time.Minute)
	approve(&f, "olga", time.Minute)
	if v := policy.Evaluate(d, f, noon); v.Outcome != policy.Met {
		t.Errorf("with security and the owner: %+v", v.Missing())
	}
}

func TestAWayThatNobodyIsLeftForIsNotTheOneToWaitFor(t *testing.T) {
	d, f := tree(some(1, role("owners", 1), role("leads", 2)))
	standing(&f, "olga", promotion.Deactivated)
	v := policy.Evaluate(d, f, noon)
	finding, _ := v.Finding(policy.RuleApprovals)
	if finding.Outcome != policy.Waiting || !strings.Contains(finding.Reason, "of 2") {
		t.Errorf("with leads left: %+v", finding)
	}
	standing(&f, "ann", promotion.Guest)
	standing(&f, "bob", promotion.Guest)
	if v := policy.Evaluate(d, f, noon); v.Outcome != policy.Blocked {
		t.Errorf("with one lead left: %+v", v.Missing())
	}
	f.Rosters["owners"] = promotion.Roster{Role: "owners", Groups: []promotion.GroupID{"S2"}, Fault: "Slack says no"}
	if v := policy.Evaluate(d, f, noon); v.Outcome != policy.Waiting {
		t.Errorf("with owners whom nobody knows: %+v", v.Missing())
	}
}

func TestThePolicyOfAListIsTheSameAsBefore(t *testing.T) {
	d := policy.Document{Name: "careful", Soak: 24 * time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 2}}}
	// What a vote in a database is bound to: it must not change with the program.
	if got, want := d.Hash(), "4522608173ee"; !strings.HasPrefix(got, want) {
		t.Errorf("the hash is %s, and votes were given for %s…", got, want)
	}
}

// naive knows nothing of matchings: it tries everything.
type naive struct {
	roles map[promotion.PersonID][]string // of those who take part
}

// ways are the requirements of each way to fulfil the trees.
func ways(of []policy.Tree) [][]string {
	if len(of) == 0 {
		return [][]string{nil}
	}
	first, rest := of[0], ways(of[1:])
	var mine [][]string
	switch {
	case first.Role != "":
		mine = [][]string{slices.Repeat([]string{first.Role}, first.Count)}
	case first.Count > 0:
		for i, child := range first.Of {
			more := slices.Clone(first.Of[i+1:])
			if len(more) >= first.Count-1 {
				mine = append(mine, ways([]policy.Tree{child, {Count: first.Count - 1, Of: more}})...)
			}
		}
	default:
		mine = [][]string{nil}
	}
	var both [][]string
	for _, a := range mine {
		for _, b := range rest {
			both = append(both, append(slices.Clone(a), b...))
		}
	}
	return both
}

func (n naive) most(slots []string, used map[promotion.PersonID]bool) int {
	if len(slots) == 0 {
		return 0
	}
	best := n.most(slots[1:], used)
	for id, roles := range n.roles {
		if used[id] || !slices.Contains(roles, slots[0]) {
			continue
		}
		used[id] = true
		best = max(best, 1+n.most(slots[1:], used))
		delete(used, id)
	}
	return best
}

func (n naive) with(id promotion.PersonID, roles []string) naive {
	more := map[promotion.PersonID][]string{id: roles}
	for other, has := range n.roles {
		more[other] = append(more[other], has...)
	}
	return naive{roles: more}
}

// randomTree draws a tree over three roles of six people, of whom some have two
// accounts, some have voted and one may be the requester.
func randomTree(t *rapid.T) (d policy.Document, f policy.Facts, voted, could naive) {
	var grow func(depth int) policy.Tree
	grow = func(depth int) policy.Tree {
		if depth == 0 || rapid.IntRange(0, 2).Draw(t, "leaf") == 0 {
			return role(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "role"), rapid.IntRange(1, 2).Draw(t, "count"))
		}
		of := make([]policy.Tree, rapid.IntRange(1, 3).Draw(t, "children"))
		for i := range of {
			of[i] = grow(depth - 1)
		}
		return some(rapid.IntRange(1, len(of)).Draw(t, "enough"), of...)
	}
	d, f = tree(grow(2))
	accounts := []promotion.PersonID{"ann", "bob", "sue", "mel", "eve", "ann2", "bob2"}
	f.Identities.Accounts = map[promotion.PersonID]promotion.PersonID{"ann": "ann", "ann2": "ann", "bob": "bob", "bob2": "bob"}
	f.Promotion.Requester = rapid.SampledFrom(append(accounts, "")).Draw(t, "requester")
	voted, could = naive{roles: map[promotion.PersonID][]string{}}, naive{roles: map[promotion.PersonID][]string{}}
	f.Rosters = map[string]promotion.Roster{}
	for _, name := range []string{"a", "b", "c"} {
		r := promotion.Roster{Role: name}
		for _, id := range accounts {
			if rapid.IntRange(0, 2).Draw(t, "member") == 0 {
				r.Members = append(r.Members, id)
			}
		}
		f.Rosters[name] = r
	}
	for i, id := range accounts {
		f.People[id] = promotion.Person{ID: id, Standing: promotion.Member, ReadAt: noon}
		votes := rapid.Bool().Draw(t, "votes")
		if votes {
			approve(&f, id, time.Duration(i)*time.Minute)
		}
		person := f.Identities.Of(id)
		if f.Promotion.Requester != "" && person == f.Identities.Of(f.Promotion.Requester) {
			continue
		}
		for _, name := range []string{"a", "b", "c"} {
			if f.Rosters[name].Has(id) {
				could.roles[person] = append(could.roles[person], name)
				if votes {
					voted.roles[person] = append(voted.roles[person], name)
				}
			}
		}
	}
	return d, f, voted, could
}

// least is how many approvals are missing at least in a way that can be gone.
func least(of []policy.Tree, voted, could naive) (missing int, reachable bool) {
	missing = 1000
	for _, slots := range ways(of) {
		can := could.most(slots, map[promotion.PersonID]bool{}) == len(slots)
		if lacks := len(slots) - voted.most(slots, map[promotion.PersonID]bool{}); can && !reachable || can == reachable && lacks < missing {
			missing, reachable = lacks, can
		}
	}
	return missing, reachable
}

func TestTreesAgreeWithTryingEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, f, voted, could := randomTree(t)
		finding, _ := policy.Evaluate(d, f, noon).Finding(policy.RuleApprovals)
		missing, reachable := least([]policy.Tree{*d.Tree}, voted, could)
		want := policy.Waiting
		switch {
		case missing == 0:
			want = policy.Met
		case !reachable:
			want = policy.Blocked
		}
		if finding.Outcome != want {
			t.Fatalf("%s, and trying everything says %s (%d missing, can be reached: %v)\n%+v\n%+v", finding.Outcome, want, missing, reachable, *d.Tree, finding)
		}
	})
}

func TestWhoCouldHelpIsExactlyWhoseApprovalWouldHelp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, f, voted, could := randomTree(t)
		finding, _ := policy.Evaluate(d, f, noon).Finding(policy.RuleApprovals)
		if finding.Outcome != policy.Waiting {
			return
		}
		missing, _ := least([]policy.Tree{*d.Tree}, voted, could)
		for id := range f.People {
			person := f.Identities.Of(id)
			votes := slices.ContainsFunc(f.Votes, func(v promotion.Vote) bool { return v.Person == id })
			requested := f.Promotion.Requester != "" && person == f.Identities.Of(f.Promotion.Requester)
			var roles []string
			for name, r := range f.Rosters {
				if r.Has(id) {
					roles = append(roles, name)
				}
			}
			then, _ := least([]policy.Tree{*d.Tree}, voted.with(person, roles), could)
			want := !votes && !requested && then < missing
			if got := slices.Contains(finding.Who, id); got != want {
				t.Fatalf("%s could help: %v, want %v (from %d missing to %d)\n%+v", id, got, want, missing, then, *d.Tree)
			}
		}
	})
}

func TestTheRequesterNeverCountsFromAnyAccount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, f, _, _ := randomTree(t)
		v := policy.Evaluate(d, f, noon)
		seen := map[promotion.PersonID]bool{}
		for _, a := range v.Assigned {
			person := f.Identities.Of(a.Person)
			if f.Promotion.Requester != "" && person == f.Identities.Of(f.Promotion.Requester) {
				t.Fatalf("%s fills %s and is the requester, %s", a.Person, a.Role, f.Promotion.Requester)
			}
			if seen[person] {
				t.Fatalf("%s fills two slots: %+v", person, v.Assigned)
			}
			if seen[person] = true; !f.Rosters[a.Role].Has(a.Person) {
				t.Fatalf("%s does not hold %s", a.Person, a.Role)
			}
		}
	})
}

func TestAnApprovalNeverMakesATreeWorse(t *testing.T) {
	rank := map[policy.Outcome]int{policy.Met: 0, policy.Waiting: 1, policy.Blocked: 2}
	rapid.Check(t, func(t *rapid.T) {
		d, f, _, _ := randomTree(t)
		was := policy.Evaluate(d, f, noon)
		id := rapid.SampledFrom([]promotion.PersonID{"ann", "bob", "sue", "mel", "eve", "ann2", "bob2"}).Draw(t, "who")
		approve(&f, id, time.Hour-time.Second)
		if is := policy.Evaluate(d, f, noon); rank[is.Outcome] > rank[was.Outcome] {
			t.Fatalf("from %s to %s with one more approval, by %s", was.Outcome, is.Outcome, id)
		}
	})
}
