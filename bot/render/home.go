package render

import (
	"fmt"
	"slices"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// How much of each is on a home. Slack takes a hundred blocks; with all of it
// there are 62, and whoever has more to do finds the rest with a command.
const (
	homeWaiting = 10 // three blocks each, with what can be done
	homeAsked   = 8
)

// Home is the app's home tab, as one person sees it. It names no instant at which
// it was drawn: it is published again only when it would look otherwise.
func Home(h policy.Home) slack.HomeTabViewRequest {
	var p page.Page
	switch {
	case !h.Known:
		p.Section("promotebot is asking Slack who you are; what concerns you is here in a moment.")
	case h.Refusal != "":
		p.Section(page.Writef("There is nothing for you to see here: %s.", because(h.Refusal)),
			"If that is not right, ask an admin of this workspace for a full account; promotebot reads that within half an hour, or when you open this again.")
	default:
		homely(&p, h)
		p.Within("More than Slack takes here: `/promote list` and `/promote status` show the rest.")
	}
	return slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: p.Blocks}}
}

func homely(p *page.Page, h policy.Home) {
	p.Header("Waits for you")
	if len(h.Waiting) == 0 {
		p.Section("Nothing: no approval, sign-off, review or choice of yours is missing.")
	}
	for i, v := range h.Waiting {
		if i == homeWaiting {
			p.Context(page.Writef("%d more wait for you: `/promote list` shows everything that is open.", len(h.Waiting)-i))
			break
		}
		wanted := policy.Wanted(v.Wants(), h.Person)
		p.Section(row(v, nil))
		p.Context(asks(wanted)...)
		p.Add(slack.NewActionBlock("", wantedButtons(v, wanted)...))
	}
	p.Header("You asked for")
	if len(h.Asked) == 0 {
		p.Section("Nothing that is open. " + page.Code("/promote request <app>") + " asks for a promotion.")
	}
	for i, v := range h.Asked {
		if i == homeAsked {
			p.Context(page.Writef("%d more of yours are open: `/promote list` shows them.", len(h.Asked)-i))
			break
		}
		p.Section(row(v, nil))
	}
	if len(h.Freezes) > 0 {
		p.Header("Frozen")
		var lines []page.Text
		for _, z := range h.Freezes {
			lines = append(lines, "Everything is frozen"+ending(z.Until)+by(z.By, nil)+page.Writef(": %s.", because(z.Reason)))
		}
		p.Section(lines...)
	}
	p.Header("What is where")
	for _, a := range h.Apps {
		p.Section(where(a, h.At))
	}
	if h.MoreApps > 0 {
		p.Context(page.Writef("%d more apps: `/promote status` shows all of them.", h.MoreApps))
	}
	p.Header("What you did")
	var lines []page.Text
	for _, d := range h.Decisions {
		lines = append(lines, page.Writef("%s: ", d.Gesture.At)+did(d.Answer))
	}
	if len(lines) == 0 {
		lines = append(lines, "Nothing yet.")
	}
	p.Section(lines...)
}

// asks say what is wanted of somebody.
func asks(wants []policy.Want) []page.Text {
	var lines []page.Text
	for _, w := range wants {
		switch w.Kind {
		case policy.WantApproval:
			lines = append(lines, "Your approval would count now.")
		case policy.WantSignOff:
			lines = append(lines, page.Writef("Somebody of %s looks at *%s* of %s and signs it off: you could.", w.Sign.Check.ReviewedBy, w.Sign.Check.Name, w.Sign.App))
		case policy.WantReview:
			lines = append(lines, "The glass was broken: you could say whether that was right.")
		case policy.WantChoice:
			lines = append(lines, "It is failing, and stays so until somebody tries it again, rolls it back or keeps it: you could.")
		case policy.WantAnybody:
			lines = append(lines, page.Writef("You are told as one of %s: it has waited for approvals alone since %s, and those who could give them have not been heard of.", w.Role, when(w.Since)))
		}
	}
	return lines
}

// wantedButtons are those of the card that do what is wanted of somebody, and
// the details.
func wantedButtons(v policy.View, wants []policy.Want) []slack.BlockElement {
	p := &v.Facts.Promotion
	value := Value(p.ID, p.TermsNow().Hash())
	var all []slack.BlockElement
	for i, w := range wants {
		switch {
		case w.Kind == policy.WantApproval:
			all = append(all, approveButton(v, value))
		case w.Kind == policy.WantReview:
			all = append(all, reviewButtons(v, value)...)
		case w.Kind == policy.WantChoice:
			all = append(all, slices.Concat(settleButtons(v, value), rollbackButton(v, value))...)
		case w.Kind == policy.WantSignOff && i < maxSigns:
			all = append(all, signButton(fmt.Sprintf("%s_%d", ActionSign, i), p.Purpose == promotion.Train, w.Sign))
		}
	}
	return append(all, slack.NewButtonBlockElement(ActionDetails, value, page.Words("Details")))
}

// did names what somebody did. What it came to then is not what is true now.
func did(a promotion.Answer) page.Text {
	it := page.Writef(" %s %s", a.App, a.Digest)
	if a.Digest == "" {
		it = page.Writef(" %s", a.App)
	}
	if a.App == "" {
		it = " everything"
	}
	switch a.Deed {
	case promotion.GestureIncident:
		return page.Writef("incident #%d of", int64(a.Incident)) + it
	case promotion.GestureResolve:
		return page.Writef("end of incident #%d of", int64(a.Incident)) + it
	case promotion.GestureFreeze:
		return "freeze of" + it
	case promotion.GestureUnfreeze:
		return "end of the freeze of" + it
	case promotion.GestureHold:
		return "hold of" + it
	case promotion.GestureUnhold:
		return "end of the hold of" + it
	case promotion.GestureSnooze:
		return page.Writef("no reminders before %s", when(a.Until))
	}
	switch {
	case a.Check != "":
		return page.Writef("sign-off of %s of", a.Check) + it
	case a.Verb == promotion.Requested:
		return "request for" + it
	}
	return deed(a.Decision) + " of" + it
}
