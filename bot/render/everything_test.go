package render_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/fixtures/slack/blockkit"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

var renders = regexp.MustCompile(`(?m)^func ([A-Z]\w*)\(.*\) (?:Message|slack\.\w*View\w*) \{`)

// A message or dialog that is not named here or in limits_test.go has never seen
// what strangers write.
func TestNothingIsShownThatWasNotTriedOnForeignTexts(t *testing.T) {
	var tried string
	for _, file := range []string{"limits_test.go", "everything_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tried += string(text)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range renders.FindAllStringSubmatch(string(text), -1) {
			found++
			if !strings.Contains(tried, "render."+f[1]+"(") {
				t.Errorf("%s shows something, and is not tried on foreign texts", f[1])
			}
		}
	}
	if found < 15 {
		t.Errorf("%d functions were found that show something; the pattern is out of date", found)
	}
}

func TestAnyHomeKeepsTheLimits(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom(hostile), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		said := text.Draw(t, "said")
		h := policy.Home{Person: promotion.PersonID(text.Draw(t, "person")), At: sample.Monday, Known: rapid.Bool().Draw(t, "known")}
		if rapid.IntRange(0, 4).Draw(t, "refused") == 0 {
			h.Refusal = "x" + said
		}
		v := drawView(t)
		h.Waiting = slices.Repeat([]policy.View{v}, rapid.IntRange(0, 20).Draw(t, "waiting"))
		h.Asked = slices.Repeat([]policy.View{v}, rapid.IntRange(0, 20).Draw(t, "asked"))
		app := policy.AppStatus{App: said, Repository: promotion.Repository(said), Environments: []policy.EnvironmentStatus{{Name: said, Watch: said, Fault: said}}}
		h.Apps, h.MoreApps = slices.Repeat([]policy.AppStatus{app}, rapid.IntRange(0, 20).Draw(t, "apps")), 3
		h.Freezes = []promotion.Freeze{{From: sample.Monday, Reason: said, By: promotion.PersonID(said)}}
		h.Decisions = slices.Repeat([]promotion.Decided{{Gesture: promotion.Gesture{Kind: promotion.GestureVote, App: said, Reason: said, At: sample.Monday}, Answer: promotion.Answer{Verb: promotion.Counted, App: said, Reason: said}}}, 12)
		home := render.Home(h)
		checked(t, "home", tree(t, home), 100)
		raw, err := json.Marshal(home)
		if err != nil {
			t.Fatal(err)
		}
		if _, problems := blockkit.View(raw); len(problems) > 0 {
			t.Errorf("home: Slack would say %q", problems)
		}
	})
}

func TestAnyOtherViewKeepsTheLimits(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom(hostile), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		said := text.Draw(t, "said")
		person := promotion.PersonID(text.Draw(t, "person"))
		checkView(t, "hold", render.HoldModal(v, "C0123456789", "1795424400.000100"))
		checkView(t, "plan", render.PlanModal(v, "C0123456789", "1795424400.000100"))
		checkMessage(t, "unbroken", render.Unbroken(v))
		checkMessage(t, "abroad", render.Abroad())
		checkMessage(t, "outside", render.Outside(said))
		checkMessage(t, "the record", render.WhereTheRecordIs())
		checkMessage(t, "no page", render.NoPage(7))
		checkView(t, "not this", render.NotThis(said, []string{said, "shop"}))
		checkView(t, "not any", render.NotThis("", slices.Repeat([]string{said}, 100)))
		checkMessage(t, "what-if", render.WhatIf(person, []render.Try{{Is: v, Would: drawView(t)}, {Is: v, Would: v, Refusal: "x" + said}}))
		for _, kind := range []promotion.NoticeKind{
			promotion.NoticeIncident, promotion.NoticeResolved, promotion.NoticeFrozen, promotion.NoticeUnfrozen, promotion.NoticeHeld, promotion.NoticeUnheld, "another",
		} {
			checkMessage(t, "notice "+string(kind), render.Notice(promotion.NoticeWork{
				Kind: kind, Person: person, Reason: said, App: said, Incident: 7, Severity: promotion.Severity(said), Until: sample.At(0), Whose: []promotion.PersonID{person},
			}, v))
		}
		for _, deed := range []promotion.GestureKind{
			promotion.GestureHold, promotion.GestureUnhold, promotion.GestureFreeze, promotion.GestureUnfreeze, promotion.GestureIncident, promotion.GestureResolve, promotion.GestureSign,
		} {
			checkMessage(t, "answer about "+string(deed), render.Answer(promotion.Answer{
				Verb: promotion.Noted, Deed: deed, App: said, Reason: said, Severity: promotion.Severity(said), Until: sample.At(0), Whose: []promotion.PersonID{person}, Check: said,
			}))
		}
		since := sample.Monday.Add(-time.Hour)
		checkMessage(t, "status", render.Status([]policy.AppStatus{{
			App: said, Channel: promotion.Channel{ID: said, Fault: "x" + said, Since: &since},
			Incidents: []promotion.Incident{{Summary: said, Severity: promotion.Severity(said), From: sample.Monday, ReportedBy: said}},
			Freezes:   []promotion.Freeze{{From: sample.Monday, Reason: said, By: person}}, Holds: []promotion.Hold{{By: person, Reason: said}},
		}}, sample.Monday, render.Pages{}))
	})
}
