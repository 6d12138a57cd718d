// Package wire makes requests to registries: authenticated, bounded, repeated
// where that is safe, and never sent to a stranger with what they carry.
//
// Requests are made with plain HTTP on go-containerregistry's authenticated
// transport. Its token handling is used; its retries (which ignore Retry-After
// and deadlines) and its caches (which outlive a moved tag's truth) are not.
//
// Nobody is asked whom the configuration does not name (stranger.go), whatever
// a row or a registry says. A registry is not trusted with more than its own
// images. It can't send our
// credentials elsewhere (guard.go says which token servers they go to,
// address.go which addresses are followed without them), can't fill the memory
// (an answer has a limit, and few large ones are read at a time), and can't
// hold a caller for ever: whoever stops in the middle of an answer, or stops
// taking the bytes of an upload, is given up after a minute.
package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/promotebot/promotebot/promotion"
)

// Options say how to reach registries.
type Options struct {
	Keychain  authn.Keychain // nil: anonymous
	UserAgent string
	Transport http.RoundTripper // nil: own ones, with timeouts
	// Realms names, for a registry, the other hosts that may be shown its
	// credentials when it asks for a token from there. Those of Docker Hub,
	// GitLab.com and DigitalOcean are known.
	Realms map[string][]string
	// Manners are how the registries that it names are to be approached.
	Manners map[string]Manners
	// Named tells, for each request anew, whether the configuration in force
	// names a repository. No other is asked; without it, none is.
	Named func(promotion.Repository) bool
}

// Client talks to registries. It is safe for concurrent use.
type Client struct {
	opts    Options
	careful *careful
	bare    http.RoundTripper // without credentials

	mu       sync.Mutex
	sessions map[Place]*session
	gates    map[string]*gate
}

// New makes a client.
func New(o Options) *Client {
	if o.Keychain == nil {
		o.Keychain = authn.NewMultiKeychain()
	}
	c := &careful{calls: o.Transport, fetches: o.Transport, sends: o.Transport, pauses: map[string]time.Time{}, budgets: budgets(o.Manners)}
	if o.Transport == nil {
		calls := &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			MaxIdleConnsPerHost:   maxPerHost,
			MaxConnsPerHost:       maxPerHost,
			IdleConnTimeout:       90 * time.Second,
		}
		// Blobs have connections of their own, so that they can't keep a tag from
		// being read, and a registry has longer to file one after its last byte.
		fetches := calls.Clone()
		fetches.MaxConnsPerHost = 0
		fetches.ReadBufferSize, fetches.WriteBufferSize = 64<<10, 64<<10
		sends := fetches.Clone()
		sends.ResponseHeaderTimeout = 5 * time.Minute
		c.calls, c.fetches, c.sends = calls, fetches, sends
	}
	return &Client{opts: o, careful: c, bare: transport.NewUserAgent(c, o.UserAgent), sessions: map[Place]*session{}, gates: map[string]*gate{}}
}

const (
	// PerHost is how many requests one registry gets at a time, from everybody
	// together and unless its manners say otherwise: enough to poll a thousand
	// tags within seconds, and to ask for all that may be attached to the
	// platforms of an image in one go.
	PerHost = 12
	// maxPerHost is the most that manners may ask for.
	maxPerHost = 64
	// streamsPerHost is how many blobs are sent to or from one registry at a time.
	streamsPerHost = 4
	// An answer of more than small bytes is read together with at most one other.
	small, largePerHost = 64 << 10, 2
	// idle is how long a body may stand still.
	idle = time.Minute
)

// gate bounds what one registry is asked at a time, by everybody together.
type gate struct{ calls, streams, large chan struct{} }

func (c *Client) gate(host string) *gate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gates[host] == nil {
		calls := PerHost
		if n := c.opts.Manners[host].Concurrency; n > 0 {
			calls = min(n, maxPerHost)
		}
		c.gates[host] = &gate{make(chan struct{}, calls), make(chan struct{}, streamsPerHost), make(chan struct{}, largePerHost)}
	}
	return c.gates[host]
}

func enter(ctx context.Context, slots chan struct{}) (leave func(), err error) {
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Lane waits until a blob may be streamed between the registries, which may be
// the same one. They are entered in the order of their names, so that two
// copies in opposite directions can't wait for each other.
func (c *Client) Lane(ctx context.Context, a, b promotion.Repository) (leave func(), err error) {
	hosts := []string{a.Registry(), b.Registry()}
	slices.Sort(hosts)
	var left []func()
	leave = func() {
		for _, l := range left {
			l()
		}
	}
	for _, host := range slices.Compact(hosts) {
		l, err := enter(ctx, c.gate(host).streams)
		if err != nil {
			leave()
			return nil, fault(a, err)
		}
		left = append(left, l)
	}
	return leave, nil
}

// Request is one request to a repository.
type Request struct {
	Place
	Method string
	Path   string // below the repository, such as "/manifests/production"
	Header http.Header
	Body   []byte
	Limit  int64 // of the answer's body
	OK     []int // what is an answer; every other status is an error with a kind
}

// Answer is a response whose body has been read.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Call makes one request and reads the answer.
func (c *Client) Call(ctx context.Context, r Request) (a Answer, err error) {
	err = c.Use(ctx, r, func(got Answer) error { a = got; return nil })
	return a, err
}

// Use makes one request and hands its answer over. Until use returns, a large
// answer is one of the few that are held at a time: who keeps only what it made
// of them can ask for many.
func (c *Client) Use(ctx context.Context, r Request, use func(Answer) error) error {
	g := c.gate(r.Registry())
	leave, err := enter(ctx, g.calls)
	if err != nil {
		return fault(r.Repository, err)
	}
	defer leave()
	resp, err := c.do(ctx, r, "", nil, int64(len(r.Body)))
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end, or there is an error already
	a := Answer{Status: resp.StatusCode, Header: resp.Header}
	whole, err := a.read(resp.Body, min(small, r.Limit))
	if err == nil && !whole && r.Limit > small {
		leave, err := enter(ctx, g.large)
		if err != nil {
			return fault(r.Repository, err)
		}
		defer leave()
		whole, err = a.read(resp.Body, r.Limit)
		if err != nil {
			return fault(r.Repository, err)
		}
	}
	switch {
	case err != nil:
		return fault(r.Repository, err)
	case !whole:
		return promotion.Errorf(promotion.Invalid, "%s answers with more than %d bytes: refused", r.Repository, r.Limit)
	case !slices.Contains(r.OK, a.Status):
		return refusal(r, a)
	}
	return use(a)
}

// read reads on, until the end or until there are more than so many bytes:
// whole is false then.
func (a *Answer) read(body io.Reader, most int64) (whole bool, err error) {
	b := bytes.NewBuffer(a.Body)
	if said, err := strconv.ParseInt(a.Header.Get("Content-Length"), 10, 64); err == nil && said <= most {
		b.Grow(int(said) - len(a.Body) + bytes.MinRead) // so that it need not double
	}
	_, err = io.Copy(b, io.LimitReader(body, most+1-int64(len(a.Body))))
	a.Body = b.Bytes()
	return int64(len(a.Body)) <= most, err
}

// do sends a request with our credentials and returns the answer with a body
// that can't stand still. The address is the request's path, or, when there is
// one, the location, which the registry named before.
//
// Credentials that were accepted before and are not any more may have expired:
// the keychain is asked again, once. A stream is not repeated, as its bytes are
// gone.
func (c *Client) do(ctx context.Context, r Request, location string, body io.Reader, size int64) (*http.Response, error) {
	for again := false; ; again = true {
		s, err := c.session(ctx, r.Place)
		if err != nil {
			return nil, err
		}
		if r.Body != nil {
			body = bytes.NewReader(r.Body) // which net/http can send again
		}
		resp, own, err := c.send(ctx, s, r, location, body, size)
		if err != nil || !own {
			return resp, err
		}
		if resp.StatusCode != http.StatusUnauthorized {
			s.accepted.Store(true)
			return resp, nil
		}
		if slices.Contains(r.OK, resp.StatusCode) {
			return resp, nil
		}
		c.forget(s)
		if again || !s.accepted.Load() || body != nil && r.Body == nil {
			return resp, nil
		}
		_ = resp.Body.Close() // the answer to the repeated one counts
	}
}

// send sends a request once. Own tells whether the registry itself was asked,
// with our credentials, and not a storage that it named.
func (c *Client) send(ctx context.Context, s *session, r Request, location string, body io.Reader, size int64) (resp *http.Response, own bool, err error) {
	to, own := s.url(r.Path), true
	if location != "" {
		if to, own, err = s.address(r.Repository, location); err != nil {
			return nil, false, err
		}
	}
	through := s.transport
	if !own {
		through = c.bare
	}
	ctx, cancel := context.WithCancelCause(ctx)
	watch := watching(r.Registry(), cancel)
	if r.Body == nil && body != nil {
		body = &fed{Reader: body, watch: watch}
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, to.String(), body)
	if err != nil {
		cancel(nil)
		return nil, own, fmt.Errorf("request to %s: %w", r.Repository, err)
	}
	req.ContentLength = size
	maps.Copy(req.Header, r.Header)
	if resp, err = through.RoundTrip(req); err != nil { // which follows no redirects
		defer cancel(nil)
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, own, fault(r.Repository, err)
	}
	resp.Body = &read{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, watch: watch}
	return resp, own, nil
}
