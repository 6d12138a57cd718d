package render_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
)

// once are the buttons that say all there is to say, and those that turn pages or are
// no decision.
var once = []string{
	render.ActionApprove, render.ActionAdopt, render.ActionWithdraw, render.ActionLift, render.ActionFine, render.ActionUnhold, render.ActionRetry, render.ActionMore,
}

// What ends in "…" asks for more. Whichever of them is on a card in any state opens
// its dialog there and not the details, and what is written in that does what the
// button says.
func TestEveryButtonThatAsksForMoreOpensItsDialogAndDoesWhatItSays(t *testing.T) {
	const nothing = promotion.GestureKind("")
	does := map[string]promotion.Gesture{
		render.ActionReject: {Kind: promotion.GestureVote, Decision: promotion.Reject}, render.ActionPlan: {Kind: promotion.GestureVote, Decision: promotion.PlanFor},
		render.ActionKeep: {Kind: promotion.GestureVote, Decision: promotion.Keep}, render.ActionGlass: {Kind: promotion.GestureVote, Decision: promotion.BreakGlass},
		render.ActionReview: {Kind: promotion.GestureVote, Decision: promotion.NotFine}, render.ActionHold: {Kind: promotion.GestureHold},
		render.ActionRollback: {Kind: promotion.GestureRollback}, render.ActionDetails: {Kind: nothing},
	}
	seen := map[string]bool{}
	for _, s := range sample.All() {
		for action, label := range asked(t, render.Card(s.View)) {
			switch {
			case slices.Contains(once, action), regexp.MustCompile(`^` + render.ActionSign).MatchString(action):
				if render.Opens(action) {
					t.Errorf("%s: %q opens something", s.Name, label)
				}
				continue
			case !render.Opens(action):
				t.Errorf("%s: %q (%s) opens nothing, and says nothing by itself", s.Name, label, action)
				continue
			}
			modal, asks := render.Dialog(s.View, action, "C1", "1.1")
			want := does[action]
			if want.Kind == nothing {
				if asks != nil || modal.Title.Text != "Details" {
					t.Errorf("%s: %q asks for %+v", s.Name, label, asks)
				}
				continue
			}
			seen[action] = true
			if asks == nil || asks.Kind != want.Kind || asks.Decision != want.Decision || !strings.HasSuffix(label, "…") {
				t.Errorf("%s: %q asks for %+v", s.Name, label, asks)
				continue
			}
			got, problems := render.Submitted(slack.View{CallbackID: modal.CallbackID, PrivateMetadata: modal.PrivateMetadata, State: &slack.ViewState{
				Values: map[string]map[string]slack.BlockAction{"reason": {"reason": {Value: "for a reason"}}, "ground": {"ground": {SelectedOption: slack.OptionBlockObject{Value: "sha256:0123"}}}},
			}})
			if got == nil || got.Kind != want.Kind || got.Decision != want.Decision || got.Promotion != s.View.Facts.Promotion.ID || got.Channel != "C1" || got.Reason != "for a reason" {
				t.Errorf("%s: what is written behind %q does %+v %v", s.Name, label, got, problems)
			}
			if action == render.ActionRollback && got.Ref != "0123" {
				t.Errorf("it goes back to %q", got.Ref)
			}
		}
	}
	delete(does, render.ActionDetails)
	for action := range maps.Keys(does) {
		if !seen[action] {
			t.Errorf("no card has %s", action)
		}
	}
}

func TestAReviewSaysWhatWasChosen(t *testing.T) {
	modal := render.ReviewModal(view(t, "review overdue"), "C1", "1.1")
	for chosen, want := range map[string]promotion.Decision{string(promotion.Fine): promotion.Fine, string(promotion.NotFine): promotion.NotFine, "": promotion.NotFine} {
		got, problems := render.Submitted(slack.View{CallbackID: modal.CallbackID, PrivateMetadata: modal.PrivateMetadata, State: &slack.ViewState{
			Values: map[string]map[string]slack.BlockAction{"reason": {"reason": {Value: "for a reason"}}, "ground": {"ground": {SelectedOption: slack.OptionBlockObject{Value: chosen}}}},
		}})
		if got == nil || got.Decision != want || got.CardTS != "1.1" || got.Ground != "" {
			t.Errorf("%q: %+v %v", chosen, got, problems)
		}
	}
}

func TestADialogThatIsNoneOfOursDoesNothing(t *testing.T) {
	if got, problems := render.Submitted(slack.View{CallbackID: "another", PrivateMetadata: "{}"}); got != nil || problems != nil {
		t.Errorf("%+v %v", got, problems)
	}
}

// asked are the buttons on a message, those in menus too, and what they are called.
func asked(t *testing.T, m render.Message) map[string]string {
	t.Helper()
	raw, err := json.Marshal(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Elements []struct {
			Type    string
			Action  string `json:"action_id"`
			Text    json.RawMessage
			Options []struct {
				Text  struct{ Text string }
				Value string
			}
		}
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, b := range all {
		for _, e := range b.Elements {
			var label struct{ Text string }
			if e.Type == "button" {
				if err := json.Unmarshal(e.Text, &label); err != nil {
					t.Fatal(err)
				}
				out[e.Action] = label.Text
			}
			for _, o := range e.Options {
				action, _ := render.ParseEntry(o.Value)
				out[action] = o.Text.Text
			}
		}
	}
	return out
}

func TestRejecting(t *testing.T) {
	v := view(t, "soaking")
	submit := func(metadata, reason string) (*promotion.Gesture, map[string]string) {
		return render.Submitted(slack.View{
			CallbackID: render.ActionReject, PrivateMetadata: metadata,
			State: &slack.ViewState{Values: map[string]map[string]slack.BlockAction{"reason": {"reason": {Value: reason}}}},
		})
	}
	metadata := render.RejectModal(v, "C1", "1.1").PrivateMetadata
	p := v.Facts.Promotion
	got, problems := submit(metadata, " it\nleaks \u202ememory ")
	want := promotion.Gesture{Kind: promotion.GestureVote, Decision: promotion.Reject, Promotion: 12, Terms: p.TermsNow().Hash(), Channel: "C1", CardTS: "1.1", Reason: "it leaks memory"}
	if len(problems) > 0 || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, %v", got, problems)
	}
	for _, row := range []struct {
		name, metadata, reason string
		fails                  bool
	}{
		{"three letters are enough", metadata, "bad", false},
		{"two are not", metadata, "no", true},
		{"what can't be seen is no reason", metadata, "\u200b\u2060\u200b\u2060", true},
		{"five hundred characters are allowed", metadata, strings.Repeat("ä", 500), false},
		{"one more is not", metadata, strings.Repeat("ä", 501), true},
		{"a modal of another version", `{"value":"12"}`, "it leaks", true},
		{"a modal that is not ours", "", "it leaks", true},
	} {
		if _, problems := submit(row.metadata, row.reason); (problems["reason"] != "") != row.fails {
			t.Errorf("%s: %v", row.name, problems)
		}
	}
	if _, problems := render.Submitted(slack.View{CallbackID: render.ActionReject, PrivateMetadata: metadata}); problems["reason"] == "" {
		t.Error("a submission without an input was taken")
	}
}
