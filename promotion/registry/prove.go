package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// What one way back may consist of; an image that is shipped is far below each.
const (
	maxProvedDepth     = 2 // indexes above a manifest
	maxProvedManifests = 1_000
	maxProvedBlobs     = 10_000
	maxTold            = 3 // of what is missing; who reads it pushes all of it again
)

// Prove tells whether digests are in a repository with everything that they are
// made of. Manifests are read and hashed; of blobs it is asked whether they are
// there, since to read them would be to pull the image. What is merely attached
// is not looked for: nobody runs it.
//
// It takes a request for each manifest and one for each blob: 14 for an index of
// two platforms with five layers each, if they share none.
func (c *Client) Prove(ctx context.Context, w promotion.ProveWork) (promotion.Proof, error) {
	p := prover{client: c, work: w, blobs: map[promotion.Digest]closure.Descriptor{}, seen: map[promotion.Digest]bool{}}
	level := w.Digests
	for depth := 0; len(level) > 0; depth++ {
		if depth > maxProvedDepth {
			return promotion.Proof{}, promotion.Errorf(promotion.Invalid, "%s has indexes nested deeper than %d: %s", w.Repository, maxProvedDepth, level[0].Short())
		}
		var err error
		if level, err = p.descend(ctx, level); err != nil {
			return promotion.Proof{}, err
		}
	}
	if err := p.findBlobs(ctx); err != nil {
		return promotion.Proof{}, err
	}
	slices.Sort(p.missing) // so that it reads the same each time
	if more := len(p.missing) - maxTold; more > 0 {
		p.missing = append(p.missing[:maxTold], fmt.Sprintf("%d more", more))
	}
	p.proof.Missing = strings.Join(p.missing, ", ")
	return p.proof, nil
}

type prover struct {
	client *Client
	work   promotion.ProveWork

	mu      sync.Mutex
	seen    map[promotion.Digest]bool
	blobs   map[promotion.Digest]closure.Descriptor
	order   []promotion.Digest // of the blobs
	missing []string
	proof   promotion.Proof
}

// descend reads the manifests of one level and returns what is below them.
func (p *prover) descend(ctx context.Context, level []promotion.Digest) ([]promotion.Digest, error) {
	below := make([][]closure.Descriptor, len(level))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(wire.PerHost)
	for i, d := range level {
		g.Go(func() error {
			m, err := p.read(ctx, d)
			if err != nil || m == nil {
				return err
			}
			below[i] = m.Children
			return p.note(m)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var next []promotion.Digest
	for _, children := range below {
		for _, child := range children {
			if p.seen[child.Digest] {
				continue
			}
			p.seen[child.Digest] = true
			next = append(next, child.Digest)
		}
	}
	if len(p.seen) > maxProvedManifests {
		return nil, promotion.Errorf(promotion.Invalid, "%s has more than %d manifests below %s", p.work.Repository, maxProvedManifests, p.work.Digests[0].Short())
	}
	return next, nil
}

// read reads a manifest; nil when there is no such thing.
func (p *prover) read(ctx context.Context, d promotion.Digest) (*closure.Manifest, error) {
	m, err := p.client.wire.Manifest(ctx, wire.At(p.work.Repository), string(d))
	if promotion.KindOf(err) == promotion.NotFound && err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.missing = append(p.missing, "the manifest "+d.Short()+" is gone")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return closure.Parse(p.work.Repository, d, m.MediaType, m.Bytes)
}

// note takes down the blobs of a manifest, each once. Those whose bytes are said
// to be elsewhere are not the registry's to keep.
func (p *prover) note(m *closure.Manifest) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.proof.Manifests++
	for _, b := range m.Blobs {
		if _, known := p.blobs[b.Digest]; known || b.Foreign() {
			continue
		}
		if len(p.blobs) == maxProvedBlobs {
			return promotion.Errorf(promotion.Invalid, "%s has more than %d blobs below %s", p.work.Repository, maxProvedBlobs, p.work.Digests[0].Short())
		}
		p.blobs[b.Digest] = b
		p.order = append(p.order, b.Digest)
	}
	return nil
}

func (p *prover) findBlobs(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(wire.PerHost)
	for _, d := range p.order {
		g.Go(func() error {
			there, err := p.client.wire.ProveBlob(ctx, wire.At(p.work.Repository), d, p.blobs[d].Size)
			if err != nil {
				return err
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if there {
				p.proof.Blobs++
			} else {
				p.missing = append(p.missing, "the blob "+d.Short()+" is gone")
			}
			return nil
		})
	}
	return g.Wait()
}
