package chat

import (
	"context"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// signed takes a click that signs off a check of a promotion, or of a ride of
// the train on whose card it was made.
func (c *Chat) signed(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction, id promotion.ID, check string) error {
	_, err := c.gate.Take(ctx, clicked(cb, action, promotion.Gesture{Kind: promotion.GestureSign, Promotion: id, Check: check, Status: promotion.CheckPassed, CardTS: cardOf(cb)}))
	return err
}

// sign takes what somebody types about a check: of what is open, the digest is
// meant whose policy asks for it.
func (c *Chat) sign(ctx context.Context, a asked, cmd command.Command) (response, error) {
	open, err := c.gate.Views(ctx, gate.Query{App: cmd.App, DigestPrefix: cmd.Digest, States: []promotion.State{promotion.Open},
		Purposes: []promotion.Purpose{promotion.Forward, promotion.Ride, promotion.Restore, promotion.Adopt, promotion.Rollback}})
	if err != nil {
		return response{}, err
	}
	asking := open[:0:0]
	for _, v := range open {
		if _, asks := v.Document.Check(cmd.Check); asks {
			asking = append(asking, v)
		}
	}
	if len(asking) > 0 {
		open = asking
	}
	if len(open) == 0 {
		return privately(render.Answer(promotion.Answer{Verb: promotion.Missing, App: cmd.App})), nil
	}
	p := open[0].Facts.Promotion
	for _, v := range open {
		if other := v.Facts.Promotion.Digest; other != p.Digest {
			return response{}, promotion.Errorf(promotion.Conflict, "several builds of %s are open: name the digest, as in %s@%s", cmd.App, cmd.App, p.Digest.Short())
		}
	}
	return c.take(ctx, a, promotion.Gesture{Kind: promotion.GestureSign, Promotion: p.ID, Check: cmd.Check, Status: cmd.Status, Reason: cmd.Reason})
}
