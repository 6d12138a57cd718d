package render

import (
	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// ActionPlan is the button for how a promotion would be taken back.
const ActionPlan = "promotebot_plan"

// PlanModal asks how a promotion would be taken back. channel and ts are the
// card's.
func PlanModal(v policy.View, channel, ts string) slack.ModalViewRequest {
	p := &v.Facts.Promotion
	input := slack.NewPlainTextInputBlockElement(page.Words("What would you do if it goes wrong?"), reasonAction)
	input.Multiline, input.MinLength, input.MaxLength, input.InitialValue = true, minReason, maxReason, page.Clean(p.Plan)
	var body page.Page
	body.Section(
		page.Writef("How would *%s* %s be taken back from *%s*?", p.App, p.Digest, p.To),
		"It stands on the card, and approving is also for that. Approvals that were given for another plan stop counting.")
	body.Add(slack.NewInputBlock(reasonBlock, page.Words("Plan, or its address"), page.Words("Everybody in the channel will read it."), input))
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: ActionPlan, PrivateMetadata: remembered(v, channel, ts),
		Title: page.Words("Rollback plan"), Submit: page.Words("Save"), Close: page.Words("Cancel"), Blocks: slack.Blocks{BlockSet: body.Blocks},
	}
}

// planned is the plan among the facts.
func planned(p *promotion.Promotion) []page.Text {
	if p.Plan == "" {
		return nil
	}
	return []page.Text{page.Writef("*Rollback plan*\n%s", page.Foreign(p.Plan, 2*page.Longest))}
}
