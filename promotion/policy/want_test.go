package policy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func asked(v policy.View, kind policy.WantKind) string {
	for _, w := range v.Wants() {
		if w.Kind == kind {
			return fmt.Sprint(w.Who)
		}
	}
	return "nobody"
}

// Whom a home or a reminder names is whom the verdict would hear.
func TestWhoIsAskedIsWhoseApprovalWouldCountAndNobodyElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, f := ready()
		twice(&f)
		f.Votes = nil
		for i, id := range rapid.SliceOfDistinct(rapid.SampledFrom([]promotion.PersonID{"ann", "ann2", "bob", "sue", "mel"}), rapid.ID).Draw(t, "approved") {
			approve(&f, id, time.Duration(i)*time.Minute)
		}
		f.Promotion.Requester = rapid.SampledFrom([]promotion.PersonID{"", "ann", "mel"}).Draw(t, "requester")
		if left := rapid.SampledFrom([]promotion.PersonID{"", "bob", "sue"}).Draw(t, "left"); left != "" {
			f.People[left] = promotion.Person{ID: left, Standing: promotion.Deactivated, ReadAt: noon}
		}
		is := policy.ViewAt(d, f, noon)
		for id := range f.People {
			named := len(policy.Wanted(is.Wants(), id)) > 0
			would, refusal := policy.WhatIf(d, f, id, noon)
			helps := refusal == "" && len(would.Verdict.Assigned) > len(is.Verdict.Assigned)
			if is.Verdict.Outcome != policy.Blocked && named != helps {
				t.Fatalf("%s is asked: %t, and would count: %t (%s; %d to %d)", id, named, helps, refusal, len(is.Verdict.Assigned), len(would.Verdict.Assigned))
			}
		}
	})
}

func TestNobodyIsAskedForWhatCanNotBeGivenYet(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*policy.Document, *policy.Facts)
		want   string
	}{
		"what lacks an approval":                {func(_ *policy.Document, f *policy.Facts) {}, "[bob sue]"},
		"what still soaks, too":                 {func(_ *policy.Document, f *policy.Facts) { f.Presence[0].From = noon }, "[bob sue]"},
		"what has not been read":                {func(_ *policy.Document, f *policy.Facts) { f.Promotion.Targets = nil }, "nobody"},
		"what lacks the plan that it needs":     {func(d *policy.Document, f *policy.Facts) { d.Plan = true }, "nobody"},
		"what has its plan":                     {func(d *policy.Document, f *policy.Facts) { d.Plan, f.Promotion.Plan = true, "back" }, "[ann bob sue mel]"},
		"what has ended":                        {func(_ *policy.Document, f *policy.Facts) { f.Promotion.State = promotion.Rejected }, "nobody"},
		"what can't go ahead":                   {func(_ *policy.Document, f *policy.Facts) { f.Newer = &promotion.Promotion{ID: 9} }, "nobody"},
		"what goes with a train is asked of it": {func(_ *policy.Document, f *policy.Facts) { f.Promotion.Purpose = promotion.Ride }, "nobody"},
		"what somebody has broken the glass of": {func(d *policy.Document, f *policy.Facts) { breaks(d, f) }, "nobody"},
	} {
		d, f := ready()
		f.Votes = slices.DeleteFunc(f.Votes, func(v promotion.Vote) bool { return v.Person == "bob" })
		c.change(&d, &f)
		if who := asked(policy.ViewAt(d, f, noon), policy.WantApproval); who != c.want {
			t.Errorf("%s: %s", name, who)
		}
	}
}

// breaks has Bob break the glass, which security reviews.
func breaks(d *policy.Document, f *policy.Facts) {
	d.BreakGlass = &policy.BreakGlass{Role: "leads", By: []string{"security"}, Within: time.Hour}
	f.Promotion.PolicyHash = d.Hash()
	f.Promotion.Broken = &promotion.Broken{By: "sue", Reason: "down", At: noon, Terms: f.Promotion.TermsNow(), Due: noon.Add(time.Hour), Reviewers: []string{"security"}}
}

func TestSignOffsAndReviewsAreAskedOfThoseWhoCould(t *testing.T) {
	d, f := ready()
	d.Checks = []policy.Check{{Name: "pen-test", ReviewedBy: "security"}, {Name: "look", ReviewedBy: "security", Advisory: true}}
	if who := asked(policy.ViewAt(d, f, noon), policy.WantSignOff); who != "[mel sue]" {
		t.Errorf("a sign-off: %s", who)
	}
	if n := len(policy.ViewAt(d, f, noon).Wants()); n != 1 {
		t.Errorf("%d wants: what is only advice is asked of nobody", n)
	}
	breaks(&d, &f)
	if who := asked(policy.ViewAt(d, f, noon), policy.WantSignOff); who != "nobody" {
		t.Errorf("a sign-off of what goes ahead without: %s", who)
	}
	d, f = ready()
	breaks(&d, &f)
	delete(f.People, "sue") // as after a database was restored
	if who := asked(policy.ViewAt(d, f, noon), policy.WantReview); who != "nobody" {
		t.Errorf("before anything has come of it: %s", who)
	}
	f.Promotion.State = promotion.Executing
	if who := asked(policy.ViewAt(d, f, noon), policy.WantReview); who != "nobody" {
		t.Errorf("while it goes ahead: %s", who)
	}
	f.Promotion.State = promotion.Promoted
	if who := asked(policy.ViewAt(d, f, noon), policy.WantReview); who != "[mel]" {
		t.Errorf("a review, of what Sue has broken: %s", who)
	}
	f.Promotion.Broken.Review = &promotion.Review{By: "mel", Fine: true}
	if who := asked(policy.ViewAt(d, f, noon), policy.WantReview); who != "nobody" {
		t.Errorf("once it is reviewed: %s", who)
	}
}
