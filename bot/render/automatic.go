package render

import (
	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion/policy"
)

// byItself stands where approvals do on other cards: what has to come about
// before it goes ahead.
func byItself(v policy.View) []page.Text {
	if v.Verdict.Outcome == policy.Blocked { // by what, the card has said
		return []page.Text{"*Approvals*: none are asked for. It would go ahead by itself."}
	}
	var when []page.Text
	for _, f := range v.Verdict.Missing() {
		when = append(when, because(f.Reason))
	}
	if len(when) == 0 {
		return []page.Text{"*Approvals*: none are asked for. It goes ahead by itself now."}
	}
	return []page.Text{"*Approvals*: none are asked for. It goes ahead by itself when this is settled: " + page.Join(when, maxPeople) + "."}
}
