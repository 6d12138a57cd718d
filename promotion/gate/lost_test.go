package gate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Nothing that was asked for may get lost, and nobody may be left without an
// answer, whatever happens between the asking and the doing.

func TestTagsThatChangeWhileTheOldOnesAreReadAreReadToo(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.down[promotion.EffectReadTags] = promotion.Unavailable
	w.stage("a")
	c := catalog(t, careful())
	c.Environments[1].Tags = []promotion.TagTemplate{"production", "live-{digest}"}
	w.must(w.gate.Adopt(t.Context(), c))
	delete(w.down, promotion.EffectReadTags)
	w.wait(2 * time.Minute)
	if p := w.get(1); !p.Planned() {
		t.Errorf("targets: %+v", p.Targets)
	}
}

func TestAReadingThatWasForbiddenIsTriedAgain(t *testing.T) {
	for _, effect := range []promotion.EffectKind{promotion.EffectInspect, promotion.EffectReadTags} {
		for _, kind := range []promotion.Kind{promotion.Forbidden, promotion.NotFound, promotion.Conflict} {
			t.Run(string(effect)+" "+string(kind), func(t *testing.T) {
				w := newWorld(t, catalog(t, careful()))
				w.down[effect] = kind
				w.stage("a")
				if f, _ := w.newest().Verdict.Finding(policy.RuleTags); !strings.Contains(f.Reason, "is down") {
					t.Errorf("tags: %+v", f)
				}
				w.wait(time.Hour)
				delete(w.down, effect) // docker login was run again
				w.wait(11 * time.Minute)
				if p := w.get(1); !p.Planned() || p.ReadFault != "" {
					t.Errorf("targets: %+v, fault %q", p.Targets, p.ReadFault)
				}
			})
		}
	}
}

func TestATagThatCantBeReadIsNotATagThatIsNotThere(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.down[promotion.EffectResolve] = promotion.Forbidden
	if a := w.request(bob, "nightly"); a.Verb != promotion.Checking {
		t.Fatalf("answer: %+v", a)
	}
	if a := w.answers[bob]; a.Verb != promotion.Refused || !strings.Contains(a.Reason, "resolve is down") {
		t.Errorf("told %+v", a)
	}
}

func TestARequestWaitsForItsOwnReadingOnly(t *testing.T) {
	c := catalog(t, careful())
	c.Roles["security"] = gateRole("S0SECURITY")
	w := newWorld(t, c)
	w.stage("a")
	w.click(ann, promotion.Reject)
	w.down[promotion.EffectResolve] = promotion.Unavailable
	w.down[promotion.EffectGroup] = promotion.NotFound // somebody has deleted the group
	w.request(bob, "nightly")
	w.wait(11 * time.Minute) // the directory is read
	if a, told := w.answers[bob]; told {
		t.Errorf("while the registry can't be read, Bob was told %+v", a)
	}
	w.tags["nightly"] = digest("a")
	delete(w.down, promotion.EffectResolve)
	w.wait(2 * time.Minute)
	w.expect(2, promotion.Open)
}

func TestAClickIsAnsweredAlsoWhenSlackNeverSaysWhoItWas(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.down[promotion.EffectPerson] = promotion.Unavailable
	w.wait(2 * time.Hour)
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Checking {
		t.Fatalf("answer: %+v", a)
	}
	w.wait(10 * time.Minute)
	if a := w.answers[ann]; a.Verb != promotion.Refused || !strings.Contains(a.Reason, "person is down") || len(w.newest().Facts.Votes) != 0 {
		t.Errorf("told %+v, votes %+v", a, w.newest().Facts.Votes)
	}
}

// Most readings are back within a second. What is said meanwhile is said only to
// whom it takes longer, and never after what has come of it.
func TestThatSomethingIsLookedUpIsSaidOnlyWhenItTakesLong(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	said := func() (n int) {
		for _, text := range w.said {
			if text == "to "+string(eve)+": "+string(promotion.Checking) {
				n++
			}
		}
		return n
	}
	if a := w.click(eve, promotion.Approve); a.Verb != promotion.Checking {
		t.Fatalf("answer: %+v", a)
	}
	w.wait(time.Minute)
	if a := w.answers[eve]; a.Verb != promotion.Refused || said() != 0 {
		t.Errorf("known at once: told %+v, and %d times that it is looked up", a, said())
	}
	w.down[promotion.EffectPerson] = promotion.Unavailable
	w.wait(2 * time.Hour)
	if a := w.click(eve, promotion.Approve); a.Verb != promotion.Checking {
		t.Fatalf("answer: %+v", a)
	}
	if said() != 0 {
		t.Error("it is said at once that it is looked up")
	}
	if w.wait(2 * time.Second); said() != 1 {
		t.Errorf("it takes long: told %d times that it is looked up", said())
	}
}

func TestAClickIsAnsweredAlsoWhenAGroupIsNeverRead(t *testing.T) {
	c := catalog(t, careful())
	c.Roles["leads"] = gateRole("S0LEADS")
	w := newWorld(t, c)
	w.groups["S0LEADS"] = []promotion.PersonID{ann, bob}
	w.wait(15 * time.Minute)
	w.stage("a")
	w.down[promotion.EffectGroup] = promotion.Unavailable
	w.wait(2 * time.Hour)
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Checking {
		t.Fatalf("answer: %+v", a)
	}
	w.wait(10 * time.Minute)
	if a := w.answers[ann]; a.Verb != promotion.Refused || !strings.Contains(a.Reason, "group is down") {
		t.Errorf("told %+v", a)
	}
	delete(w.down, promotion.EffectGroup)
	w.wait(2 * time.Minute)
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Counted {
		t.Errorf("when it can be read again: %+v", a)
	}
}

func TestAClickBeforeTheBotKnowsItsCardCounts(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.during = func() { // Slack shows the card, and its answer is still on the way
		seen := w.get(1)
		seen.Card.TS = "ts"
		if a := w.clickOn(ann, promotion.Approve, seen); a.Verb != promotion.Counted {
			t.Errorf("answer: %+v", a)
		}
	}
	w.down[promotion.EffectCard] = promotion.Unavailable
	w.stage("a")
	delete(w.down, promotion.EffectCard)
	w.wait(time.Minute)
	if n := len(w.newest().Verdict.Assigned); n != 1 {
		t.Errorf("%d approvals count", n)
	}
}

func TestNoticesOutliveAnHourWithoutSlack(t *testing.T) {
	w := newWorld(t, catalog(t, short()))
	w.stage("a")
	w.wait(2*time.Hour + 59*time.Minute)
	w.down[promotion.EffectNotice] = promotion.Unavailable
	w.down[promotion.EffectCard] = promotion.Unavailable
	w.wait(time.Hour)
	delete(w.down, promotion.EffectNotice)
	delete(w.down, promotion.EffectCard)
	w.wait(11 * time.Minute)
	if n := w.count("soaked"); n != 1 {
		t.Errorf("the complete soak was announced %d times", n)
	}
}

func TestANoticeIsNotTriedForEver(t *testing.T) {
	w := newWorld(t, catalog(t, short()))
	w.stage("a")
	w.down[promotion.EffectNotice] = promotion.Unavailable
	w.wait(29 * time.Hour)
	delete(w.down, promotion.EffectNotice)
	w.wait(time.Hour)
	if n := w.count("soaked"); n != 0 {
		t.Errorf("a day later the complete soak was announced %d times", n)
	}
}

func TestACardThatNoChannelEverTookIsGivenUpAfterTheEnd(t *testing.T) {
	for _, posted := range []bool{false, true} {
		t.Run(fmt.Sprint("posted before: ", posted), func(t *testing.T) {
			w := newWorld(t, catalog(t, short()))
			if posted {
				w.stage("a")
			}
			w.down[promotion.EffectCard] = promotion.Forbidden
			w.down[promotion.EffectNotice] = promotion.Forbidden
			w.stage("a")
			w.wait(time.Hour)
			w.click(ann, promotion.Reject)
			w.expect(1, promotion.Rejected)
			w.wait(30 * time.Hour)
			if _, tried, err := w.db.NextDue(t.Context(), []promotion.EffectKind{promotion.EffectCard}); err != nil || tried != posted {
				t.Errorf("it is still tried: %v (%v)", tried, err)
			}
		})
	}
}

func TestAVoteThatCountsNeedsNoWords(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	if a, told := w.answers[ann]; told {
		t.Errorf("besides the card, Ann was told %+v", a)
	}
	w.click(ann, promotion.Approve)
	if a := w.answers[ann]; a.Verb != promotion.Repeated {
		t.Errorf("the second time she was told %+v", a)
	}
}

func TestWhatWasRejectedIsNotPutForwardWhenItComesBack(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.click(ann, promotion.Reject)
	w.stage("b")
	w.stage("a")
	if p := w.newest().Facts.Promotion; p.ID != 2 || p.Digest != digest("b") {
		t.Errorf("#%d of %s was put forward", p.ID, p.Digest.Short())
	}
}

func TestWhatRunsThereAlreadyIsNotPutForward(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.stage("0") // what production points at
	if p := w.newest().Facts.Promotion; p.ID != 1 {
		t.Errorf("#%d of %s was put forward", p.ID, p.Digest.Short())
	}
}

func TestAnOlderBuildThatIsRequestedLeavesTheNewerOneOpen(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.must(w.gate.Sight(t.Context(), []promotion.Sighting{{App: "shop", Environment: "staging", Side: promotion.Source, At: w.now, Tags: []promotion.TaggedDigest{
		{Tag: "v1", Digest: digest("a")}, {Tag: "v2", Digest: digest("b")},
	}}}))
	w.run()
	w.request(bob, string(digest("a")))
	w.expect(1, promotion.Open)
	w.expect(2, promotion.Open)
}

func TestWhatIsReadAfterTheEndChangesNothing(t *testing.T) {
	for _, effect := range []promotion.EffectKind{promotion.EffectInspect, promotion.EffectReadTags} {
		t.Run(string(effect), func(t *testing.T) {
			w := newWorld(t, catalog(t, careful()))
			w.down[effect] = promotion.Unavailable
			w.stage("a")
			w.click(ann, promotion.Reject)
			ended := w.get(1)
			delete(w.down, effect)
			w.wait(2 * time.Minute)
			if p := w.get(1); len(p.Targets) != len(ended.Targets) || p.TermsNow().Hash() != ended.TermsNow().Hash() {
				t.Errorf("targets were %+v and are %+v", ended.Targets, p.Targets)
			}
		})
	}
}

func TestAGroupThatCantBeReadAnyMoreIsSaidOnTheCard(t *testing.T) {
	c := catalog(t, careful())
	c.Roles["leads"] = gateRole("S0LEADS")
	w := newWorld(t, c)
	w.stage("a") // the group is read, and has no members
	before := w.drawn[1]
	w.down[promotion.EffectGroup] = promotion.NotFound
	w.wait(11 * time.Minute)
	f, _ := w.newest().Verdict.Finding(policy.RuleApprovals)
	if w.drawn[1] == before || len(f.Children) != 1 || !strings.Contains(f.Children[0].Reason, "group is down") {
		t.Errorf("card revision %d, before %d; approvals: %+v", w.drawn[1], before, f)
	}
}

func TestWhoRequestsIsReadAgainWhenItWasLongAgo(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	if w.request(eve, ""); w.answers[eve].Verb != promotion.Existing {
		t.Fatalf("told %+v", w.answers[eve])
	}
	w.people[eve] = promotion.Deactivated
	w.wait(31 * time.Minute)
	if w.request(eve, ""); w.answers[eve].Verb != promotion.Refused || !strings.Contains(w.answers[eve].Reason, "members") {
		t.Errorf("half an hour later: told %+v", w.answers[eve])
	}
}

func TestACatalogThatCantBeRecordedIsNotInForce(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	had := w.gate.Catalog()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.gate.Adopt(ctx, catalog(t, short())); err == nil || w.gate.Catalog() != had {
		t.Errorf("got %v; another catalog is in force: %v", err, w.gate.Catalog() != had)
	}
}

func TestALargeGroupDoesNotFloodSlack(t *testing.T) {
	c := catalog(t, careful())
	c.Roles["everybody"] = gateRole("S0ALL")
	w := newWorld(t, c)
	for i := range 5000 {
		w.groups["S0ALL"] = append(w.groups["S0ALL"], promotion.PersonID(fmt.Sprintf("U%05d", i)))
	}
	w.wait(11 * time.Minute) // the group is known
	before := w.looked
	w.wait(10 * time.Minute)
	if n := w.looked - before; n < 50 || n > 500 {
		t.Errorf("%d people were looked up in ten minutes; Slack allows some hundred a minute for everything", n)
	}
}

// Two bots look at one registry, and one of them is slow to say what it saw.
func TestALookThatIsReportedLateIsNotTakenForWhatIsThere(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	before := promotion.Sighting{App: "shop", Environment: "staging", Side: promotion.Source, At: w.now}
	w.now = w.now.Add(time.Minute)
	w.stage("a")
	w.now = w.now.Add(time.Second)
	w.must(w.gate.Sight(t.Context(), []promotion.Sighting{before}))
	if v := w.newest(); !v.Facts.Promotion.ObservedAt.Equal(w.now.Add(-time.Second)) || len(v.Facts.Presence) != 1 || v.Facts.Presence[0].Until != nil {
		t.Errorf("it has left: %+v", v.Facts.Presence)
	}
	w.now = w.now.Add(-time.Hour) // somebody sets the clock back, and looks go on
	before.At = w.now
	w.must(w.gate.Sight(t.Context(), []promotion.Sighting{before}))
	if v := w.newest(); v.Facts.Presence[0].Until == nil {
		t.Error("after the clock was set back no look was taken")
	}
}
