package closure

import "github.com/promotebot/promotebot/promotion"

// What one copy may consist of. An image that is shipped is far below each;
// above them somebody makes us work for nothing, and it is refused before
// anything is written.
const (
	MaxManifest   = 4 << 20 // bytes; what registries accept
	maxTogether   = 8 << 20 // bytes of all manifests, which are held until they are put
	maxChildren   = 100     // of one index
	maxDepth      = 2       // an index in an index, and no deeper
	maxManifests  = 1_000
	maxReferences = 1_000  // of one manifest, to blobs
	maxBlobs      = 10_000 // together
	MaxAttached   = 200    // found attached to anything of it, taken or not

	// MaxCopy is how many bytes all blobs of one copy may have, unless Limits say
	// otherwise.
	MaxCopy = 100 * gib
)

// Limits are the sizes that a configuration may change. Zero is the default.
type Limits struct {
	Blob  int64 // bytes of one blob; 20 GiB
	Blobs int64 // bytes of all blobs; MaxCopy
}

const gib = 1 << 30

func (l Limits) orDefault() Limits {
	if l.Blob == 0 {
		l.Blob = 20 * gib
	}
	if l.Blobs == 0 {
		l.Blobs = MaxCopy
	}
	return l
}

// Blob is a blob that belongs to a closure.
type Blob struct {
	Descriptor
	Of      promotion.Digest // a manifest that refers to it
	Foreign bool             // its bytes are said to be somewhere else, and are not fetched from there
}

// judge gathers the blobs of the manifests, each once, and refuses what is too
// large or contradicts itself.
func (l Limits) judge(repo promotion.Repository, root promotion.Digest, manifests []*Manifest) ([]Blob, error) {
	l = l.orDefault()
	var blobs []Blob
	at, sum := map[promotion.Digest]int{}, int64(0)
	for _, m := range manifests {
		for _, d := range m.Blobs {
			if i, known := at[d.Digest]; known {
				if blobs[i].Size != d.Size {
					return nil, promotion.Errorf(promotion.Invalid, "%s@%s says that %s has %d bytes, and another manifest says %d", repo, m.Digest.Short(), d.Digest.Short(), d.Size, blobs[i].Size)
				}
				blobs[i].Foreign = blobs[i].Foreign || d.Foreign()
				continue
			}
			sum += min(d.Size, l.Blob+1) // so that it can't overflow
			switch {
			case d.Size > l.Blob:
				return nil, promotion.Errorf(promotion.Invalid, "%s@%s has the blob %s of %d bytes, more than the %d that are copied: if it is meant, raise largest_blob of the registry in the configuration", repo, m.Digest.Short(), d.Digest.Short(), d.Size, l.Blob)
			case sum > l.Blobs:
				return nil, promotion.Errorf(promotion.Invalid, "%s@%s has blobs of more than %d bytes together, which is more than is copied", repo, root.Short(), l.Blobs)
			case len(blobs) == maxBlobs:
				return nil, promotion.Errorf(promotion.Invalid, "%s@%s has more than %d blobs", repo, root.Short(), maxBlobs)
			}
			at[d.Digest] = len(blobs)
			blobs = append(blobs, Blob{Descriptor: d, Of: m.Digest, Foreign: d.Foreign()})
		}
	}
	return blobs, nil
}
