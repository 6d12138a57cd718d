package wire

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/promotebot/promotebot/promotion"
)

// MaxManifest is what registries accept (distribution: maxManifestBodySize),
// and so the most that a manifest can honestly have.
const MaxManifest = 4 << 20

// accept lists what a manifest may be. Schema 1 is not there: its digest does
// not cover its bytes.
var accept = http.Header{"Accept": {strings.Join([]string{
	string(types.OCIImageIndex), string(types.OCIManifestSchema1), string(types.DockerManifestList), string(types.DockerManifestSchema2),
}, ", ")}}

// Manifest is the bytes of a manifest and what the registry calls them.
type Manifest struct {
	Digest    promotion.Digest // of the bytes, computed here
	MediaType string
	Bytes     []byte
}

// Hash is the digest of the bytes.
func Hash(b []byte) promotion.Digest {
	sum := sha256.Sum256(b)
	return promotion.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// Manifest reads a manifest, by tag or by digest, and hashes it. By digest,
// other bytes than that digest's are refused.
func (c *Client) Manifest(ctx context.Context, at Place, reference string) (m Manifest, err error) {
	err = c.UseManifest(ctx, at, reference, func(got Manifest) error { m = got; return nil })
	return m, err
}

// UseManifest is Manifest as Use is Call.
func (c *Client) UseManifest(ctx context.Context, at Place, reference string, use func(Manifest) error) error {
	r := Request{Place: at, Method: http.MethodGet, Path: "/manifests/" + reference, Header: accept, Limit: MaxManifest, OK: []int{http.StatusOK}}
	return c.Use(ctx, r, func(a Answer) error {
		mediaType, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";") // parameters are to be ignored
		m := Manifest{Digest: Hash(a.Body), MediaType: strings.TrimSpace(mediaType), Bytes: a.Body}
		if want, err := promotion.ParseDigest(reference); err == nil && m.Digest != want {
			return promotion.Errorf(promotion.Conflict, "%s gives %s for %s: the registry or something before it is broken", at.Repository, m.Digest.Short(), want.Short())
		}
		return use(m)
	})
}

// Head asks what a tag or digest points at, with the fewest bytes; empty when
// there is no such thing. Where the answer leaves out the digest, or does not
// show that a registry gave it, the manifest itself is asked for; not so for a
// digest that is not there, since all that follows is that it is sent.
func (c *Client) Head(ctx context.Context, at Place, reference string) (promotion.Digest, error) {
	a, err := c.Call(ctx, Request{Place: at, Method: http.MethodHead, Path: "/manifests/" + reference, Header: accept, OK: []int{http.StatusOK, http.StatusNotFound}})
	if err != nil || a.Status == http.StatusNotFound && (a.ofRegistry() || strings.Contains(reference, ":")) {
		return "", err
	}
	if d, err := promotion.ParseDigest(a.Header.Get("Docker-Content-Digest")); err == nil {
		return d, nil
	}
	return c.ReadBack(ctx, at, reference)
}

// ReadBack reads what a tag or digest points at and proves it; empty when there
// is no such thing.
func (c *Client) ReadBack(ctx context.Context, at Place, reference string) (promotion.Digest, error) {
	m, err := c.Manifest(ctx, at, reference)
	if promotion.KindOf(err) == promotion.NotFound && err != nil {
		return "", nil //nolint:nilerr // absence is an answer
	}
	return m.Digest, err
}

// Put puts a manifest under a tag or its digest, as it is. What became of it is
// for the caller to ask, whatever the error.
func (c *Client) Put(ctx context.Context, at Place, reference string, m Manifest) (http.Header, error) {
	a, err := c.Call(ctx, Request{
		Place: at, Method: http.MethodPut, Path: "/manifests/" + reference, Header: http.Header{"Content-Type": {m.MediaType}}, Body: m.Bytes,
		Limit: MaxManifest, OK: []int{http.StatusCreated, http.StatusOK, http.StatusAccepted},
	})
	return a.Header, err
}
