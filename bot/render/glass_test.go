package render_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// drawGlass has a glass, which somebody may have broken and another reviewed.
func drawGlass(t *rapid.T, text *rapid.Generator[string], person *rapid.Generator[promotion.PersonID], moment *rapid.Generator[time.Time], d *policy.Document, f *policy.Facts) {
	if !rapid.Bool().Draw(t, "glass") {
		return
	}
	d.BreakGlass = &policy.BreakGlass{Role: text.Draw(t, "commanders"), By: rapid.SliceOfN(text, 1, 60).Draw(t, "reviewers"), Within: 24 * time.Hour}
	who := person.Draw(t, "breaker")
	f.Rosters[d.BreakGlass.Role] = promotion.Roster{Members: []promotion.PersonID{who}}
	f.People[who] = promotion.Person{ID: who, Name: text.Draw(t, "name"), Standing: promotion.Member, ReadAt: sample.Monday}
	if !rapid.Bool().Draw(t, "broken") {
		return
	}
	b := &promotion.Broken{
		By: who, Reason: text.Draw(t, "why"), At: moment.Draw(t, "broken at"), Terms: f.Promotion.TermsNow(), Skipped: rapid.SliceOfN(text, 0, 60).Draw(t, "skipped"),
		Due: moment.Draw(t, "due"), Reviewers: d.BreakGlass.By,
	}
	if rapid.Bool().Draw(t, "is reviewed") {
		b.Review = &promotion.Review{By: person.Draw(t, "reviewer"), At: moment.Draw(t, "reviewed"), Fine: rapid.Bool().Draw(t, "fine"), Note: text.Draw(t, "note")}
	}
	f.Promotion.Broken = b
}

func TestWhatIsConfirmedIsWhatWasShown(t *testing.T) {
	v := view(t, "glass to break")
	modal := render.GlassModal(v, "C1", "1.1", "")
	form, problems := render.Submitted(slack.View{CallbackID: modal.CallbackID, PrivateMetadata: modal.PrivateMetadata, State: &slack.ViewState{Values: map[string]map[string]slack.BlockAction{"reason": {"reason": {Value: "it is down"}}}}})
	if len(problems) > 0 || form.Promotion != 12 || form.Terms != v.Facts.Promotion.TermsNow().Hash() || form.Skips != policy.HashOf(policy.Skips(v.Document, v.Facts, v.At)) || form.Reason != "it is down" {
		t.Errorf("%+v, %v", form, problems)
	}
	if !render.Breakable(v) || render.Breakable(view(t, "glass broken and waiting")) || render.Breakable(view(t, "soaking")) || render.Breakable(view(t, "review due")) {
		t.Error("a glass can be broken that can't, or the other way round")
	}
}

func TestOverdueReviewsAreInTheStatus(t *testing.T) {
	v := view(t, "review overdue")
	m := render.Status([]policy.AppStatus{{App: "shop", Unreviewed: []promotion.Promotion{v.Facts.Promotion}}}, v.At, render.Pages{})
	if !strings.Contains(m.Text, "• #12: *Review OVERDUE* since ") {
		t.Error(m.Text)
	}
	if m := render.History([]promotion.Promotion{v.Facts.Promotion}, nil, render.Pages{}); !strings.Contains(m.Text, "the glass was broken by <@U0000EVE>") {
		t.Error(m.Text)
	}
}
