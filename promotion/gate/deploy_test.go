package gate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func deploying(t *testing.T, together bool, after *policy.After, targets ...string) *gate.Catalog {
	d := policy.Document{Name: "quick", Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, Deploys: targets, After: after}
	c := catalog(t, d)
	c.Environments[1].Deploy = gate.Deploy{Together: together, Deadline: 15 * time.Minute}
	for _, name := range targets {
		c.Environments[1].Deploy.Targets = append(c.Environments[1].Deploy.Targets, gate.Target{Name: name})
	}
	return c
}

// promote has the build approved, and everything done that follows at once.
func (w *world) promote(build string) promotion.ID {
	w.t.Helper()
	w.stage(build)
	w.click(ann, promotion.Approve)
	return w.newest().Facts.Promotion.ID
}

func (w *world) deployments(id promotion.ID) []promotion.Deployment {
	w.t.Helper()
	v, err := w.gate.View(w.t.Context(), id)
	w.must(err)
	return v.Facts.Deployments
}

// phases are how far the targets are, in their order.
func (w *world) phases(id promotion.ID) string {
	w.t.Helper()
	var all []string
	for _, d := range w.deployments(id) {
		all = append(all, d.Order.Target+" "+string(d.Rollout.Phase))
	}
	return strings.Join(all, ", ")
}

func (w *world) recorded(kind audit.Kind) (found []audit.Entry) {
	w.t.Helper()
	w.must(w.db.Audit(w.t.Context(), 0, func(body []byte) error {
		e, err := audit.Parse(body)
		if e.Kind == kind {
			found = append(found, e)
		}
		return err
	}))
	return found
}

func TestATargetIsToldWhenTheTagsAreWhereTheyWereToBe(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.platform = digest("9")
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "1 of 3") }
	id := w.promote("a")
	w.expect(id, promotion.Deploying)
	if w.tags["production"] != digest("a") || !slices.Equal(w.told, []string{"eu=" + digest("a").Short()}) {
		t.Fatalf("production is %s, and told are %v", w.tags["production"], w.told)
	}
	o := w.deployments(id)[0].Order
	if o.Image() != string(repo)+"@"+string(digest("a")) || o.Previous != digest("0") || !slices.Equal(o.Tags, []string{"production"}) || !slices.Equal(o.Approvers, []string{string(ann)}) || o.Handle != "job of eu" || o.Deadline.Sub(o.OrderedAt) != 15*time.Minute {
		t.Errorf("the order is %+v", o)
	}
	if !slices.Equal(o.Manifests, []promotion.Digest{w.platform}) {
		t.Errorf("a machine that runs the manifest of its platform would not be known to run it: the order has %v", o.Manifests)
	}
	w.wait(10 * time.Second)
	holds, err := w.gate.Status(t.Context(), "shop")
	w.must(err)
	if f := holds[0].Following; len(f) != 1 || f[0].Promotion.ID != id || len(f[0].Deployments) != 1 || f[0].Deployments[0].Rollout.Detail != "1 of 3" {
		t.Errorf("on its way is %+v", f)
	}
	if h := holds[0].Environments[1].Holds; len(h) != 1 || h[0].Digest != digest("a") {
		t.Errorf("production holds %+v while it is being deployed", h)
	}
	w.target["eu"] = nil
	w.wait(time.Minute)
	w.expect(id, promotion.Promoted)
	if got := w.phases(id); got != "eu done" || len(w.told) != 1 {
		t.Errorf("%s, told %v", got, w.told)
	}
	var phases []string
	for _, e := range w.recorded(audit.Rollout) {
		phases = append(phases, e.Detail["phase"].(string))
	}
	if want := []string{"ordered", "asked", "rolling", "done"}; !slices.Equal(phases, want) {
		t.Errorf("recorded are %v, want %v", phases, want)
	}
}

func TestATagThatIsInConflictIsDeployedNowhere(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.stage("a")
	w.tags["production"] = digest("f")
	w.click(ann, promotion.Approve)
	id := w.newest().Facts.Promotion.ID
	w.expect(id, promotion.Conflicted)
	if w.wait(time.Hour); len(w.told) != 0 || w.phases(id) != "eu planned" {
		t.Errorf("told %v, %s", w.told, w.phases(id))
	}
}

func TestTargetsAreToldOneAfterTheOther(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu", "us"))
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
	id := w.promote("a")
	w.wait(5 * time.Minute)
	if got := w.phases(id); got != "eu rolling, us planned" || len(w.told) != 1 {
		t.Fatalf("%s, told %v", got, w.told)
	}
	w.target["eu"] = nil
	w.wait(time.Minute)
	w.expect(id, promotion.Promoted)
	if got := w.phases(id); got != "eu done, us done" || len(w.told) != 2 {
		t.Errorf("%s, told %v", got, w.told)
	}
}

func TestTargetsAreToldTogether(t *testing.T) {
	w := newWorld(t, deploying(t, true, nil, "eu", "us"))
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
	id := w.promote("a")
	w.wait(time.Minute)
	w.expect(id, promotion.Deploying)
	if got := w.phases(id); got != "eu rolling, us done" || len(w.told) != 2 {
		t.Errorf("%s, told %v", got, w.told)
	}
}

func TestATargetThatFailsHasPeopleDecideAndTheNextIsNotTold(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu", "us"))
	w.target["eu"] = func(promotion.Order) promotion.Result {
		return promotion.Result{Rollout: &promotion.Rollout{Phase: promotion.RolloutFailed, Detail: "CrashLoopBackOff", Lines: []string{"panic: no"}}}
	}
	id := w.promote("a")
	w.wait(time.Minute)
	w.expect(id, promotion.Failing)
	if p := w.get(id); !strings.Contains(p.Reason, "eu: CrashLoopBackOff") || w.phases(id) != "eu failed, us planned" || w.count("failing") != 1 || len(w.told) != 1 {
		t.Errorf("%q, %s, told %v, said %v", p.Reason, w.phases(id), w.told, w.said)
	}
	w.stage("b")
	w.click(ann, promotion.Approve)
	next := w.newest()
	if f, _ := next.Verdict.Finding(policy.RuleTurn); f.Outcome != policy.Waiting || !strings.Contains(f.Reason, "is failing") {
		t.Errorf("the next one's turn: %+v", f)
	}
	if w.clickOn(eve, promotion.Keep, w.get(id)); w.answers[eve].Verb != promotion.Refused {
		t.Errorf("eve: %+v", w.answers[eve])
	}
	keep := promotion.Gesture{Kind: promotion.GestureVote, Promotion: id, Decision: promotion.Keep}
	if !w.turnedAway(eve, keep) || w.turnedAway(bob, keep) {
		t.Error("who is asked why it is kept are not those who could keep it")
	}
	w.expect(id, promotion.Failing)
	if a := w.clickOn(bob, promotion.Keep, w.get(id)); a.Verb != promotion.Counted {
		t.Fatalf("%+v", a)
	}
	w.expect(id, promotion.Promoted)
	if p := w.get(id); p.EndedBy != bob || p.Reason != "because" {
		t.Errorf("kept by %q: %q", p.EndedBy, p.Reason)
	}
	w.wait(time.Minute) // the next one goes ahead, since it was approved
	if now := w.newest().Facts.Promotion; now.State != promotion.Failing || w.tags["production"] != digest("b") {
		t.Errorf("the next one is %s, production %s", now.State, w.tags["production"])
	}
}

func TestNobodyKeepsWhatIsNotFailing(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.stage("a")
	if a := w.click(ann, promotion.Keep); a.Verb != promotion.Refused {
		t.Errorf("open: %+v", a)
	}
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
	w.click(ann, promotion.Approve)
	if a := w.click(bob, promotion.Keep); a.Verb != promotion.Closed {
		t.Errorf("deploying: %+v", a)
	}
}

func TestWithoutAnyApprovalStillSomebodyCanKeepIt(t *testing.T) {
	c := deploying(t, false, nil, "eu")
	d := c.Apps[0].Policies["production"]
	d.Automatic, d.Approvals = true, nil
	c.Apps[0].Policies["production"] = d
	c.Environments = append(c.Environments, gate.Environment{Name: "moon", Tags: []promotion.TagTemplate{"moon"}})
	c.Apps[0].Policies["moon"] = careful()
	w := newWorld(t, c)
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutFailed, "no") }
	w.stage("a")
	w.wait(time.Minute)
	var id promotion.ID = 1
	w.expect(id, promotion.Failing)
	if w.clickOn(eve, promotion.Keep, w.get(id)); w.answers[eve].Verb != promotion.Refused {
		t.Errorf("eve: %+v", w.answers[eve])
	}
	if a := w.clickOn(ann, promotion.Keep, w.get(id)); a.Verb != promotion.Counted {
		t.Errorf("ann: %+v", a)
	}
	w.expect(id, promotion.Promoted)
}

func TestADeadlineEndsWhatIsNotDone(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "1 of 3") }
	id := w.promote("a")
	w.wait(14 * time.Minute)
	w.expect(id, promotion.Deploying)
	w.wait(time.Minute)
	w.expect(id, promotion.Failing)
	if p := w.get(id); !strings.Contains(p.Reason, "not done by its deadline: 1 of 3") {
		t.Errorf("%q", p.Reason)
	}
	if n := w.asked["eu"]; n < 20 || n > 80 {
		t.Errorf("in a quarter of an hour it was asked %d times", n)
	}
}

func TestWhatCannotBeReadIsNotKnownToBeDone(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.down[promotion.EffectObserve] = promotion.Forbidden
	id := w.promote("a")
	w.wait(time.Minute)
	w.expect(id, promotion.Deploying)
	if d := w.deployments(id)[0]; d.Fault != "observe is down" {
		t.Errorf("the fault is %q", d.Fault)
	}
	w.wait(15 * time.Minute)
	w.expect(id, promotion.Failing)
	if p := w.get(id); !strings.Contains(p.Reason, "until its deadline it was not known to be done: observe is down") {
		t.Errorf("%q", p.Reason)
	}
}

func TestWhatCannotBeReadForAWhileIsReadAgain(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.down[promotion.EffectObserve] = promotion.Unavailable
	id := w.promote("a")
	w.wait(5 * time.Minute)
	delete(w.down, promotion.EffectObserve)
	w.wait(2 * time.Minute)
	w.expect(id, promotion.Promoted)
	if d := w.deployments(id)[0]; d.Fault != "" {
		t.Errorf("the fault is still %q", d.Fault)
	}
}

func TestATargetThatRefusesAnOrderHasFailed(t *testing.T) {
	for kind, want := range map[promotion.Kind]promotion.State{promotion.Conflict: promotion.Failing, promotion.Forbidden: promotion.Failing, promotion.Invalid: promotion.Failing, promotion.Unavailable: promotion.Deploying} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, deploying(t, false, nil, "eu"))
			w.down[promotion.EffectDeploy] = kind
			id := w.promote("a")
			w.wait(time.Minute)
			w.expect(id, want)
		})
	}
}

func TestAHoldStopsTheNextTargetUntilItIsLifted(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu", "us"))
	under := true
	w.target["eu"] = func(promotion.Order) promotion.Result {
		if under {
			return says(promotion.RolloutUnder, "")
		}
		return says(promotion.RolloutDone, "")
	}
	id := w.promote("a")
	w.deed(promotion.Gesture{Kind: promotion.GestureHold, Person: eve, App: "shop", Reason: "it smells"})
	under = false
	w.wait(time.Hour)
	w.expect(id, promotion.Deploying)
	if got := w.phases(id); got != "eu done, us planned" {
		t.Fatalf("%s while it is held", got)
	}
	w.deed(promotion.Gesture{Kind: promotion.GestureUnhold, Person: eve, App: "shop"})
	w.wait(time.Minute)
	w.expect(id, promotion.Promoted)
}

func TestATargetThatIsTakenOutOfTheConfigurationFailsClearly(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu", "us"))
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
	id := w.promote("a")
	w.must(w.gate.Adopt(t.Context(), deploying(t, false, nil, "us")))
	w.run()
	w.expect(id, promotion.Failing)
	if p := w.get(id); !strings.Contains(p.Reason, "the configuration has no target eu for shop any more") {
		t.Errorf("%q", p.Reason)
	}
}

func TestATargetWhoseTurnNeverCameIsMissedWhenItComes(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu", "us"))
	under := true
	w.target["eu"] = func(promotion.Order) promotion.Result {
		if under {
			return says(promotion.RolloutUnder, "")
		}
		return says(promotion.RolloutDone, "")
	}
	id := w.promote("a")
	w.must(w.gate.Adopt(t.Context(), deploying(t, false, nil, "eu")))
	w.run()
	w.expect(id, promotion.Deploying)
	under = false
	w.wait(time.Minute)
	w.expect(id, promotion.Failing)
	if p := w.get(id); !strings.Contains(p.Reason, "no target us") || len(w.told) != 1 {
		t.Errorf("%q, told %v", p.Reason, w.told)
	}
}

func TestNothingElseGoesAheadWhileATargetIsUnderWay(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
	first := w.promote("a")
	second := w.promote("b")
	w.wait(5 * time.Minute)
	w.expect(first, promotion.Deploying)
	w.expect(second, promotion.Open)
	w.target["eu"] = nil
	w.wait(time.Minute)
	w.expect(first, promotion.Promoted)
	w.expect(second, promotion.Promoted)
	if want := []string{"eu=" + digest("a").Short(), "eu=" + digest("b").Short()}; !slices.Equal(w.told, want) {
		t.Errorf("told %v, want %v", w.told, want)
	}
}

func TestADeploymentGoesOnAfterARestart(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu", "us"))
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
	id := w.promote("a")
	w.restart()
	w.target["eu"] = nil
	w.wait(time.Minute)
	w.expect(id, promotion.Promoted)
	if len(w.told) != 2 {
		t.Errorf("told %v", w.told)
	}
}

func TestOnlyItsOwnTargetsRunAnApp(t *testing.T) {
	c := deploying(t, false, nil, "eu", "us")
	c.Environments[1].Deploy.Targets[0].Apps = []string{"wiki"}
	w := newWorld(t, c)
	id := w.promote("a")
	w.wait(time.Minute)
	w.expect(id, promotion.Promoted)
	if got := w.phases(id); got != "us done" {
		t.Errorf("%s", got)
	}
}

func TestAnAppWithoutATargetEndsAtTheTag(t *testing.T) {
	c := deploying(t, false, nil, "eu")
	c.Environments[1].Deploy.Targets[0].Apps = []string{"wiki"}
	w := newWorld(t, c)
	id := w.promote("a")
	w.expect(id, promotion.Promoted)
	if p := w.get(id); p.MovedAt != nil || len(w.told) != 0 {
		t.Errorf("%+v, told %v", p.MovedAt, w.told)
	}
}

func TestTheCardIsDrawnOnlyWhenSomethingElseIsToBeSeen(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "1 of 3") }
	id := w.promote("a")
	w.wait(time.Minute)
	before, asked := w.draws[id], w.asked["eu"]
	w.wait(5 * time.Minute)
	if w.draws[id] != before || w.asked["eu"] < asked+5 {
		t.Errorf("it was drawn %d times more, and asked %d times", w.draws[id]-before, w.asked["eu"]-asked)
	}
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "2 of 3") }
	w.wait(time.Minute)
	if w.draws[id] != before+1 {
		t.Errorf("it was drawn %d times for one change", w.draws[id]-before)
	}
}

func TestATargetSaysItselfThatItIsDone(t *testing.T) {
	c := deploying(t, false, nil, "eu", "us")
	c.Environments[1].Deploy.Together = true
	c.Environments[1].Deploy.Targets[0].Tells = true
	w := newWorld(t, c)
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutUnder, "") }
	w.target["us"] = w.target["eu"]
	id := w.promote("a")
	w.must(w.gate.AddToken(t.Context(), audit.Self, promotion.Token{ID: "k1", Name: "cd", Hash: strings.Repeat("1", 64), Scopes: []promotion.Scope{promotion.ScopeDeploy}}))
	w.must(w.gate.AddToken(t.Context(), audit.Self, promotion.Token{ID: "k2", Name: "ci", Hash: strings.Repeat("2", 64), Scopes: []promotion.Scope{promotion.ScopeChecks}}))
	done := promotion.Rollout{Phase: promotion.RolloutDone}
	if _, err := w.gate.Deployed(t.Context(), gate.Call{Token: "k2"}, id, "eu", "", done); !errors.Is(err, promotion.Forbidden) {
		t.Errorf("a token for something else: %v", err)
	}
	for target, want := range map[string]promotion.Verb{"moon": promotion.Missing, "us": promotion.Refused, "eu": promotion.Counted} {
		r, err := w.gate.Deployed(t.Context(), gate.Call{Token: "k1"}, id, target, "", done)
		if err != nil || r.Verb != want {
			t.Errorf("%s: %+v, %v", target, r, err)
		}
	}
	if got := w.phases(id); got != "eu done, us asked" {
		t.Errorf("%s: only eu speaks for itself", got)
	}
	w.target["us"] = nil
	w.wait(time.Minute)
	w.expect(id, promotion.Promoted)
	if r, err := w.gate.Deployed(t.Context(), gate.Call{Token: "k1"}, id, "eu", "", done); err != nil || r.Verb != promotion.Repeated {
		t.Errorf("again: %+v, %v", r, err)
	}
	if r, err := w.gate.Deployed(t.Context(), gate.Call{Token: "k1"}, id, "eu", "", promotion.Rollout{Phase: promotion.RolloutFailed}); err != nil || r.Verb != promotion.Refused {
		t.Errorf("the contrary: %+v, %v", r, err)
	}
	w.wait(time.Hour)
	w.expect(id, promotion.Promoted)
	var by []string
	for _, e := range w.recorded(audit.Rollout) {
		if e.Detail["phase"] == "done" {
			by = append(by, e.Actor)
		}
	}
	if want := []string{"token:cd", audit.Self}; !slices.Equal(by, want) {
		t.Errorf("that they are done is recorded of %v, want %v", by, want)
	}
}

func TestAVoteIsAboutTheTargetsToo(t *testing.T) {
	c := deploying(t, false, nil, "eu")
	d := c.Apps[0].Policies["production"]
	d.Approvals = []policy.Requirement{{Role: "leads", Count: 2}}
	c.Apps[0].Policies["production"] = d
	w := newWorld(t, c)
	w.stage("a")
	w.click(ann, promotion.Approve)
	more := deploying(t, false, nil, "eu", "us")
	d.Deploys = []string{"eu", "us"}
	more.Apps[0].Policies["production"] = d
	w.must(w.gate.Adopt(t.Context(), more))
	w.run()
	if v := w.newest().Verdict; len(v.Assigned) != 0 || len(v.Discounted) != 1 {
		t.Errorf("ann agreed to eu, and %+v counts", v.Assigned)
	}
}

// twoPromoted has a build promoted and another after it, with both known to have run.
func (w *world) twoPromoted() (first, second promotion.ID) {
	w.t.Helper()
	first = w.promote("a")
	w.wait(time.Minute)
	w.expect(first, promotion.Promoted)
	return first, w.promote("b")
}

func TestWhatIsFailingGoesBackByItselfWhereThePolicySaysSo(t *testing.T) {
	w := newWorld(t, deploying(t, false, &policy.After{Watch: time.Minute, Health: true, RollBack: true}, "eu"))
	first := w.promote("a")
	w.wait(5 * time.Minute)
	w.expect(first, promotion.Promoted)
	w.target["eu"] = func(o promotion.Order) promotion.Result {
		if o.Digest == digest("b") {
			return says(promotion.RolloutFailed, "CrashLoopBackOff")
		}
		return says(promotion.RolloutDone, "")
	}
	second := w.promote("b")
	w.wait(5 * time.Minute)
	w.expect(second, promotion.Failed)
	back := w.newest().Facts.Promotion
	if back.Purpose != promotion.Rollback || back.State != promotion.Promoted || back.Digest != digest("a") || back.Requester != "" {
		t.Fatalf("%s of %s is %s", back.Purpose, back.Digest.Short(), back.State)
	}
	if p := w.get(second); !strings.Contains(p.Reason, "CrashLoopBackOff") || !strings.Contains(p.Reason, "rolled back to "+digest("a").Short()) {
		t.Errorf("%q", p.Reason)
	}
	if want := []string{"eu=" + digest("a").Short(), "eu=" + digest("b").Short(), "eu=" + digest("a").Short()}; !slices.Equal(w.told, want) || w.tags["production"] != digest("a") {
		t.Errorf("told %v, production is %s", w.told, w.tags["production"])
	}
	w.look()
	w.wait(time.Hour)
	if w.tags["production"] != digest("a") {
		t.Error("what was rolled back has come again by itself")
	}
}

func TestWhatHasNothingToGoBackToIsLeftToPeople(t *testing.T) {
	w := newWorld(t, deploying(t, false, &policy.After{Watch: time.Minute, Health: true, RollBack: true}, "eu"))
	w.target["eu"] = func(promotion.Order) promotion.Result { return says(promotion.RolloutFailed, "no") }
	id := w.promote("a")
	w.wait(5 * time.Minute)
	w.expect(id, promotion.Failing)
	if p := w.get(id); !strings.Contains(p.Reason, "can't be: nothing that could be gone back to") {
		t.Errorf("%q", p.Reason)
	}
}

func TestWhatIsFailingIsRolledBackByPeople(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.target["eu"] = func(o promotion.Order) promotion.Result {
		if o.Digest == digest("b") {
			return says(promotion.RolloutFailed, "no")
		}
		return says(promotion.RolloutDone, "")
	}
	_, second := w.twoPromoted()
	w.wait(time.Minute)
	w.expect(second, promotion.Failing)
	if v := w.newest(); len(v.Facts.Back) == 0 {
		t.Fatal("its card offers no way back")
	}
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureRollback, Person: bob, Promotion: second, Reason: "it crashes"}); a.Verb != promotion.Requested {
		t.Fatalf("%+v", a)
	}
	w.wait(time.Minute)
	w.expect(second, promotion.Failed)
	if back := w.newest().Facts.Promotion; back.Purpose != promotion.Rollback || back.State != promotion.Promoted || w.tags["production"] != digest("a") {
		t.Errorf("%s is %s, production %s", back.Purpose, back.State, w.tags["production"])
	}
}

func TestARollbackDoesNotWaitForWhatIsHeldBetweenTwoTargets(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu", "us"))
	_, second := w.twoPromoted()
	w.deed(promotion.Gesture{Kind: promotion.GestureHold, Person: eve, App: "shop", Reason: "it smells"})
	w.wait(10 * time.Minute)
	w.expect(second, promotion.Deploying)
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureRollback, Person: bob, App: "shop", Reason: "it smells"}); a.Verb != promotion.Requested {
		t.Fatalf("%+v", a)
	}
	w.wait(time.Minute)
	w.expect(second, promotion.Failed)
	if back := w.newest().Facts.Promotion; back.State != promotion.Promoted || w.tags["production"] != digest("a") || w.phases(back.ID) != "eu done, us done" {
		t.Errorf("the rollback is %s (%s), production %s", back.State, w.phases(back.ID), w.tags["production"])
	}
}

func TestAWithdrawnDigestGoesToNoFurtherTarget(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu", "us"))
	under := true
	w.target["eu"] = func(promotion.Order) promotion.Result {
		if under {
			return says(promotion.RolloutUnder, "")
		}
		return says(promotion.RolloutDone, "")
	}
	id := w.promote("a")
	if a := w.deed(promotion.Gesture{Kind: promotion.GestureWithdraw, Person: bob, App: "shop", Ref: strings.Repeat("a", 12), Reason: "CVE"}); a.Verb != promotion.Counted {
		t.Fatalf("%+v", a)
	}
	w.expect(id, promotion.Deploying)
	under = false
	w.wait(time.Minute)
	w.expect(id, promotion.Failing)
	if p := w.get(id); !strings.Contains(p.Reason, "withdrawn") || w.phases(id) != "eu done, us planned" {
		t.Errorf("%q, %s", p.Reason, w.phases(id))
	}
}
