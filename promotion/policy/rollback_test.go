package policy_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func digest(c string) promotion.Digest { return promotion.Digest("sha256:" + strings.Repeat(c, 64)) }

// demanding asks for everything that a rollback can be spared.
func demanding(t *testing.T) policy.Document {
	t.Helper()
	return policy.Document{
		Name: "demanding", Soak: time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 2}}, AuthorsCannotApprove: true, NoWayBack: true, Plan: true,
		Checks: []policy.Check{{Name: "perf"}}, Since: policy.SinceArrival, Incidents: policy.Interruptions{Reset: []promotion.Severity{"critical"}}, Exposure: promotion.Exposure{Requests: 7},
		Windows: policy.Windows{Deny: []policy.Window{window(t, "0 9 * * *", "UTC", 12*time.Hour)}}, Freezes: []promotion.Freeze{{From: noon.Add(-time.Hour), Reason: "stocktaking"}}, FreezeOn: []promotion.Severity{"critical"},
		Supersede: policy.Queue, OnFailure: promotion.TakeBack, Expires: policy.Expiry{Approval: time.Hour}, Reject: policy.Veto{By: []string{"security"}},
	}
}

func TestARollbackIsAskedForLessUnlessThePolicySaysSo(t *testing.T) {
	d := demanding(t)
	usual := policy.Document{
		Name: "demanding", Approvals: d.Approvals, RequesterMayApprove: true, Expires: d.Expires, Reject: d.Reject, Returns: true, Rollback: &policy.Return{},
	}
	if got := d.Returning(); !reflect.DeepEqual(got, usual) {
		t.Errorf("got  %+v\nwant %+v", got, usual)
	}
	d.Rollback = &policy.Return{Approvals: []policy.Requirement{{Role: "sre", Count: 1}}, RequesterCannotApprove: true, Heed: policy.Heedable}
	all := policy.Document{
		Name: "demanding", Approvals: d.Rollback.Approvals, Checks: d.Checks, Windows: d.Windows, Freezes: d.Freezes, FreezeOn: d.FreezeOn,
		Expires: d.Expires, Reject: d.Reject, Returns: true, Rollback: &policy.Return{Heed: policy.Heedable},
	}
	if got := d.Returning(); !reflect.DeepEqual(got, all) {
		t.Errorf("got  %+v\nwant %+v", got, all)
	}
	if got := d.Roles(); !reflect.DeepEqual(got, []string{"leads", "security", "sre"}) {
		t.Errorf("roles %q", got)
	}
	d.Automatic, d.Approvals = true, nil
	if d.Returning().Automatic {
		t.Error("a rollback of which approvals are asked asks for none")
	}
}

func TestWhatIsAskedOfARollbackReadsAsEnglish(t *testing.T) {
	d := demanding(t)
	for want, r := range map[string]*policy.Return{
		"A rollback takes 2 from leads, and whoever asks for it may be one of them; it does not wait for a soak, checks, holds of the whole app, freezes or windows.":              nil,
		"A rollback takes 1 from sre; it does not wait for a soak, checks or holds of the whole app, but does for freezes or windows.":                                             {Approvals: []policy.Requirement{{Role: "sre", Count: 1}}, RequesterCannotApprove: true, Heed: []policy.Rule{policy.RuleWindow, policy.RuleFreeze}},
		"A rollback takes 2 from leads, and whoever asks for it may be one of them; it does not wait for a soak, but does for checks, holds of the whole app, freezes or windows.": {Heed: policy.Heedable},
	} {
		d.Rollback = r
		if got := d.GoingBack(); got != want {
			t.Errorf("it reads %q", got)
		}
	}
	if got := (policy.Document{Automatic: true}).GoingBack(); !strings.HasPrefix(got, "A rollback takes no approval, but somebody who holds a role has to ask for it;") {
		t.Errorf("it reads %q", got)
	}
	// What is under it says what it takes itself.
	for _, s := range d.Returning().Sentences("staging", "production", false) {
		if strings.HasPrefix(s, "A rollback") {
			t.Errorf("it reads %q", s)
		}
	}
}

// returning is a rollback to the build that ready has, from another one.
func returning(d policy.Document, f policy.Facts) (policy.Document, policy.Facts) {
	p := &f.Promotion
	p.Purpose, p.Back = promotion.Rollback, &promotion.Back{Bad: digest("b"), Of: 7}
	p.Repository, f.Presence = p.Destination, nil
	for i := range p.Targets {
		p.Targets[i].Floating, p.Targets[i].Now = true, digest("b")
	}
	d = d.Returning()
	p.PolicyHash = d.Hash()
	for i := range f.Votes {
		f.Votes[i].Terms = p.TermsNow()
	}
	p.WayBack = &promotion.WayBack{Repository: p.Destination, Digests: []promotion.Digest{p.Digest}, ReadAt: &noon}
	return d, f
}

func TestWhatStopsARollback(t *testing.T) {
	hold := func(d promotion.Digest) []promotion.Hold {
		return []promotion.Hold{{Digest: d, By: "U0SUE", Reason: "tests"}}
	}
	for _, c := range []struct {
		name    string
		change  func(*policy.Document, *policy.Facts)
		rule    policy.Rule
		outcome policy.Outcome // without the rule's being heeded; empty when it is not mentioned
		heeded  policy.Outcome
	}{
		{"something newer", func(_ *policy.Document, f *policy.Facts) { f.Newer = &promotion.Promotion{ID: 9, Digest: digest("b")} }, policy.RuleOrder, policy.Met, policy.Met},
		{"a hold of the app", func(_ *policy.Document, f *policy.Facts) { f.Holds = hold("") }, policy.RuleHold, "", policy.Waiting},
		{"a hold of the build", func(_ *policy.Document, f *policy.Facts) { f.Holds = hold(f.Promotion.Digest) }, policy.RuleHold, policy.Waiting, policy.Waiting},
		{"a freeze by hand", func(_ *policy.Document, f *policy.Facts) { f.Freezes = []promotion.Freeze{{ID: 1, From: noon.Add(-1)}} }, policy.RuleFreeze, "", policy.Waiting},
		{"a freeze of the policy", func(d *policy.Document, _ *policy.Facts) { d.Freezes = []promotion.Freeze{{From: noon.Add(-1)}} }, policy.RuleFreeze, "", policy.Waiting},
		{"a window", func(d *policy.Document, _ *policy.Facts) {
			d.Windows.Deny = []policy.Window{window(t, "0 0 * * *", "UTC", 23*time.Hour)}
		}, policy.RuleWindow, "", policy.Waiting},
		{"a check that nobody has reported", func(d *policy.Document, _ *policy.Facts) { d.Checks = []policy.Check{{Name: "perf"}} }, policy.RuleChecks, "", policy.Waiting},
		{"a withdrawal", func(_ *policy.Document, f *policy.Facts) {
			f.Withdrawn = &promotion.Withdrawal{Digest: f.Promotion.Digest, By: "U0SUE", Reason: "bad"}
		}, policy.RuleWithdrawn, policy.Blocked, policy.Blocked},
		{"what is not whole", func(d *policy.Document, f *policy.Facts) { d.NoWayBack = true }, policy.RuleWayBack, policy.Met, policy.Met},
	} {
		for _, heeds := range []bool{false, true} {
			d, f := ready()
			c.change(&d, &f)
			want := c.outcome
			if d.Rollback = (&policy.Return{}); heeds {
				d.Rollback.Heed, want = policy.Heedable, c.heeded
			}
			d, f = returning(d, f)
			got, _ := policy.Evaluate(d, f, noon).Finding(c.rule)
			if got.Outcome != want {
				t.Errorf("%s, heeded %v: %+v, want %q", c.name, heeds, got, want)
			}
		}
	}
}

func TestNobodyGoesPastAWithdrawal(t *testing.T) {
	d, f := ready()
	d.BreakGlass = &policy.BreakGlass{Role: d.Approvers()[0], By: []string{d.Approvers()[0]}, Within: time.Hour}
	f.Withdrawn = &promotion.Withdrawal{Digest: f.Promotion.Digest, By: "U0SUE", At: noon, Reason: "it leaks keys"}
	f.Promotion.PolicyHash = d.Hash()
	f.Promotion.Broken = &promotion.Broken{By: f.Rosters[d.BreakGlass.Role].Members[0], At: noon, Terms: f.Promotion.TermsNow()}
	v := policy.Evaluate(d, f, noon)
	got, _ := v.Finding(policy.RuleWithdrawn)
	if !policy.Breaks(d, f) || v.Outcome != policy.Blocked || got.Skipped || !strings.Contains(got.Reason, "it leaks keys") {
		t.Errorf("%+v", v)
	}
	for _, s := range policy.Skips(d, f, noon) {
		if s.Rule == policy.RuleWithdrawn {
			t.Errorf("it would be skipped: %+v", s)
		}
	}
}

func TestWhereARollbackCanGo(t *testing.T) {
	is := func(id promotion.ID, d, to string, undone promotion.ID) promotion.Promotion {
		return promotion.Promotion{ID: id, Purpose: promotion.Forward, Digest: digest(d), Destination: promotion.Repository(to), State: promotion.Promoted, UndoneBy: undone}
	}
	train := is(10, "9", "r", 0)
	train.Purpose = promotion.Train
	failed := is(11, "8", "r", 0)
	failed.State = promotion.Failed
	before := policy.Before([]promotion.Promotion{failed, train, is(9, "f", "r", 0), is(8, "e", "r", 9), is(7, "d", "r", 0), is(6, "c", "r", 0), is(5, "a", "elsewhere", 0), is(4, "d", "r", 3), is(3, "b", "r", 0)}, digest("f"), "r",
		[]promotion.Withdrawal{{Digest: digest("d"), Reason: "leaks"}, {Digest: digest("b"), ReinstatedAt: &noon}}, []promotion.Hold{{Digest: digest("c"), Reason: "tests"}, {Reason: "the whole app"}})
	var got []string
	for _, e := range before {
		got = append(got, e.Promotion.Digest.Short()[:1]+" "+e.Against)
	}
	want := []string{"e ", "d it is withdrawn: leaks", "c it is on hold, and that has to be lifted first: tests", "a it was promoted in another repository, elsewhere", "b "}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if first, some := policy.Previous(before); !some || first.Promotion.ID != 3 {
		t.Errorf("by itself it goes to #%d", first.Promotion.ID)
	}
	if _, some := policy.Previous(before[:4]); some {
		t.Error("there is nothing to go to by itself")
	}
}

func TestAWithdrawalIsTakenBackBySomebodyElse(t *testing.T) {
	d, f := ready()
	role := d.Approvers()[0]
	one, two := f.Rosters[role].Members[0], f.Rosters[role].Members[1]
	f.Identities = promotion.Identities{Accounts: map[promotion.PersonID]promotion.PersonID{one: one, "U0SECOND": one}}
	w := promotion.Withdrawal{By: "U0SECOND"}
	if why := policy.MayReinstate(d, f, w, one); !strings.Contains(why, "somebody else") {
		t.Errorf("from another account: %q", why)
	}
	if why := policy.MayReinstate(d, f, w, two); why != "" {
		t.Errorf("by another person: %q", why)
	}
}
