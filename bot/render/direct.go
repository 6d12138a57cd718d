package render

import (
	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// ActionSnooze begins the names of the buttons that choose when to be reminded
// again; what they carry is that, as ParseUntil understands it.
const ActionSnooze = "promotebot_snooze"

// snoozes are what can be chosen.
var snoozes = []struct{ action, until, label string }{
	{ActionSnooze + "_1h", "1h", "In 1 hour"},
	{ActionSnooze + "_4h", "4h", "In 4 hours"},
	{ActionSnooze + "_tomorrow", "tomorrow 9:00", "Tomorrow at 9:00"},
}

// directMost is how many promotions are in one reminder, with three blocks each:
// more are not read. The others are at home.
const directMost = 8

// Reminder is the one message that tells somebody of everything that waits for
// them.
func Reminder(r policy.Reminder) Message {
	var p page.Page
	title := page.Writef("%d promotions wait for you.", len(r.Items))
	if len(r.Items) == 1 {
		title = "A promotion waits for you."
	}
	p.Section("*" + title + "*")
	text := []page.Text{title}
	for i, item := range r.Items {
		if i == directMost {
			more := page.Writef("%d more: they are on the Home tab of promotebot, and in `/promote list`.", len(r.Items)-i)
			p.Context(more)
			text = append(text, more)
			break
		}
		what, why := row(item.View, item.View.Facts.People), asks(item.Wants)
		p.Section(what)
		p.Context(why...)
		p.Add(slack.NewActionBlock("", wantedButtons(item.View, item.Wants)...))
		text = append(append(text, what), why...)
	}
	p.Context("When to be reminded again, if not as usual:")
	var later []slack.BlockElement
	for _, s := range snoozes {
		later = append(later, slack.NewButtonBlockElement(s.action, s.until, page.Words(s.label)))
	}
	p.Add(slack.NewActionBlock("", later...))
	return Message{Text: string(page.Fit(text, page.MaxText)), Blocks: p.Blocks}
}

// snoozed is what somebody is told who wanted to be reminded later.
func snoozed(a promotion.Answer) page.Text {
	if a.Verb == promotion.Refused {
		return page.Writef("You are reminded as before: %s.", because(a.Reason))
	}
	return page.Writef("You are not reminded before %s. What you do meanwhile counts as always.", when(a.Until))
}
