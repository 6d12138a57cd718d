package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func (w *world) plan(who promotion.PersonID, text string) promotion.Answer {
	w.t.Helper()
	w.clicks++
	p := w.newest().Facts.Promotion
	a, err := w.gate.Take(w.t.Context(), promotion.Gesture{
		Key: "plan/" + time.Duration(w.clicks).String(), Kind: promotion.GestureVote, Person: who, Channel: "C0SHOP", Reply: true,
		Promotion: p.ID, Decision: promotion.PlanFor, Reason: text, Terms: p.TermsNow().Hash(), CardTS: p.Card.TS,
	})
	w.must(err)
	w.run()
	return a
}

func TestNobodyApprovesWithoutThePlanThatIsAskedFor(t *testing.T) {
	w := newWorld(t, catalog(t, modes(func(d *policy.Document) { d.Plan = true })))
	w.stage("a")
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "/promote plan shop") {
		t.Errorf("Ann's approval: %+v", a)
	}
	if a := w.plan(eve, "hope"); a.Verb == promotion.Noted || w.get(1).Plan != "" {
		t.Errorf("Eve holds no role, and her plan: %+v", a)
	}
	if a := w.plan(ann, "back to v1, then the migration"); a.Verb != promotion.Noted {
		t.Errorf("Ann's plan: %+v", a)
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(time.Hour)
	w.expect(1, promotion.Promoted)
	if p := w.get(1); p.Plan != "back to v1, then the migration" {
		t.Errorf("the plan is %q", p.Plan)
	}
}

func TestAnotherPlanIsAgreedToAnew(t *testing.T) {
	w := newWorld(t, catalog(t, modes(func(d *policy.Document) { d.Plan = true })))
	w.stage("a")
	w.plan(ann, "back to v1")
	w.click(ann, promotion.Approve)
	seen := w.newest().Facts.Promotion
	w.plan(bob, "nobody knows")
	v := w.newest()
	if len(v.Verdict.Assigned) != 0 || len(v.Verdict.Discounted) != 1 || v.Verdict.Discounted[0].Reason != "the rollback plan has changed since" {
		t.Errorf("Ann's approval: %+v, %+v", v.Verdict.Assigned, v.Verdict.Discounted)
	}
	if a := w.clickOn(bob, promotion.Approve, seen); a.Verb != promotion.Outdated {
		t.Errorf("a click on the card with the other plan: %+v", a)
	}
	if a := w.plan(bob, "nobody knows"); a.Verb != promotion.Repeated {
		t.Errorf("the same plan again: %+v", a)
	}
}

func TestNoPlanIsTakenWhereNoneIsAskedFor(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	if a := w.plan(ann, "back to v1"); a.Verb != promotion.Refused || w.get(1).Plan != "" {
		t.Errorf("%+v", a)
	}
}
