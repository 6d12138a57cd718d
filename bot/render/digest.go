package render

import (
	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// digestMost is how many of each kind are in a digest; the others are counted.
const digestMost = 9

// Digest tells a channel what has ended since the one before, and what is open.
// It names people and mentions nobody.
func Digest(d policy.Digest) Message {
	var p page.Page
	began := page.Writef("Since %s", d.Since)
	p.Header("Promotions")
	p.Context(began)
	text := []page.Text{began + ":"}
	add := func(title string, rows []page.Text, rest page.Text) {
		if len(rows) == 0 {
			return
		}
		lines := []page.Text{page.Writef("*%s* (%d)", title, len(rows))}
		for i, r := range rows {
			if i == digestMost {
				lines = append(lines, page.Writef("%d more: ", len(rows)-i)+rest)
				break
			}
			lines = append(lines, "• "+page.Clip(r, digestRow))
		}
		p.Section(lines...)
		text = append(text, lines...)
	}
	const list, history = "`/promote list` shows everything that is open.", "`/promote history` shows what is past."
	add("Failing, to be rolled back or kept", open(d.Failing), list)
	add("Review overdue", open(d.Overdue), list)
	add("Waiting for approvals", open(d.Waiting), list)
	add("Soaking", open(d.Soaking), list)
	add("Open otherwise", open(d.Open), list)
	add("Promoted", past(d.Promoted, d.People), history)
	add("Rolled back", past(d.RolledBack, d.People), history)
	add("Put back or accepted after somebody else had moved it", past(d.PutBack, d.People), history)
	add("Not promoted", past(d.Ended, d.People), history)
	if f := d.Figures; f.Promoted > 0 || f.Rollbacks > 0 {
		figures := []page.Text{page.Writef("*In figures*, of %s", f.Environment), FigureLines(f)}
		p.Section(figures...)
		text = append(text, figures...)
	}
	return Message{Text: string(page.Fit(text, page.MaxText)), Blocks: p.Blocks}
}

// digestRow is how long one line may be, so that a section holds all of its own.
const digestRow = 300

func open(views []policy.View) (rows []page.Text) {
	for _, v := range views {
		rows = append(rows, row(v, v.Facts.People))
	}
	return rows
}

func past(all []promotion.Promotion, people cast) (rows []page.Text) {
	for _, p := range all {
		rows = append(rows, record(p, people))
	}
	return rows
}
