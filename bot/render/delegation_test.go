package render_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// standing has Eve approve for Bob.
func standing(_ *policy.Document, f *policy.Facts) {
	f.Delegations = []promotion.Delegation{{ID: 1, By: sample.Bob, To: sample.Eve, From: sample.Monday, Until: sample.Monday.Add(72 * time.Hour)}}
}

func TestCardsOfThoseWhoStandForOthers(t *testing.T) {
	for name, c := range map[string]struct {
		view  policy.View
		words []string
	}{
		"delegated":              {sample.Shop(sample.Later, standing), []string{"Until <!date^1795683600^", "Eve can approve for Bob; together they count once"}},
		"approved by delegates":  {sample.Shop(sample.Later, standing, sample.Approved(sample.Ann, sample.Eve)), []string{"2 of 2 from leads: Ann, Eve for Bob", "Ann, Eve for Bob"}},
		"both approved":          {sample.Shop(sample.Later, standing, sample.Approved(sample.Bob, sample.Eve)), []string{"Not counted: the approval of Eve: the person for whom they can approve has approved; together they count once, until the delegation ends (Bob)"}},
		"promoted by a delegate": {sample.Shop(sample.Later, standing, sample.Approved(sample.Ann, sample.Eve, sample.Sam), sample.Ended(promotion.Promoted, "")), []string{"Eve for Bob (leads)"}},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, "card "+name, render.Card(c.view))
			checkAll(t, c.view)
			text := render.Card(c.view).Text
			for _, word := range c.words {
				if !strings.Contains(text, word) {
					t.Errorf("%q is not in %s", word, text)
				}
			}
			if strings.Contains(text, "The first of these approvals expires") {
				t.Errorf("the end of a delegation is told as that of an approval: %s", text)
			}
		})
	}
}

func TestNobodyIsSaidToApproveForSomebodyWhoHasLeft(t *testing.T) {
	left := sample.With(func(f *policy.Facts) {
		f.People[sample.Bob] = promotion.Person{ID: sample.Bob, Standing: promotion.Deactivated, ReadAt: sample.Monday}
	})
	if text := render.Card(sample.Shop(sample.Later, standing, left)).Text; strings.Contains(text, "can approve for") {
		t.Errorf("Bob's account is deactivated, so nobody approves for him, and it says: %s", text)
	}
}

func TestAnswersAboutThoseWhoStandForOthers(t *testing.T) {
	const when = "<!date^1795424400^{date_short_pretty} {time}|2026-11-23 09:00 UTC>"
	for _, row := range []struct {
		name   string
		answer promotion.Answer
		want   string
	}{
		{"delegated", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureDelegate, By: sample.Bob, Whom: sample.Eve, Until: sample.At(0)},
			"<@U0000BOB> has <@U0000EVE> approve for them, of everything, until " + when + ". Until then the two are together one person: one slot at the most, and neither approves what one of them requested or wrote. `/promote undelegate` ends it, for either of them."},
		{"ended", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureUndelegate, App: "shop", By: sample.Bob, Whom: sample.Eve}, "<@U0000EVE> does not approve for <@U0000BOB> any more, of *shop*."},
		{"several ended", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureUndelegate, By: sample.Bob, Whom: sample.Eve, Others: 2}, "Delegations that have ended: 3. Each approves for themselves again."},
		{"refused", promotion.Answer{Verb: promotion.Refused, Deed: promotion.GestureDelegate, App: "shop", Reason: "nobody can delegate to themselves", Could: []string{"leads"}},
			"It was not done: nobody can delegate to themselves. Nothing was changed. Who holds one of these roles could: leads."},
		{"reminded", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureRemind, App: "shop", Digest: sample.Build, Next: sample.At(0)},
			"Those whose approval of *shop* `4f1c2a9b4f1c` is missing have been reminded, in the thread of its card. That can be done again " + when + "."},
		{"reminded of what is failing", promotion.Answer{Verb: promotion.Counted, Deed: promotion.GestureRemind, App: "shop", Digest: sample.Build, Decision: promotion.Keep, Next: sample.At(0)},
			"Those who could decide about *shop* `4f1c2a9b4f1c`, which is failing, have been reminded, in the thread of its card. That can be done again " + when + "."},
		{"reminded a moment ago", promotion.Answer{Verb: promotion.Refused, Deed: promotion.GestureRemind, App: "shop", Reason: "somebody has had them reminded already", Next: sample.At(0)},
			"Nobody was reminded: somebody has had them reminded already. It can be done again " + when + "."},
		{"nobody to remind", promotion.Answer{Verb: promotion.Missing, Deed: promotion.GestureRemind, App: "shop"}, "No promotion of *shop* is open, so nobody has to be reminded."},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := render.Answer(row.answer)
			checkMessage(t, row.name, m)
			if m.Text != row.want {
				t.Errorf("says %q\nnot %q", m.Text, row.want)
			}
		})
	}
}

func TestWhatIsNotThereYetSaysWhatToDoInstead(t *testing.T) {
	for name, m := range map[string]render.Message{"audit": render.WhereTheRecordIs()} {
		checkMessage(t, name, m)
		if !strings.Contains(m.Text, "What to do instead") || !strings.Contains(m.Text, "yet") || !strings.Contains(m.Text, name) {
			t.Errorf("%s: %s", name, m.Text)
		}
	}
}

func TestWhatAButtonSaysOfAPageIsReadAgain(t *testing.T) {
	for _, turn := range []render.Turn{{List: "history", App: "shop", Before: 7}, {List: "list", After: 9}, {List: "status", Page: 2}, {List: "status", App: "all", Behind: "shop"}, {List: "status", Ahead: "shop"}} {
		m := render.List([]policy.View{sample.Shop(sample.Later)}, render.Pages{Previous: &turn, Next: &turn})
		checkMessage(t, "list", m)
		all := blocks(t, m)
		_, value, _ := strings.Cut(all, `"action_id":"`+render.ActionNext+`"`)
		_, value, _ = strings.Cut(value, `"value":"`)
		value, _, _ = strings.Cut(value, `"`)
		if got, err := render.ParseTurn(value); err != nil || got != turn {
			t.Errorf("%q is read as %+v, %v; want %+v", value, got, err, turn)
		}
	}
	for _, value := range []string{"", "7.terms", "list//before/0", "list//before/x", "list//page/99999999999", "a/b/c/d/e"} {
		if got, err := render.ParseTurn(value); err == nil {
			t.Errorf("%q is read as %+v", value, got)
		}
	}
}
