package simulation

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// The registries: one in which CI puts its builds, and one that production may
// have of its own.
const (
	host = "registry.test:5000"
	far  = "production.test:5000"
)

// spot is a tag in its repository.
type spot struct {
	in  promotion.Repository
	tag string
}

func (s spot) String() string { return string(s.in) + ":" + s.tag }

// registryWorld holds the repositories of both registries. Every image there
// can be is from the beginning where CI puts its builds; what changes there is
// what the tags point at.
type registryWorld struct {
	w     *world
	repos map[promotion.Repository]*shelf
}

// shelf is one repository.
type shelf struct {
	full      bool // of everything in stock
	tags      map[string]promotion.Digest
	manifests map[promotion.Digest]bool
	blobs     map[promotion.Digest]bool
	uploads   map[string]bool
	opened    int
}

func newRegistries(w *world) *registryWorld {
	g := &registryWorld{w, map[promotion.Repository]*shelf{}}
	for _, app := range w.apps {
		here := g.shelf(home(app))
		here.full = true
		for _, b := range builds(app) {
			if w.abroad != "" && b.sig != nil {
				here.tags[sigTag(b.digest)] = b.sig.digest
			}
		}
		g.place(spot{w.away(app), production}, builds(app)[0].digest)
	}
	return g
}

func (g *registryWorld) shelf(r promotion.Repository) *shelf {
	if g.repos[r] == nil {
		g.repos[r] = &shelf{tags: map[string]promotion.Digest{}, manifests: map[promotion.Digest]bool{}, blobs: map[promotion.Digest]bool{}, uploads: map[string]bool{}}
	}
	return g.repos[r]
}

// place is what somebody does who pushes an image under a tag.
func (g *registryWorld) place(s spot, d promotion.Digest) {
	in := g.shelf(s.in)
	in.tags[s.tag] = d
	in.manifests[d], in.blobs[inStock().documents[d].blob] = true, true
}

func (g *registryWorld) at(s spot) promotion.Digest { return g.shelf(s.in).tags[s.tag] }

func (s *shelf) has(d promotion.Digest) *document {
	if s.full || s.manifests[d] {
		return inStock().documents[d]
	}
	return nil
}

func (s *shelf) blob(d promotion.Digest) ([]byte, bool) {
	if s.full || s.blobs[d] {
		b, ok := inStock().blobs[d]
		return b, ok
	}
	return nil, false
}

// serve answers a request as a registry does.
func (g *registryWorld) serve(q request) answer {
	a := g.answer(q)
	if q.method == http.MethodHead {
		if a.status == http.StatusOK {
			a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
		}
		a.body = nil
	}
	return a
}

// answer is the part of the distribution specification that the bot uses.
func (g *registryWorld) answer(q request) answer {
	if q.path == "/v2/" {
		return said(http.StatusOK, nil)
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(q.path, "/v2/"), "/")
	kind, reference, _ := strings.Cut(rest, "/")
	in := promotion.Repository(q.host + "/" + name)
	shelf := g.shelf(in)
	switch kind {
	case "manifests":
		return g.manifest(q, spot{in, reference}, shelf)
	case "blobs":
		if upload, ok := strings.CutPrefix(reference, "uploads/"); ok {
			return g.upload(q, shelf, name, upload)
		}
		if b, ok := shelf.blob(promotion.Digest(reference)); ok {
			a := said(http.StatusOK, b)
			a.header.Set("Content-Type", "application/octet-stream")
			return a
		}
	case "tags":
		return list(map[string]any{"name": name, "tags": slices.Sorted(maps.Keys(shelf.tags))})
	case "referrers":
		return g.referrers(q, in, shelf, promotion.Digest(reference))
	}
	return unknown()
}

func said(status int, body []byte) answer {
	return answer{status, http.Header{"Docker-Distribution-Api-Version": {"registry/2.0"}}, body}
}

// unknown is how a registry says that it has no such thing; a 404 without that
// could be anybody's.
func unknown() answer {
	return said(http.StatusNotFound, []byte(`{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`))
}

func list(of any) answer {
	body, err := json.Marshal(of)
	if err != nil {
		panic(err) // it is made of strings
	}
	a := said(http.StatusOK, body)
	a.header.Set("Content-Type", "application/json")
	return a
}

func (g *registryWorld) manifest(q request, s spot, in *shelf) answer {
	if q.method == http.MethodPut {
		return g.put(q, s, in)
	}
	d := promotion.Digest(s.tag)
	if tagged := !strings.HasPrefix(s.tag, "sha256:"); tagged {
		d = in.tags[s.tag]
		g.w.judge.read(q.by, s, d)
	}
	doc := in.has(d)
	if doc == nil {
		return unknown()
	}
	if q.method == http.MethodGet {
		g.w.judge.compared(q.by, s.in, d)
	}
	a := said(http.StatusOK, doc.body)
	a.header.Set("Content-Type", manifest)
	a.header.Set("Docker-Content-Digest", string(d))
	return a
}

// put takes a manifest when everything that it refers to is there.
func (g *registryWorld) put(q request, s spot, in *shelf) answer {
	d := digestOf(q.body)
	doc := inStock().documents[d]
	if doc == nil {
		g.w.violated("%s puts bytes that nobody has built", q.by.name)
		return said(http.StatusBadRequest, []byte(`{"errors":[{"code":"MANIFEST_INVALID"}]}`))
	}
	if _, there := in.blob(doc.blob); !there {
		return said(http.StatusBadRequest, []byte(`{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}`))
	}
	g.w.judge.put(q.by, s, d)
	in.manifests[d] = true
	if !strings.HasPrefix(s.tag, "sha256:") {
		in.tags[s.tag] = d
	}
	a := said(http.StatusCreated, nil)
	a.header.Set("Docker-Content-Digest", string(d))
	if doc.subject != "" {
		a.header.Set("OCI-Subject", string(doc.subject))
	}
	return a
}

// referrers lists what is attached by its subject.
func (g *registryWorld) referrers(q request, in promotion.Repository, at *shelf, subject promotion.Digest) answer {
	entries := []map[string]any{}
	if i := inStock().images[subject]; i != nil && i.sbom != nil && at.has(i.sbom.digest) != nil {
		g.w.judge.compared(q.by, in, i.sbom.digest)
		entries = append(entries, map[string]any{"mediaType": manifest, "digest": i.sbom.digest, "size": len(i.sbom.body), "artifactType": "application/spdx+json"})
	}
	a := list(map[string]any{"schemaVersion": 2, "mediaType": index, "manifests": entries})
	a.header.Set("Content-Type", index)
	return a
}

// upload takes blobs: mounted from another repository of the registry, or sent.
func (g *registryWorld) upload(q request, in *shelf, name, session string) answer {
	switch q.method {
	case http.MethodPost:
		d := promotion.Digest(q.query.Get("mount"))
		if from := q.query.Get("from"); from != "" {
			if _, there := g.shelf(promotion.Repository(q.host + "/" + from)).blob(d); there {
				g.w.judge.sends(q.by, promotion.Repository(q.host+"/"+name))
				in.blobs[d] = true
				return said(http.StatusCreated, nil)
			}
		}
		in.opened++
		id := strconv.Itoa(in.opened)
		in.uploads[id] = true
		a := said(http.StatusAccepted, nil)
		a.header.Set("Location", fmt.Sprintf("/v2/%s/blobs/uploads/%s", name, id))
		return a
	case http.MethodPut:
		d := promotion.Digest(q.query.Get("digest"))
		if !in.uploads[session] || digestOf(q.body) != d {
			return said(http.StatusNotFound, []byte(`{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}`))
		}
		g.w.judge.sends(q.by, promotion.Repository(q.host+"/"+name))
		delete(in.uploads, session)
		in.blobs[d] = true
		return said(http.StatusCreated, nil)
	}
	delete(in.uploads, session)
	return said(http.StatusNoContent, nil)
}

// sources are the tags that bring builds of an app.
func (g *registryWorld) sources(app string) map[string]promotion.Digest {
	found := map[string]promotion.Digest{}
	for tag, d := range g.shelf(home(app)).tags {
		if tag == source || strings.HasSuffix(tag, passed) {
			found[tag] = d
		}
	}
	return found
}

// staged tells whether a build is in the environment that it comes from.
func (g *registryWorld) staged(app string, d promotion.Digest) bool {
	return slices.Contains(slices.Collect(maps.Values(g.sources(app))), d)
}
