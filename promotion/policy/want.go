package policy

import (
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Want is what a promotion wants of people now: an approval, a sign-off, a review of
// a broken glass or a choice about what is failing.
type Want struct {
	Kind  WantKind
	Sign  Signature            // of a sign-off
	Role  string               // who is told that others have not been heard of
	Since *time.Time           // since when they have not
	Who   []promotion.PersonID // could give it
}

// WantKind is what is wanted.
type WantKind string

// What is wanted of people.
const (
	WantApproval WantKind = "approval"
	WantSignOff  WantKind = "sign-off"
	WantReview   WantKind = "review"
	WantChoice   WantKind = "choice"  // what is failing is rolled back or kept
	WantAnybody  WantKind = "anybody" // approvals have not come for too long; whoever is told need not be able to give one
)

// Wants are what the promotion wants of people, and of whom: whoever is named
// would be counted if they did it now. Nobody is asked to agree to what is not
// known yet, or can't go ahead anyway.
func (v View) Wants() (wants []Want) {
	p := &v.Facts.Promotion
	if p.Purpose == promotion.Ride {
		return nil // it is asked about with its train
	}
	if who := v.reviewers(); len(who) > 0 {
		wants = append(wants, Want{Kind: WantReview, Who: who})
	}
	if p.State == promotion.Failing && len(v.Facts.Choosers) > 0 {
		wants = append(wants, Want{Kind: WantChoice, Who: v.Facts.Choosers})
	}
	if p.State != promotion.Open || v.Verdict.Outcome == Blocked || Breaks(v.Document, v.Facts) {
		return wants
	}
	approvals, _ := v.Verdict.Finding(RuleApprovals)
	if approvals.Outcome == Waiting && p.Planned() && (p.Plan != "" || !v.Document.AsksForPlan(p)) && len(approvals.Who) > 0 {
		wants = append(wants, Want{Kind: WantApproval, Who: approvals.Who})
	}
	for _, s := range Unsigned(v.Document, v.Facts, v.At) {
		of := v.Facts
		for _, r := range v.Facts.Rides {
			if r.Promotion.ID == s.Promotion {
				r.Rosters, r.People = of.Rosters, of.People
				of = r
				break
			}
		}
		if who := signers(v.Document, s.Check, of); len(who) > 0 && !s.Check.Advisory {
			wants = append(wants, Want{Kind: WantSignOff, Sign: s, Who: who})
		}
	}
	return wants
}

// OnPeople tells whether people are all that it waits for: for their approvals, or
// for somebody to choose what becomes of what is failing.
func (v View) OnPeople() bool {
	switch v.Facts.Promotion.State {
	case promotion.Open:
		return v.Verdict.OnlyApprovals()
	case promotion.Failing:
		return len(v.Facts.Choosers) > 0
	}
	return false
}

// Choosers are those who could keep what is failing; the others among them who
// could have it rolled back need not be asked. Somebody about whom nothing has been
// read yet is given the benefit of the doubt.
func Choosers(d Document, f Facts, now time.Time) (who []promotion.PersonID) {
	for _, role := range d.Approvers() {
		for _, id := range f.Rosters[role].Members {
			_, known := f.People[id]
			if _, refusal := MayApprove(d, f, id, now); known && refusal != "" || slices.Contains(who, id) {
				continue
			}
			who = append(who, id)
		}
	}
	return who
}

// reviewers are those who could review the broken glass of what has ended.
// Somebody about whom nothing has been read yet is given the benefit of the
// doubt.
func (v View) reviewers() (who []promotion.PersonID) {
	p := &v.Facts.Promotion
	if p.Owed() == nil || !p.State.Final() {
		return nil
	}
	for _, role := range v.Facts.glassReviewers(v.Document) {
		for _, id := range v.Facts.Rosters[role].Members {
			_, known := v.Facts.People[id]
			if known && MayReview(v.Document, v.Facts, id) != "" || v.Facts.Identities.Same(id, p.Broken.By) || slices.Contains(who, id) {
				continue
			}
			who = append(who, id)
		}
	}
	return who
}

// Wanted are those of the wants that the account could meet.
func Wanted(wants []Want, of promotion.PersonID) []Want {
	return slices.DeleteFunc(slices.Clone(wants), func(w Want) bool { return !slices.Contains(w.Who, of) })
}
