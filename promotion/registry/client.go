// Package registry is the way to container registries: it says what a tag
// points at, reads what an image says of itself, copies images with what is
// attached to them, sets tags, and watches them.
//
// Two convictions run through it. What a registry says is proved by hashing,
// not by headers or status codes: a manifest is read by its digest and hashed,
// and a tag that was put is read back and hashed, whatever the answer to the
// put was. And not knowing is not an answer: every error but a plain "no such
// manifest" is Unavailable or Forbidden, never "absent".
//
// Below it, wire makes the requests, closure knows what belongs to a digest,
// and transfer brings it into another repository.
package registry

import (
	"context"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
	"github.com/promotebot/promotebot/promotion/registry/transfer"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// Options say how to reach registries, and what may be copied between them.
// All but the last two are wire's, which knows nothing of copies.
type Options struct {
	Keychain  authn.Keychain // nil: anonymous
	UserAgent string
	Transport http.RoundTripper   // nil: own ones, with timeouts
	Realms    map[string][]string // other hosts that a registry's credentials may be shown to, for a token
	Manners   map[string]wire.Manners
	Named     func(promotion.Repository) bool // which repositories may be asked; nil: none
	Limits    closure.Limits                  // of the blobs of one copy
	Largest   map[string]int64                // bytes of one blob that is copied out of a registry, where Limits does not hold
}

// Client talks to registries. It is safe for concurrent use.
type Client struct {
	wire   *wire.Client
	engine *transfer.Engine
}

// New makes a client.
func New(o Options) *Client {
	w := wire.New(wire.Options{Keychain: o.Keychain, UserAgent: o.UserAgent, Transport: o.Transport, Realms: o.Realms, Manners: o.Manners, Named: o.Named})
	return &Client{wire: w, engine: transfer.New(w, o.Limits, o.Largest)}
}

// Copy brings a digest into another repository, of the same registry or of
// another one, with everything that belongs to it. It may be repeated at any
// time: what is there is not sent again. progress, if not nil, is told a few
// times a second how far it is. The copy that is returned is as far as it came,
// also with an error; DoneAt is set when all of it was found in the destination.
func (c *Client) Copy(ctx context.Context, w promotion.CopyWork, progress func(promotion.Copy)) (promotion.Copy, error) {
	return c.engine.Copy(ctx, w, progress)
}
