package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func delegation(by, to promotion.PersonID, until string) promotion.Gesture {
	return promotion.Gesture{Kind: promotion.GestureDelegate, Person: by, Whom: to, Until: until}
}

func TestWhatADelegateApprovesWaitsForWhatIsKnownOfTheDelegator(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	if a := w.deed(delegation(ann, eve, "3d")); a.Verb != promotion.Counted || a.Whom != eve || a.By != ann {
		t.Fatalf("the delegation: %+v", a)
	}
	w.wait(24*time.Hour - time.Minute)
	w.click(eve, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.down[promotion.EffectPerson] = promotion.Unavailable
	w.wait(10 * time.Minute)
	w.expect(1, promotion.Open) // Ann, for whom Eve approves, has to be read once more
	v := w.newest()
	if len(v.Verdict.Assigned) != 2 || v.Verdict.Assigned[1].For != ann {
		t.Errorf("assigned %+v", v.Verdict.Assigned)
	}
	delete(w.down, promotion.EffectPerson)
	w.wait(10 * time.Minute)
	w.expect(1, promotion.Promoted)
}

// Slack is asked in whatever order: the reading of the delegator is what is waited
// for, and goes on with it.
func TestTheReadingOfTheDelegatorGoesOnWithIt(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.wait(3 * time.Minute) // the directory is read again every ten, and the soak is not to end then
	w.stage("a")
	w.deed(delegation(ann, eve, "3d"))
	w.click(eve, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.late = ann
	w.wait(24 * time.Hour) // and not whenever something else has it looked at again
	w.expect(1, promotion.Promoted)
}

func TestADelegatorWhoHasLeftStopsWhatWasApprovedForThem(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.deed(delegation(ann, eve, "3d"))
	w.click(eve, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.people[ann] = promotion.Deactivated
	w.wait(25 * time.Hour)
	w.expect(1, promotion.Open)
	if v := w.newest(); len(v.Verdict.Assigned) != 1 {
		t.Errorf("assigned %+v", v.Verdict.Assigned)
	}
}

func TestADelegationToSomebodyWhomSlackDoesNotShow(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.down[promotion.EffectPerson] = promotion.Forbidden
	w.deed(delegation(ann, "U0JOE", "3d"))
	w.wait(time.Hour)
	if a := w.answers[ann]; a.Verb != promotion.Refused || !strings.Contains(a.Reason, "could not be read in Slack who U0JOE is") {
		t.Errorf("of somebody who can't be read: %+v", a)
	}
	delete(w.down, promotion.EffectPerson)
	if a := w.deed(delegation(ann, "U0KIM", "3d")); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "Slack does not know this account") {
		t.Errorf("of somebody who is not there: %+v", a)
	}
}

func TestALaterDelegationTakesThePlaceOfTheEarlier(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.deed(delegation(ann, eve, "1h"))
	w.click(eve, promotion.Approve)
	if n := len(w.newest().Verdict.Assigned); n != 1 {
		t.Fatalf("%d approvals", n)
	}
	w.deed(delegation(ann, sue, "3d"))
	if v := w.newest(); len(v.Verdict.Assigned) != 0 || len(v.Verdict.Discounted) != 1 {
		t.Errorf("Eve stands for Ann no more, and yet %+v", v.Verdict.Assigned)
	}
	w.wait(2 * time.Hour)
	w.deed(delegation(sue, eve, "1h"))
	w.wait(2 * time.Hour)
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureUndelegate, Person: eve}); a.Verb != promotion.Refused {
		t.Errorf("what is over is ended: %+v", a)
	}
	w.deed(delegation(sue, eve, "1h"))
	w.wait(2 * time.Hour)
	if a := w.deed(delegation(sue, bob, "1h")); a.Verb != promotion.Counted { // the one before is over by itself
		t.Errorf("one more: %+v", a)
	}
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureUndelegate, Person: sue}); a.Verb != promotion.Counted || a.Whom != bob {
		t.Errorf("Sue has Bob stand for her, and Ann Sue: of both, her own ends: %+v", a)
	}
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureUndelegate, Person: sue}); a.Verb != promotion.Counted || a.By != ann {
		t.Errorf("and then what was delegated to her: %+v", a)
	}
}

// A role that only rejects can't be lent.
func TestOnlyRolesThatApproveAreDelegated(t *testing.T) {
	d := careful()
	d.Reject.By = []string{"veto"}
	c := catalog(t, d)
	c.Roles["veto"] = gate.Role{People: []promotion.PersonID{eve}}
	w := newWorld(t, c)
	if a := w.deed(delegation(eve, ann, "3d")); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "takes a role") {
		t.Errorf("a delegation of a veto: %+v", a)
	}
	w.stage("a")
	w.deed(delegation(ann, bob, "3d"))
	if a := w.click(bob, promotion.Reject); a.Verb != promotion.Refused {
		t.Errorf("with what Ann has delegated, Bob rejects: %+v", a)
	}
}

func TestNobodyDelegatesToTheirOtherAccount(t *testing.T) {
	c := catalog(t, careful())
	c.Identities = promotion.Identities{Accounts: map[promotion.PersonID]promotion.PersonID{ann: ann, eve: ann}}
	w := newWorld(t, c)
	if a := w.deed(delegation(ann, eve, "3d")); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "nobody can delegate to themselves") {
		t.Errorf("Ann delegates to an account of hers: %+v", a)
	}
}
