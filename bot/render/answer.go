package render

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Notice is a reply in the thread of a card.
func Notice(w promotion.NoticeWork, v policy.View) Message {
	p := v.Facts.Promotion
	name := fmt.Sprintf("%s %s", p.App, digest(p.Digest))
	switch w.Kind {
	case promotion.NoticeSoaked:
		return say("Soak complete: %s was in %s for %s. %s", name, p.From, span(v.Document.Soak), next(v))
	case promotion.NoticeVote:
		return say("%s approved %s. %s", mention(w.Person), name, next(v))
	case promotion.NoticeExecuting:
		return say("The policy is satisfied: %s is being promoted to %s.", name, p.To)
	case promotion.NoticeReminder:
		return say("Still waiting: %s has soaked and lacks approvals for %s. %s", name, p.To, next(v))
	case promotion.NoticeSuperseded:
		return say("%s gave way to a newer build, #%d. It will not be promoted unless somebody requests it.", name, p.Successor)
	}
	state, detail := headline(v)
	asked := ""
	if p.Requester != "" {
		asked = mention(p.Requester) + " "
	}
	return say("%s%s for %s: %s. %s", asked, name, p.To, state, detail)
}

// next says what is still missing, and who could give it.
func next(v policy.View) string {
	if v.Facts.Promotion.State != promotion.Open {
		return ""
	}
	var rows []string
	for _, f := range v.Verdict.Missing() {
		row := line(f.Reason)
		if len(f.Who) > 0 {
			row += " (" + mentions(f.Who, 2*maxPeople) + " could)"
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return "Nothing is missing."
	}
	return "Still missing: " + strings.Join(rows, "; ") + "."
}

// Answer is what a person is told about what they did.
func Answer(a promotion.Answer) Message {
	subject := a.App
	if a.Digest != "" {
		subject += " " + digest(a.Digest)
	}
	did := "approval"
	if a.Decision == promotion.Reject {
		did = "rejection"
	}
	switch a.Verb {
	case promotion.Counted:
		return counted(a, subject)
	case promotion.Repeated:
		return say("You had approved %s already. It counts once.", subject)
	case promotion.Refused:
		return refused(a, subject, did)
	case promotion.Outdated:
		return say("Your %s of %s was not recorded: %s.", did, subject, line(a.Reason))
	case promotion.Closed:
		return say("Your %s of %s came too late and was not recorded: it is %s.", did, subject, line(a.Reason))
	case promotion.Checking:
		return say("Recorded. promotebot is checking who you are, or what the tag means, and will tell you here what came of it.")
	case promotion.Requested:
		return say("Promotion #%d of %s was opened. Its card is on its way to the channel.", a.Promotion, subject)
	case promotion.Existing:
		return say("A promotion of %s is open already: #%d. Nothing was changed.", subject, a.Promotion)
	}
	if a.App == "" {
		return say("There is no such promotion. Is another promotebot connected to this Slack app?")
	}
	return say("Nothing of %s is open or known under that digest. `/promote status %s` shows what is where.", subject, a.App)
}

func counted(a promotion.Answer, subject string) Message {
	if a.Decision == promotion.Reject {
		return say("%s was rejected: “%s”", subject, quote(a.Reason))
	}
	role := ""
	if a.Role != "" {
		role = " as " + line(a.Role)
	}
	if len(a.Missing) == 0 {
		return say("Approved %s%s. Nothing is missing any more.", subject, role)
	}
	return say("Approved %s%s. Still missing: %s.", subject, role, line(strings.Join(a.Missing, "; ")))
}

func refused(a promotion.Answer, subject, did string) Message {
	if a.Decision == "" {
		return say("The request for %s was refused: %s. Nothing was changed.", subject, quote(a.Reason))
	}
	could := ""
	if len(a.Could) > 0 {
		could = " Holders of these roles could: " + line(strings.Join(a.Could, ", ")) + "."
	}
	return say("Your %s of %s was not recorded: %s.%s", did, subject, line(a.Reason), could)
}

// Show is the newest promotion of an app, in full.
func Show(v policy.View) Message {
	p := v.Facts.Promotion
	m := Card(v)
	m.Blocks = details(v, fmt.Sprintf("%s → %s", p.App, p.To), maxBlocks)
	return m
}

// Why is every rule of an open promotion, or how an ended one ended.
func Why(v policy.View) Message {
	p := v.Facts.Promotion
	state, detail := headline(v)
	title := fmt.Sprintf("%s %s for %s: %s", p.App, digest(p.Digest), p.To, state)
	if p.State != promotion.Open {
		return say("%s. %s", title, detail)
	}
	return say("%s.\n%s\n%s", title, tree(v), discounted(v))
}

// List is everything that is open.
func List(open []policy.View) Message {
	if len(open) == 0 {
		return say("Nothing is open.")
	}
	var rows []string
	for _, v := range open {
		p := v.Facts.Promotion
		state, _ := headline(v)
		rows = append(rows, fmt.Sprintf("*%s* %s → %s: %s. %s (#%d, opened %s)", p.App, digest(p.Digest), p.To, state, next(v), p.ID, ago(p.OpenedAt)))
	}
	return lines("Open promotions", rows)
}

// Status is what is where.
func Status(apps []policy.AppStatus, _ time.Time) Message {
	var rows []string
	for _, a := range apps {
		row := "*" + a.App + "*"
		for _, e := range a.Environments {
			row += "\n" + e.Name + ": " + environment(e)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return say("There is no such app.")
	}
	return lines("Status", rows)
}

func environment(e policy.EnvironmentStatus) string {
	var holds []string
	for _, h := range e.Holds[:min(maxTags, len(e.Holds))] {
		s := digest(h.Digest)
		if h.Tag != "" {
			s = code(h.Tag) + " is " + s
		}
		holds = append(holds, s+" since "+date(h.Since))
	}
	if more := len(e.Holds) - len(holds); more > 0 {
		holds = append(holds, fmt.Sprintf("%d more", more))
	}
	s := "nothing yet"
	if len(holds) > 0 {
		s = strings.Join(holds, ", ")
	}
	if e.Fault != "" {
		s += ". *It can't be read*"
		if e.Since != nil {
			s += " since " + date(*e.Since)
		}
		s += ": " + line(e.Fault)
	}
	return s
}

// History is past and present promotions, newest first.
func History(past []promotion.Promotion) Message {
	if len(past) == 0 {
		return say("No promotion is on record.")
	}
	var rows []string
	for _, p := range past {
		when := p.OpenedAt
		if p.FinishedAt != nil {
			when = *p.FinishedAt
		}
		row := fmt.Sprintf("#%d *%s* %s → %s: %s %s", p.ID, p.App, digest(p.Digest), p.To, p.State, date(when))
		if p.Reason != "" {
			row += ": " + line(p.Reason)
		}
		rows = append(rows, row)
	}
	return lines("History", rows)
}

// Help is the grammar.
func Help(usage []string) Message {
	var rows []string
	for _, u := range usage {
		call, about, _ := strings.Cut(u, ": ")
		rows = append(rows, code(call)+" "+escape(about))
	}
	return say("%s", strings.Join(rows, "\n"))
}

// Usage says what can't be understood, and what could have been meant.
func Usage(problem string, usage []string) Message {
	return say("%s\n%s", quote(problem), Help(usage).Text)
}

// Problem is the one place where an error becomes words in Slack. Only texts
// that were written for people get out.
func Problem(err error) Message {
	var e *promotion.Error
	if !errors.As(err, &e) {
		return say("Something went wrong inside promotebot. Nothing was changed. Its log says what it was.")
	}
	switch e.Kind {
	case promotion.Unavailable, promotion.Stale:
		return say("That did not work, and nothing was changed. Try again in a moment.")
	default:
		return say("%s.", quote(e.Text))
	}
}
