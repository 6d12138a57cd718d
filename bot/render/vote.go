package render

import (
	"slices"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// The buttons with which something is taken back.
const (
	ActionWithdraw = "promotebot_withdraw"
	ActionLift     = "promotebot_lift"
)

// withdrawButton is there as soon as there is something to take back; who has
// nothing is told so privately.
func withdrawButton(v policy.View, value string) []slack.BlockElement {
	approved := slices.ContainsFunc(v.Facts.Votes, func(vote promotion.Vote) bool { return policy.HasApproved(v.Facts, vote.Person) })
	if !approved {
		return nil
	}
	b := slack.NewButtonBlockElement(ActionWithdraw, value, page.Words("Withdraw"))
	b.Confirm = slack.NewConfirmationBlockObject(page.Words("Take your approval back?"),
		page.Words("It stops counting, and you can approve again. Nothing else changes."), page.Words("Take it back"), page.Words("Keep it"))
	return []slack.BlockElement{b}
}

// liftButton is there while a rejection can be lifted.
func liftButton(v policy.View, value string) (*slack.ButtonBlockElement, bool) {
	p := &v.Facts.Promotion
	if p.State != promotion.Rejected || p.Successor != 0 || p.Purpose == promotion.Rollback {
		return nil, false
	}
	b := slack.NewButtonBlockElement(ActionLift, value, page.Words("Lift…"))
	b.Confirm = slack.NewConfirmationBlockObject(page.Words("Lift the rejection?"),
		page.Words("It is open again, and goes ahead when the policy is met. Approvals that were given for what is still so count again."), page.Words("Lift it"), page.Words("Not now"))
	return b, true
}

// grounds asks what kind of reason a rejection has.
func grounds(d policy.Document) *slack.InputBlock {
	var options []*slack.OptionBlockObject
	var other *slack.OptionBlockObject
	for _, g := range d.Grounds() {
		option := slack.NewOptionBlockObject(string(g), page.Words(page.Plain(string(g), 63)), nil)
		if options = append(options, option); g == promotion.OnOther {
			other = option
		}
	}
	choice := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, page.Words("Choose"), groundAction, options...)
	choice.InitialOption = other
	return slack.NewInputBlock(groundBlock, page.Words("What is it about?"), nil, choice)
}

// rejected says who said no, and why.
func rejected(v policy.View, c cast) page.Text {
	p := &v.Facts.Promotion
	by, why := page.Text("somebody"), because(p.Reason)
	if p.EndedBy != "" {
		by = c.call(p.EndedBy)
	}
	for _, vote := range v.Facts.Votes {
		if vote.Decision == promotion.Reject && vote.LiftedBy == "" {
			by, why = c.call(vote.Person), objection(vote.Ground, p.Reason)
		}
	}
	s := page.Writef("*Rejected* by %s %s: %s.\nNo tag was moved.", by, when(p.FinishedAt), why)
	if p.Purpose == promotion.Rollback {
		return s
	}
	if p.Successor != 0 {
		return s + " " + successor(v) + " has taken its place since."
	}
	return s + " Whoever rejected can lift that, and whoever the policy names for it."
}

// objection is a reason with its kind, where that says anything.
func objection(g promotion.Ground, reason string) page.Text {
	if g == "" || g == promotion.OnOther {
		return because(reason)
	}
	return page.Writef("%s: %s", string(g), because(reason))
}

func votes(v policy.View) []page.Text {
	lines := []page.Text{"*Votes*"}
	for _, vote := range v.Facts.Votes {
		who := page.Mention(vote.Person)
		switch {
		case vote.Decision == promotion.Approve:
			lines = append(lines, page.Writef("%s approved %s", who, vote.At))
		case vote.Decision == promotion.Withdraw:
			lines = append(lines, page.Writef("%s took the approval back %s", who, vote.At))
		case vote.LiftedBy != "":
			lines = append(lines, page.Writef("%s rejected %s: %s; lifted by %s", who, vote.At, objection(vote.Ground, vote.Reason), page.Mention(vote.LiftedBy)))
		default:
			lines = append(lines, page.Writef("%s rejected %s: %s", who, vote.At, objection(vote.Ground, vote.Reason)))
		}
	}
	for _, d := range v.Verdict.Discounted {
		lines = append(lines, page.Writef("Not counted: the approval of %s: %s", page.Mention(d.Person), against(d, nil)))
	}
	if len(lines) == 1 {
		lines = append(lines, "none yet")
	}
	return lines
}

// ends is when a request expires, while it has not.
func ends(v policy.View) page.Text {
	f, some := v.Verdict.Finding(policy.RuleExpiry)
	if !some || f.ChangesAt == nil {
		return ""
	}
	return page.Writef("Expires %s.", *f.ChangesAt)
}
