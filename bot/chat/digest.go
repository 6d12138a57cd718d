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
	if e.Attempt > 1 {
		// A performer before this one may have posted it and died.
		if ts, err := c.find(ctx, w.Channel, metadataDigest, e.Key, since(w.Until)); err != nil || ts != "" {
			return promotion.Result{}, err
		}
	}
	if _, _, err := c.api.PostMessageContext(ctx, w.Channel, message(render.Digest(d), metadataDigest, e.Key)...); err != nil {
		return promotion.Result{}, fmt.Errorf("channel %s: %w", w.Channel, apiError("chat.postMessage", err))
	}
	return promotion.Result{}, nil
}
