package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// glassy is the careful policy, past which Eve and Ann can go. Bob reviews that.
func glassy(t *testing.T) *gate.Catalog {
	t.Helper()
	d := careful()
	d.BreakGlass = &policy.BreakGlass{Role: "commanders", By: []string{"security"}, Within: 36 * time.Hour}
	c := catalog(t, d)
	c.Roles["commanders"] = gate.Role{People: []promotion.PersonID{eve, ann}}
	c.Roles["security"] = gate.Role{People: []promotion.PersonID{bob, ann, eve}}
	return c
}

// breaks has somebody break the glass of what they see.
func (w *world) breaks(who promotion.PersonID, seen policy.View) promotion.Answer {
	w.t.Helper()
	p := seen.Facts.Promotion
	return w.gesture(promotion.Gesture{
		Person: who, Promotion: p.ID, Decision: promotion.BreakGlass, Reason: "the shop is down", Terms: p.TermsNow().Hash(),
		Skips: policy.HashOf(policy.Skips(seen.Document, seen.Facts, seen.At)), CardTS: p.Card.TS,
	})
}

func (w *world) reviews(who promotion.PersonID, d promotion.Decision, note string) promotion.Answer {
	w.t.Helper()
	return w.gesture(promotion.Gesture{Person: who, Promotion: 1, Decision: d, Reason: note})
}

func (w *world) gesture(g promotion.Gesture) promotion.Answer {
	w.t.Helper()
	w.clicks++
	g.Key, g.Kind, g.Channel, g.Reply = "glass/"+time.Duration(w.clicks).String(), promotion.GestureVote, "C0SHOP", true
	a, err := w.gate.Take(w.t.Context(), g)
	w.must(err)
	w.run()
	return a
}

// logged are the entries of a kind.
func (w *world) logged(kind audit.Kind) (all []audit.Entry) {
	w.t.Helper()
	w.must(w.db.Audit(w.t.Context(), 0, func(body []byte) error {
		e, err := audit.Parse(body)
		if e.Kind == kind {
			all = append(all, e)
		}
		return err
	}))
	return all
}

func TestABrokenGlassIsLoudRecordedAndReviewed(t *testing.T) {
	w := newWorld(t, glassy(t))
	w.stage("a")
	w.wait(5 * time.Minute) // who Eve is was not read just now
	a := w.breaks(eve, w.newest())
	w.expect(1, promotion.Promoted)
	p := w.get(1)
	if a.Verb != promotion.Counted || p.Broken == nil || p.Broken.By != eve || !slices.ContainsFunc(p.Broken.Skipped, func(s string) bool { return strings.Contains(s, "0 of 2 from leads") }) || !slices.ContainsFunc(p.Broken.Skipped, func(s string) bool { return strings.Contains(s, "soaks 24h") }) {
		t.Fatalf("%+v, and %+v", a, p.Broken)
	}
	if w.count("broken") != 1 || w.count("soaked") != 0 {
		t.Errorf("it is said: %v", w.said)
	}
	logged := w.logged(audit.Broken)
	if len(logged) != 1 || logged[0].Actor != string(eve) || strings.Contains(string(must(logged[0].Body())), "the shop is down") {
		t.Errorf("the log has %+v", logged)
	}
	if intended := w.logged(audit.Intended); len(intended) != 1 || intended[0].Detail["glass_broken_by"] != string(eve) || len(intended[0].Detail["skipped"].([]any)) != 3 {
		t.Errorf("the intent: %+v", intended)
	}
	for who, why := range map[promotion.PersonID]string{eve: "whoever broke", sue: "a role"} {
		if a := w.reviews(who, promotion.Fine, ""); a.Verb != promotion.Refused || !strings.Contains(a.Reason, why) {
			t.Errorf("%s reviews: %+v", who, a)
		}
	}
	if a := w.reviews(bob, promotion.NotFine, ""); a.Verb != promotion.Refused {
		t.Errorf("not fine, and nobody knows why: %+v", a)
	}
	if a := w.reviews(bob, promotion.NotFine, "a freeze was enough"); a.Verb != promotion.Counted {
		t.Errorf("Bob reviews: %+v", a)
	}
	if r := w.get(1).Broken.Review; r == nil || r.By != bob || r.Fine || r.Note != "a freeze was enough" {
		t.Errorf("the review is %+v", r)
	}
	if a := w.reviews(ann, promotion.Fine, ""); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "already") {
		t.Errorf("Ann reviews it again: %+v", a)
	}
	if logged := w.logged(audit.Reviewed); len(logged) != 1 || logged[0].Detail["late"] != false {
		t.Errorf("the log has %+v", logged)
	}
	w.wait(48 * time.Hour)
	if w.count("review") != 0 {
		t.Errorf("what was reviewed was reminded of: %v", w.said)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestAReviewIsRemindedUntilItIsGivenAndShownAsOverdue(t *testing.T) {
	w := newWorld(t, glassy(t))
	w.stage("a")
	w.breaks(eve, w.newest())
	w.expect(1, promotion.Promoted)
	due := w.now.Add(36 * time.Hour)
	w.restart()
	w.run()
	w.wait(due.Sub(w.now) - time.Second)
	drawn := w.draws[1]
	if p := w.get(1); w.count("review") != 1 || p.Overdue(w.now) {
		t.Errorf("reminded %d times before it was due", w.count("review"))
	}
	w.wait(2 * time.Second)
	if p := w.get(1); !p.Overdue(w.now) || w.draws[1] != drawn+1 {
		t.Errorf("overdue: %v, drawn %d times since", p.Overdue(w.now), w.draws[1]-drawn)
	}
	all, err := w.gate.Status(t.Context(), "shop")
	w.must(err)
	if len(all[0].Unreviewed) != 1 || all[0].Unreviewed[0].ID != 1 {
		t.Errorf("the status shows %+v", all[0].Unreviewed)
	}
	w.wait(24 * time.Hour)
	if w.count("review") != 2 {
		t.Errorf("reminded %d times", w.count("review"))
	}
	if a := w.reviews(bob, promotion.Fine, ""); a.Verb != promotion.Counted {
		t.Fatalf("%+v", a)
	}
	if logged := w.logged(audit.Reviewed); len(logged) != 1 || logged[0].Detail["late"] != true {
		t.Errorf("the log has %+v", logged)
	}
	w.wait(24 * time.Hour)
	if p := w.get(1); w.count("review") != 2 || p.Overdue(w.now) {
		t.Errorf("reminded %d times", w.count("review"))
	}
}

func TestTheGlassIsBrokenOnlyForWhatWasShown(t *testing.T) {
	w := newWorld(t, glassy(t))
	w.stage("a")
	seen := w.newest()
	if a := w.breaks(bob, seen); a.Verb != promotion.Refused || !slices.Equal(a.Could, []string{"commanders"}) {
		t.Errorf("Bob does not hold the role: %+v", a)
	}
	w.people[eve] = promotion.Guest
	w.wait(15 * time.Minute)
	if a := w.breaks(eve, seen); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "guests") {
		t.Errorf("a guest: %+v", a)
	}
	w.people[eve] = promotion.Member
	w.wait(15 * time.Minute)
	w.must(w.gate.Adopt(t.Context(), w.gate.Catalog())) // the card is drawn again
	w.run()
	a := w.gesture(promotion.Gesture{Person: ann, Promotion: 1, Decision: promotion.BreakGlass, Reason: "unseen"})
	if a.Verb != promotion.Outdated {
		t.Errorf("without having seen what is skipped: %+v", a)
	}
	_, err := w.gate.Take(t.Context(), promotion.Gesture{Key: "hold", Kind: promotion.GestureHold, Person: bob, App: "shop", Reason: "not now"})
	w.must(err)
	w.run()
	if a := w.breaks(eve, seen); a.Verb != promotion.Outdated {
		t.Errorf("a hold was not shown: %+v", a)
	}
	seen = w.newest()
	w.tags["production"] = digest("9")
	w.look()
	w.run()
	if a := w.breaks(eve, seen); a.Verb != promotion.Outdated {
		t.Errorf("production was another one: %+v", a)
	}
	if p := w.get(1); p.Broken != nil || p.State != promotion.Open {
		t.Errorf("%s, %+v", p.State, p.Broken)
	}
	if a := w.breaks(eve, w.newest()); a.Verb != promotion.Counted {
		t.Errorf("having seen it: %+v", a)
	}
	w.expect(1, promotion.Promoted)
}

func TestABrokenGlassGoesPastAHoldToTheTargets(t *testing.T) {
	d := quick()
	d.Deploys = []string{"eu", "us"}
	d.BreakGlass = &policy.BreakGlass{Role: "leads", By: []string{"leads"}, Within: time.Hour}
	c := deploying(t, false, nil, "eu", "us")
	c.Apps[0].Policies["production"] = d
	w := newWorld(t, c)
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
	w.deed(promotion.Gesture{Kind: promotion.GestureHold, Person: eve, App: "shop", Reason: "not now"})
	w.now = w.now.Add(time.Second)
	w.stage("a")
	if a := w.breaks(ann, w.newest()); a.Verb != promotion.Counted {
		t.Fatalf("%+v", a)
	}
	if got := w.phases(1); got != "eu asked, us planned" {
		t.Errorf("what was skipped holds up the first target: %s", got)
	}
	// What is held from now on is another thing.
	w.now = w.now.Add(time.Second)
	w.deed(promotion.Gesture{Kind: promotion.GestureHold, Person: bob, App: "shop", Reason: "it smells"})
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutDone, "") }
	w.wait(time.Hour)
	if got := w.phases(1); got != "eu done, us planned" {
		t.Errorf("while Bob holds it: %s", got)
	}
	w.deed(promotion.Gesture{Kind: promotion.GestureUnhold, Person: bob, App: "shop"})
	w.wait(time.Minute)
	w.expect(1, promotion.Promoted)
}

func TestABrokenGlassIsNoneUnderAnotherPolicy(t *testing.T) {
	w := newWorld(t, glassy(t))
	w.stage("a")
	w.blind("the registry is down")
	if a := w.breaks(eve, w.newest()); a.Verb != promotion.Counted || len(a.Missing) != 1 || !strings.Contains(a.Missing[0], "the registry is down") {
		t.Fatalf("%+v", a)
	}
	if a := w.breaks(ann, w.newest()); a.Verb != promotion.Repeated {
		t.Errorf("Ann breaks what is broken: %+v", a)
	}
	if a := w.reviews(bob, promotion.Fine, ""); a.Verb != promotion.Refused {
		t.Errorf("a review before it has gone ahead: %+v", a)
	}
	c := glassy(t)
	d := c.Apps[0].Policies["production"]
	d.Soak *= 2
	c.Apps[0].Policies["production"] = d
	w.must(w.gate.Adopt(t.Context(), c))
	w.look()
	w.run()
	w.expect(1, promotion.Open)
	if finding, _ := w.newest().Verdict.Finding(policy.RuleGlass); !strings.Contains(finding.Reason, "the policy has changed since") {
		t.Errorf("%+v", finding)
	}
	if a := w.breaks(ann, w.newest()); a.Verb != promotion.Counted {
		t.Errorf("broken anew: %+v", a)
	}
	w.expect(1, promotion.Promoted)
	if a := w.reviews(bob, promotion.Fine, ""); a.Verb != promotion.Counted || w.get(1).Broken.By != ann {
		t.Errorf("%+v, broken by %s", a, w.get(1).Broken.By)
	}
}

func TestWhatIsBrokenDoesNotExpireWhileItWaits(t *testing.T) {
	c := glassy(t)
	d := c.Apps[0].Policies["production"]
	d.Soak, d.Expires.Request = 0, 2*time.Hour
	c.Apps[0].Policies["production"] = d
	w := newWorld(t, c)
	w.stage("a")
	w.blind("the registry is down")
	w.breaks(eve, w.newest())
	w.wait(3 * time.Hour)
	if a := w.request(sue, ""); a.Verb != promotion.Existing || a.Promotion != 1 {
		t.Errorf("asked for again: %+v", a)
	}
	if a := w.click(bob, promotion.Approve); a.Verb != promotion.Counted {
		t.Errorf("Bob approves: %+v", a)
	}
	w.expect(1, promotion.Open)
	w.look()
	w.run()
	w.expect(1, promotion.Promoted)
}
