package registry

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	// perHost is how many requests one registry gets at a time: enough to poll a
	// thousand tags within seconds, and what browsers and crane use.
	perHost = 8
	// attempts, and the first pause between them, doubled each time and jittered.
	// The pipeline tries again after that; here only blips are bridged.
	attempts   = 4
	firstPause = 500 * time.Millisecond
	// longestPause is the longest Retry-After that is waited out in place. A
	// longer one is handed up, so that nothing is held while waiting.
	longestPause = 20 * time.Second
)

// careful retries what is safe to repeat: every request made here is, as
// manifests are put by digest. It honours Retry-After and never outlives the
// request's deadline.
type careful struct{ inner http.RoundTripper }

func (c *careful) RoundTrip(req *http.Request) (*http.Response, error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		if attempt > 1 && req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			req.Body = body
		}
		resp, err := c.inner.RoundTrip(req)
		wait := time.Duration(float64(pause) * (0.75 + rand.Float64()/2))
		pause *= 2
		if err == nil {
			if !passing(resp.StatusCode) {
				return resp, nil
			}
			if asked := retryAfter(resp.Header); asked > 0 {
				wait = asked
			}
		}
		deadline, bounded := req.Context().Deadline()
		if attempt == attempts || wait > longestPause || bounded && time.Until(deadline) < wait || req.Context().Err() != nil {
			return resp, err
		}
		if err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
			_ = resp.Body.Close()                                         // nothing of it was kept
		}
		timer := time.NewTimer(wait)
		select {
		case <-req.Context().Done():
			timer.Stop()
			return nil, req.Context().Err()
		case <-timer.C:
		}
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

// bodyReader lets net/http repeat the request with the same bytes.
func bodyReader(body []byte) io.Reader {
	if body == nil {
		return nil
	}
	return bytes.NewReader(body)
}
