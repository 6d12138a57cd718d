package registry_test

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

// shelf is a registry in memory behind a door that counts requests and breaks
// them. The registry keeps tags that point at missing manifests and the like;
// what the tests rest on (tags, digests, bytes) it does right.
type shelf struct {
	t      testing.TB
	inner  http.Handler
	url    string
	repo   promotion.Repository
	client *registry.Client

	mu       sync.Mutex
	requests []string // "GET manifests/production"
	breaks   func(w http.ResponseWriter, r *http.Request, next http.Handler) bool
}

// anybody is for those whom the configuration is of no concern.
func anybody(promotion.Repository) bool { return true }

func newShelf(t testing.TB) *shelf {
	t.Helper()
	s := &shelf{t: t, inner: ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = strings.TrimPrefix(server.URL, "http://")
	s.repo = promotion.Repository(s.url + "/shop/api")
	s.client = registry.New(registry.Options{Named: anybody, UserAgent: "promotebot-test"})
	return s
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if parts := strings.SplitN(r.URL.Path, "/api/", 2); len(parts) == 2 {
		s.requests = append(s.requests, r.Method+" "+parts[1])
	} else {
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	}
	breaks := s.breaks
	s.mu.Unlock()
	if breaks != nil && breaks(w, r, s.inner) {
		return
	}
	s.inner.ServeHTTP(w, r)
}

// spoil has every request pass by the function first; it answers true when it
// has dealt with it.
func (s *shelf) spoil(f func(w http.ResponseWriter, r *http.Request, next http.Handler) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaks = f
}

// counted runs f and returns the requests it took.
func (s *shelf) counted(f func()) []string {
	s.mu.Lock()
	s.requests = nil
	s.mu.Unlock()
	f()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

func (s *shelf) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) tag(tag string) name.Tag {
	s.t.Helper()
	repo, err := name.NewRepository(string(s.repo))
	s.must(err)
	return repo.Tag(tag)
}

func (s *shelf) image(labels map[string]string) v1.Image {
	s.t.Helper()
	image, err := random.Image(256, 2)
	s.must(err)
	file, err := image.ConfigFile()
	s.must(err)
	file.Config.Labels, file.OS, file.Architecture = labels, "linux", "amd64"
	file.Created = v1.Time{Time: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
	image, err = mutate.ConfigFile(image, file)
	s.must(err)
	return image
}

// push pushes an image under the tag and returns its digest.
func (s *shelf) push(tag string, labels map[string]string) promotion.Digest {
	s.t.Helper()
	image := s.image(labels)
	s.must(remote.Write(s.tag(tag), image))
	d, err := image.Digest()
	s.must(err)
	return promotion.Digest(d.String())
}

func (s *shelf) pushIndex(tag string, labels map[string]string) promotion.Digest {
	s.t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, arch := range []string{"amd64", "arm64"} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: s.image(labels), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	s.must(remote.WriteIndex(s.tag(tag), index))
	d, err := index.Digest()
	s.must(err)
	return promotion.Digest(d.String())
}

// below are the manifests that the index under the tag names.
func (s *shelf) below(tag string) (all []promotion.Digest) {
	s.t.Helper()
	index, err := remote.Index(s.tag(tag))
	s.must(err)
	doc, err := index.IndexManifest()
	s.must(err)
	for _, m := range doc.Manifests {
		all = append(all, promotion.Digest(m.Digest.String()))
	}
	return all
}

// points says what the tag points at, asked past the door.
func (s *shelf) points(tag string) promotion.Digest {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/v2/shop/api/manifests/"+tag, nil)
	w := httptest.NewRecorder()
	s.inner.ServeHTTP(w, r)
	if w.Code == http.StatusNotFound {
		return ""
	}
	d, _, err := v1.SHA256(w.Body)
	s.must(err)
	return promotion.Digest(d.String())
}

func (s *shelf) plan(d promotion.Digest, targets ...promotion.Target) promotion.MoveWork {
	return promotion.MoveWork{Repository: s.repo, Digest: d, Targets: targets}
}

func floating(now promotion.Digest) promotion.Target {
	return promotion.Target{Tag: "production", Floating: true, Now: now}
}

func isPut(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/")
}

// cut ends the connection without an answer.
func cut() { panic(http.ErrAbortHandler) }

// silently lets the registry do its work and throws the answer away.
func silently(next http.Handler, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil && !errors.Is(err, io.EOF) {
		cut()
	}
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	next.ServeHTTP(httptest.NewRecorder(), again)
}
