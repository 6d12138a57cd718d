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

var (
	noon   = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	app    = promotion.Digest("sha256:" + strings.Repeat("a", 64))
	before = promotion.Digest("sha256:" + strings.Repeat("0", 64))
)

// ready is a promotion that lacks nothing: soaked for two days, approved by
// two leads and one of security, everything read just now.
func ready() (policy.Document, policy.Facts) {
	d := policy.Document{Soak: 24 * time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 2}, {Role: "security", Count: 1}}}
	read := noon
	f := policy.Facts{
		Promotion: promotion.Promotion{
			ID: 7, App: "shop", From: "staging", To: "production", Digest: app, State: promotion.Open, PolicyHash: d.Hash(),
			Targets: []promotion.Target{{Tag: "v1.4"}, {Tag: "production", Floating: true, Now: before}},
		},
		Presence: []promotion.Interval{{From: noon.Add(-48 * time.Hour)}},
		Rosters: map[string]promotion.Roster{
			"leads":    {Role: "leads", Members: []promotion.PersonID{"ann", "bob", "sue"}},
			"security": {Role: "security", Members: []promotion.PersonID{"mel", "sue"}, Groups: []promotion.GroupID{"S1"}, ReadAt: &read},
		},
		People: map[promotion.PersonID]promotion.Person{},
	}
	for i := range f.Promotion.Targets {
		f.Promotion.Targets[i].ReadAt = &read
	}
	f.Promotion.WayBack = &promotion.WayBack{Digests: []promotion.Digest{before}, ReadAt: &read}
	for _, id := range []promotion.PersonID{"ann", "bob", "sue", "mel", "eve"} {
		f.People[id] = promotion.Person{ID: id, Standing: promotion.Member, ReadAt: noon}
	}
	for i, id := range []promotion.PersonID{"ann", "bob", "mel"} {
		approve(&f, id, time.Duration(i)*time.Minute)
	}
	return d, f
}

func approve(f *policy.Facts, id promotion.PersonID, after time.Duration) {
	f.Votes = append(f.Votes, promotion.Vote{Promotion: 7, Person: id, Decision: promotion.Approve, Terms: f.Promotion.TermsNow(), At: noon.Add(-time.Hour + after)})
}

func standing(f *policy.Facts, id promotion.PersonID, s promotion.Standing) {
	p := f.People[id]
	p.Standing = s
	f.People[id] = p
}

func TestVerdicts(t *testing.T) {
	type facts = *policy.Facts
	until := noon.Add(-time.Hour)
	for _, c := range []struct {
		name    string
		change  func(*policy.Document, facts)
		outcome policy.Outcome
		rule    policy.Rule
		says    string
	}{
		{"nothing is missing", func(*policy.Document, facts) {}, policy.Met, policy.RuleIdentity, "read just now"},
		{"no soak is asked for", func(d *policy.Document, f facts) { d.Soak = 0 }, policy.Met, policy.RuleSoak, "no soak"},
		{"the soak is a second short", func(d *policy.Document, f facts) { d.Soak = 48*time.Hour + time.Second }, policy.Waiting, policy.RuleSoak, "until 2026-03-02 12:00:01 UTC"},
		{"the soak is complete to the instant", func(d *policy.Document, f facts) { d.Soak = 48 * time.Hour }, policy.Met, policy.RuleSoak, "soaked 48h in staging"},
		{"it left staging an hour ago", func(d *policy.Document, f facts) { f.Presence[0].Until = &until }, policy.Waiting, policy.RuleSource, "not in staging any more"},
		{"it never was in staging", func(d *policy.Document, f facts) { f.Presence = nil }, policy.Waiting, policy.RuleSoak, "stands still"},
		{"staging can't be read", func(d *policy.Document, f facts) { f.Source = policy.Look{Fault: "the registry is down", Since: until} }, policy.Waiting, policy.RuleSource, "the registry is down"},
		{"production can't be read", func(d *policy.Document, f facts) { f.Target = policy.Look{Fault: "401", Since: until} }, policy.Waiting, policy.RuleTags, "can't be read since"},
		{"the tags are not read yet", func(d *policy.Document, f facts) { f.Promotion.Targets[1].ReadAt = nil }, policy.Waiting, policy.RuleTags, "what production points at"},
		{"the image is not read yet", func(d *policy.Document, f facts) { f.Promotion.Targets = nil }, policy.Waiting, policy.RuleTags, "not been read yet"},
		{"the image can't be read", func(d *policy.Document, f facts) { f.Promotion.ReadFault = "the registry is down" }, policy.Waiting, policy.RuleTags, "the registry is down"},
		{"the tags can't be named", func(d *policy.Document, f facts) { f.Promotion.PlanFault = "no label" }, policy.Blocked, policy.RuleTags, "no label"},
		{"the version tag is taken", func(d *policy.Document, f facts) { f.Promotion.Targets[0].Now = before }, policy.Blocked, policy.RuleTags, "never moved"},
		{"a newer build was promoted", func(d *policy.Document, f facts) { f.Newer = &promotion.Promotion{ID: 9, Digest: before} }, policy.Blocked, policy.RuleOrder, "rollback"},
		{"another one is executing", func(d *policy.Document, f facts) { f.Executing = 6 }, policy.Waiting, policy.RuleTurn, "#6"},
		{"the step has no policy", func(d *policy.Document, f facts) { *d = policy.Document{} }, policy.Blocked, policy.RuleApprovals, "no policy"},
		{"one lead is missing", func(d *policy.Document, f facts) { f.Votes = f.Votes[1:] }, policy.Waiting, policy.RuleApprovals, "2 of 3"},
		{"the requester approved", func(d *policy.Document, f facts) { f.Promotion.Requester = "ann" }, policy.Waiting, policy.RuleApprovals, "2 of 3"},
		{"the requester may approve", func(d *policy.Document, f facts) {
			f.Promotion.Requester, d.RequesterMayApprove = "ann", true
			f.Promotion.PolicyHash = d.Hash()
			for i := range f.Votes {
				f.Votes[i].Terms = f.Promotion.TermsNow()
			}
		}, policy.Met, policy.RuleApprovals, "3 of 3"},
		{"a guest approved", func(d *policy.Document, f facts) { standing(f, "ann", promotion.Guest) }, policy.Waiting, policy.RuleApprovals, "2 of 3"},
		{"an approver has left", func(d *policy.Document, f facts) { standing(f, "mel", promotion.Deactivated) }, policy.Waiting, policy.RuleApprovals, "2 of 3"},
		{"somebody without a role approved", func(d *policy.Document, f facts) { f.Votes = f.Votes[:2]; approve(f, "eve", time.Minute) }, policy.Waiting, policy.RuleApprovals, "2 of 3"},
		{"one who holds both roles is placed where it helps", func(d *policy.Document, f facts) {
			f.Votes = f.Votes[:0]
			approve(f, "sue", 0)
			approve(f, "ann", 1)
			approve(f, "bob", 2)
		}, policy.Met, policy.RuleApprovals, "3 of 3"},
		{"one person never fills two slots", func(d *policy.Document, f facts) { f.Votes = f.Votes[:1]; approve(f, "sue", 0); approve(f, "sue", 1) }, policy.Waiting, policy.RuleApprovals, "2 of 3"},
		{"somebody's last word is no", func(d *policy.Document, f facts) {
			f.Votes = append(f.Votes, promotion.Vote{Promotion: 7, Person: "ann", Decision: promotion.Reject, Terms: f.Promotion.TermsNow(), At: noon})
		}, policy.Waiting, policy.RuleApprovals, "2 of 3"},
		{"not enough people are left", func(d *policy.Document, f facts) {
			f.Votes = f.Votes[:2]
			standing(f, "mel", promotion.Deactivated)
			standing(f, "sue", promotion.Guest)
		}, policy.Blocked, policy.RuleApprovals, "2 of 3"},
		{"the group can't be read", func(d *policy.Document, f facts) {
			r := f.Rosters["security"]
			r.Members, r.Fault = nil, "Slack says no"
			f.Rosters["security"] = r
		}, policy.Waiting, policy.RuleApprovals, "2 of 3"},
		{"an approver was read two minutes ago", func(d *policy.Document, f facts) {
			p := f.People["bob"]
			p.ReadAt = noon.Add(-2 * time.Minute)
			f.People["bob"] = p
		}, policy.Waiting, policy.RuleIdentity, "once more"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			d, f := ready()
			c.change(&d, &f)
			v := policy.Evaluate(d, f, noon)
			finding, ok := v.Finding(c.rule)
			if v.Outcome != c.outcome || !ok || !strings.Contains(finding.Reason, c.says) {
				t.Errorf("the verdict is %s; %s says %q (%v), want %q\nmissing: %+v", v.Outcome, c.rule, finding.Reason, ok, c.says, v.Missing())
			}
		})
	}
}

func TestWhoCouldStill(t *testing.T) {
	d, f := ready()
	f.Votes = f.Votes[:0]
	approve(&f, "sue", 0) // holds both roles
	approve(&f, "ann", 1)
	v := policy.Evaluate(d, f, noon)
	// Bob as a lead would free Sue for security, and Mel is security herself.
	missing := v.Missing()
	if len(missing) != 1 {
		t.Fatalf("missing: %+v", missing)
	}
	if got := fmt.Sprint(missing[0].Who); got != "[mel]" && got != "[bob mel]" && got != "[bob]" {
		t.Errorf("who could: %s", got)
	}
	approve(&f, "bob", 2)
	if v := policy.Evaluate(d, f, noon); v.Outcome != policy.Met {
		t.Errorf("with Bob: %+v", v.Missing())
	}
}

func TestWhoMayReject(t *testing.T) {
	d, f := ready()
	f.Promotion.Requester = "eve" // holds no role
	standing(&f, "bob", promotion.Guest)
	for id, want := range map[promotion.PersonID]string{"ann": "", "mel": "", "eve": "", "bob": "guests", "tom": "does not know"} {
		refusal := policy.MayReject(d, f, id)
		if (want == "") != (refusal == "") || !strings.Contains(refusal, want) {
			t.Errorf("%s: %q", id, refusal)
		}
	}
	f.Promotion.Requester = ""
	if refusal := policy.MayReject(d, f, "eve"); !strings.Contains(refusal, "role") {
		t.Errorf("eve, who did not request it: %q", refusal)
	}
}

func TestTheRequesterIsNotAmongThoseWhoCouldAlsoBeforeAnybodyWasRead(t *testing.T) {
	d, f := ready()
	f.Promotion.Requester, f.Votes = "sue", nil
	f.People = map[promotion.PersonID]promotion.Person{}
	for _, m := range policy.Evaluate(d, f, noon).Missing() {
		if slices.Contains(m.Who, "sue") {
			t.Errorf("%s: could approve: %v", m.Reason, m.Who)
		}
	}
	d.RequesterMayApprove = true
	if m := policy.Evaluate(d, f, noon).Missing(); !slices.Contains(m[0].Who, "sue") {
		t.Errorf("where the requester may: %v", m[0].Who)
	}
}

func TestAGroupThatWasNeverReadIsNotAnEmptyOne(t *testing.T) {
	d, f := ready()
	f.Rosters["security"] = promotion.Roster{Role: "security", Groups: []promotion.GroupID{"S1"}}
	v := policy.Evaluate(d, f, noon)
	if m := v.Missing(); v.Outcome != policy.Waiting || len(m) != 1 || !strings.Contains(m[0].Reason, "have not been read yet") {
		t.Errorf("%s: %+v", v.Outcome, m)
	}
	f.Rosters["security"] = promotion.Roster{Role: "security"}
	if v := policy.Evaluate(d, f, noon); v.Outcome != policy.Blocked {
		t.Errorf("an empty one: %s: %+v", v.Outcome, v.Missing())
	}
}

func TestAReadingIsGoodForAsLongAsItMayBeOld(t *testing.T) {
	d, f := ready()
	for after, want := range map[time.Duration]int{time.Minute: 0, time.Minute + time.Microsecond: 2} {
		if stale := policy.Stale(d, f, "mel", time.Minute, noon.Add(after)); len(stale) != want {
			t.Errorf("after %v: %+v", after, stale)
		}
	}
	if stale := policy.Stale(d, f, "tom", time.Minute, noon); len(stale) != 1 || stale[0].Person != "tom" {
		t.Errorf("somebody who was never read: %+v", stale)
	}
}

func TestLookupsAreNamed(t *testing.T) {
	d, f := ready()
	old := noon.Add(-2 * time.Minute)
	r := f.Rosters["security"]
	r.ReadAt = &old
	f.Rosters["security"] = r
	v := policy.Evaluate(d, f, noon)
	if want := []policy.Subject{{Group: "S1"}}; !reflect.DeepEqual(v.Lookups, want) {
		t.Errorf("lookups: %+v", v.Lookups)
	}
	f.Votes = f.Votes[1:] // something else is missing too: then nobody is bothered
	if v := policy.Evaluate(d, f, noon); len(v.Lookups) != 0 {
		t.Errorf("lookups: %+v", v.Lookups)
	}
}

// random draws a document and facts over few people and roles, so that all
// kinds of overlap occur.
func random(t *rapid.T) (policy.Document, policy.Facts) {
	d, f := ready()
	d.Soak = time.Duration(rapid.IntRange(0, 72).Draw(t, "soak")) * time.Hour
	d.Approvals = nil
	f.Rosters = map[string]promotion.Roster{}
	people := []promotion.PersonID{"ann", "bob", "sue", "mel", "eve"}
	for _, role := range []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "roles")] {
		d.Approvals = append(d.Approvals, policy.Requirement{Role: role, Count: rapid.IntRange(1, 2).Draw(t, "count")})
		var members []promotion.PersonID
		for _, id := range people {
			if rapid.Bool().Draw(t, "member") {
				members = append(members, id)
			}
		}
		f.Rosters[role] = promotion.Roster{Role: role, Members: members}
	}
	f.Promotion.PolicyHash = d.Hash()
	f.Promotion.Requester = rapid.SampledFrom(append(people, "")).Draw(t, "requester")
	f.Votes = nil
	for i, id := range people {
		if rapid.Bool().Draw(t, "voted") {
			approve(&f, id, time.Duration(i)*time.Minute)
		}
		standing(&f, id, rapid.SampledFrom([]promotion.Standing{promotion.Member, promotion.Member, promotion.Guest}).Draw(t, "standing"))
	}
	return d, f
}

// enough is the naive rule: some assignment of distinct eligible voters fills
// every slot, found by trying all of them.
func enough(d policy.Document, f policy.Facts) bool {
	var slots []string
	for _, r := range d.Approvals {
		slots = append(slots, slices.Repeat([]string{r.Role}, r.Count)...)
	}
	var try func(int, map[promotion.PersonID]bool) bool
	try = func(i int, used map[promotion.PersonID]bool) bool {
		if i == len(slots) {
			return true
		}
		for _, v := range f.Votes {
			eligible := f.People[v.Person].Standing == promotion.Member && v.Person != f.Promotion.Requester && f.Rosters[slots[i]].Has(v.Person)
			if used[v.Person] || !eligible {
				continue
			}
			used[v.Person] = true
			if try(i+1, used) {
				return true
			}
			delete(used, v.Person)
		}
		return false
	}
	return try(0, map[promotion.PersonID]bool{})
}

func TestApprovalsAgreeWithTryingEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, f := random(t)
		v := policy.Evaluate(d, f, noon)
		finding, _ := v.Finding(policy.RuleApprovals)
		if got, want := finding.Outcome == policy.Met, enough(d, f); got != want {
			t.Fatalf("met is %v, and trying everything says %v: %+v", got, want, finding)
		}
		seen := map[promotion.PersonID]bool{}
		for _, a := range v.Assigned {
			if seen[a.Person] || a.Person == f.Promotion.Requester {
				t.Fatalf("%s fills two slots or is the requester: %+v", a.Person, v.Assigned)
			}
			seen[a.Person] = true
		}
	})
}

func TestBlockedApprovalsCanReallyNotBeMet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, f := random(t)
		finding, _ := policy.Evaluate(d, f, noon).Finding(policy.RuleApprovals)
		f.Votes = nil
		for id := range f.People {
			approve(&f, id, 0)
		}
		if possible := enough(d, f); possible != (finding.Outcome != policy.Blocked) {
			t.Fatalf("%s, and with everybody's approval it would be %v", finding.Outcome, possible)
		}
	})
}

func TestAnApprovalNeverMakesItWorse(t *testing.T) {
	rank := map[policy.Outcome]int{policy.Met: 0, policy.Waiting: 1, policy.Blocked: 2}
	rapid.Check(t, func(t *rapid.T) {
		d, f := random(t)
		was := policy.Evaluate(d, f, noon)
		id := rapid.SampledFrom([]promotion.PersonID{"ann", "bob", "sue", "mel", "eve"}).Draw(t, "who")
		if slices.ContainsFunc(f.Votes, func(v promotion.Vote) bool { return v.Person == id }) {
			return
		}
		approve(&f, id, time.Hour)
		if is := policy.Evaluate(d, f, noon); rank[is.Outcome] > rank[was.Outcome] || len(is.Assigned) < len(was.Assigned) {
			t.Fatalf("from %s to %s with one more approval", was.Outcome, is.Outcome)
		}
	})
}

func TestTimeChangesAVerdictOnlyWhenItSaidSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, f := random(t)
		now := noon
		for _, p := range f.People { // readings never get old here; their age is another rule's test
			p.ReadAt = noon.Add(1000 * time.Hour)
			f.People[p.ID] = p
		}
		v := policy.Evaluate(d, f, now)
		then := now.Add(time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "later")))
		if v.NextChange != nil && !then.Before(*v.NextChange) {
			then = v.NextChange.Add(-time.Microsecond)
		}
		if then.Before(now) {
			return
		}
		if later := policy.Evaluate(d, f, then); !reflect.DeepEqual(v, later) {
			t.Fatalf("between %v and %v it changed without notice:\n%+v\n%+v", now, then, v, later)
		}
	})
}

func TestChangedTermsDiscountEveryVote(t *testing.T) {
	for name, change := range map[string]func(*policy.Document, *policy.Facts){
		"production moved": func(_ *policy.Document, f *policy.Facts) { f.Promotion.Targets[1].Now = "sha256:9" },
		"another plan":     func(_ *policy.Document, f *policy.Facts) { f.Promotion.Plan = "hope" },
		"another tag":      func(_ *policy.Document, f *policy.Facts) { f.Promotion.Targets[0].Tag = "v2" },
		"the policy":       func(_ *policy.Document, f *policy.Facts) { f.Promotion.PolicyHash = "other" },
		"another digest":   func(_ *policy.Document, f *policy.Facts) { f.Promotion.Digest = before },
		"another place":    func(_ *policy.Document, f *policy.Facts) { f.Promotion.Destination = "production.example.com/shop" },
		"one tag less":     func(_ *policy.Document, f *policy.Facts) { f.Promotion.Targets = f.Promotion.Targets[1:] },
	} {
		d, f := ready()
		change(&d, &f)
		if v := policy.Evaluate(d, f, noon); len(v.Assigned) != 0 || len(v.Discounted) != 3 || v.Outcome == policy.Met {
			t.Errorf("%s: %s, assigned %+v, discounted %+v", name, v.Outcome, v.Assigned, v.Discounted)
		}
	}
}
