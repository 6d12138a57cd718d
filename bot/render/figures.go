package render

import (
	"fmt"
	"slices"
	"time"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
)

// Figures is how deliveries went, in one stretch of time or in several. Of is an app
// or a train; empty for everything.
func Figures(of string, all ...promotion.Figures) Message {
	if of == "" {
		of = "everything"
	}
	var rows []page.Text
	for _, f := range all {
		rows = append(rows, page.Writef("*%s* in %s, since %s\n", of, f.Environment, f.From)+FigureLines(f))
	}
	return page.Roll("Figures", rows, "/promote figures <app> shows those of one app")
}

// FigureLines are the figures in a few lines, for whoever has said already what they
// are about.
func FigureLines(f promotion.Figures) page.Text {
	if f.Promoted == 0 && f.Rollbacks == 0 {
		return "Nothing was promoted."
	}
	lines := page.Writef("• Promoted: %d", f.Promoted)
	if days := f.Until.Sub(f.From).Hours() / 24; days >= 1 {
		lines += page.Text(fmt.Sprintf(", %.1f a day", float64(f.Promoted)/days))
	}
	lines += spread("Lead time, from when the build was there", f.Lead)
	lines += spread("Waited for people, checks and windows after the soak", f.Wait)
	lines += page.Text(fmt.Sprintf("\n• Taken back: %d of %d (%.0f %%)", f.TakenBack, f.Promoted, 100*f.Failed()))
	return lines + spread("Time to restore, from when what was bad came", f.Restore)
}

func spread(what page.Text, s promotion.Spread) page.Text {
	if s.Count == 0 {
		return ""
	}
	return "\n• " + what + page.Writef(": %s in the middle, %s at worst", about(s.Median), about(s.Worst))
}

// about is a duration as people say it: of what takes days, the minutes tell nothing.
func about(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}

// happening is a row of a history, and when it happened.
type happening struct {
	at  time.Time
	row page.Text
}

// judged are the rows of digests that were withdrawn and of those that were
// reinstated.
func judged(withdrawn []promotion.Withdrawal) (all []happening) {
	for _, w := range withdrawn {
		all = append(all, happening{w.At, page.Writef("*%s* %s was withdrawn by %s %s: %s", w.App, w.Digest, w.By, w.At, because(w.Reason))})
		if w.ReinstatedAt != nil {
			all = append(all, happening{*w.ReinstatedAt, page.Writef("*%s* %s was reinstated by %s %s", w.App, w.Digest, w.ReinstatedBy, *w.ReinstatedAt)})
		}
	}
	return all
}

// newestFirst keeps the order of what happened at the same time.
func newestFirst(all []happening) (rows []page.Text) {
	slices.SortStableFunc(all, func(a, b happening) int { return b.at.Compare(a.at) })
	for _, h := range all {
		rows = append(rows, h.row)
	}
	return rows
}

// took is how long it took to get there, of what was promoted, and why it went back.
func took(p *promotion.Promotion) page.Text {
	switch {
	case p.State != promotion.Promoted && p.Back != nil:
		return page.Writef("; it was to go back from %s: %s", p.Back.Bad, because(p.Back.Reason))
	case p.State != promotion.Promoted:
		return ""
	case p.Back != nil:
		return page.Writef("; back from %s, %s after that had come: %s", p.Back.Bad, about(p.Restored()), because(p.Back.Reason))
	case p.Purpose == promotion.Ride:
		return page.Writef("; lead time %s", about(p.Lead()))
	case p.Purpose == promotion.Forward:
		return page.Writef("; lead time %s, waited %s", about(p.Lead()), about(p.Waited()))
	}
	return ""
}
