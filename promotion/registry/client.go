// Package registry is the way to container registries: it says what a tag
// points at, reads what an image says of itself, sets tags, and watches them.
//
// Two convictions run through it. What a registry says is proved by hashing,
// not by headers or status codes: a manifest is read by its digest and hashed,
// and a tag that was put is read back and hashed, whatever the answer to the
// put was. And not knowing is not an answer: every error but a plain "no such
// manifest" is Unavailable or Forbidden, never "absent".
//
// Requests are made with plain HTTP on go-containerregistry's authenticated
// transport: its token handling is used, its retries (which ignore Retry-After
// and deadlines) and its caches (which outlive a moved tag's truth) are not.
package registry

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/promotebot/promotebot/promotion"
)

// Options say how to reach registries.
type Options struct {
	Keychain  authn.Keychain // nil: anonymous
	UserAgent string
	Transport http.RoundTripper // nil: an own one, with timeouts
}

// Client talks to registries. It is safe for concurrent use.
type Client struct {
	keychain authn.Keychain
	wire     http.RoundTripper

	mu       sync.Mutex
	sessions map[promotion.Repository]*session
}

// session is the authenticated transport of one repository. Sessions are
// opened on first use, by one caller while the others wait, and thrown away
// when the registry no longer accepts their credentials.
type session struct {
	ready  chan struct{} // closed when what follows is set
	repo   name.Repository
	http   *http.Client
	err    error
	opened time.Time
}

// sessionLife bounds how long credentials are used before the keychain is asked
// again; cloud registries hand out passwords that live for hours.
const sessionLife = 10 * time.Minute

// New makes a client.
func New(o Options) *Client {
	if o.Keychain == nil {
		o.Keychain = authn.NewMultiKeychain()
	}
	inner := o.Transport
	if inner == nil {
		inner = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:     true,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			MaxIdleConnsPerHost:   perHost,
			MaxConnsPerHost:       perHost,
			IdleConnTimeout:       90 * time.Second,
		}
	}
	wire := transport.NewUserAgent(&careful{inner: inner, pauses: map[string]time.Time{}}, o.UserAgent)
	return &Client{keychain: o.Keychain, wire: wire, sessions: map[promotion.Repository]*session{}}
}

func (c *Client) session(ctx context.Context, repo promotion.Repository) (*session, error) {
	c.mu.Lock()
	s := c.sessions[repo]
	if s == nil || time.Since(s.opened) > sessionLife {
		s = &session{opened: time.Now(), ready: make(chan struct{})}
		c.sessions[repo] = s
		go s.open(context.WithoutCancel(ctx), c, repo)
	}
	c.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, fault(repo, ctx.Err())
	case <-s.ready:
	}
	if s.err != nil {
		c.forget(repo, s)
		return nil, fault(repo, s.err)
	}
	return s, nil
}

func (c *Client) forget(repo promotion.Repository, s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions[repo] == s {
		delete(c.sessions, repo)
	}
}

// handshakeTimeout bounds a handshake. It has a deadline of its own: the first
// caller's would fail everybody who waits with it.
const handshakeTimeout = 30 * time.Second

func (s *session) open(ctx context.Context, c *Client, repo promotion.Repository) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	defer close(s.ready)
	s.err = s.shakeHands(ctx, c, repo)
}

// shakeHands asks for push and pull in one token, so that a promotion costs one
// handshake.
func (s *session) shakeHands(ctx context.Context, c *Client, repo promotion.Repository) (err error) {
	if s.repo, err = name.NewRepository(string(repo), name.StrictValidation); err != nil {
		return promotion.Errorf(promotion.Invalid, "%s is not an image repository: %w", repo, err)
	}
	auth, err := authn.Resolve(ctx, c.keychain, s.repo)
	if err != nil {
		return promotion.Errorf(promotion.Unavailable, "the credentials for %s can't be read: %w", repo.Registry(), err)
	}
	rt, err := transport.NewWithContext(ctx, s.repo.Registry, auth, c.wire, []string{s.repo.Scope(transport.PushScope)})
	if err != nil {
		return err
	}
	s.http = &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return nil
}

// maxManifest is what registries accept (distribution: maxManifestBodySize),
// and so the most that a manifest can honestly have.
const maxManifest = 4 << 20

// answer is a response whose body has been read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call makes one request to the repository. Every status but those in ok is an
// error with a kind.
func (c *Client) call(ctx context.Context, repo promotion.Repository, method, path string, header http.Header, body []byte, limit int64, ok ...int) (answer, error) {
	s, err := c.session(ctx, repo)
	if err != nil {
		return answer{}, err
	}
	url := fmt.Sprintf("%s://%s/v2/%s%s", s.repo.Scheme(), s.repo.RegistryStr(), s.repo.RepositoryStr(), path)
	req, err := http.NewRequestWithContext(ctx, method, url, bodyReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("request to %s: %w", repo, err)
	}
	maps.Copy(req.Header, header)
	resp, err := s.http.Do(req)
	if err != nil {
		return answer{}, fault(repo, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end, or there is an error already
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1)); err != nil {
		return answer{}, fault(repo, err)
	}
	if int64(len(a.body)) > limit {
		return answer{}, promotion.Errorf(promotion.Invalid, "%s answers with more than %d bytes: refused", repo, limit)
	}
	if slices.Contains(ok, a.status) {
		return a, nil
	}
	if a.status == http.StatusUnauthorized {
		c.forget(repo, s)
	}
	return a, refusal(repo, method, a)
}
