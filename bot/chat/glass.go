package chat

import (
	"context"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// breakGlass opens the dialog that names what is skipped: nobody goes past a
// policy without having seen that. Where there is nothing to confirm, the gate
// says why.
func (c *Chat) breakGlass(ctx context.Context, a asked, cmd command.Command, p promotion.Promotion) (response, error) {
	v, err := c.gate.View(ctx, p.ID)
	if err != nil {
		return response{}, err
	}
	if !render.Breakable(v) {
		return c.take(ctx, a, promotion.Gesture{Kind: promotion.GestureVote, Promotion: p.ID, Decision: promotion.BreakGlass, Reason: cmd.Reason, Terms: p.TermsNow().Hash()})
	}
	if a.trigger == "" {
		return response{}, promotion.Errorf(promotion.Conflict, "breaking the glass is confirmed in a dialog, which a message can't open: use the button on the card, or /promote break-glass %s", cmd.App)
	}
	if _, err := c.api.OpenViewContext(ctx, a.trigger, render.GlassModal(v, a.channel, "", cmd.Reason)); err != nil {
		return response{}, apiError("views.open", err)
	}
	return privately(render.Unbroken(v)), nil
}

// review takes what somebody types about a broken glass: of several, about the
// first that was broken.
func (c *Chat) review(ctx context.Context, a asked, cmd command.Command) (response, error) {
	owed, err := c.gate.Promotions(ctx, gate.Query{App: cmd.App, DigestPrefix: cmd.Digest, Unreviewed: true})
	switch {
	case err != nil:
		return response{}, err
	case len(owed) == 0:
		return response{}, promotion.Errorf(promotion.NotFound, "no review of a broken glass of %s is due", cmd.App)
	case len(owed) > 1 && cmd.Digest == "":
		return response{}, promotion.Errorf(promotion.Conflict, "%d reviews of %s are due: name the digest, as in %s@%s", len(owed), cmd.App, cmd.App, owed[0].Digest.Short())
	}
	decision := promotion.NotFine
	if cmd.Opinion == command.OK {
		decision = promotion.Fine
	}
	return c.take(ctx, a, promotion.Gesture{Kind: promotion.GestureVote, Promotion: owed[len(owed)-1].ID, Decision: decision, Reason: cmd.Reason})
}
