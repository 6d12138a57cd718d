package render

import (
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// List is everything that is open.
func List(open []policy.View) Message {
	if len(open) == 0 {
		return say("Nothing is open. `/promote status` shows what is where.")
	}
	var rows []markup
	for _, v := range open {
		p := &v.Facts.Promotion
		_, sentence := state(v, nil)
		rows = append(rows, write("#%d *%s* %s, %s → %s: ", p.ID, p.App, p.Digest, p.From, p.To)+sentence)
	}
	return roll("Open promotions", rows, "/promote show <app> shows each of them")
}

// Status is what is where, as far as it could be seen.
func Status(apps []policy.AppStatus, now time.Time) Message {
	if len(apps) == 0 {
		return say("No app is configured.")
	}
	var rows []markup
	for _, a := range apps {
		row := write("*%s* in %s", a.App, code(string(a.Repository)))
		for _, e := range a.Environments {
			row += write("\n• %s: ", e.Name) + environment(e)
		}
		var open []markup
		for _, id := range a.Open {
			open = append(open, write("#%d", id))
		}
		if len(open) > 0 {
			row += "\n• open: " + join(open, maxTags)
		}
		rows = append(rows, row)
	}
	m := roll("Status", rows, "/promote status <app> shows one of them")
	p := page{blocks: m.Blocks}
	p.context(write("As of %s", now))
	m.Blocks = p.blocks
	return m
}

// environment says first what can't be seen: what follows is then old.
func environment(e policy.EnvironmentStatus) markup {
	var s markup
	if e.Fault != "" {
		s = "*can't be read*"
		if e.Since != nil {
			s += write(" since %s", *e.Since)
		}
		s += ": " + because(e.Fault) + ". Seen last: "
	}
	var holds []markup
	for _, h := range e.Holds {
		one := write("%s since %s", h.Digest, h.Since)
		if h.Tag != "" {
			one = write("%s at ", code(h.Tag)) + one
		}
		holds = append(holds, one)
	}
	switch {
	case len(holds) > 0:
		return s + join(holds, maxTags)
	case e.Watch == "":
		return s + "nothing; no tag is watched here"
	}
	return s + write("nothing behind %s", code(e.Watch))
}

// History is past and present promotions, newest first.
func History(past []promotion.Promotion) Message {
	if len(past) == 0 {
		return say("No promotion is on record.")
	}
	var rows []markup
	for _, p := range past {
		at := p.OpenedAt
		if p.FinishedAt != nil {
			at = *p.FinishedAt
		}
		row := write("#%d *%s* %s, %s → %s: %s %s", p.ID, p.App, p.Digest, p.From, p.To, string(p.State), at)
		if p.Successor != 0 {
			row += write(" by #%d", p.Successor)
		}
		if p.Reason != "" {
			row += ": " + because(p.Reason)
		}
		rows = append(rows, row)
	}
	return roll("History", rows, "/promote history <app> shows those of one app")
}

// Help is the grammar. In each line, what is to be typed ends at ": ".
func Help(usage []string) Message {
	var lines []markup
	for _, u := range usage {
		call, about, _ := strings.Cut(u, ": ")
		lines = append(lines, write("%s  %s", code(call), about))
	}
	return say(lines...)
}

// Usage says what can't be understood, and what could have been meant.
func Usage(problem string, usage []string) Message {
	lines := []markup{foreign(problem, 2*maxForeign)}
	for _, u := range usage {
		call, about, _ := strings.Cut(u, ": ")
		lines = append(lines, write("%s  %s", code(call), about))
	}
	return say(lines...)
}
