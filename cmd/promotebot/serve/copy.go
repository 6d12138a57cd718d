package serve

import (
	"context"
	"sync"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/pipeline"
	"github.com/promotebot/promotebot/promotion/registry"
)

// progressEvery is how often a card shows how far a copy is: each time is a
// commit and a call to Slack, which takes about one a second for a channel.
const progressEvery = 5 * time.Second

// performCopy copies, and says now and then how far it is. When nobody waits
// for the copy any more, it is given up.
func performCopy(c *registry.Client, progress Progress) pipeline.Perform {
	return func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
		w, err := promotion.Work[promotion.CopyWork](e)
		if err != nil {
			return promotion.Result{}, err
		}
		ctx, giveUp := context.WithCancelCause(ctx)
		defer giveUp(nil)
		var mu sync.Mutex
		said := time.Now()
		done, err := c.Copy(ctx, w, func(so promotion.Copy) {
			mu.Lock()
			defer mu.Unlock()
			if time.Since(said) < progressEvery {
				return
			}
			said = time.Now()
			if err := progress(ctx, e, so); promotion.KindOf(err) == promotion.Stale && err != nil {
				giveUp(err)
			}
		})
		if cause := context.Cause(ctx); err != nil && cause != nil && promotion.KindOf(cause) == promotion.Stale {
			err = cause
		}
		return promotion.Result{Copy: &done}, err
	}
}
