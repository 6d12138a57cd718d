package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What nobody has seen is not taken for granted: not by a soak, not after a
// reload, not for an environment in the middle of the chain.

// short is a policy whose soak passes quickly.
func short() policy.Document {
	return policy.Document{Name: "short", Soak: 3 * time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 2}}}
}

func TestASoakIsNotCompleteWhileNobodyCanSeeTheDigest(t *testing.T) {
	w := newWorld(t, catalog(t, short()))
	w.stage("a")
	w.wait(time.Hour)
	w.blind("registry.example.com does not answer")
	w.wait(4 * time.Hour)
	if n := w.count("soaked"); n != 0 {
		t.Errorf("announced %d times, and for four hours nobody has seen it", n)
	}
	w.look()
	w.run()
	if n := w.count("soaked"); n != 1 {
		t.Errorf("announced %d times when it was seen again", n)
	}
}

func TestTimeInWhichNobodyLookedDoesNotCountForADigestThatWasGoneThen(t *testing.T) {
	for name, unseen := range map[string]func(w *world){
		"the registry was down": func(w *world) {
			w.blind("registry.example.com does not answer")
			w.wait(4 * time.Hour)
		},
		"the registry was down and the bot was restarted": func(w *world) {
			w.blind("registry.example.com does not answer")
			w.wait(2 * time.Hour)
			w.restart()
			w.wait(2 * time.Hour)
		},
		"the app was out of the configuration": func(w *world) {
			had := w.gate.Catalog()
			without := *had
			without.Apps = nil
			w.must(w.gate.Adopt(w.t.Context(), &without))
			w.wait(4 * time.Hour)
			w.must(w.gate.Adopt(w.t.Context(), had))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, catalog(t, short()))
			w.stage("a")
			w.wait(time.Hour)
			unseen(w)
			delete(w.tags, "staging-passed")
			w.look()
			w.run()
			w.stage("a")
			w.request(eve, "") // where the promotion has ended
			w.wait(time.Minute)
			v := w.newest()
			if soaked := v.Facts.Soaked(v.Document, w.now); soaked > time.Hour+2*time.Minute {
				t.Errorf("it counts as soaked for %v: %+v", soaked, v.Facts.Presence)
			}
		})
	}
}

func TestAnAppThatComesBackIsLookedAtFirst(t *testing.T) {
	w := newWorld(t, catalog(t, short()))
	w.stage("a")
	had := w.gate.Catalog()
	without := *had
	without.Apps = nil
	w.must(w.gate.Adopt(t.Context(), &without))
	if blind, err := w.gate.Blind(t.Context()); err != nil || len(blind) != 0 {
		t.Errorf("what is not configured counts as blind: %+v %v", blind, err)
	}
	w.wait(4 * time.Hour)
	w.must(w.gate.Adopt(t.Context(), had))
	w.run()
	w.request(eve, "")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(time.Hour)
	if len(w.moves) != 0 {
		t.Fatalf("tags were put before anybody had looked: %q", w.moves)
	}
	if blind, err := w.gate.Blind(t.Context()); err != nil || len(blind) != 2 {
		t.Errorf("blind: %+v %v", blind, err)
	}
	w.look()
	w.run()
	if len(w.moves) != 1 {
		t.Errorf("tags put after a look: %q; missing: %+v", w.moves, w.newest().Verdict.Missing())
	}
}

func TestAPromotionEndsWithTheStepThatItBelongsTo(t *testing.T) {
	for name, change := range map[string]func(c *gate.Catalog){
		"the app is gone":         func(c *gate.Catalog) { c.Apps = nil },
		"the environment is gone": func(c *gate.Catalog) { c.Environments[1].Name = "live" },
		"another one lies between": func(c *gate.Catalog) {
			c.Environments = []gate.Environment{c.Environments[0], {Name: "preview", Tags: []promotion.TagTemplate{"preview"}}, c.Environments[1]}
		},
		"the image is another": func(c *gate.Catalog) { c.Apps[0].Repository = "registry.example.com/shop/other" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, catalog(t, short()))
			w.stage("a")
			c := catalog(t, short())
			change(c)
			w.must(w.gate.Adopt(t.Context(), c))
			w.run()
			w.expect(1, promotion.Superseded)
			if p := w.get(1); !strings.Contains(p.Reason, "configuration") || w.drawn[1] != p.Revision {
				t.Errorf("reason %q, card revision %d of %d", p.Reason, w.drawn[1], p.Revision)
			}
		})
	}
}

func TestAnExecutionSurvivesTheEndOfItsStep(t *testing.T) {
	w := newWorld(t, catalog(t, short()))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.down[promotion.EffectMove] = promotion.Unavailable
	w.wait(3 * time.Hour)
	c := catalog(t, short())
	c.Apps, c.Environments = nil, nil
	w.must(w.gate.Adopt(t.Context(), c))
	w.run()
	w.expect(1, promotion.Executing)
	delete(w.down, promotion.EffectMove)
	w.wait(2 * time.Minute)
	w.expect(1, promotion.Promoted)
}

func TestAClockSetBackMakesNoBuildOlder(t *testing.T) {
	w := newWorld(t, catalog(t, policy.Document{Approvals: []policy.Requirement{{Role: "leads", Count: 1}}}))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Promoted)
	w.now = w.now.Add(-time.Hour)
	w.stage("b")
	w.click(ann, promotion.Approve)
	w.expect(2, promotion.Promoted)
	w.now = w.now.Add(-time.Hour)
	w.stage("c")
	w.stage("d")
	w.expect(3, promotion.Superseded)
	w.expect(4, promotion.Open)
}

func TestOfSeveralTagsTheHighestIsMeant(t *testing.T) {
	w := newWorld(t, catalog(t, policy.Document{Approvals: []policy.Requirement{{Role: "leads", Count: 1}}}))
	w.must(w.gate.Sight(t.Context(), []promotion.Sighting{{App: "shop", Environment: "staging", Side: promotion.Source, At: w.now, Tags: []promotion.TaggedDigest{
		{Tag: "v1.9", Digest: digest("a")}, {Tag: "v1.10", Digest: digest("b")}, // in version order, as the watcher has them
	}}}))
	w.run()
	w.click(ann, promotion.Reject)
	w.request(bob, "")
	if p := w.newest().Facts.Promotion; p.Digest != digest("b") || p.SourceTag != "v1.10" {
		t.Errorf("requested: %s behind %s", p.Digest.Short(), p.SourceTag)
	}
	w.click(ann, promotion.Approve)
	w.expect(2, promotion.Promoted)
	w.request(bob, string(digest("a")))
	if f, _ := w.newest().Verdict.Finding(policy.RuleOrder); f.Outcome != policy.Blocked {
		t.Errorf("v1.9 after v1.10: %+v", f)
	}
}

// chainOfThree has an environment in the middle that only promotions lead into:
// what its own tag points at is what is in it.
func chainOfThree(t *testing.T) *world {
	t.Helper()
	c := catalog(t, policy.Document{Soak: 3 * time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 1}}})
	c.Environments = []gate.Environment{c.Environments[0], {Name: "preview", Tags: []promotion.TagTemplate{"preview"}}, c.Environments[1]}
	c.Apps[0].Policies["preview"] = policy.Document{Approvals: []policy.Requirement{{Role: "leads", Count: 1}}}
	w := newWorld(t, c)
	w.stage("a")
	w.preview("")
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Promoted)
	w.expect(2, promotion.Open)
	if p := w.get(2); p.From != "preview" || p.To != "production" {
		t.Fatalf("#2 goes from %s to %s", p.From, p.To)
	}
	w.click(ann, promotion.Approve)
	return w
}

// preview is what the watcher sees in the middle environment.
func (w *world) preview(fault string) {
	w.t.Helper()
	s := promotion.Sighting{App: "shop", Environment: "preview", Side: promotion.Held, At: w.now, Fault: fault}
	if d := w.tags["preview"]; d != "" && fault == "" {
		s.Tags = []promotion.TaggedDigest{{Tag: "preview", Digest: d}}
	}
	w.must(w.gate.Sight(w.t.Context(), []promotion.Sighting{s}))
	w.run()
}

func TestADigestThatLeavesTheMiddleOfTheChainStopsSoaking(t *testing.T) {
	w := chainOfThree(t)
	w.wait(time.Hour)
	w.tags["preview"] = digest("9") // somebody tries something
	w.preview("")
	w.wait(5 * time.Hour)
	w.expect(2, promotion.Open)
	v, err := w.gate.View(t.Context(), 2)
	w.must(err)
	if f, _ := v.Verdict.Finding(policy.RuleSource); f.Outcome != policy.Waiting {
		t.Errorf("source: %+v", f)
	}
	w.tags["preview"] = digest("a")
	w.preview("")
	w.wait(2*time.Hour - time.Second)
	w.expect(2, promotion.Open)
	w.wait(time.Second)
	w.expect(2, promotion.Promoted)
}

func TestTheMiddleOfTheChainHasToBeSeen(t *testing.T) {
	w := chainOfThree(t)
	w.preview("registry.example.com does not answer")
	w.wait(4 * time.Hour)
	w.expect(2, promotion.Open)
	w.restart()
	w.look()
	w.wait(time.Hour)
	w.expect(2, promotion.Open)
	w.preview("")
	w.expect(2, promotion.Promoted)
}

func TestALabelCantTakeTheTagOfAnotherEnvironment(t *testing.T) {
	for label, why := range map[string]string{"production": "production", "staging-passed": "staging"} {
		t.Run(label, func(t *testing.T) {
			c := catalog(t, short())
			c.Environments = []gate.Environment{c.Environments[0], {Name: "preview", Tags: []promotion.TagTemplate{"preview", "{label.org.opencontainers.image.version}"}}, c.Environments[1]}
			c.Apps[0].Policies["preview"] = policy.Document{Approvals: []policy.Requirement{{Role: "leads", Count: 1}}}
			w := newWorld(t, c)
			delete(w.tags, "production")
			w.labels = map[string]string{promotion.LabelVersion: label}
			w.stage("a")
			f, _ := w.newest().Verdict.Finding(policy.RuleTags)
			if f.Outcome != policy.Blocked || !strings.Contains(f.Reason, why) {
				t.Errorf("tags: %+v", f)
			}
		})
	}
}

func TestTheHourThatComesTwiceRemindsOnce(t *testing.T) {
	c := catalog(t, short())
	nightly, err := cron.ParseStandard("CRON_TZ=Europe/Berlin 30 2 * * *")
	if err != nil {
		t.Fatal(err)
	}
	c.Reminders = []gate.Reminder{{Spec: "CRON_TZ=Europe/Berlin 30 2 * * *", Schedule: nightly}}
	w := newWorld(t, c)
	w.now = time.Date(2026, 10, 24, 15, 0, 0, 0, time.UTC) // clocks go back in the night
	w.run()
	w.stage("a")
	w.wait(12 * time.Hour)
	if n := w.count("reminder"); n != 1 {
		t.Errorf("%d reminders in the night in which half past two came twice", n)
	}
	w.wait(24 * time.Hour)
	if n := w.count("reminder"); n != 2 {
		t.Errorf("%d reminders after two nights", n)
	}
}

func TestAClockSetBackRepeatsNoReminder(t *testing.T) {
	w := newWorld(t, catalog(t, short()))
	w.stage("a")
	w.wait(22*time.Hour + 59*time.Minute)
	due, err := w.db.Claim(t.Context(), []promotion.EffectKind{promotion.EffectRemind}, "test", w.now.Add(time.Minute), w.now.Add(2*time.Minute), 1)
	w.must(err)
	if len(due) != 1 {
		t.Fatalf("claimed: %+v", due)
	}
	w.must(w.gate.Report(t.Context(), due[0], promotion.Result{})) // a minute early, by the clock that was set back
	w.wait(time.Hour)
	if n := w.count("reminder"); n != 1 {
		t.Errorf("%d reminders", n)
	}
}

func TestTheCardShowsTheSoakInQuarters(t *testing.T) {
	w := newWorld(t, catalog(t, short()))
	w.stage("a")
	for quarter := range 3 {
		before := w.drawn[1]
		w.wait(44 * time.Minute)
		if w.drawn[1] != before {
			t.Errorf("in quarter %d the card was drawn between the marks", quarter+1)
		}
		w.wait(time.Minute)
		if w.drawn[1] <= before {
			t.Errorf("the card was not drawn after quarter %d", quarter+1)
		}
	}
}
