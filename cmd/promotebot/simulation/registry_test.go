package simulation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/promotebot/promotebot/promotion"
)

const (
	host       = "registry.test:5000"
	repository = promotion.Repository(host + "/shop")
	manifest   = "application/vnd.oci.image.manifest.v1+json"
	config     = "application/vnd.oci.image.config.v1+json"
)

// registryWorld holds the one repository. Every image there can be is in it
// from the beginning; what changes is what the tags point at.
type registryWorld struct {
	w    *world
	tags map[string]promotion.Digest
}

// image is a build: nothing but a manifest and a config with its number.
type image struct {
	digest         promotion.Digest
	manifest, blob []byte
	blobDigest     promotion.Digest
}

const images = 24

var builds = sync.OnceValue(func() (all [images]image) {
	for i := range all {
		blob := fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","config":{"Labels":{"org.opencontainers.image.version":"1.%d"}}}`, i)
		d := digestOf(blob)
		body := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`, manifest, config, d, len(blob))
		all[i] = image{digestOf(body), body, blob, d}
	}
	return all
})

func digestOf(b []byte) promotion.Digest {
	sum := sha256.Sum256(b)
	return promotion.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// serve is the part of the distribution specification that the bot uses.
func (g *registryWorld) serve(q request) answer {
	if q.path == "/v2/" {
		return answer{http.StatusOK, http.Header{"Docker-Distribution-Api-Version": {"registry/2.0"}}, nil}
	}
	if d, ok := strings.CutPrefix(q.path, "/v2/shop/blobs/"); ok {
		for _, i := range builds() {
			if string(i.blobDigest) == d {
				if q.method == http.MethodHead {
					return answer{http.StatusOK, http.Header{}, nil}
				}
				return answer{http.StatusOK, http.Header{"Content-Type": {"application/octet-stream"}}, i.blob}
			}
		}
	}
	if q.path == "/v2/shop/tags/list" {
		return g.list()
	}
	reference, ok := strings.CutPrefix(q.path, "/v2/shop/manifests/")
	if !ok {
		return unknown()
	}
	if q.method == http.MethodPut {
		g.put(q, reference)
		return answer{http.StatusCreated, http.Header{}, nil}
	}
	a := g.get(q, reference)
	if q.method == http.MethodHead {
		a.body = nil
	}
	return a
}

// unknown is how a registry says that it has no such thing; a 404 without that
// could be anybody's.
func unknown() answer {
	return answer{http.StatusNotFound, http.Header{"Docker-Distribution-Api-Version": {"registry/2.0"}}, []byte(`{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`)}
}

func (g *registryWorld) list() answer {
	body, err := json.Marshal(map[string]any{"name": "shop", "tags": slices.Sorted(maps.Keys(g.tags))})
	if err != nil {
		panic(err) // it is made of strings
	}
	return answer{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, body}
}

// sources are the tags that bring builds.
func (g *registryWorld) sources() map[string]promotion.Digest {
	found := map[string]promotion.Digest{}
	for tag, d := range g.tags {
		if tag == source || strings.HasSuffix(tag, passed) {
			found[tag] = d
		}
	}
	return found
}

// staged tells whether a build is in the environment that it comes from.
func (g *registryWorld) staged(d promotion.Digest) bool {
	return slices.Contains(slices.Collect(maps.Values(g.sources())), d)
}

func (g *registryWorld) put(q request, tag string) {
	d := digestOf(q.body)
	g.w.judge.put(q.by, tag, d)
	g.tags[tag] = d
}

func (g *registryWorld) get(q request, reference string) answer {
	d := promotion.Digest(reference)
	if !strings.HasPrefix(reference, "sha256:") {
		d = g.tags[reference]
		g.w.judge.read(q.by, reference, d)
	}
	for _, i := range builds() {
		if i.digest != d {
			continue
		}
		return answer{http.StatusOK, http.Header{"Content-Type": {manifest}, "Docker-Content-Digest": {string(d)}}, i.manifest}
	}
	return unknown()
}
