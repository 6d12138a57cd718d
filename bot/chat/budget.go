package chat

import (
	"context"
	"net/http"
	"path"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/promotebot/promotebot/promotion"
)

// How often a minute Slack lets each method be called
// (docs.slack.dev/apis/web-api/rate-limits: tier 2, 3 and 4, and what each
// method's page says). What is not here is called once in a while.
var perMinute = map[string]int{
	"usergroups.list": 20, "usergroups.users.list": 20,
	"apps.connections.open": 50, "chat.update": 50, "conversations.history": 50, "conversations.info": 50, "conversations.open": 50, "conversations.replies": 50,
	"chat.postEphemeral": 100, "users.info": 100, "views.open": 100, "views.publish": 100, "views.push": 100, "views.update": 100,
	methodPost: 200, // "several hundred" in the whole workspace
}

const (
	methodPost   = "chat.postMessage"
	methodUpdate = "chat.update"

	// Into one channel one message a second may be posted, and a few more now and
	// then.
	postsPerSecond = 1
	postsAtOnce    = 3

	// longestHold is how long a call waits for its turn in place. What would wait
	// longer is handed back, and tried again then.
	longestHold = 12 * time.Second
)

// budget keeps calls below the rates at which Slack would turn them away, and
// those that it has turned away from coming back before they may. Being turned
// away costs more than waiting: people are shown that messages are missing.
type budget struct {
	inner http.RoundTripper

	mu     sync.Mutex
	spent  map[string]*rate.Limiter // by method, and by channel for posts
	pauses map[string]time.Time     // until when Slack wants a method to be left alone
}

func newBudget(inner http.RoundTripper) *budget {
	if inner == nil {
		inner = http.DefaultTransport
	}
	return &budget{inner: inner, spent: map[string]*rate.Limiter{}, pauses: map[string]time.Time{}}
}

// paid marks the context of a call whose turn has been waited for.
type paid struct{}

// turn waits until the method may be called, so that what is shown can be looked
// up after waiting and is the newest. The one call that is made under the context
// that it returns does not wait again.
func (b *budget) turn(ctx context.Context, method, channel string) (context.Context, error) {
	if err := b.wait(ctx, method, channel); err != nil {
		return ctx, err
	}
	return context.WithValue(ctx, paid{}, method), nil
}

// RoundTrip implements http.RoundTripper.
func (b *budget) RoundTrip(req *http.Request) (*http.Response, error) {
	method := path.Base(req.URL.Path)
	if perMinute[method] == 0 {
		return b.inner.RoundTrip(req)
	}
	if req.Context().Value(paid{}) != method {
		if err := b.wait(req.Context(), method, ""); err != nil {
			return nil, err
		}
	}
	resp, err := b.inner.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusTooManyRequests {
		b.leaveAlone(method, resp.Header.Get("Retry-After"))
	}
	return resp, err
}

func (b *budget) wait(ctx context.Context, method, channel string) error {
	longest := longestHold
	if deadline, bounded := ctx.Deadline(); bounded {
		longest = min(longest, time.Until(deadline))
	}
	hold := b.reserve(method, channel, longest)
	if hold > longest {
		return &promotion.Error{Kind: promotion.Unavailable, Text: "Slack has been asked as often as it allows (" + method + ")", RetryAfter: hold}
	}
	timer := time.NewTimer(hold)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// reserve takes a turn, and says how far away it is. One that is too far away is
// given back.
func (b *budget) reserve(method, channel string, longest time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	hold := max(0, b.pauses[method].Sub(now))
	var taken []*rate.Reservation
	for _, l := range b.limits(method, channel) {
		r := l.ReserveN(now, 1)
		taken, hold = append(taken, r), max(hold, r.DelayFrom(now))
	}
	if hold > longest {
		for _, r := range taken {
			r.CancelAt(now)
		}
	}
	return hold
}

// limits are those that a call counts against.
func (b *budget) limits(method, channel string) []*rate.Limiter {
	var all []*rate.Limiter
	limit := func(key string, every rate.Limit, burst int) {
		if b.spent[key] == nil {
			b.spent[key] = rate.NewLimiter(every, burst)
		}
		all = append(all, b.spent[key])
	}
	if n := perMinute[method]; n > 0 {
		// A fifth at once, and the rest spread: in no minute is it more than n.
		limit(method, rate.Limit(n-n/5)/60, n/5)
	}
	if method == methodPost && channel != "" {
		limit(method+" "+channel, postsPerSecond, postsAtOnce)
	}
	return all
}

// leaveAlone takes Slack's word for how long a method must not be called.
func (b *budget) leaveAlone(method, retryAfter string) {
	seconds, err := strconv.Atoi(retryAfter)
	if err != nil || seconds < 0 {
		return // it is handed up as it is
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pauses[method] = time.Now().Add(time.Duration(seconds) * time.Second)
}
