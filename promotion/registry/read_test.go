package registry_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

func TestInspect(t *testing.T) {
	s := newShelf(t)
	labels := map[string]string{promotion.LabelVersion: "1.4.2", promotion.LabelRevision: "4f1c0de"}
	for name, d := range map[string]promotion.Digest{"image": s.push("a", labels), "index": s.pushIndex("b", labels)} {
		image, err := s.client.Inspect(t.Context(), s.repo, d)
		if err != nil {
			t.Fatal(err)
		}
		platforms, manifests := []string{"linux/amd64"}, []promotion.Digest(nil)
		if name == "index" {
			platforms, manifests = append(platforms, "linux/arm64"), s.below("b")
		}
		if !slices.Equal(image.Manifests, manifests) {
			t.Errorf("%s: what machines may say they run is %v, want %v", name, image.Manifests, manifests)
		}
		if image.Labels[promotion.LabelVersion] != "1.4.2" || image.Created == nil || !image.Created.Equal(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)) || !slices.Equal(image.Platforms, platforms) {
			t.Errorf("%s: %+v", name, image)
		}
		var size int64
		for _, l := range image.Layers {
			size += l.Size
		}
		if image.Of != "linux/amd64" || size == 0 || image.Size != size {
			t.Errorf("%s: %d bytes in %v of %s", name, image.Size, image.Layers, image.Of)
		}
	}
}

// An index, the manifest of its first platform, and the config of that.
func TestAnImageIsInspectedWithThreeRequests(t *testing.T) {
	s := newShelf(t)
	d := s.pushIndex("b", nil)
	asked := 0
	s.spoil(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if strings.Contains(r.URL.Path, "/manifests/") || strings.Contains(r.URL.Path, "/blobs/") {
			asked++
		}
		return false
	})
	if _, err := s.client.Inspect(t.Context(), s.repo, d); err != nil || asked != 3 {
		t.Errorf("%d requests, %v", asked, err)
	}
}

func TestNotKnowingIsNotAbsence(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		kind   promotion.Kind
	}{
		{"a tag that is not there", http.StatusNotFound, ""},
		{"forbidden, as Artifactory says of a missing tag", http.StatusForbidden, promotion.Forbidden},
		{"not logged in", http.StatusUnauthorized, promotion.Forbidden},
		{"in trouble", http.StatusBadGateway, promotion.Unavailable},
		{"slow down", http.StatusTooManyRequests, promotion.Unavailable},
		{"elsewhere", http.StatusTemporaryRedirect, promotion.Invalid},
		{"a teapot", http.StatusTeapot, promotion.Unavailable},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") {
					return false
				}
				w.Header().Set("Retry-After", "60")
				w.Header().Set("Location", "http://169.254.169.254/latest")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(`{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`)) // the client may have gone
				return true
			})
			readings, err := s.client.ReadTags(t.Context(), s.repo, []string{"production"})
			if c.kind == "" {
				if err != nil || readings[0].Digest != "" {
					t.Errorf("%+v %v", readings, err)
				}
				return
			}
			if err == nil || promotion.KindOf(err) != c.kind {
				t.Errorf("%v (%s), want %s", err, promotion.KindOf(err), c.kind)
			}
			if f := promotion.FailureOf(err); c.status == http.StatusTooManyRequests && f.RetryAfter != time.Minute {
				t.Errorf("a long Retry-After is not handed up: %+v", f)
			}
		})
	}
}

func TestARegistryWithoutDigestHeadersIsReadAndHashed(t *testing.T) {
	s := newShelf(t)
	d := s.push("production", nil)
	s.spoil(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		next.ServeHTTP(&withoutDigest{w}, r)
		return true
	})
	readings, err := s.client.ReadTags(t.Context(), s.repo, []string{"production"})
	if err != nil || readings[0].Digest != d {
		t.Errorf("%+v %v", readings, err)
	}
}

type withoutDigest struct{ http.ResponseWriter }

func (w *withoutDigest) WriteHeader(status int) {
	w.Header().Del("Docker-Content-Digest")
	w.ResponseWriter.WriteHeader(status)
}

func TestAShortRetryAfterIsWaitedOut(t *testing.T) {
	s := newShelf(t)
	d := s.push("production", nil)
	asked := 0
	var first time.Time
	s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		if asked++; asked > 1 {
			return false
		}
		first = time.Now()
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	readings, err := s.client.ReadTags(t.Context(), s.repo, []string{"production"})
	if err != nil || readings[0].Digest != d || time.Since(first) < time.Second {
		t.Errorf("%+v %v after %v", readings, err, time.Since(first))
	}
}

func TestARedirectedBlobIsFollowedOnlyToAPublicHost(t *testing.T) {
	s := newShelf(t)
	d := s.push("a", map[string]string{promotion.LabelVersion: "1"})
	s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		http.Redirect(w, r, "http://10.0.0.7/secret", http.StatusTemporaryRedirect)
		return true
	})
	if _, err := s.client.Inspect(t.Context(), s.repo, d); promotion.KindOf(err) != promotion.Forbidden || err == nil {
		t.Errorf("followed into the network: %v", err)
	}
}
