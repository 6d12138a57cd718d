package registry_test

import (
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/promotebot/promotebot/promotion"
)

// provable pushes an index of two platforms, each with a config and three layers.
func provable(s *shelf) (root promotion.Digest, index v1.ImageIndex) {
	s.t.Helper()
	index, err := random.Index(64, 3, 2)
	s.must(err)
	s.must(remote.WriteIndex(s.tag("production"), index))
	d, err := index.Digest()
	s.must(err)
	return promotion.Digest(d.String()), index
}

func (s *shelf) prove(d promotion.Digest) (promotion.Proof, error) {
	return s.client.Prove(s.t.Context(), promotion.ProveWork{Repository: s.repo, Digests: []promotion.Digest{d}})
}

// lose has the registry not know whatever the path ends with.
func (s *shelf) lose(end string, answer func(http.ResponseWriter)) {
	s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.HasSuffix(r.URL.Path, end) {
			return false
		}
		answer(w)
		return true
	})
}

func unknownManifest(w http.ResponseWriter) {
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(`{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`))
}

func TestAWayBackIsWhole(t *testing.T) {
	s := newShelf(t)
	d, _ := provable(s)
	var proof promotion.Proof
	var err error
	requests := s.counted(func() { proof, err = s.prove(d) })
	if err != nil || proof != (promotion.Proof{Manifests: 3, Blobs: 8}) {
		t.Fatalf("%+v, %v", proof, err)
	}
	n := 0
	for _, r := range requests {
		if strings.HasPrefix(r, "HEAD blobs/") || strings.HasPrefix(r, "GET manifests/sha256:") {
			n++
		}
	}
	if n != 11 {
		t.Errorf("%d requests instead of one for each manifest and blob: %q", n, requests)
	}
}

func TestAWayBackThatLacksSomethingNamesIt(t *testing.T) {
	s := newShelf(t)
	d, index := provable(s)
	im, err := index.IndexManifest()
	s.must(err)
	platform := im.Manifests[1].Digest.String()
	image, err := index.Image(im.Manifests[0].Digest)
	s.must(err)
	layers, err := image.Layers()
	s.must(err)
	layer, err := layers[2].Digest()
	s.must(err)
	for name, gone := range map[string]struct {
		end, says string
	}{
		"a platform":             {"manifests/" + platform, "the manifest " + promotion.Digest(platform).Short() + " is gone"},
		"a layer":                {"blobs/" + layer.String(), "the blob " + promotion.Digest(layer.String()).Short() + " is gone"},
		"the manifest of it all": {"manifests/" + string(d), "the manifest " + d.Short() + " is gone"},
	} {
		s.lose(gone.end, unknownManifest)
		if proof, err := s.prove(d); err != nil || proof.Missing != gone.says {
			t.Errorf("%s is gone: %+v, %v", name, proof, err)
		}
	}
}

// A registry that is in trouble has not lost anything.
func TestAWayBackThatCanNotBeReadIsNotGone(t *testing.T) {
	s := newShelf(t)
	d, index := provable(s)
	im, err := index.IndexManifest()
	s.must(err)
	image, err := index.Image(im.Manifests[0].Digest)
	s.must(err)
	config, err := image.ConfigName()
	s.must(err)
	for name, answer := range map[string]func(http.ResponseWriter){
		"forbidden":              func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
		"a proxy's not found":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"not one of its answers": func(w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot) },
	} {
		s.lose("manifests/"+string(d), answer)
		if proof, err := s.prove(d); err == nil || promotion.KindOf(err) == promotion.NotFound {
			t.Errorf("%s: %+v, %v", name, proof, err)
		}
	}
	for status, gone := range map[int]bool{http.StatusForbidden: false, http.StatusNotFound: true} {
		s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			switch {
			case strings.HasSuffix(r.URL.Path, "blobs/"+config.String()):
				w.Header().Set("Location", "http://"+s.url+"/storage")
				w.WriteHeader(http.StatusTemporaryRedirect)
			case r.URL.Path == "/storage":
				w.WriteHeader(status)
			default:
				return false
			}
			return true
		})
		proof, err := s.prove(d)
		if gone && (err != nil || proof.Missing == "") || !gone && (err == nil || promotion.KindOf(err) != promotion.Unavailable) {
			t.Errorf("the storage answers %d: %+v, %v", status, proof, err)
		}
	}
}
