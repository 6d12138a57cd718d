package render

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// ActionSign begins what the buttons are called by which checks are signed off.
const ActionSign = "promotebot_sign"

// How much of the evidence stands on a card.
const (
	maxEvidence = 8
	maxSigns    = 5 // buttons: beyond that they fill a phone
)

// evidence is what the policy asks for and what was reported, what is missing
// first.
func evidence(v policy.View) []page.Text {
	top, ok := v.Verdict.Finding(policy.RuleChecks)
	if !ok {
		return nil
	}
	var missing, there []page.Text
	for i, f := range top.Children {
		line := "• " + because(f.Reason)
		if f.Outcome != policy.Met {
			line = page.Writef("• *%s*: ", outcome(f)) + because(f.Reason)
		}
		if i < len(v.Document.Checks) { // they are in its order
			if r, reported := v.Facts.Report(v.Document.Checks[i].Name); reported {
				line += link(r)
			}
		}
		if f.Outcome != policy.Met {
			missing = append(missing, line)
		} else {
			there = append(there, line)
		}
	}
	lines := append(append([]page.Text{"*Checks*"}, missing...), there...)
	if more := len(lines) - 1 - maxEvidence; more > 0 {
		lines = append(lines[:maxEvidence+1], page.Writef("%d more; the details show them.", more))
	}
	return lines
}

// lacks says how much of the evidence is missing. What it is stands below, but
// not on the card of a train.
func lacks(v policy.View, f policy.Finding) page.Text {
	if v.Facts.Promotion.Purpose == promotion.Train {
		return because(f.Reason) + "."
	}
	missing := 0
	for _, c := range f.Children {
		if c.Outcome != policy.Met {
			missing++
		}
	}
	return page.Writef("%d of %d are missing.", missing, len(f.Children))
}

// link leads to where a report can be read up. Its host is shown: a report can
// name any.
func link(c promotion.Check) page.Text {
	u, err := url.Parse(c.URL)
	if err != nil || promotion.ParseLink(c.URL) != nil {
		return ""
	}
	if address, ok := linkable(c.URL); ok {
		return page.Writef(" (<%s|report> on %s)", address, u.Host)
	}
	return page.Writef(" (on %s)", u.Host)
}

// signs are the buttons by which somebody of the role says that they have
// looked.
func signs(v policy.View) []slack.BlockElement {
	var all []slack.BlockElement
	for i, s := range policy.Unsigned(v.Document, v.Facts, v.At) {
		if i == maxSigns {
			break
		}
		all = append(all, signButton(fmt.Sprintf("%s_%d", ActionSign, i), v.Facts.Promotion.Purpose == promotion.Train, s))
	}
	return all
}

// signButton is one of them; on a train it says of which app.
func signButton(action string, train bool, s policy.Signature) *slack.ButtonBlockElement {
	what := page.Plain(s.Check.Name, 40)
	if train {
		what += " of " + page.Plain(s.App, 20)
	}
	button := slack.NewButtonBlockElement(action, Value(s.Promotion, page.Plain(s.Check.Name, maxName)), page.Words("Sign off "+what))
	button.Confirm = slack.NewConfirmationBlockObject(page.Words("Sign off "+what+"?"),
		page.Words(fmt.Sprintf("You have looked, and have found nothing against it. It counts for somebody of %s. If you have found something: /promote check %s %s failed, and what it is.",
			page.Plain(s.Check.ReviewedBy, 40), page.Plain(s.App, 40), page.Plain(s.Check.Name, 40))),
		page.Words("Sign off"), page.Words("Not yet"))
	return button
}

// signAnswer is what somebody is told who wanted to sign a check off.
func signAnswer(a promotion.Answer, it page.Text) page.Text {
	what := page.Writef("What you said about %s of %s", a.Check, it)
	switch a.Verb {
	case promotion.Counted:
		m := page.Writef("%s of %s is recorded", a.Check, it)
		if a.Role != "" {
			m += page.Writef(", by you as one of %s", a.Role)
		}
		return m + stillMissing(a)
	case promotion.Repeated:
		return page.Writef("You had said that about %s of %s already. Nothing was changed.", a.Check, it)
	case promotion.Refused:
		m := what + page.Writef(" was not recorded: %s. Nothing was changed.", because(a.Reason))
		if len(a.Could) > 0 {
			m += page.Writef(" Who holds the role %s could.", strings.Join(a.Could, ", "))
		}
		return m
	case promotion.Outdated:
		return what + page.Writef(" was not recorded: %s. Nothing was changed.", because(a.Reason))
	case promotion.Closed:
		return what + page.Writef(" was not recorded: it %s. Nothing was changed.", ended(a.Reason))
	case promotion.Checking:
		return what + " is kept. promotebot is asking Slack who you are before it counts, and tells you here what comes of it."
	}
	return "There is no such promotion, and nothing was changed. `/promote list` shows what is open."
}

// stillMissing is what is missing after something that counted.
func stillMissing(a promotion.Answer) page.Text {
	if len(a.Missing) == 0 {
		return ". Nothing is missing any more."
	}
	var all []page.Text
	for _, reason := range a.Missing {
		all = append(all, because(reason))
	}
	return ". Still missing: " + page.Join(all, maxCalled) + "."
}

// signedNotice tells the thread that somebody has looked.
func signedNotice(w promotion.NoticeWork, c cast) page.Text {
	it := page.Writef("%s of *%s*", w.Check, w.App)
	did := page.Writef("%s signed off %s", c.call(w.Person), it)
	if w.Status != promotion.CheckPassed {
		did = page.Writef("%s says that %s failed", c.call(w.Person), it)
	}
	if w.Reason != "" {
		did += ": " + because(w.Reason)
	}
	return did + "."
}
