package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What the buttons are called in Slack's payloads.
const (
	ActionApprove = "promotebot_approve"
	ActionReject  = "promotebot_reject"
	ActionDetails = "promotebot_details"
	ActionMore    = "promotebot_more" // a menu, each entry of which is one of the others
)

// Value is what a button carries: which promotion, and on which terms it was
// shown. Everything else is looked up when it is clicked.
func Value(id promotion.ID, terms string) string { return fmt.Sprintf("%d.%s", id, terms) }

// ParseValue reads what Value wrote. The error is Invalid.
func ParseValue(s string) (promotion.ID, string, error) {
	number, terms, ok := strings.Cut(s, ".")
	id, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || id <= 0 {
		return 0, "", promotion.Errorf(promotion.Invalid, "a button without a promotion")
	}
	return promotion.ID(id), terms, nil
}

// ParseEntry says which button an entry of the menu stands for, and what that
// carries.
func ParseEntry(s string) (action, value string) {
	action, value, _ = strings.Cut(s, " ")
	return action, value
}

// buttons are there only while they can do something; Details always can. They
// are the same for everybody, since a card is: who can't is told so privately.
// Nobody can agree to a plan that is not there yet, but anybody with a role can
// say no to it.
func buttons(v policy.View) []slack.BlockElement {
	p := &v.Facts.Promotion
	value := Value(p.ID, p.TermsNow().Hash())
	rest := append(reviewButtons(v, value), slack.NewButtonBlockElement(ActionDetails, value, page.Words("Details")))
	if lift, ok := liftButton(v, value); ok {
		return append([]slack.BlockElement{lift}, rest...)
	}
	if p.State != promotion.Open {
		return slices.Concat(settleButtons(v, value), rollbackButton(v, value), rest)
	}
	reject := slack.NewButtonBlockElement(ActionReject, value, page.Words("Reject…")).WithStyle(slack.StyleDanger)
	return slices.Concat(yes(v, value), signs(v), []slack.BlockElement{reject}, withdrawButton(v, value), holdButton(v, value), rest, more(v, value))
}

// yes are the buttons by which somebody agrees, or makes it possible to.
func yes(v policy.View, value string) []slack.BlockElement {
	p := &v.Facts.Promotion
	if v.Document.AsksForPlan(p) && p.Plan == "" {
		return []slack.BlockElement{slack.NewButtonBlockElement(ActionPlan, value, page.Words("Rollback plan…")).WithStyle(slack.StylePrimary)}
	}
	if !p.Planned() || v.Document.Automatic {
		return nil
	}
	approve := approveButton(v, value)
	if adopt, ok := adoptButton(p, value); ok {
		return []slack.BlockElement{approve, adopt}
	}
	return []slack.BlockElement{approve}
}

// approveButton names what is agreed to before it is.
func approveButton(v policy.View, value string) *slack.ButtonBlockElement {
	p := &v.Facts.Promotion
	approve := slack.NewButtonBlockElement(ActionApprove, value, page.Words("Approve")).WithStyle(slack.StylePrimary)
	approve.Confirm = slack.NewConfirmationBlockObject(
		page.Words("Approve "+page.Plain(p.App, 40)+" for "+page.Plain(p.To, 40)+"?"), page.Words(confirmation(v)), page.Words("Approve"), page.Words("Not yet"))
	return approve
}

// more is what is rarely wanted, in a menu: on a phone each button takes a line.
// All of it opens a dialog, which asks before anything is done.
func more(v policy.View, value string) []slack.BlockElement {
	var entries []*slack.OptionBlockObject
	add := func(action, label string) {
		entries = append(entries, slack.NewOptionBlockObject(action+" "+value, page.Words(label), nil))
	}
	if len(v.Facts.Holds) > 0 {
		add(ActionHold, "Hold it too…")
	}
	if v.Document.AsksForPlan(&v.Facts.Promotion) && v.Facts.Promotion.Plan != "" {
		add(ActionPlan, "Change the rollback plan…")
	}
	if Breakable(v) {
		add(ActionGlass, "Break glass…")
	}
	if len(entries) == 0 {
		return nil
	}
	return []slack.BlockElement{slack.NewOverflowBlockElement(ActionMore, entries...)}
}

// confirmation names what is agreed to, and for what the approval counts, in the
// room that Slack gives it.
func confirmation(v policy.View) string {
	fills := fills(v)
	return agreement(v, page.MaxConfirm-utf8.RuneCountInString(fills)) + fills
}

// fills is which of the missing approvals it can be.
func fills(v policy.View) string {
	const most = 3
	var open []string
	var walk func(policy.Finding)
	walk = func(f policy.Finding) {
		if f.Outcome == policy.Met {
			return
		}
		if f.Rule == policy.RuleRole {
			open = append(open, page.Plain(f.Reason, 30))
		}
		for _, child := range f.Children {
			walk(child)
		}
	}
	top, _ := v.Verdict.Finding(policy.RuleApprovals)
	walk(top)
	switch {
	case len(open) == 0:
		return ""
	case len(open) > most:
		open = append(open[:most-1], fmt.Sprintf("%d more", len(open)-most+1))
	}
	return " You fill one of: " + strings.Join(open, "; ") + "."
}

// agreement is what is agreed to, in so many characters.
func agreement(v policy.View, room int) string {
	p := &v.Facts.Promotion
	where := ""
	if p.Abroad() {
		where = " in " + page.Plain(string(p.Destination), 60)
	}
	switch p.Purpose {
	case promotion.Restore:
		return fmt.Sprintf("The tags of %s go back to exactly the digest %s when the policy is met.", page.Plain(p.To, 40), page.Plain(p.Digest.Short(), 12))
	case promotion.Adopt:
		return fmt.Sprintf("The digest %s, which somebody else put in %s, is accepted there when the policy is met. No tag is moved.", page.Plain(p.Digest.Short(), 12), page.Plain(p.To, 40))
	case promotion.Rollback:
		return fmt.Sprintf("The tags of %s go back from %s to exactly the digest %s when the policy is met, and %s is held.", page.Plain(p.To, 40), p.Back.Bad.Short(), page.Plain(p.Digest.Short(), 12), p.Back.Bad.Short())
	case promotion.Train:
		return agreed(v, room)
	}
	s := fmt.Sprintf("Exactly the digest %s goes from %s to %s"+where+" when the policy is met, as ", page.Plain(p.Digest.Short(), 12), page.Plain(p.From, 20), page.Plain(p.To, 20))
	var tags []string
	for _, t := range p.Targets {
		tags = append(tags, page.Plain(t.Tag, 128)) // the longest that a registry takes
	}
	return s + within(tags, room-utf8.RuneCountInString(s))
}

// within lists what fits into so many characters, and counts the rest.
func within(all []string, room int) string {
	const rest = 12 // for ", 1234 more."
	s := ""
	for i, one := range all {
		if i > 0 {
			one = ", " + one
		}
		if utf8.RuneCountInString(s+one) > room-rest {
			if i == 0 {
				return fmt.Sprintf("%d tags.", len(all))
			}
			return s + fmt.Sprintf(", %d more.", len(all)-i)
		}
		s += one
	}
	return s + "."
}
