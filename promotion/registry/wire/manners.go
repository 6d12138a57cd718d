package wire

import (
	"context"

	"golang.org/x/time/rate"

	"github.com/promotebot/promotebot/promotion"
)

// Manners are how one registry is to be approached, beside what it asks for by
// itself (Retry-After, which is always honoured).
type Manners struct {
	Concurrency int // requests under way at the same time; 0 means PerHost
	Rate        int // requests a second, repeated ones included; 0 sets no limit
}

// budgets are the rates of the registries that have one. A tenth of a second's
// worth may come at once.
func budgets(manners map[string]Manners) map[string]*rate.Limiter {
	all := map[string]*rate.Limiter{}
	for host, m := range manners {
		if m.Rate > 0 {
			all[host] = rate.NewLimiter(rate.Limit(m.Rate), 1+m.Rate/10)
		}
	}
	return all
}

// spend waits until the registry's budget has room for one more request.
func (c *careful) spend(ctx context.Context, host string) error {
	budget := c.budgets[host]
	if budget == nil {
		return nil
	}
	if err := budget.Wait(ctx); err != nil {
		return promotion.Errorf(promotion.Unavailable, "the rate that is configured for %s leaves no room in time: %w", host, err)
	}
	return nil
}
