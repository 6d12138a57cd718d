package simulation

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A request is what the far side gets to see.
type request struct {
	by     *caller
	method string
	host   string
	path   string
	query  url.Values
	body   []byte
}

// answer is what it says.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// wire is a replica's way to the registry or to Slack. There is no network in
// it: what a network can do to a request is a fate.
type wire struct {
	r    *replica
	what what
	far  func(request) answer
}

// RoundTrip implements http.RoundTripper.
func (x wire) RoundTrip(r *http.Request) (*http.Response, error) {
	q := request{by: callerOf(r.Context()), method: r.Method, host: r.URL.Host, path: r.URL.Path, query: r.URL.Query()}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		q.body = body
	}
	if greeting(q.path) { // what is said once per connection decides nothing
		return x.far(q).response(r), nil
	}
	var a answer
	c := &call{by: x.r, what: x.what, name: q.by.name + " " + q.method + " " + q.path + q.query.Get("mount"), lies: q.method == http.MethodPut}
	c.land = func() { a = x.far(q) }
	f, err := x.r.w.ask(r.Context(), c)
	if err != nil {
		return nil, err
	}
	return x.fated(r, f, a)
}

func greeting(path string) bool {
	return path == "/v2/" || strings.HasSuffix(path, "/auth.test") || strings.HasSuffix(path, "/apps.connections.open")
}

// patience is how long something that stands before a registry waits for it.
const patience = 30 * time.Second

// fated is what comes back. A registry that is in trouble names a pause, which
// the client then takes exactly; its own pauses are jittered, and a schedule
// must be the same every time. The pause is longer than any that a copy would
// take by itself.
func (x wire) fated(r *http.Request, f fate, a answer) (*http.Response, error) {
	inTrouble := answer{http.StatusGatewayTimeout, http.Header{"Retry-After": {"3"}}, nil}
	switch {
	case f == hang:
		ctx := r.Context()
		if _, bounded := ctx.Deadline(); bounded {
			return nil, x.r.wait(ctx)
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := x.r.wait(ctx); r.Context().Err() != nil || x.r.isDead() {
			return nil, err
		}
		// What it does to others who ask the same registry has its turn, too.
		over := &call{by: x.r, what: x.what, sure: true, name: callerOf(ctx).name + " " + r.Method + " " + r.URL.Path + " waits no longer"}
		if _, err := x.r.w.ask(r.Context(), over); err != nil {
			return nil, err
		}
		return inTrouble.response(r), nil
	case f == slowDown:
		return answer{http.StatusTooManyRequests, http.Header{"Retry-After": {"30"}}, nil}.response(r), nil
	case f == failBefore || f == failAfter:
		return inTrouble.response(r), nil
	case f == lie:
		return answer{http.StatusCreated, http.Header{}, nil}.response(r), nil
	}
	return a.response(r), nil
}

func (r *replica) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-r.dead:
		return errGone
	}
}

func (a answer) response(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
	}
}
