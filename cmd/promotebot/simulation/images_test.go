package simulation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/promotebot/promotebot/promotion"
)

const (
	manifest = "application/vnd.oci.image.manifest.v1+json"
	config   = "application/vnd.oci.image.config.v1+json"
	index    = "application/vnd.oci.image.index.v1+json"
)

// document is a manifest, and what a registry needs to know of it.
type document struct {
	digest, blob promotion.Digest // the blob is its config; there are no layers
	subject      promotion.Digest // what it says something about, if that is in it
	body         []byte
}

// image is a build: nothing but a manifest and a config with its number. There
// is one blob in it, so that no two uploads of one copy look the same to the
// scheduler. A bill of materials is attached to most by its subject, and a
// signature by cosign's tag.
type image struct {
	document
	config []byte
	sbom   *document
	sig    *document
}

// attached are the manifests that have to go along.
func (i *image) attached() (all []*document) {
	for _, d := range []*document{i.sbom, i.sig} {
		if d != nil {
			all = append(all, d)
		}
	}
	return all
}

// sigTag is where cosign files what it says about a digest.
func sigTag(d promotion.Digest) string { return strings.Replace(string(d), ":", "-", 1) + ".sig" }

const images = 24

// shop and cart are the apps that there can be.
const (
	shop = "shop"
	cart = "cart"
)

// stock is everything that CI has built or will build, by digest.
type stock struct {
	builds    map[string]*[images]image // by app
	images    map[promotion.Digest]*image
	documents map[promotion.Digest]*document
	blobs     map[promotion.Digest][]byte
}

var inStock = sync.OnceValue(func() *stock {
	s := &stock{builds: map[string]*[images]image{}, images: map[promotion.Digest]*image{}, documents: map[promotion.Digest]*document{}, blobs: map[promotion.Digest][]byte{}}
	for _, app := range []string{shop, cart} {
		all := &[images]image{}
		for i := range all {
			all[i] = s.build(app, i)
			s.images[all[i].digest] = &all[i]
		}
		s.builds[app] = all
	}
	return s
})

func builds(app string) *[images]image { return inStock().builds[app] }

func (s *stock) build(app string, i int) (b image) {
	b.config = fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","config":{"Labels":{"org.opencontainers.image.version":"1.%d","app":%q}}}`, i, app)
	blob := digestOf(b.config)
	s.blobs[blob] = b.config
	configured := fmt.Sprintf(`"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]`, config, blob, len(b.config))
	b.document = *s.document(blob, "", `{"schemaVersion":2,"mediaType":%q,%s}`, manifest, configured)
	if i%4 != 0 {
		b.sbom = s.document(blob, b.digest, `{"schemaVersion":2,"mediaType":%q,"artifactType":"application/spdx+json",%s,"subject":{"mediaType":%q,"digest":%q,"size":%d}}`, manifest, configured, manifest, b.digest, len(b.body))
	}
	if i%3 != 0 {
		b.sig = s.document(blob, "", `{"schemaVersion":2,"mediaType":%q,%s,"annotations":{"signs":%q}}`, manifest, configured, b.digest)
	}
	return b
}

func (s *stock) document(blob, subject promotion.Digest, format string, args ...any) *document {
	body := fmt.Appendf(nil, format, args...)
	d := &document{digestOf(body), blob, subject, body}
	s.documents[d.digest] = d
	return d
}

func digestOf(b []byte) promotion.Digest {
	sum := sha256.Sum256(b)
	return promotion.Digest("sha256:" + hex.EncodeToString(sum[:]))
}
