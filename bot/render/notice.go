package render

import (
	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Notice is a reply in the thread of a card.
func Notice(w promotion.NoticeWork, v policy.View) Message {
	p := &v.Facts.Promotion
	c := cast(v.Facts.People)
	it := page.Writef("*%s* %s", p.App, p.Digest)
	switch w.Kind {
	case promotion.NoticeSoaked:
		return page.Say(page.Writef("Soak complete: %s has been in %s for %s.", it, p.From, span(v.Document.Soak)), missing(v, c))
	case promotion.NoticeVote:
		switch w.Decision {
		case promotion.PlanFor:
			return page.Say(page.Writef("%s has written the rollback plan for %s: %s.", c.call(w.Person), it, because(w.Reason)), missing(v, c))
		case promotion.Reject:
			return page.Say(page.Writef("%s rejected %s for %s: %s.", c.call(w.Person), it, p.To, because(w.Reason)))
		case promotion.Withdraw:
			return page.Say(page.Writef("%s took the approval of %s for %s back.", c.call(w.Person), it, p.To), missing(v, c))
		case promotion.Lift:
			return page.Say(page.Writef("%s lifted the rejection of %s for %s: it is open again.", c.call(w.Person), it, p.To), missing(v, c))
		}
		return page.Say(page.Writef("%s approved %s for %s.", c.call(w.Person), it, p.To), missing(v, c))
	case promotion.NoticeSigned:
		return page.Say(signedNotice(w, c), missing(v, c))
	case promotion.NoticeRolledBack, promotion.NoticeWithdrawn, promotion.NoticeReinstated:
		return tookBack(w, v, c, it)
	case promotion.NoticeStrayed:
		return page.Say(strayed(w, v))
	case promotion.NoticeBroken, promotion.NoticeReviewed, promotion.NoticeReview:
		return shattered(w, v, c, it)
	case promotion.NoticeDelegated, promotion.NoticeUndelegated:
		return page.Say(delegation(w, c), missing(v, c))
	case promotion.NoticeExecuting:
		if p.Broken != nil && len(v.Verdict.Skipped()) > 0 {
			return page.Say(page.Writef("The glass is broken: exactly %s is being promoted to %s.", it, p.To))
		}
		if p.Stays() {
			return page.Say(page.Writef("The policy is met: the tags of %s are set to exactly %s.", p.To, it))
		}
		if p.Purpose == promotion.Train {
			return page.Say(page.Writef("The policy is met: exactly the %d digests of %s are being promoted to %s.", len(v.Facts.Rides), it, p.To))
		}
		return page.Say(page.Writef("The policy is met: exactly %s is being promoted to %s.", it, p.To))
	case promotion.NoticeFailing:
		return page.Say(page.Writef("%s is *failing* in %s: %s.", it, p.To, because(w.Reason)), "Who could approve it decides on its card what becomes of that.")
	case promotion.NoticeRetried:
		return page.Say(page.Writef("%s had %s deployed to %s again: %s.", c.call(w.Person), it, p.To, page.Foreign(w.Target, maxSaidIn)))
	case promotion.NoticeReminder:
		return remind(w, v, c, it)
	case promotion.NoticeSuperseded:
		if p.Purpose == promotion.Rollback {
			return page.Say(page.Writef("The rollback to %s is not needed any more: %s. Its buttons are gone.", it, because(p.Reason)))
		}
		if p.Successor == 0 {
			return page.Say(page.Writef("%s was taken back: %s. It was not promoted, and its buttons are gone.", it, because(p.Reason)))
		}
		if p.Reason != "" {
			return page.Say(page.Writef("%s gave way to %s: %s. Its buttons are gone.", it, successor(v), because(p.Reason)))
		}
		return page.Say(page.Writef("%s gave way to a newer build, %s. It was not promoted, and its buttons are gone.", it, successor(v)))
	}
	if w.Kind != promotion.NoticeEnded {
		return stirred(w, v, c, it)
	}
	_, sentence := state(v, c)
	end := page.Writef("%s, %s: ", it, way(p)) + sentence
	if p.Requester != "" {
		end = page.Mention(p.Requester) + ": " + end
	}
	return page.Say(end)
}

// missing says what an open promotion lacks, and who could give it. With a nil
// cast those people are called.
func missing(v policy.View, c cast) page.Text {
	if v.Facts.Promotion.State != promotion.Open {
		return ""
	}
	var all []page.Text
	for _, f := range v.Verdict.Missing() {
		one := because(f.Reason)
		if len(f.Who) > 0 {
			one += " (" + could(f.Rule) + c.all(f.Who, maxCalled) + ")"
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return "Nothing is missing."
	}
	return "Still missing: " + page.Join(all, maxCalled) + "."
}

// could begins the list of those who could satisfy a rule.
func could(r policy.Rule) page.Text {
	switch r {
	case policy.RuleHold:
		return "could lift it: "
	case policy.RuleCheck:
		return "could sign off: "
	}
	return "could approve: "
}

// remind calls those who could do something about it, so that Slack tells them;
// those who are reminded directly are only named.
func remind(w promotion.NoticeWork, v policy.View, c cast, it page.Text) Message {
	p := &v.Facts.Promotion
	begins, could := page.Text("Reminder"), c
	if w.Person != "" {
		begins += page.Writef(", because %s asks for it", c.call(w.Person))
	}
	if !w.Named {
		could = nil
	}
	switch {
	case p.State == promotion.Failing:
		return page.Say(begins+page.Writef(": %s is *failing* in %s: %s. It stays so until somebody has decided what becomes of it, and nothing newer goes there.", it, p.To, because(p.Reason)), choosing(v, could))
	case p.Repairs():
		return page.Say(begins+page.Writef(": the tags of %s were moved by somebody else.", p.To), missing(v, could))
	case p.Purpose == promotion.Rollback:
		return page.Say(begins+page.Writef(": it is asked for that %s goes back to %s.", p.To, it), missing(v, could))
	}
	return page.Say(begins+page.Writef(": %s has soaked in %s and waits for approvals for %s.", it, p.From, p.To), missing(v, could))
}

// choosing are those who could decide what becomes of what is failing, as it is when
// it is said. A card would have to change with each of them.
func choosing(v policy.View, c cast) page.Text {
	if v.Facts.Promotion.State != promotion.Failing || len(v.Facts.Choosers) == 0 {
		return ""
	}
	return "Could decide: " + c.all(v.Facts.Choosers, maxCalled) + "."
}
