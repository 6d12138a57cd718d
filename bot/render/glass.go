package render

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What the buttons for breaking the glass and for its review are called.
const (
	ActionGlass  = "promotebot_glass"
	ActionFine   = "promotebot_fine"
	ActionReview = "promotebot_review"
)

// Breakable tells whether there is a glass to break, and something behind it.
func Breakable(v policy.View) bool {
	p := &v.Facts.Promotion
	return p.State == promotion.Open && p.Planned() && policy.Breakable(v.Document, v.Facts, v.At)
}

// GlassModal names what is skipped, and asks why. Channel and ts are the card's; a
// reason that was typed before is there already.
func GlassModal(v policy.View, channel, ts, reason string) slack.ModalViewRequest {
	p := &v.Facts.Promotion
	skips := policy.Skips(v.Document, v.Facts, v.At)
	meta, err := json.Marshal(reference{Value: Value(p.ID, p.TermsNow().Hash()), Channel: channel, TS: ts, Skips: policy.HashOf(skips)})
	if err != nil {
		panic("render: four strings always marshal: " + err.Error())
	}
	typed := []rune(page.Clean(reason))
	input := slack.NewPlainTextInputBlockElement(page.Words("Why can't it wait?"), reasonAction)
	input.Multiline, input.MinLength, input.MaxLength, input.InitialValue = true, minReason, maxReason, string(typed[:min(maxReason, len(typed))])
	lines := []page.Text{"*This is skipped:*"}
	const together = 8 // of the longest that a section holds; of a train there can be many, and each is named
	for _, s := range skips {
		lines = append(lines, "• "+because(s.Reason))
	}
	var body page.Page
	body.Section(page.Writef("Have exactly *%s* %s go to *%s* now?", p.App, p.Digest, p.To))
	for some := range slices.Chunk(lines, together) {
		body.Section(some...)
	}
	if b := v.Document.BreakGlass; b != nil {
		body.Section(page.Writef("The whole channel is told. Within %s another person of %s has to say whether that was right.", span(b.Within), roles(b.By)))
	}
	body.Add(slack.NewInputBlock(reasonBlock, page.Words("Reason"), page.Words("Everybody in the channel will read it."), input))
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: ActionGlass, PrivateMetadata: string(meta),
		Title: page.Words("Break glass"), Submit: page.Words("Skip all that"), Close: page.Words("Cancel"), Blocks: slack.Blocks{BlockSet: body.Blocks},
	}
}

// ReviewModal asks what another person thinks of a broken glass.
func ReviewModal(v policy.View, channel, ts string) slack.ModalViewRequest {
	p := &v.Facts.Promotion
	input := slack.NewPlainTextInputBlockElement(page.Words("What was right about it, and what was not?"), reasonAction)
	input.Multiline, input.MinLength, input.MaxLength = true, minReason, maxReason
	choice := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, page.Words("Choose"), groundAction,
		slack.NewOptionBlockObject(string(promotion.NotFine), page.Words("It was not right"), nil), slack.NewOptionBlockObject(string(promotion.Fine), page.Words("It was right"), nil))
	var body page.Page
	body.Section(append([]page.Text{page.Writef("Was it right to break the glass for *%s* %s?", p.App, p.Digest)}, glass(v, nil)...)...)
	body.Add(slack.NewInputBlock(groundBlock, page.Words("Review"), nil, choice))
	body.Add(slack.NewInputBlock(reasonBlock, page.Words("Note"), page.Words("Everybody in the channel will read it."), input))
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: ActionReview, PrivateMetadata: remembered(v, channel, ts),
		Title: page.Words("Review"), Submit: page.Words("Give the review"), Close: page.Words("Cancel"), Blocks: slack.Blocks{BlockSet: body.Blocks},
	}
}

// Unbroken says, when a dialog was opened for what somebody has typed, that it
// depends on that.
func Unbroken(v policy.View) Message {
	p := &v.Facts.Promotion
	return page.Say(page.Writef("Nothing has been done yet. The dialog names what is skipped for *%s* %s; confirm it there.", p.App, p.Digest))
}

func roles(names []string) page.Text {
	var all []page.Text
	for _, name := range names {
		all = append(all, page.Writef("%s", name))
	}
	return page.Join(all, maxCalled)
}

// glass is who has broken it, what that skipped, and what another person says.
func glass(v policy.View, c cast) []page.Text {
	p := &v.Facts.Promotion
	b := p.Broken
	if b == nil {
		return nil
	}
	lines := []page.Text{page.Writef("*Glass broken* by %s %s: %s.", c.call(b.By), b.At, because(b.Reason)), "Confirmed to be skipped: " + skipped(b) + "."}
	if f, _ := v.Verdict.Finding(policy.RuleGlass); p.State == promotion.Open && !policy.Breaks(v.Document, v.Facts) {
		_, why, _ := strings.Cut(f.Reason, ": ")
		lines = append(lines, page.Writef("*That does not count any more*: %s.", because(why)))
	}
	return append(lines, owed(p, v.At, c))
}

func skipped(b *promotion.Broken) page.Text {
	var all page.Text
	for i, s := range b.Skipped {
		if i == maxCalled {
			return all + page.Writef("; %d more", len(b.Skipped)-i)
		}
		if i > 0 {
			all += "; "
		}
		all += because(s)
	}
	return all
}

// owed is the review, or until when it is due.
func owed(p *promotion.Promotion, now time.Time, c cast) page.Text {
	b := p.Broken
	switch r := b.Review; {
	case r != nil && r.Note == "":
		return page.Writef("*Reviewed* by %s %s: it was right.", c.call(r.By), r.At)
	case r != nil && r.Fine:
		return page.Writef("*Reviewed* by %s %s: it was right: %s.", c.call(r.By), r.At, because(r.Note))
	case r != nil:
		return page.Writef("*Reviewed* by %s %s: it was *not right*: %s.", c.call(r.By), r.At, because(r.Note))
	case p.Overdue(now):
		return page.Writef("*Review OVERDUE* since %s, by another person of ", b.Due) + roles(b.Reviewers) + "."
	}
	return page.Writef("*Review due* until %s, by another person of ", b.Due) + roles(b.Reviewers) + "."
}

// reviewButtons are on the card of what has ended, until somebody has said.
func reviewButtons(v policy.View, value string) []slack.BlockElement {
	p := &v.Facts.Promotion
	if p.Owed() == nil || !p.State.Final() {
		return nil
	}
	fine := slack.NewButtonBlockElement(ActionFine, value, page.Words("Review: fine"))
	fine.Confirm = slack.NewConfirmationBlockObject(page.Words("Was it right to break the glass?"),
		page.Words("You have looked at what was skipped and why, and it was right. The record says so under your name."), page.Words("It was right"), page.Words("Not yet"))
	return []slack.BlockElement{fine, slack.NewButtonBlockElement(ActionReview, value, page.Words("Review…"))}
}

// shattered is told in the thread, of a broken glass and of its review.
func shattered(w promotion.NoticeWork, v policy.View, c cast, it page.Text) Message {
	p := &v.Facts.Promotion
	if p.Broken == nil {
		return page.Say(it)
	}
	switch w.Kind {
	case promotion.NoticeReviewed:
		what := page.Text("it was right")
		if w.Decision == promotion.NotFine {
			what = "it was *not right*"
		}
		if w.Reason != "" {
			what += page.Writef(": %s", because(w.Reason))
		}
		return page.Say(page.Writef("%s has reviewed that the glass was broken for %s: ", c.call(w.Person), it) + what + ".")
	case promotion.NoticeReview:
		return page.Say(page.Writef("Reminder: the glass was broken for %s.", it), owed(p, v.At, c), called(w, v, c))
	}
	return page.Say(page.Writef("*Break-glass*: %s has %s go to %s without all that its policy asks for: %s.", c.call(w.Person), it, p.To, because(w.Reason)),
		"Skipped: "+skipped(p.Broken)+".", owed(p, v.At, c))
}

// called are those who could give the review, mentioned unless each of them is
// reminded directly.
func called(w promotion.NoticeWork, v policy.View, c cast) page.Text {
	if !w.Named {
		c = nil
	}
	for _, want := range v.Wants() {
		if want.Kind == policy.WantReview {
			return "Could review: " + c.all(want.Who, maxCalled) + "."
		}
	}
	return ""
}

// glassAnswer is what somebody is told about a glass that they broke, or reviewed.
func glassAnswer(a promotion.Answer, it page.Text) page.Text {
	switch {
	case a.Decision.Reviews():
		return page.Writef("Your review of %s is on its card, and recorded.", it)
	case a.Verb == promotion.Repeated:
		return page.Writef("The glass of %s is broken already. Nothing was changed.", it)
	}
	return page.Writef("The glass of %s is broken: %s. The channel is told, and another person has to review it", it, because(a.Reason)) + stillMissing(a)
}
