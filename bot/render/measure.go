package render

import (
	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion/policy"
)

// measured is what the queries have answered that are asked while it is watched. What
// has no answer says so: nobody is to take it for well.
func measured(v policy.View) []page.Text {
	a := v.Document.After
	if a == nil || len(a.Queries) == 0 || v.Facts.Promotion.WatchUntil == nil {
		return nil
	}
	lines := []page.Text{"*Measured*"}
	for _, q := range a.Queries {
		m, _ := v.Facts.Measurement(q)
		s := page.Writef("• %s: ", page.Code(q.String()))
		switch {
		case m.Last == nil:
			s += "no answer yet"
		case q.Holds(m.Last.Value):
			s += page.Writef("%s at %s", m.Last.String(), m.Last.At)
		default:
			s += page.Writef("*%s* at %s", m.Last.String(), m.Last.At)
			if m.Wrong != nil && m.Wrong.Before(m.Last.At) {
				s += page.Writef(", and not what it has to be since %s", *m.Wrong)
			}
		}
		if m.Fault != "" {
			s += page.Writef(". *It can't be measured* since %s: %s", when(m.Since), because(m.Fault))
		}
		lines = append(lines, s)
	}
	return lines
}
