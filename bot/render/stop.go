package render

import (
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What the buttons for holds are called in Slack's payloads.
const (
	ActionHold   = "promotebot_hold"
	ActionUnhold = "promotebot_unhold"
)

// HoldModal asks why. channel and ts are the card's.
func HoldModal(v policy.View, channel, ts string) slack.ModalViewRequest {
	p := &v.Facts.Promotion
	input := slack.NewPlainTextInputBlockElement(page.Words("What does it have to wait for?"), reasonAction)
	input.Multiline, input.MinLength, input.MaxLength = true, minReason, maxReason
	var body page.Page
	body.Section(
		page.Writef("Hold *%s* %s for *%s*?", p.App, p.Digest, p.To),
		"It can be approved all the same, and goes ahead when every hold is lifted. "+
			page.Writef("To hold all builds of it, also those to come: `/promote hold %s`.", p.App))
	body.Add(slack.NewInputBlock(reasonBlock, page.Words("Reason"), page.Words("Everybody in the channel will read it."), input))
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: ActionHold, PrivateMetadata: remembered(v, channel, ts),
		Title: page.Words("Hold"), Submit: page.Words("Hold"), Close: page.Words("Cancel"), Blocks: slack.Blocks{BlockSet: body.Blocks},
	}
}

// holdButton is the one to hold, or the one to lift where there is something to
// lift. Whose hold that lifts depends on who clicks, so it asks first.
func holdButton(v policy.View, value string) []slack.BlockElement {
	if len(v.Facts.Holds) == 0 {
		return []slack.BlockElement{slack.NewButtonBlockElement(ActionHold, value, page.Words("Hold…"))}
	}
	lift := slack.NewButtonBlockElement(ActionUnhold, value, page.Words("Lift hold"))
	lift.Confirm = slack.NewConfirmationBlockObject(page.Words("Lift the hold?"),
		page.Words("If you hold it, your hold is lifted. If you don't, those of the others are, which takes a role, and the record says so."), page.Words("Lift"), page.Words("Not yet"))
	return []slack.BlockElement{lift}
}

// pauses are why a soak takes longer than people may have in mind, while it does.
func pauses(v policy.View) []page.Text {
	f, some := v.Verdict.Finding(policy.RuleSoak)
	if !some || f.Outcome == policy.Met {
		return nil
	}
	var lines []page.Text
	all := v.Facts.Pauses(v.Document)
	for i, pause := range all {
		if i == maxPauses {
			lines = append(lines, page.Writef("• %d more pauses.", len(all)-i))
			break
		}
		lines = append(lines, page.Writef("• *Stood still* from %s to %s: %s.", pause.From, *pause.Until, because(pause.Why)))
	}
	return lines
}

// stopped is what people and incidents keep it waiting for, and the incidents
// that don't.
func stopped(v policy.View, c cast) []page.Text {
	var lines []page.Text
	for _, h := range v.Facts.Holds {
		what := page.Text("• *Held*")
		if h.Digest == "" {
			what += ", with every other build of it,"
		}
		what += by(h.By, c) + page.Writef(" since %s", h.At)
		if h.Rollback != 0 {
			what += page.Writef(", when it was rolled back in #%d", h.Rollback)
		}
		lines = append(lines, what+page.Writef(": %s.", because(h.Reason)))
	}
	// What does not wait for freezes is not looked at again when one ends, so its
	// card would go on to say so.
	_, waits := v.Verdict.Finding(policy.RuleFreeze)
	for _, z := range append(v.Document.Freezes, v.Facts.Freezes...) {
		if waits && z.At(v.At) {
			lines = append(lines, "• *Frozen*"+ending(z.Until)+by(z.By, c)+page.Writef(": %s.", because(z.Reason)))
		}
	}
	return append(lines, incidents(v, c)...)
}

func by(who promotion.PersonID, c cast) page.Text {
	if who == "" {
		return ""
	}
	return page.Writef(" by %s", c.call(who))
}

// ending is nothing for what ends when somebody says so.
func ending(until *time.Time) page.Text {
	if until == nil {
		return ""
	}
	return page.Writef(" until %s", *until)
}

// incidents are the open ones, with what they do.
func incidents(v policy.View, c cast) []page.Text {
	var lines []page.Text
	said := map[promotion.IncidentID]bool{}
	for _, f := range append([]policy.Facts{v.Facts}, v.Facts.Rides...) {
		for _, i := range f.Incidents {
			if i.ResolvedAt != nil || said[i.ID] {
				continue
			}
			said[i.ID] = true
			line := page.Writef("• *Incident #%d*, %s, since %s: %s", int64(i.ID), string(i.Severity), i.From, because(i.Summary))
			if who := promotion.PersonOf(i.ReportedBy); who != "" {
				line += page.Writef(" (reported by %s)", c.call(who))
			}
			lines = append(lines, line+". "+effects(v.Document, f.Promotion, i))
		}
	}
	return lines
}

func effects(d policy.Document, p promotion.Promotion, i promotion.Incident) page.Text {
	var all []page.Text
	if d.Incidents.Interrupts(i.Severity) && i.Concerns(p.App, p.From) {
		all = append(all, "the soak stands still")
	}
	if slices.Contains(d.FreezeOn, i.Severity) {
		all = append(all, "nothing is promoted")
	}
	if len(all) == 0 {
		return "This policy takes no notice of it."
	}
	return "Until it is resolved, " + page.Join(all, len(all)) + "."
}

// halted is what keeps an app from being promoted, whichever build it is.
func halted(a policy.AppStatus) page.Text {
	var lines page.Text
	for _, i := range a.Incidents {
		lines += page.Writef("\n• incident #%d, %s, since %s: %s", int64(i.ID), string(i.Severity), i.From, because(i.Summary))
	}
	for _, z := range a.Freezes {
		lines += "\n• frozen" + ending(z.Until) + by(z.By, nil) + page.Writef(": %s", because(z.Reason))
	}
	for _, h := range a.Holds {
		it := page.Text("every build")
		if h.Digest != "" {
			it = page.Writef("%s", h.Digest)
		}
		if h.Rollback != 0 {
			it += page.Writef(" rolled back in #%d and", h.Rollback)
		}
		lines += page.Writef("\n• %s held", it) + by(h.By, nil) + page.Writef(": %s", because(h.Reason))
	}
	for _, w := range a.Withdrawn {
		lines += page.Writef("\n• %s withdrawn by %s: %s", w.Digest, page.Mention(w.By), because(w.Reason)) + stillIn(a, w.Digest)
	}
	return lines
}

// deedDone is what came of a hold, a freeze or an incident.
func deedDone(a promotion.Answer, it page.Text) page.Text {
	if a.App == "" && a.Promotion == 0 {
		it = "everything"
	}
	switch a.Deed {
	case promotion.GestureIncident:
		return page.Writef("Incident #%d of %s is open, %s: %s. `/promote resolve %d` ends it.", int64(a.Incident), it, string(a.Severity), because(a.Reason), int64(a.Incident))
	case promotion.GestureResolve:
		return page.Writef("Incident #%d of %s is resolved: %s.", int64(a.Incident), it, because(a.Reason))
	case promotion.GestureFreeze:
		return page.Writef("Frozen, %s%s: %s. Approvals can be given, and nothing is promoted. %s lifts it.", it, ending(a.Until), because(a.Reason), page.Code(strings.TrimSpace("/promote unfreeze "+a.App)))
	case promotion.GestureUnfreeze:
		return page.Writef("Not frozen any more: %s. What lacks nothing goes ahead now.", it)
	case promotion.GestureHold:
		m := page.Writef("On hold: %s: %s.", it, because(a.Reason))
		if a.Others > 0 {
			m += page.Writef(" With others that makes %d; all have to be lifted.", a.Others+1)
		}
		return m
	}
	m := "Not held any more: " + it + "."
	if len(a.Whose) > 0 {
		m = page.Writef("Not held any more by %s: %s.", cast(nil).all(a.Whose, maxCalled), it)
	}
	if a.Others > 0 {
		return m + page.Writef(" Holds that are left: %d.", a.Others)
	}
	return m + " Nobody holds it now."
}

// deedAnswer is what is said about a hold, a freeze or an incident.
func deedAnswer(a promotion.Answer, it page.Text) page.Text {
	if a.Deed == promotion.GestureSnooze {
		return snoozed(a)
	}
	switch a.Verb {
	case promotion.Counted:
		return deedDone(a, it)
	case promotion.Repeated:
		return page.Writef("You hold %s already. Nothing was changed.", it)
	case promotion.Closed:
		return page.Writef("It was not done: %s %s. Nothing was changed.", it, ended(a.Reason))
	case promotion.Checking:
		return "That is recorded. promotebot is asking Slack who you are before it counts, and tells you here what comes of it."
	case promotion.Refused:
		return page.Writef("It was not done: %s. Nothing was changed.", because(a.Reason)) + coulds(a.Could)
	}
	return "There is no such app or promotion, and nothing was changed."
}

// stirred is told in the thread of what a deed concerns.
func stirred(w promotion.NoticeWork, v policy.View, c cast, it page.Text) Message {
	who := page.Text("promotebot was told of it.")
	if w.Person != "" {
		who = page.Writef("Said by %s.", c.call(w.Person))
	}
	of := page.Writef("Incident #%d, %s: %s", int64(w.Incident), string(w.Severity), because(w.Reason))
	switch w.Kind {
	case promotion.NoticeIncident:
		return page.Say(of+". "+who, missing(v, c))
	case promotion.NoticeResolved:
		return page.Say(of+", is resolved. "+who, missing(v, c))
	case promotion.NoticeFrozen:
		return page.Say(page.Writef("%s has frozen %s%s: %s. Approvals can be given all the same.", c.call(w.Person), it, ending(w.Until), because(w.Reason)))
	case promotion.NoticeUnfrozen:
		return page.Say(page.Writef("%s has lifted the freeze.", c.call(w.Person)), missing(v, c))
	case promotion.NoticeHeld:
		if w.Rollback != 0 {
			return page.Say(page.Writef("%s is held, because it was rolled back in #%d: %s. It can be approved, and goes ahead when somebody lifts the hold.", it, w.Rollback, because(w.Reason)))
		}
		return page.Say(page.Writef("%s holds %s: %s. It can be approved all the same.", c.call(w.Person), it, because(w.Reason)))
	}
	if len(w.Whose) == 1 && w.Whose[0] == w.Person {
		return page.Say(page.Writef("%s does not hold %s any more.", c.call(w.Person), it), missing(v, c))
	}
	whose := page.Text("")
	if len(w.Whose) > 0 {
		whose = " of " + c.all(w.Whose, maxPeople)
	}
	return page.Say(page.Writef("%s has lifted the hold%s on %s.", c.call(w.Person), whose, it), missing(v, c))
}
