package render

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// dialog is what a button opens in which something has to be written, and what is
// done with that. In Slack's payloads the dialog is called as the button is.
type dialog struct {
	does promotion.Gesture // without what is written
	open func(policy.View) bool
	draw func(v policy.View, channel, ts string) slack.ModalViewRequest
	read func(*promotion.Gesture, written) // what this one adds to promotion, channel and reason
}

// dialogs are all of them, by the names of their buttons.
var dialogs = map[string]dialog{
	ActionReject: {vote(promotion.Reject), undecided, RejectModal, asShown},
	ActionPlan:   {vote(promotion.PlanFor), undecided, PlanModal, asShown},
	ActionKeep:   {vote(promotion.Keep), failing, KeepModal, asShown},
	ActionGlass:  {vote(promotion.BreakGlass), Breakable, func(v policy.View, channel, ts string) slack.ModalViewRequest { return GlassModal(v, channel, ts, "") }, asShown},
	ActionReview: {vote(promotion.NotFine), owing, ReviewModal, func(g *promotion.Gesture, w written) {
		g.CardTS = w.TS
		if promotion.Decision(w.choice) == promotion.Fine {
			g.Decision = promotion.Fine
		}
	}},
	ActionHold:     {promotion.Gesture{Kind: promotion.GestureHold}, undecided, HoldModal, func(*promotion.Gesture, written) {}},
	ActionRollback: {promotion.Gesture{Kind: promotion.GestureRollback}, Returnable, RollbackModal, func(g *promotion.Gesture, w written) { g.Ref = strings.TrimPrefix(w.choice, "sha256:") }},
}

func vote(d promotion.Decision) promotion.Gesture {
	return promotion.Gesture{Kind: promotion.GestureVote, Decision: d}
}

func undecided(v policy.View) bool { return v.Facts.Promotion.State == promotion.Open }
func failing(v policy.View) bool   { return v.Facts.Promotion.State == promotion.Failing }
func owing(v policy.View) bool     { return v.Facts.Promotion.Owed() != nil }

// asShown has the decision be about exactly what the dialog was opened for.
func asShown(g *promotion.Gesture, w written) {
	g.Ground, g.Terms, g.Skips, g.CardTS = promotion.Ground(w.choice), w.terms, w.Skips, w.TS
}

// Opens tells whether a button opens anything.
func Opens(action string) bool {
	_, asks := dialogs[action]
	return asks || action == ActionDetails
}

// Dialog is what a button opens. Where something is to be written there, asks is
// what that would do, without promotion and person; where it is too late for that,
// and behind the button that is called so, the details are shown and asks is nil.
// channel and ts are the card's.
func Dialog(v policy.View, action, channel, ts string) (modal slack.ModalViewRequest, asks *promotion.Gesture) {
	d, is := dialogs[action]
	if !is || !d.open(v) {
		return Details(v), nil
	}
	return d.draw(v, channel, ts), &d.does
}

// reference is what a modal has to remember of the card it was opened from.
type reference struct {
	Value   string `json:"value"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	Skips   string `json:"skips,omitempty"` // of a glass: hash of what was shown to be skipped
}

// remembered is the reference to a card.
func remembered(v policy.View, channel, ts string) string {
	p := &v.Facts.Promotion
	meta, err := json.Marshal(reference{Value: Value(p.ID, p.TermsNow().Hash()), Channel: channel, TS: ts})
	if err != nil {
		panic("render: three strings always marshal: " + err.Error())
	}
	return string(meta)
}

// written is what stands in a submitted dialog.
type written struct {
	reference

	terms  string
	choice string // what was chosen, where there was something to choose
}

// Submitted is what a submitted dialog does, without who has done it: nil for one
// that is none of ours. What is wrong with it is said by the block beneath which it
// is to be shown.
func Submitted(view slack.View) (does *promotion.Gesture, problems map[string]string) {
	d, ours := dialogs[view.CallbackID]
	if !ours {
		return nil, nil
	}
	w := written{}
	err := json.Unmarshal([]byte(view.PrivateMetadata), &w.reference)
	id, terms, err2 := ParseValue(w.Value)
	if err != nil || err2 != nil {
		return nil, map[string]string{reasonBlock: "This dialog is from another version of promotebot. Close it and click the button again."}
	}
	g := d.does
	g.Promotion, g.Channel = id, w.Channel
	w.terms = terms
	if view.State != nil {
		g.Reason = page.Clean(view.State.Values[reasonBlock][reasonAction].Value)
		w.choice = view.State.Values[groundBlock][groundAction].SelectedOption.Value
	}
	switch n := utf8.RuneCountInString(g.Reason); {
	case n < minReason:
		return nil, map[string]string{reasonBlock: "Say it in a few words; others will read it."}
	case n > maxReason:
		return nil, map[string]string{reasonBlock: fmt.Sprintf("That is %d characters; %d are allowed.", n, maxReason)}
	}
	d.read(&g, w)
	return &g, nil
}
