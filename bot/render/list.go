package render

import (
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// List is everything that is open, and what has ended and is still to be
// reviewed.
func List(open []policy.View, pages Pages) Message {
	if len(open) == 0 {
		return page.Say("Nothing is open. `/promote status` shows what is where.")
	}
	var rows []page.Text
	for _, v := range open {
		rows = append(rows, row(v, nil))
	}
	return pages.on(page.Roll("Open promotions", listed(rows), "/promote show <app> shows each of them"))
}

// row is a promotion where it is one of several.
func row(v policy.View, c cast) page.Text {
	p := &v.Facts.Promotion
	_, sentence := state(v, c)
	row := page.Writef("#%d *%s* %s, %s: ", p.ID, p.App, p.Digest, way(p)) + sentence
	if p.Owed() != nil {
		row += " " + owed(p, v.At, c)
	}
	return row
}

// Status is what is where, as far as it could be seen.
func Status(apps []policy.AppStatus, now time.Time, pages Pages) Message {
	if len(apps) == 0 {
		return page.Say("No app is configured.")
	}
	var rows []page.Text
	for _, a := range apps {
		rows = append(rows, where(a, now))
	}
	m := page.Roll("Status", rows, "/promote status <app> shows one of them")
	p := page.Page{Blocks: m.Blocks}
	p.Context(page.Writef("As of %s", now))
	m.Blocks = p.Blocks
	return pages.on(m)
}

// where is what is where of one app.
func where(a policy.AppStatus, now time.Time) page.Text {
	row := page.Writef("*%s* in %s", a.App, page.Code(string(a.Repository)))
	for _, e := range a.Environments {
		row += page.Writef("\n• %s", e.Name)
		if e.Images != "" {
			row += page.Writef(", in %s", page.Code(string(e.Images)))
		}
		row += ": " + environment(e)
		for _, s := range e.Strays {
			row += "\n   ◦ " + stray(s)
		}
	}
	for _, f := range a.Following {
		row += "\n• " + onItsWay(f)
	}
	row += halted(a)
	if c := a.Channel; c.Fault != "" && c.Since != nil {
		row += page.Writef("\n• *no card can be posted* in %s since %s: %s", page.Code(c.ID), *c.Since, because(c.Fault))
	}
	for _, p := range a.Unreviewed {
		row += page.Writef("\n• #%d: ", p.ID) + owed(&p, now, nil)
	}
	var open []page.Text
	for _, id := range a.Open {
		open = append(open, page.Writef("#%d", id))
	}
	if len(open) > 0 {
		row += "\n• open: " + page.Join(open, maxTags)
	}
	return row
}

// environment says first what can't be seen: what follows is then old.
func environment(e policy.EnvironmentStatus) page.Text {
	var s page.Text
	if e.Fault != "" {
		s = "*can't be read*"
		if e.Since != nil {
			s += page.Writef(" since %s", *e.Since)
		}
		s += ": " + because(e.Fault) + ". Seen last: "
	}
	var holds []page.Text
	for _, h := range e.Holds {
		one := page.Writef("%s since %s", h.Digest, h.Since)
		if h.Tag != "" {
			one = page.Writef("%s at ", page.Code(h.Tag)) + one
		}
		holds = append(holds, one)
	}
	switch {
	case len(holds) > 0:
		return s + page.Join(holds, maxTags)
	case e.Watch == "":
		return s + "nothing; no tag is watched here"
	}
	return s + page.Writef("nothing behind %s", page.Code(e.Watch))
}

// History is past and present promotions and, in between, which digests were
// withdrawn; newest first.
func History(past []promotion.Promotion, withdrawn []promotion.Withdrawal, pages Pages) Message {
	if len(past)+len(withdrawn) == 0 {
		return page.Say("No promotion is on record.")
	}
	var all []happening
	for _, p := range past {
		at := p.OpenedAt
		if p.FinishedAt != nil {
			at = *p.FinishedAt
		}
		row := record(p, nil)
		if p.Plan != "" {
			row += "; rollback plan: " + because(p.Plan)
		}
		all = append(all, happening{at, row})
	}
	shown := newestFirst(append(all, pages.between(judged(withdrawn))...))
	return pages.on(page.Roll("History", listed(shown), "/promote history <app> shows those of one app"))
}

// record is a promotion as it is remembered.
func record(p promotion.Promotion, c cast) page.Text {
	at := p.OpenedAt
	if p.FinishedAt != nil {
		at = *p.FinishedAt
	}
	state := string(p.State)
	if p.State == promotion.Promoted && (p.Repairs() || p.Purpose == promotion.Rollback) {
		state = "done" // the way says what
	}
	row := page.Writef("#%d *%s* %s, %s%s: %s %s", p.ID, p.App, p.Digest, way(&p), withTrain(&p), state, at)
	if p.Successor != 0 && p.State != promotion.Rejected {
		row += page.Writef(" by #%d", p.Successor)
	}
	if p.State == promotion.Promoted && p.MovedAt != nil && p.EndedBy != "" {
		row += ", kept while it was failing"
	}
	if p.EndedBy != "" {
		row += page.Writef(" by %s", c.call(p.EndedBy))
	}
	if cause := p.Cause(); cause != "" {
		row += ": " + because(cause)
	}
	row += took(&p)
	if p.Undone() {
		row += page.Writef("; rolled back in #%d", p.UndoneBy)
	}
	if p.Broken != nil {
		row += page.Writef("; the glass was broken by %s", c.call(p.Broken.By))
	}
	return row
}

// Help is the grammar, and all of it. In each line, what is to be typed ends at ": ".
func Help(usage []string) Message {
	const together = 10 // lines of a section, of which the longest have 200 characters
	lines := typed(usage)
	var p page.Page
	for some := range slices.Chunk(lines, together) {
		p.Section(some...)
	}
	return Message{Text: string(page.Fit(lines, page.MaxText)), Blocks: p.Blocks}
}

// Usage says what can't be understood, what can come next where it ends, and what
// could have been meant.
func Usage(problem, next string, usage []string) Message {
	lines := []page.Text{page.Foreign(problem, 2*page.Longest)}
	if next != "" {
		lines = append(lines, page.Writef("Here comes %s.", page.Code(next)))
	}
	return page.Say(append(lines, typed(usage)...)...)
}

// WhereTheRecordIs is said as long as it can't be read here.
func WhereTheRecordIs() Message {
	return page.Say(
		"The record of all decisions can't be read from here yet.",
		"What to do instead: where promotebot runs, `promotebot audit list` prints it and `promotebot audit verify` says whether it is whole. Who decided about one promotion is in `/promote show`.")
}

func typed(usage []string) []page.Text {
	var lines []page.Text
	for _, u := range usage {
		about := "for example"
		call, isExample := strings.CutSuffix(u, ": "+about)
		if !isExample {
			call, about, _ = strings.Cut(u, ": ")
		}
		lines = append(lines, page.Writef("%s  %s", page.Code(call), about))
	}
	return lines
}
