package wire

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/promotebot/promotebot/promotion"
)

// Place is a repository as it is reached: with a session that may pull and push
// there and, as a mount has to, pull from another repository of the same
// registry.
type Place struct {
	promotion.Repository
	From promotion.Repository // empty: no other
}

// At is the place of a repository by itself.
func At(repo promotion.Repository) Place { return Place{Repository: repo} }

// session is the authenticated transport of one place. Sessions are opened on
// first use, by one caller while the others wait, and thrown away when the
// registry no longer accepts their credentials.
type session struct {
	ready     chan struct{} // closed when what follows is set
	repo      name.Repository
	transport http.RoundTripper
	err       error
	opened    time.Time
	accepted  atomic.Bool // its credentials, by some answer
}

const (
	// sessionLife bounds how long credentials are used before the keychain is
	// asked again; cloud registries hand out passwords that live for hours.
	sessionLife = 10 * time.Minute
	// handshakeTimeout bounds a handshake. It has a deadline of its own: the
	// first caller's would fail everybody who waits with it.
	handshakeTimeout = 30 * time.Second
)

// Greet begins to shake hands, so that whoever needs the place later need not
// wait for it.
func (c *Client) Greet(ctx context.Context, at Place) {
	if c.stranger(at) == nil {
		c.begin(ctx, at)
	}
}

// begin is a session that will do for a place, and may not be ready yet. A place
// that may also pull from elsewhere does for one that need not.
func (c *Client) begin(ctx context.Context, at Place) (s *session, own bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.sessions[at]; s.usable() {
		return s, true
	}
	for wider, s := range c.sessions {
		if at.From == "" && wider.Repository == at.Repository && s.usable() {
			return s, false
		}
	}
	s = &session{opened: time.Now(), ready: make(chan struct{})}
	c.sessions[at] = s
	go s.open(context.WithoutCancel(ctx), c, at)
	return s, true
}

func (s *session) usable() bool { return s != nil && time.Since(s.opened) <= sessionLife }

func (c *Client) session(ctx context.Context, at Place) (*session, error) {
	if err := c.stranger(at); err != nil {
		return nil, err
	}
	for {
		s, own := c.begin(ctx, at)
		select {
		case <-ctx.Done():
			return nil, fault(at.Repository, ctx.Err())
		case <-s.ready:
		}
		if s.err == nil {
			return s, nil
		}
		c.forget(s)
		if own { // a wider one may have asked for too much
			return nil, fault(at.Repository, s.err)
		}
	}
}

func (c *Client) forget(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.sessions, func(_ Place, known *session) bool { return known == s })
}

func (s *session) open(ctx context.Context, c *Client, at Place) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	defer close(s.ready)
	s.err = s.shakeHands(ctx, c, at)
}

// shakeHands asks for everything that the place may need in one token, so that
// a promotion costs one handshake, and so that a mount is not refused for want
// of a scope: some registries turn that silently into an upload.
func (s *session) shakeHands(ctx context.Context, c *Client, at Place) (err error) {
	if s.repo, err = name.NewRepository(string(at.Repository), name.StrictValidation); err != nil {
		return promotion.Errorf(promotion.Invalid, "%s is not an image repository: %w", at.Repository, err)
	}
	scopes := []string{s.repo.Scope(transport.PushScope)}
	if at.From != "" {
		from, err := name.NewRepository(string(at.From), name.StrictValidation)
		if err != nil {
			return promotion.Errorf(promotion.Invalid, "%s is not an image repository: %w", at.From, err)
		}
		scopes = append(scopes, from.Scope(transport.PullScope))
	}
	auth, err := authn.Resolve(ctx, c.opts.Keychain, s.repo)
	if err != nil {
		return promotion.Errorf(promotion.Unavailable, "the credentials for %s can't be read: %w", at.Registry(), err)
	}
	host := s.repo.RegistryStr()
	guarded := transport.NewUserAgent(&guard{inner: c.careful, host: host, realms: slices.Concat(knownRealms[host], c.opts.Realms[at.Registry()])}, c.opts.UserAgent)
	s.transport, err = transport.NewWithContext(ctx, s.repo.Registry, auth, guarded, scopes)
	return err
}

// url is the address of a path below the repository.
func (s *session) url(path string) *url.URL {
	path, query, _ := strings.Cut(path, "?")
	return &url.URL{Scheme: s.repo.Scheme(), Host: s.repo.RegistryStr(), Path: "/v2/" + s.repo.RepositoryStr() + path, RawQuery: query}
}
