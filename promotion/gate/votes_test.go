package gate_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// entries are what the log says of a kind.
func (w *world) entries(kind audit.Kind) (found []audit.Entry) {
	w.t.Helper()
	w.must(w.db.Audit(context.Background(), 0, func(body []byte) error {
		e, err := audit.Parse(body)
		if e.Kind == kind {
			found = append(found, e)
		}
		return err
	}))
	return found
}

func (w *world) say(who promotion.PersonID, what promotion.Decision, id promotion.ID, reason string) promotion.Answer {
	w.t.Helper()
	w.clicks++
	a, err := w.gate.Take(w.t.Context(), promotion.Gesture{
		Key: "submit/" + string(who) + "/" + time.Duration(w.clicks).String(), Kind: promotion.GestureVote, Person: who, Channel: "C0SHOP", Reply: true,
		Promotion: id, Decision: what, Reason: reason,
	})
	w.must(err)
	w.run()
	return a
}

func two() policy.Document {
	return policy.Document{Name: "two", Approvals: []policy.Requirement{{Role: "leads", Count: 2}}}
}

func TestATagThatIsPushedAgainBetweenTwoVotesDoesNotCarryTheFirstOver(t *testing.T) {
	w := newWorld(t, catalog(t, two()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	seen := w.newest().Facts.Promotion
	w.stage("b") // the same tag, another image
	if a := w.clickOn(bob, promotion.Approve, seen); a.Verb != promotion.Closed {
		t.Errorf("on the card of the first image: %+v", a)
	}
	w.click(bob, promotion.Approve)
	w.expect(2, promotion.Open)
	if v := w.newest(); len(v.Verdict.Assigned) != 1 {
		t.Errorf("for the second image there are %+v", v.Verdict.Assigned)
	}
	if len(w.moves) > 0 {
		t.Errorf("moved: %v", w.moves)
	}
}

func TestAVoteAfterTheDeadlineDoesNotCountEvenIfNoSweepRan(t *testing.T) {
	d := two()
	d.Expires = policy.Expiry{Request: 7 * 24 * time.Hour}
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.now = w.now.Add(7 * 24 * time.Hour) // nothing that was due in between has been performed
	w.people[bob] = promotion.Member
	a := w.say(bob, promotion.Approve, 1, "")
	if a.Verb == promotion.Checking { // who Bob is was read a week ago
		a = w.answers[bob]
	}
	if a.Verb != promotion.Closed || a.Reason != string(promotion.Expired) {
		t.Errorf("Bob is told %+v", a)
	}
	w.expect(1, promotion.Expired)
	if len(w.moves) > 0 {
		t.Errorf("moved: %v", w.moves)
	}
	if ended := w.entries(audit.Ended); len(ended) != 1 || ended[0].Actor != audit.Self {
		t.Errorf("the log says %+v: nobody decided that", ended)
	}
}

func TestARequestExpiresByItself(t *testing.T) {
	d := two()
	d.Expires = policy.Expiry{Request: 48 * time.Hour}
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	w.wait(48*time.Hour - time.Second)
	w.expect(1, promotion.Open)
	w.wait(time.Second)
	w.run()
	w.expect(1, promotion.Expired)
	if p := w.get(1); p.Reason != "the request expired 2026-03-04 09:00:00 UTC" || w.drawn[1] != p.Revision {
		t.Errorf("it ends because %q; the card shows revision %d of %d", p.Reason, w.drawn[1], p.Revision)
	}
	if a := w.request(eve, "staging-passed"); a.Verb == promotion.Existing {
		t.Errorf("asked for again: %+v", a)
	}
	w.expect(2, promotion.Open)
}

func TestWhatHasExpiredUnnoticedCanBeAskedForAgain(t *testing.T) {
	d := two()
	d.Expires = policy.Expiry{Request: time.Minute}
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	w.now = w.now.Add(time.Minute)
	if a := w.request(bob, ""); a.Verb != promotion.Requested {
		t.Errorf("%+v", a)
	}
	w.expect(1, promotion.Expired)
	w.expect(2, promotion.Open)
}

func TestAnApprovalThatExpiresHasToBeGivenAgain(t *testing.T) {
	d := two()
	d.Expires = policy.Expiry{Approval: 48 * time.Hour}
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.wait(47 * time.Hour)
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Repeated {
		t.Errorf("while it counts: %+v", a)
	}
	w.wait(time.Hour)
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Open)
	if v := w.newest(); len(v.Verdict.Discounted) != 1 || v.Verdict.Discounted[0].Person != ann || w.drawn[1] != v.Facts.Promotion.Revision {
		t.Errorf("discounted: %+v", v.Verdict.Discounted)
	}
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Counted {
		t.Errorf("given again: %+v", a)
	}
	w.expect(1, promotion.Promoted)
}

// The deadline is asked about in the transaction that writes the intent, too.
func TestAnApprovalThatExpiresWhileItSoaksStartsNothing(t *testing.T) {
	d := careful()
	d.Expires = policy.Expiry{Approval: 23 * time.Hour}
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(25 * time.Hour)
	w.expect(1, promotion.Open)
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Promoted)
}

func TestAnApprovalCanBeTakenBackUntilItIsExecuted(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	if a := w.click(sue, promotion.Withdraw); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "have not approved") {
		t.Errorf("Sue, who has not approved: %+v", a)
	}
	if a := w.click(ann, promotion.Withdraw); a.Verb != promotion.Counted || len(a.Missing) == 0 {
		t.Errorf("Ann: %+v", a)
	}
	if a := w.click(ann, promotion.Withdraw); a.Verb != promotion.Refused {
		t.Errorf("Ann, once more: %+v", a)
	}
	w.wait(25 * time.Hour)
	w.expect(1, promotion.Open)
	if e := w.entries(audit.Withdrawn); len(e) != 1 || e[0].Actor != string(ann) {
		t.Errorf("the log says %+v", e)
	}
	if w.count("vote") != 3 {
		t.Errorf("said in the thread: %v", w.said)
	}
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Promoted)
	if a := w.click(ann, promotion.Withdraw); a.Verb != promotion.Closed {
		t.Errorf("after it was executed: %+v", a)
	}
}

func TestTwoAccountsAreOnePerson(t *testing.T) {
	c := catalog(t, two())
	c.Identities.Accounts = map[promotion.PersonID]promotion.PersonID{ann: ann, sue: ann}
	w := newWorld(t, c)
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(sue, promotion.Approve)
	w.expect(1, promotion.Open)
	if a := w.click(sue, promotion.Withdraw); a.Verb != promotion.Counted {
		t.Errorf("from the other account: %+v", a)
	}
	w.click(bob, promotion.Approve)
	if v := w.newest(); len(v.Verdict.Assigned) != 1 || v.Facts.Promotion.State != promotion.Open {
		t.Errorf("Ann's approval was taken back with her other account: %+v", v.Verdict.Assigned)
	}
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Promoted)
}

func TestTheRecordOfARejectionNamesThePerson(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	if a := w.say(ann, promotion.Reject, 1, "security: it leaks"); a.Verb != promotion.Counted || a.Ground != promotion.OnSecurity || a.Reason != "it leaks" {
		t.Errorf("Ann is told %+v", a)
	}
	w.expect(1, promotion.Rejected)
	if p := w.get(1); p.EndedBy != ann || p.Reason != "it leaks" {
		t.Errorf("ended by %q: %q", p.EndedBy, p.Reason)
	}
	voted, ended := w.entries(audit.Voted), w.entries(audit.Ended)
	if len(voted) != 1 || voted[0].Actor != string(ann) || voted[0].Detail["ground"] != "security" || len(ended) != 1 || ended[0].Actor != string(ann) {
		t.Errorf("the log says %+v and %+v", voted, ended)
	}
	if b, err := json.Marshal(voted); err != nil || strings.Contains(string(b), "leaks") {
		t.Errorf("the reason itself is in the log, where it can't be erased: %s, %v", b, err)
	}
}

func TestOneRejectionDoesNotBlockLaterCandidates(t *testing.T) {
	w := newWorld(t, catalog(t, two()))
	w.stage("a")
	w.click(ann, promotion.Reject)
	w.expect(1, promotion.Rejected)
	w.stage("b")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.expect(2, promotion.Promoted)
	if a := w.say(ann, promotion.Lift, 1, ""); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "#2 has taken its place") {
		t.Errorf("lifting what was overtaken: %+v", a)
	}
	w.expect(1, promotion.Rejected)
}

func TestNothingButLiftingUndoesARejection(t *testing.T) {
	d := two()
	d.Reject = policy.Veto{Lift: []string{"owners"}}
	c := catalog(t, d)
	c.Roles["owners"] = gate.Role{People: []promotion.PersonID{eve}}
	w := newWorld(t, c)
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Reject)
	w.look()
	w.restart()
	w.look()
	w.run()
	w.expect(1, promotion.Rejected)
	for _, who := range []promotion.PersonID{ann, bob} {
		if a := w.click(who, promotion.Approve); a.Verb != promotion.Closed {
			t.Errorf("%s approves what was rejected: %+v", who, a)
		}
	}
	if a := w.click(ann, promotion.Lift); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "lifted by whoever rejected") {
		t.Errorf("Ann lifts it: %+v", a)
	}
	if a := w.click(eve, promotion.Lift); a.Verb != promotion.Counted {
		t.Errorf("Eve, an owner, lifts it: %+v", a)
	}
	w.expect(1, promotion.Open)
	p := w.get(1)
	if p.EndedBy != "" || p.FinishedAt != nil || p.Reason != "" || w.drawn[1] != p.Revision {
		t.Errorf("what is open again is %+v", p)
	}
	if e := w.entries(audit.Lifted); len(e) != 1 || e[0].Actor != string(eve) || e[0].Detail["rejected_by"] != string(bob) {
		t.Errorf("the log says %+v", e)
	}
	votes := w.newest().Facts.Votes
	if i := slices.IndexFunc(votes, func(v promotion.Vote) bool { return v.Decision == promotion.Reject }); i < 0 || votes[i].LiftedBy != eve {
		t.Errorf("the votes are %+v", votes)
	}
	// Ann's approval was for what is still so; Bob has to give his.
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Promoted)
	if a := w.click(bob, promotion.Lift); a.Verb != promotion.Closed {
		t.Errorf("lifting what was promoted: %+v", a)
	}
}

func TestALiftedRejectionIsReadAnewAndOldVotesCountOnlyForWhatIsStillSo(t *testing.T) {
	w := newWorld(t, catalog(t, two()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Reject)
	w.tags["production"] = digest("7") // while it was rejected, nobody told it
	if a := w.click(bob, promotion.Lift); a.Verb != promotion.Counted {
		t.Fatalf("%+v", a)
	}
	v := w.newest()
	if v.Facts.Promotion.Targets[0].Now != digest("7") || len(v.Verdict.Assigned) != 0 || len(v.Verdict.Discounted) != 1 {
		t.Errorf("production is taken to be at %s; assigned %+v", v.Facts.Promotion.Targets[0].Now.Short(), v.Verdict.Assigned)
	}
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Open)
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Promoted)
}

func TestWhatExpiredWhileItWasRejectedCantBeLifted(t *testing.T) {
	d := two()
	d.Expires = policy.Expiry{Request: 48 * time.Hour}
	w := newWorld(t, catalog(t, d))
	w.stage("a")
	w.click(ann, promotion.Reject)
	w.wait(49 * time.Hour)
	if a := w.click(ann, promotion.Lift); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "expired 2026-03-04") {
		t.Errorf("%+v", a)
	}
	w.expect(1, promotion.Rejected)
}

func TestARequestOfTheSameDigestTakesThePlaceOfARejectedOne(t *testing.T) {
	w := newWorld(t, catalog(t, two()))
	w.stage("a")
	w.click(ann, promotion.Reject)
	if a := w.request(bob, ""); a.Verb != promotion.Requested {
		t.Fatalf("%+v", a)
	}
	if a := w.say(ann, promotion.Lift, 1, ""); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "#2") {
		t.Errorf("%+v", a)
	}
	w.expect(1, promotion.Rejected)
	w.expect(2, promotion.Open)
}

func TestALiftedTrainGoesOnWithWhatItCarries(t *testing.T) {
	w := coupled(t, promotion.Complete)
	w.wait(2 * time.Minute)
	w.say(ann, promotion.Reject, 3, "not now")
	for id := promotion.ID(3); id <= 5; id++ {
		w.expect(id, promotion.Rejected)
	}
	if a := w.say(ann, promotion.Lift, 4, ""); a.Verb != promotion.Missing {
		t.Errorf("a ride by itself: %+v", a)
	}
	if a := w.say(ann, promotion.Lift, 3, ""); a.Verb != promotion.Counted {
		t.Fatalf("the train: %+v", a)
	}
	for id := promotion.ID(3); id <= 5; id++ {
		if w.expect(id, promotion.Open); !new(w.get(id)).Planned() {
			t.Errorf("#%d has not been read anew", id)
		}
	}
	w.say(bob, promotion.Approve, 3, "")
	for id := promotion.ID(3); id <= 5; id++ {
		w.expect(id, promotion.Promoted)
	}
}

func TestATrainIsNotLiftedWhenOneOfItsAppsHasGoneOn(t *testing.T) {
	w := coupled(t, promotion.Complete)
	w.wait(2 * time.Minute)
	w.say(ann, promotion.Reject, 3, "not now")
	w.tags["cart:staging-passed"] = digest("c")
	w.see()
	if a := w.say(ann, promotion.Lift, 3, ""); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "#6") {
		t.Errorf("%+v", a)
	}
	w.expect(3, promotion.Rejected)
}

func TestAnExpiredTrainEndsWithWhatItCarries(t *testing.T) {
	w := newWorld(t, storefront(t, promotion.Complete))
	c := w.gate.Catalog()
	d := c.Trains[0].Policies["production"]
	d.Expires.Request = time.Hour
	c.Trains[0].Policies["production"] = d
	w.tags["cart:production"] = digest("1")
	w.tags["staging-passed"], w.tags["cart:staging-passed"] = digest("a"), digest("b")
	w.see()
	w.ask(sue, "storefront", "")
	w.wait(time.Hour)
	w.run()
	for id := promotion.ID(3); id <= 5; id++ {
		w.expect(id, promotion.Expired)
	}
}
