package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/promotebot/promotebot/promotion"
)

const (
	// attempts, and the first pause between them, doubled each time and jittered.
	// The pipeline tries again after that; here only blips are bridged.
	attempts   = 4
	firstPause = 500 * time.Millisecond
	// longestPause is the longest Retry-After that is waited out in place. A
	// longer one is handed up, so that nothing is held while waiting.
	longestPause = 20 * time.Second
)

// careful repeats what is safe to repeat: every request made here is, as
// manifests are put by digest, but for a stream, whose bytes are gone. It
// honours Retry-After, for every request to the same registry, and never
// outlives a request's deadline.
type careful struct {
	calls, fetches, sends http.RoundTripper // of which the latter two are for blobs
	budgets               map[string]*rate.Limiter

	mu     sync.Mutex
	pauses map[string]time.Time // until when a registry wants to be left alone
}

// streamed marks the context of a request whose body, or whose answer's, is a
// blob.
type streamed struct{}

func (c *careful) RoundTrip(req *http.Request) (*http.Response, error) {
	if asked := c.pause(req.URL.Host); asked > 0 && !Wait(req.Context(), asked) {
		return nil, &promotion.Error{Kind: promotion.Unavailable, Text: req.URL.Host + " asks promotebot to slow down", RetryAfter: asked}
	}
	inner := c.calls
	if req.Context().Value(streamed{}) != nil {
		if inner = c.sends; req.Method == http.MethodGet {
			inner = c.fetches
		}
	}
	gone := req.Body != nil && req.Body != http.NoBody && req.GetBody == nil
	for attempt := 1; ; attempt++ {
		if req.GetBody != nil { // at the first attempt too: above here a request is sent again when its token has expired
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			req.Body = body
		}
		if err := c.spend(req.Context(), req.URL.Host); err != nil {
			return nil, err
		}
		resp, err := inner.RoundTrip(req)
		if err == nil && !passing(resp.StatusCode) {
			return resp, nil
		}
		d := Pause(attempt)
		if err == nil {
			if asked := retryAfter(resp.Header); asked > 0 {
				d = asked
				c.leaveAlone(req.URL.Host, asked)
			}
		}
		var plain tls.RecordHeaderError // it speaks no TLS, and will not learn it
		if attempt == attempts || gone || errors.As(err, &plain) || !worthIt(req.Context(), d) {
			return resp, err
		}
		if err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, small)) // so that the connection can be used again
			_ = resp.Body.Close()                                        // nothing of it was kept
		}
		if !Wait(req.Context(), d) {
			return nil, req.Context().Err()
		}
	}
}

// Pause is how long to wait after an attempt, the first being 1.
func Pause(attempt int) time.Duration {
	return time.Duration(float64(firstPause<<(attempt-1)) * (0.75 + rand.Float64()/2)) //nolint:gosec // spreads retries, hides nothing
}

func (c *careful) pause(host string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Until(c.pauses[host])
}

func (c *careful) leaveAlone(host string, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pauses[host] = time.Now().Add(d)
}

// worthIt tells whether the pause is short enough and ends before the request
// has to.
func worthIt(ctx context.Context, d time.Duration) bool {
	deadline, bounded := ctx.Deadline()
	return d <= longestPause && ctx.Err() == nil && !(bounded && time.Until(deadline) < d)
}

// Wait waits, or says that it is not worth it: the pause is too long to hold
// anything meanwhile, or the context ends before it does.
func Wait(ctx context.Context, d time.Duration) bool {
	if !worthIt(ctx, d) {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// passing are the statuses that say "later" and not "no".
func passing(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return true
	}
	return false
}

// retryAfter reads the header in both its forms (RFC 9110, 10.2.3).
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(max(0, min(seconds, 3600))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, min(time.Until(at), time.Hour))
	}
	return 0
}
