package render

import (
	"errors"
	"strings"
	"time"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Answer is what a person is told about what they did. That of a vote or a
// request that counts can be read by the whole channel.
func Answer(a promotion.Answer) Message {
	var lines []page.Text
	if a.Late {
		lines = append(lines, "About what you did a moment ago:")
	}
	lines = append(lines, answer(a))
	if a.Typed != "" {
		lines = append(lines, page.Writef("You had written: “%s”", page.Foreign(a.Typed, 5*maxReason)))
	}
	return page.Say(lines...)
}

func answer(a promotion.Answer) page.Text {
	it := page.Writef("*%s*", a.App)
	switch {
	case a.App == "" && a.Promotion != 0:
		it = page.Writef("promotion #%d", a.Promotion)
	case a.Digest != "":
		it += page.Writef(" %s", a.Digest)
	}
	if a.Check != "" {
		return signAnswer(a, it)
	}
	if a.Deed == promotion.GestureDelegate || a.Deed == promotion.GestureUndelegate || a.Deed == promotion.GestureRemind {
		if m := stoodFor(a, it); m != "" {
			return m
		}
	}
	if m, some := aboutBuild(a, it); some {
		return m
	}
	if a.Deed != "" {
		return deedAnswer(a, it)
	}
	if (a.Decision == promotion.BreakGlass || a.Decision.Reviews()) && (a.Verb == promotion.Counted || a.Verb == promotion.Repeated) {
		return glassAnswer(a, it)
	}
	switch a.Verb {
	case promotion.Counted:
		return counted(a, it)
	case promotion.Noted:
		return page.Writef("The rollback plan of %s is on its card. Whoever had approved it before that has to do so again.", it)
	case promotion.Repeated:
		if a.Decision == promotion.PlanFor {
			return page.Writef("That is the rollback plan of %s already. Nothing was changed.", it)
		}
		return page.Writef("You had approved %s already. A person counts once; nothing was changed.", it)
	case promotion.Refused:
		return refused(a, it)
	case promotion.Outdated:
		return page.Writef("Your %s of %s was not counted: %s. Nothing was changed.", deed(a.Decision), it, because(a.Reason))
	case promotion.Closed:
		return page.Writef("Your %s of %s was not counted: it %s. Nothing was changed.", deed(a.Decision), it, ended(a.Reason))
	case promotion.Checking:
		if a.Decision == "" {
			return page.Writef("Your request for %s is recorded. promotebot is asking Slack who you are or the registry what the tag means, and tells you here what comes of it.", it)
		}
		return page.Writef("Your %s of %s is recorded. promotebot is asking Slack who you are before it counts, and tells you here what comes of it.", deed(a.Decision), it)
	case promotion.Requested:
		return page.Writef("Promotion #%d of %s is open. Its card comes to the channel of the app; nothing is promoted before the policy is met.", a.Promotion, it)
	case promotion.Existing:
		return page.Writef("#%d is open for %s already: no second one was opened. `/promote why %s` says what it lacks.", a.Promotion, it, a.App)
	case promotion.Missing:
		if a.App == "" {
			return "There is no such promotion, and nothing was changed. Is another promotebot connected to this Slack app?"
		}
		return page.Writef("No such promotion of %s is open or on record, and nothing was changed. `/promote status %s` shows what is where, `/promote request %s` asks for a promotion.", it, a.App, a.App)
	}
	return page.Writef("promotebot has no words for what came of it (%s). `/promote list` shows what is open.", string(a.Verb))
}

func counted(a promotion.Answer, it page.Text) page.Text {
	switch a.Decision {
	case promotion.Reject:
		return page.Writef("Rejected %s: %s. No tag was moved.", it, objection(a.Ground, a.Reason))
	case promotion.Keep:
		return page.Writef("%s stays as it is, and counts as promoted: %s.", it, because(a.Reason))
	case promotion.Retry:
		return page.Writef("%s is deployed again to %s. Its card shows how far that is.", it, page.Foreign(strings.Join(a.Targets, ", "), maxSaidIn))
	case promotion.Lift:
		return page.Writef("The rejection of %s is lifted: it is open again.", it)
	case promotion.Withdraw:
		return page.Writef("Your approval of %s is taken back", it) + stillMissing(a)
	}
	m := page.Writef("Approved %s", it)
	if a.Role != "" {
		m += page.Writef(" as one of %s", a.Role)
	}
	return m + stillMissing(a)
}

func refused(a promotion.Answer, it page.Text) page.Text {
	if a.Decision == "" {
		return page.Writef("No promotion of %s was opened: %s.", it, because(a.Reason))
	}
	m := page.Writef("Your %s of %s was not counted: %s. Nothing was changed.", deed(a.Decision), it, because(a.Reason))
	return m + coulds(a.Could)
}

func coulds(roles []string) page.Text {
	if len(roles) == 0 {
		return ""
	}
	var all []page.Text
	for _, r := range roles {
		all = append(all, page.Writef("%s", r))
	}
	return " Who holds one of these roles could: " + page.Join(all, maxCalled) + "."
}

func deed(d promotion.Decision) page.Text {
	switch d {
	case promotion.Reject:
		return "rejection"
	case promotion.PlanFor:
		return "rollback plan"
	case promotion.Instead:
		return "request to adopt what was found instead"
	case promotion.Withdraw:
		return "withdrawal"
	case promotion.Lift:
		return "lifting of the rejection"
	case promotion.Keep:
		return "decision to keep it"
	case promotion.Retry:
		return "retry"
	case promotion.BreakGlass:
		return "breaking of the glass"
	case promotion.Fine, promotion.NotFine:
		return "review"
	}
	return "approval"
}

// ended says what a promotion's state means for somebody who comes too late.
func ended(state string) page.Text {
	switch promotion.State(state) {
	case promotion.Executing:
		return "is being promoted already"
	case promotion.Deploying:
		return "is being deployed already"
	case promotion.Watching:
		return "runs already, and is being watched"
	case promotion.Failing:
		return "has been promoted, and is failing; its card says what can be done"
	case promotion.Promoted:
		return "has been promoted already"
	case promotion.Rejected:
		return "has been rejected already"
	case promotion.Expired:
		return "has expired"
	case promotion.Superseded:
		return "has been superseded; its card says by what"
	case promotion.Conflicted:
		return "ended in a conflict"
	case promotion.Failed:
		return "has failed"
	}
	return "is not open any more"
}

// Show is the newest promotion of an app, in full.
func Show(v policy.View) Message {
	return Message{Text: summary(v), Blocks: details(v)}
}

// Why is every rule of an open promotion, or how an ended one ended.
func Why(v policy.View) Message {
	p := &v.Facts.Promotion
	_, sentence := state(v, nil)
	lines := []page.Text{page.Writef("*%s* %s, %s: ", p.App, p.Digest, way(p)) + sentence}
	if p.State == promotion.Open && p.Purpose == promotion.Train {
		return whyTrain(lines[0], v)
	}
	if p.State == promotion.Open {
		lines = append(append(lines, tree(v.Verdict.Findings, "")...), discounted(v, nil)...)
	}
	return page.Say(lines...)
}

// Abroad is said where members of other organisations read and write along.
func Abroad() Message {
	return page.Say("In a channel that is shared with other organisations, promotebot answers only `/promote`. Nothing was changed.")
}

// Outside is said to whoever is of another organisation and clicks.
func Outside(refusal string) Message {
	return page.Say(page.Writef("Nothing is opened for you: %s. Nothing was changed.", because(refusal)))
}

// Problem is the one place where an error becomes words in Slack. Only texts
// that were written for people get out.
func Problem(err error) Message {
	var e *promotion.Error
	if !errors.As(err, &e) {
		return page.Say("Something went wrong inside promotebot; nothing was changed. Its log says what it was.")
	}
	text := because(e.Text)
	switch e.Kind {
	case promotion.Unavailable:
		again := page.Text("in a moment")
		if e.RetryAfter > 0 {
			again = page.Writef("in %s", span(e.RetryAfter.Round(time.Second)))
		}
		return page.Say(page.Writef("That can't be answered right now: %s. Nothing was changed; try again %s.", text, again))
	case promotion.Stale:
		return page.Say(page.Writef("Somebody else was faster: %s. Nothing was changed; look again and repeat it if it still makes sense.", text))
	case promotion.Forbidden:
		return page.Say(page.Writef("That is not allowed: %s. Nothing was changed.", text))
	}
	return page.Say(page.Writef("%s. Nothing was changed.", text))
}
