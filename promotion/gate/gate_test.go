package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestTheMainJob(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.expect(1, promotion.Open)

	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Counted || a.Role != "leads" {
		t.Fatalf("Ann's approval during the soak: %+v", a)
	}
	if a := w.click(eve, promotion.Approve); a.Verb != promotion.Checking {
		t.Fatalf("Eve holds no role and was never looked up: %+v", a)
	}
	if w.count("to U0EVE: refused") != 1 {
		t.Fatalf("Eve was not told privately that she was refused: %q", w.said)
	}
	if a := w.click(bob, promotion.Approve); a.Verb != promotion.Counted {
		t.Fatalf("Bob's approval: %+v", a)
	}
	w.expect(1, promotion.Open) // it still soaks
	w.wait(24*time.Hour - time.Second)
	w.expect(1, promotion.Open)
	w.wait(time.Second)
	w.expect(1, promotion.Promoted)

	if got := w.tags["production"]; got != digest("a") {
		t.Errorf("production is %s", got)
	}
	if len(w.moves) != 1 {
		t.Errorf("tags put: %q, want one", w.moves)
	}
	if p := w.get(1); w.drawn[1] != p.Revision {
		t.Errorf("the card shows revision %d of %d", w.drawn[1], p.Revision)
	}
	if n, _, err := w.db.VerifyAudit(t.Context()); err != nil || n == 0 {
		t.Errorf("audit log: %d entries, %v", n, err)
	}
}

func TestSoakCompletesAtItsInstantAndSaysSo(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.wait(24*time.Hour - time.Second)
	if w.count("soaked") != 0 {
		t.Fatal("a second early, the soak was announced")
	}
	w.wait(time.Second)
	if w.count("soaked") != 1 {
		t.Fatalf("said %q at the instant", w.said)
	}
	w.restart()
	w.look()
	w.wait(time.Hour)
	if w.count("soaked") != 1 {
		t.Fatalf("announced %d times", w.count("soaked"))
	}
}

func TestADigestThatLeavesStopsSoaking(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(10 * time.Hour)
	delete(w.tags, "staging-passed")
	w.look()
	w.wait(100 * time.Hour)
	w.expect(1, promotion.Open)
	if f, _ := w.newest().Verdict.Finding(policy.RuleSource); f.Outcome != policy.Waiting {
		t.Errorf("source finding: %+v", f)
	}
	w.stage("a")
	w.wait(14*time.Hour - time.Second)
	w.expect(1, promotion.Open)
	w.wait(time.Second)
	w.expect(1, promotion.Promoted)
}

func TestARegistryThatIsDownIsNotAnAbsence(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.blind("registry.example.com does not answer")
	w.wait(30 * time.Hour)
	w.expect(1, promotion.Open)
	f, _ := w.newest().Verdict.Finding(policy.RuleSource)
	if f.Outcome != policy.Waiting || !strings.Contains(f.Reason, "does not answer") {
		t.Errorf("source finding: %+v", f)
	}
	w.look()
	w.run()
	w.expect(1, promotion.Promoted)
}

func TestARestartTakesNothingForGranted(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(23 * time.Hour)
	w.restart()
	w.wait(2 * time.Hour)
	w.expect(1, promotion.Open) // nobody has looked since the start
	w.look()
	w.run()
	w.expect(1, promotion.Promoted)
}

func TestANewDigestReplacesTheCandidate(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	old := w.get(1)
	w.click(ann, promotion.Approve)
	w.wait(time.Hour)
	w.stage("b")
	w.expect(1, promotion.Superseded)
	if p := w.get(1); p.Successor != 2 {
		t.Errorf("successor is #%d", p.Successor)
	}
	w.expect(2, promotion.Open)
	if a := w.clickOn(bob, promotion.Approve, old); a.Verb != promotion.Closed {
		t.Errorf("a click on the dead card: %+v", a)
	}
	if v := w.newest(); len(v.Verdict.Assigned) != 0 {
		t.Errorf("approvals of the old digest count for the new one: %+v", v.Verdict.Assigned)
	}
}

func TestOneRejectionEndsThisDigestOnly(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	if a := w.click(eve, promotion.Reject); a.Verb != promotion.Checking {
		t.Fatalf("Eve: %+v", a)
	}
	w.expect(1, promotion.Open)
	w.click(ann, promotion.Reject)
	w.expect(1, promotion.Rejected)
	votes := w.newest().Facts.Votes
	if len(votes) != 1 || votes[0].Person != ann || votes[0].Reason != "because" {
		t.Errorf("the record of the rejection: %+v", votes)
	}
	w.look()
	w.run()
	if p := w.newest().Facts.Promotion; p.ID != 1 {
		t.Errorf("the rejected digest was put forward again as #%d", p.ID)
	}
	w.stage("b")
	w.expect(2, promotion.Open)
}

func TestOneGestureCountsOnce(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	p := w.get(1)
	g := promotion.Gesture{Key: "click/1", Kind: promotion.GestureVote, Person: ann, Promotion: 1, Decision: promotion.Approve, Terms: p.TermsNow().Hash(), CardTS: p.Card.TS, Reply: true}
	first, err := w.gate.Take(t.Context(), g)
	w.must(err)
	again, err := w.gate.Take(t.Context(), g)
	w.must(err)
	if first.Verb != promotion.Counted || again.Verb != promotion.Counted {
		t.Errorf("a redelivered envelope is answered %q, then %q", first.Verb, again.Verb)
	}
	w.run()
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Repeated {
		t.Errorf("a second click by the same person: %+v", a)
	}
	if v := w.newest(); len(v.Facts.Votes) != 1 || len(v.Verdict.Assigned) != 1 {
		t.Errorf("votes %+v, assigned %+v", v.Facts.Votes, v.Verdict.Assigned)
	}
}

func TestVotesAreBoundToWhatWasShown(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	seen := w.get(1)
	w.click(ann, promotion.Approve)

	w.tags["production"] = digest("9") // somebody moves production by hand
	w.look()
	w.run()
	v := w.newest()
	if len(v.Verdict.Assigned) != 0 || len(v.Verdict.Discounted) != 1 || !strings.Contains(v.Verdict.Discounted[0].Reason, "production pointed at 000000000000") {
		t.Errorf("after production moved: assigned %+v, discounted %+v", v.Verdict.Assigned, v.Verdict.Discounted)
	}
	if a := w.clickOn(bob, promotion.Approve, seen); a.Verb != promotion.Outdated {
		t.Errorf("a click on the card as it was: %+v", a)
	}
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Counted {
		t.Errorf("Ann agrees to what is shown now: %+v", a)
	}

	stricter := careful()
	stricter.Soak = 48 * time.Hour
	w.must(w.gate.Adopt(t.Context(), catalog(t, stricter)))
	w.run()
	v = w.newest()
	if len(v.Verdict.Assigned) != 0 || v.Verdict.Discounted[0].Reason != "the policy has changed since" {
		t.Errorf("after the policy changed: assigned %+v, discounted %+v", v.Verdict.Assigned, v.Verdict.Discounted)
	}
}

func TestALoweredQuorumCompletesNothing(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.wait(25 * time.Hour)
	w.expect(1, promotion.Open)
	laxer := careful()
	laxer.Approvals[0].Count = 1
	w.must(w.gate.Adopt(t.Context(), catalog(t, laxer)))
	w.run()
	w.expect(1, promotion.Open)
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Promoted)
}

func TestRolesAreReadAgainBeforeExecution(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(23*time.Hour + 59*time.Minute)
	w.people[bob] = promotion.Deactivated // leaves in the last minute
	w.wait(2 * time.Minute)
	w.expect(1, promotion.Open)
	if v := w.newest(); len(v.Verdict.Discounted) != 1 || v.Verdict.Discounted[0].Person != bob {
		t.Errorf("discounted: %+v", v.Verdict.Discounted)
	}
	w.click(sue, promotion.Approve)
	w.expect(1, promotion.Promoted)
}

func TestGroupsAreReadAgainBeforeExecutionAndFailClosed(t *testing.T) {
	c := catalog(t, careful())
	c.Roles["leads"] = gateRole("S0LEADS")
	w := newWorld(t, c)
	w.groups["S0LEADS"] = []promotion.PersonID{ann, bob}
	w.wait(15 * time.Minute)
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(23 * time.Hour)
	w.down[promotion.EffectGroup] = promotion.Unavailable
	w.wait(3 * time.Hour)
	w.expect(1, promotion.Open) // soaked and approved, but who they are can't be read
	if f, _ := w.newest().Verdict.Finding(policy.RuleIdentity); f.Outcome != policy.Waiting {
		t.Errorf("identity: %+v", f)
	}
	delete(w.down, promotion.EffectGroup)
	w.groups["S0LEADS"] = []promotion.PersonID{ann}
	w.wait(2 * time.Minute)
	w.expect(1, promotion.Open)
	w.groups["S0LEADS"] = []promotion.PersonID{ann, bob}
	w.wait(11 * time.Minute)
	w.expect(1, promotion.Promoted)
}

func TestStrangersAreRefused(t *testing.T) {
	for standing, want := range map[promotion.Standing]string{
		promotion.Guest: "guests", promotion.External: "other workspaces", promotion.Bot: "bots", promotion.Deactivated: "deactivated", promotion.Unknown: "does not know",
	} {
		t.Run(string(standing), func(t *testing.T) {
			w := newWorld(t, catalog(t, careful()))
			w.people[ann] = standing
			w.wait(11 * time.Minute)
			w.stage("a")
			a := w.click(ann, promotion.Approve)
			if a.Verb != promotion.Refused || !strings.Contains(a.Reason, want) {
				t.Errorf("answer: %+v", a)
			}
			if len(w.newest().Facts.Votes) != 0 {
				t.Error("a vote was recorded")
			}
		})
	}
}

func TestAVersionTagIsNeverMoved(t *testing.T) {
	c := catalog(t, careful())
	c.Environments[1].Tags = []promotion.TagTemplate{"production", "v{label.org.opencontainers.image.version}"}
	w := newWorld(t, c)
	w.labels = map[string]string{promotion.LabelVersion: "1.4.2"}
	w.tags["v1.4.2"] = digest("7")
	w.stage("a")
	f, _ := w.newest().Verdict.Finding(policy.RuleTags)
	if f.Outcome != policy.Blocked || !strings.Contains(f.Reason, "v1.4.2 already points at 777777777777") {
		t.Errorf("tags: %+v", f)
	}
	w.labels = nil
	w.stage("b")
	f, _ = w.newest().Verdict.Finding(policy.RuleTags)
	if f.Outcome != policy.Blocked || !strings.Contains(f.Reason, "does not have") {
		t.Errorf("without the label: %+v", f)
	}
}

func TestAConflictAsksAHuman(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(23 * time.Hour)
	w.tags["production"] = digest("9") // and no look has seen it yet
	w.wait(time.Hour)
	w.expect(1, promotion.Conflicted)
	if w.tags["production"] != digest("9") || len(w.moves) != 0 {
		t.Errorf("production is %s, tags put: %q", w.tags["production"], w.moves)
	}
	w.look()
	if a := w.request(eve, ""); a.Verb != promotion.Checking && a.Verb != promotion.Requested {
		t.Errorf("asking again: %+v", a)
	}
	w.expect(2, promotion.Open)
}

func TestAnUnknownOutcomeIsTriedUntilItIsKnown(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.down[promotion.EffectMove] = promotion.Unavailable
	w.wait(30 * time.Hour)
	w.expect(1, promotion.Executing)
	w.restart()
	delete(w.down, promotion.EffectMove)
	w.wait(2 * time.Minute)
	w.expect(1, promotion.Promoted)
	if len(w.moves) != 1 {
		t.Errorf("tags put: %q", w.moves)
	}
}

func TestCredentialsThatMayNotFailOnce(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.down[promotion.EffectMove] = promotion.Forbidden
	w.wait(25 * time.Hour)
	w.expect(1, promotion.Failed)
}

func TestRequests(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Reject)

	w.request(ann, "")
	w.expect(2, promotion.Open)
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "requested") {
		t.Errorf("the requester approves: %+v", a)
	}
	if a := w.request(bob, ""); a.Verb != promotion.Existing || a.Promotion != 2 {
		t.Errorf("asking for what is open: %+v", a)
	}
	if a := w.request(bob, string(digest("f"))); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "staging") {
		t.Errorf("asking for what was never in staging: %+v", a)
	}
	if a := w.request(bob, "no-such-tag"); a.Verb != promotion.Checking {
		t.Errorf("asking for a tag: %+v", a)
	}
	if w.count("to U0BOB: refused") != 1 {
		t.Errorf("said %q", w.said)
	}
	w.tags["nightly"] = digest("a")
	w.request(bob, "nightly")
	if w.count("to U0BOB: existing") != 1 {
		t.Errorf("said %q", w.said)
	}
}

func TestAnOlderBuildNeverOverwritesANewerPromotion(t *testing.T) {
	w := newWorld(t, catalog(t, policy.Document{Soak: time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 1}}}))
	w.stage("a")
	w.wait(time.Minute)
	w.stage("b")
	w.click(ann, promotion.Approve)
	w.wait(time.Hour)
	w.expect(2, promotion.Promoted)
	w.tags["old"] = digest("a")
	w.request(bob, string(digest("a")))
	if v := w.newest(); v.Facts.Promotion.ID != 2 {
		t.Errorf("a digest that left staging was put forward: %+v", v.Facts.Promotion)
	}
}

func TestRemindersComeOncePerPeriodAcrossRestarts(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a") // Monday 10:00 in Berlin; soaked on Tuesday 10:00
	w.wait(20 * time.Hour)
	if n := w.count("reminder"); n != 0 {
		t.Fatalf("%d reminders while it soaks", n)
	}
	w.wait(28 * time.Hour) // Wednesday 10:00: reminded at 9:00
	if n := w.count("reminder"); n != 1 {
		t.Fatalf("%d reminders on the first day", n)
	}
	w.restart()
	w.look()
	w.wait(time.Hour)
	if n := w.count("reminder"); n != 1 {
		t.Fatalf("%d reminders after a restart in the same period", n)
	}
	w.wait(22 * time.Hour)
	if n := w.count("reminder"); n != 2 {
		t.Fatalf("%d reminders after the second period", n)
	}
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(48 * time.Hour)
	if n := w.count("reminder"); n != 2 {
		t.Fatalf("%d reminders after the approvals", n)
	}
}

func TestRemindersKeepTheirHourAcrossADaylightSavingChange(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.now = time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC) // clocks go forward on the 29th
	w.run()
	w.stage("a")
	var at []string
	for range 4 * 24 {
		had := w.count("reminder")
		w.wait(time.Hour)
		if w.count("reminder") > had {
			at = append(at, w.now.In(berlin(t)).Format("02 15:04"))
		}
	}
	if got := strings.Join(at, ", "); got != "29 09:00, 30 09:00, 31 09:00" {
		t.Errorf("reminded on %s", got)
	}
}

func TestAClockSetBackNeverShortensASoak(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(10 * time.Hour)
	w.now = w.now.Add(-5 * time.Hour)
	w.look()
	w.run()
	w.wait(14 * time.Hour)
	w.expect(1, promotion.Open)
	w.wait(5 * time.Hour)
	w.expect(1, promotion.Promoted)
}

func TestAClickOnAnotherMessageIsOutdated(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	copied := w.get(1)
	copied.Card.TS = "forwarded"
	if a := w.clickOn(ann, promotion.Approve, copied); a.Verb != promotion.Outdated {
		t.Errorf("answer: %+v", a)
	}
}

func TestWhoCantBeReadCantDecide(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.down[promotion.EffectPerson] = promotion.Forbidden
	w.wait(2 * time.Hour)
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Checking {
		t.Fatalf("answer: %+v", a)
	}
	if w.count("to U0ANN: refused") != 1 || len(w.newest().Facts.Votes) != 0 {
		t.Errorf("said %q, votes %+v", w.said, w.newest().Facts.Votes)
	}
}

func TestChangedTagsAreReadAnew(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	c := catalog(t, careful())
	c.Environments[1].Tags = []promotion.TagTemplate{"production", "live-{digest}"}
	w.must(w.gate.Adopt(t.Context(), c))
	w.run()
	p := w.get(1)
	if len(p.Targets) != 2 || p.Targets[0].Tag != "live-aaaaaaaaaaaa" || !p.Planned() {
		t.Errorf("targets: %+v", p.Targets)
	}
	if v := w.newest(); len(v.Verdict.Assigned) != 0 {
		t.Error("an approval of other tags still counts")
	}
}

func TestAChangeWhileTheCardIsDrawnDrawsItAgain(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.during = func() {
		if a := w.clickOn(ann, promotion.Reject, w.get(1)); a.Verb != promotion.Counted {
			t.Errorf("answer: %+v", a)
		}
	}
	w.stage("a")
	if p := w.get(1); w.drawn[1] != p.Revision || p.Card.Revision != p.Revision {
		t.Errorf("the card shows revision %d of %d", w.drawn[1], p.Revision)
	}
}

func TestOnlyMembersCanRequest(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Reject)
	w.people[eve] = promotion.Guest
	w.request(eve, "")
	if n := w.newest().Facts.Promotion.ID; n != 1 {
		t.Errorf("a guest opened #%d", n)
	}
}

func TestNothingCanBeApprovedBeforeItIsKnownWhat(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.down[promotion.EffectInspect] = promotion.Unavailable
	w.stage("a")
	a := w.click(ann, promotion.Approve)
	if a.Verb != promotion.Refused || !strings.Contains(a.Reason, "not been read") {
		t.Errorf("answer: %+v", a)
	}
	if f, _ := w.newest().Verdict.Finding(policy.RuleTags); !strings.Contains(f.Reason, "inspect is down") {
		t.Errorf("tags: %+v", f)
	}
}

func TestAChainOfThreeIsWalked(t *testing.T) {
	c := catalog(t, policy.Document{Approvals: []policy.Requirement{{Role: "leads", Count: 1}}})
	c.Environments = []gate.Environment{{Name: "build"}, {Name: "staging", Tags: []promotion.TagTemplate{"staging"}}, {Name: "production", Tags: []promotion.TagTemplate{"production"}}}
	c.Apps[0].Policies["staging"] = c.Apps[0].Policies["production"]
	w := newWorld(t, c)
	delete(w.tags, "production")
	w.must(w.gate.Sight(t.Context(), []promotion.Sighting{{App: "shop", Environment: "staging", Side: promotion.Held, At: w.now}}))
	w.request(eve, string(digest("a")))
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Promoted)
	if p := w.get(2); p.From != "staging" || p.To != "production" {
		t.Fatalf("#2 goes from %s to %s", p.From, p.To)
	}
	w.click(ann, promotion.Approve)
	w.expect(2, promotion.Promoted)
	if w.tags["production"] != digest("a") || w.tags["staging"] != digest("a") {
		t.Errorf("tags: %v", w.tags)
	}
}

// Whoever says no says it about the digest: writing down why takes a minute, and
// whatever changes meanwhile makes it no less of a no.
func TestANoCountsWhateverHasChangedSince(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	seen := w.get(1)
	w.tags["production"] = digest("9")
	w.look()
	w.run()
	if a := w.clickOn(ann, promotion.Approve, seen); a.Verb != promotion.Outdated {
		t.Errorf("a yes to what is no longer so: %+v", a)
	}
	if a := w.clickOn(ann, promotion.Reject, seen); a.Verb != promotion.Counted {
		t.Errorf("a no: %+v", a)
	}
	w.expect(1, promotion.Rejected)
}
