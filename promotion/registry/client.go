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
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// Options say how to reach registries.
type Options = wire.Options

// Client talks to registries. It is safe for concurrent use.
type Client struct {
	wire *wire.Client
}

// New makes a client.
func New(o Options) *Client {
	return &Client{wire: wire.New(o)}
}
