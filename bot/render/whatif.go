package render

import (
	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Try is a promotion as it is and as it would be if somebody approved it.
type Try struct {
	Is, Would policy.View
	Refusal   string // why the approval could not count; Would is then as it is
}

// WhatIf says for each promotion what the approval of one more person would do.
func WhatIf(person promotion.PersonID, tries []Try) Message {
	if len(tries) == 0 {
		return page.Say("Nothing is open that could be approved. `/promote status` shows what is where.")
	}
	var rows []page.Text
	for _, t := range tries {
		p := &t.Is.Facts.Promotion
		begins := page.Writef("If %s approved *%s* %s, %s, now: ", page.Mention(person), p.App, p.Digest, way(p))
		rows = append(rows, begins+effectOf(person, t))
	}
	return page.Roll("What if", rows, "/promote what-if approve @someone <app> shows one of them")
}

func effectOf(person promotion.PersonID, t Try) page.Text {
	if t.Refusal != "" {
		return page.Writef("it would not count: %s.", because(t.Refusal))
	}
	s := page.Text("it would fill no role that still lacks somebody")
	for _, a := range t.Is.Verdict.Assigned {
		if a.Person == person {
			return page.Writef("nothing would change: it counts as one of %s already.", a.Role)
		}
	}
	for _, a := range t.Would.Verdict.Assigned {
		if a.Person == person {
			s = page.Writef("it would count as one of %s", a.Role)
		}
	}
	var missing []page.Text
	for _, f := range t.Would.Verdict.Missing() {
		if f.Rule != policy.RuleIdentity && f.Rule != policy.RuleCopy { // which come by themselves when all else is met
			missing = append(missing, because(f.Reason))
		}
	}
	if len(missing) == 0 {
		return s + ", and nothing would be missing any more: it would be promoted."
	}
	return s + ". Still missing: " + page.Join(missing, maxCalled) + "."
}
