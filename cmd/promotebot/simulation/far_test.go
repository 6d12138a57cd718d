package simulation

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
)

// A request is what the far side gets to see.
type request struct {
	by     *caller
	method string
	path   string
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
	q := request{by: callerOf(r.Context()), method: r.Method, path: r.URL.Path}
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
	c := &call{by: x.r, what: x.what, name: q.by.name + " " + q.method + " " + q.path, lies: q.method == http.MethodPut}
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

// fated is what comes back. A registry that is in trouble names a pause, which
// the client then takes exactly; its own pauses are jittered, and a schedule
// must be the same every time.
func (x wire) fated(r *http.Request, f fate, a answer) (*http.Response, error) {
	switch {
	case f == hang:
		return nil, x.r.wait(r.Context())
	case f == slowDown:
		return answer{http.StatusTooManyRequests, http.Header{"Retry-After": {"30"}}, nil}.response(r), nil
	case f == failBefore || f == failAfter:
		return answer{http.StatusGatewayTimeout, http.Header{"Retry-After": {"1"}}, nil}.response(r), nil
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
