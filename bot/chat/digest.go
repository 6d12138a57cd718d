package chat

import (
	"context"
	"fmt"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

const metadataDigest = "promotebot_digest"

// PostDigest tells a channel what has happened and what waits. Where that is
// nothing, nothing is said.
func (c *Chat) PostDigest(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
	w, err := promotion.Work[promotion.DigestWork](e)
	if err != nil {
		return promotion.Result{}, err
	}
	d, err := c.gate.Digest(ctx, w)
	if err != nil || d.Empty() {
		return promotion.Result{}, err
	}
	if err := c.post(ctx, e, spot{channel: w.Channel, oldest: since(w.Until)}, metadataDigest, render.Digest(d)); err != nil {
		return promotion.Result{}, fmt.Errorf("channel %s: %w", w.Channel, err)
	}
	return promotion.Result{}, nil
}
