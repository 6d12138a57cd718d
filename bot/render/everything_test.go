package render_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/bot/render"
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

func TestAnyOtherViewKeepsTheLimits(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom(hostile), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		said := text.Draw(t, "said")
		person := promotion.PersonID(text.Draw(t, "person"))
		checkModal(t, "hold", render.HoldModal(v, "C0123456789", "1795424400.000100"))
		checkModal(t, "plan", render.PlanModal(v, "C0123456789", "1795424400.000100"))
		checkMessage(t, "unbroken", render.Unbroken(v))
		checkMessage(t, "what-if", render.WhatIf(person, []render.Try{{Is: v, Would: drawView(t)}, {Is: v, Would: v, Refusal: "x" + said}}))
		for _, kind := range []promotion.NoticeKind{
			promotion.NoticeIncident, promotion.NoticeResolved, promotion.NoticeFrozen, promotion.NoticeUnfrozen, promotion.NoticeHeld, promotion.NoticeUnheld, "another",
		} {
			checkMessage(t, "notice "+string(kind), render.Notice(promotion.NoticeWork{
				Kind: kind, Person: person, Reason: said, App: said, Incident: 7, Severity: promotion.Severity(said), Until: &monday, Whose: []promotion.PersonID{person},
			}, v))
		}
		for _, deed := range []promotion.GestureKind{
			promotion.GestureHold, promotion.GestureUnhold, promotion.GestureFreeze, promotion.GestureUnfreeze, promotion.GestureIncident, promotion.GestureResolve, promotion.GestureSign,
		} {
			checkMessage(t, "answer about "+string(deed), render.Answer(promotion.Answer{
				Verb: promotion.Noted, Deed: deed, App: said, Reason: said, Severity: promotion.Severity(said), Until: &monday, Whose: []promotion.PersonID{person}, Check: said,
			}))
		}
		since := monday.Add(-time.Hour)
		checkMessage(t, "status", render.Status([]policy.AppStatus{{
			App: said, Channel: promotion.Channel{ID: said, Fault: "x" + said, Since: &since},
			Incidents: []promotion.Incident{{Summary: said, Severity: promotion.Severity(said), From: monday, ReportedBy: said}},
			Freezes:   []promotion.Freeze{{From: monday, Reason: said, By: person}}, Holds: []promotion.Hold{{By: person, Reason: said}},
		}}, monday))
	})
}
