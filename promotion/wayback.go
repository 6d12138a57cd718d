package promotion

import (
	"slices"
	"time"
)

// WayBack is what was found of the digests that a promotion would replace: what a
// rollback would go back to has to be there before it is needed.
type WayBack struct {
	Repository Repository
	Digests    []Digest
	ReadAt     *time.Time // when all of it was last looked for; nil before
	Proof      Proof      // as it was found then
	Fault      string     // why it could not be looked for since; empty when it could
}

// Proof is what was found of some digests in a registry.
type Proof struct {
	Manifests, Blobs int    // that are there
	Missing          string // what is not, in words; empty when all of it is
}

// ProveWork asks whether digests are in a repository with everything that they
// are made of: every platform, and every blob of each.
type ProveWork struct {
	Repository Repository
	Digests    []Digest
}

// WaysBack are the digests behind the tags that the promotion would move. A
// rollback goes that way, so there it is where it goes.
func (p *Promotion) WaysBack() []Digest {
	if p.Purpose == Rollback {
		return []Digest{p.Digest}
	}
	var back []Digest
	for _, t := range p.Targets {
		if t.Floating && t.Now != "" && t.Now != p.Digest && !slices.Contains(back, t.Now) {
			back = append(back, t.Now)
		}
	}
	return back
}

// Covers tells whether what was found is about what the promotion would replace
// now.
func (w *WayBack) Covers(p *Promotion) bool {
	return w != nil && w.Repository == p.Destination && slices.Equal(w.Digests, p.WaysBack())
}
