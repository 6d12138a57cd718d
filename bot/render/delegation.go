package render

import (
	"slices"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// stoodFor is what came of a delegation or a reminder, where that has words of
// its own.
func stoodFor(a promotion.Answer, it page.Text) page.Text {
	if a.App == "" {
		it = "everything"
	}
	switch {
	case a.Deed == promotion.GestureRemind && a.Verb == promotion.Counted && a.Decision == promotion.Keep:
		return page.Writef("Those who could decide about %s, which is failing, have been reminded, in the thread of its card. That can be done again %s.", it, when(a.Next))
	case a.Deed == promotion.GestureRemind && a.Verb == promotion.Counted:
		return page.Writef("Those whose approval of %s is missing have been reminded, in the thread of its card. That can be done again %s.", it, when(a.Next))
	case a.Deed == promotion.GestureRemind && a.Verb == promotion.Refused && a.Next != nil:
		return page.Writef("Nobody was reminded: %s. It can be done again %s.", because(a.Reason), when(a.Next))
	case a.Deed == promotion.GestureRemind && a.Verb == promotion.Missing:
		return page.Writef("No promotion of %s is open, so nobody has to be reminded.", it)
	case a.Verb != promotion.Counted:
		return ""
	case a.Deed == promotion.GestureDelegate:
		return page.Writef("%s has %s approve for them, of %s, until %s. Until then the two are together one person: one slot at the most, and neither approves what one of them requested or wrote. `/promote undelegate` ends it, for either of them.", page.Mention(a.By), page.Mention(a.Whom), it, when(a.Until))
	case a.Others > 0:
		return page.Writef("Delegations that have ended: %d. Each approves for themselves again.", a.Others+1)
	}
	return page.Writef("%s does not approve for %s any more, of %s.", page.Mention(a.Whom), page.Mention(a.By), it)
}

// delegation is told in the thread of what it concerns.
func delegation(w promotion.NoticeWork, c cast) page.Text {
	if w.Kind == promotion.NoticeDelegated {
		return page.Writef("%s has %s approve for them until %s. Together they count once.", c.call(w.By), c.call(w.Whom), when(w.Until))
	}
	return page.Writef("%s has ended that %s approves for %s.", c.call(w.Person), c.call(w.Whom), c.call(w.By))
}

// voices are those whose approvals a finding has, each with whom they stand for.
func voices(v policy.View, by []promotion.PersonID, c cast) []page.Text {
	var all []page.Text
	for _, id := range by {
		all = append(all, voice(v, id, c))
	}
	return all
}

// voice calls who has approved, and for whom, where that is another.
func voice(v policy.View, id promotion.PersonID, c cast) page.Text {
	i := slices.IndexFunc(v.Verdict.Assigned, func(a policy.Assignment) bool { return a.Person == id && a.For != "" })
	if i < 0 {
		return c.call(id)
	}
	return page.Writef("%s for %s", c.call(id), c.call(v.Verdict.Assigned[i].For))
}

// against is why an approval does not count.
func against(d policy.Discount, c cast) page.Text {
	if d.Of == "" {
		return because(d.Reason)
	}
	return because(d.Reason) + page.Writef(" (%s)", c.call(d.Of))
}

// standIns are the delegations that matter to an open promotion.
func standIns(v policy.View, c cast) []page.Text {
	var lines []page.Text
	for _, d := range policy.StandIns(v.Document, v.Facts, v.At) {
		lines = append(lines, page.Writef("Until %s, %s can approve for %s; together they count once.", d.Until, c.call(d.To), c.call(d.By)))
	}
	return lines
}
