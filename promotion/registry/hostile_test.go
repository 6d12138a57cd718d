package registry_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

// A registry is somebody else's program. What it says about where to go on is
// followed only where neither our credentials nor our network are at risk, and
// what it never stops saying is not listened to for ever.

// versions is a look at every tag of the form v1.2.
func versions(t *testing.T) registry.Look {
	t.Helper()
	pattern, err := promotion.ParseTagPattern("v{version}")
	if err != nil {
		t.Fatal(err)
	}
	l := look()
	l.Pattern = pattern
	return l
}

const tagsPath = "/v2/shop/api/tags/list"

func TestTagsAreListedOverAllPages(t *testing.T) {
	for _, next := range []string{tagsPath + "?n=1000&last=v1", "http://" + host + tagsPath + "?n=1000&last=v1"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatched(t, time.Hour)
			one, two := w.put("v1", "1"), w.put("v2", "2")
			w.door.spoil(func(rw http.ResponseWriter, r *http.Request) bool {
				switch {
				case r.URL.Path != tagsPath:
					return false
				case r.URL.Query().Get("last") == "":
					rw.Header().Set("Link", "<"+next+`>; rel="next"`)
					_, _ = rw.Write([]byte(`{"tags":["v1"]}`)) // the watcher says whether it got there
				default:
					_, _ = rw.Write([]byte(`{"tags":["v2"]}`)) // the same
				}
				return true
			})
			w.watcher.Set([]registry.Look{versions(t)})
			defer w.run()()
			if got, want := w.said(), "v1="+one.Short()[:4]+" v2="+two.Short()[:4]; got != want {
				t.Errorf("with the next page at %s: said %q, want %q", next, got, want)
			}
		})
	}
}

func TestAListThatGoesOnElsewhereIsRefused(t *testing.T) {
	for _, next := range []string{
		"https://evil.example.com" + tagsPath, "//evil.example.com" + tagsPath, "http://" + host + ".evil.example.com" + tagsPath,
		"/v2/secret/repo/tags/list", "/v2/shop/api/manifests/v1", "/v2/shop/api/../../secret/tags/list", "%zz",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatched(t, time.Hour)
			lists := 0
			w.door.spoil(func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/list") {
					return false
				}
				lists++
				rw.Header().Set("Link", "<"+next+`>; rel="next"`)
				_, _ = rw.Write([]byte(`{"tags":["v1"]}`)) // the client may have gone
				return true
			})
			w.watcher.Set([]registry.Look{versions(t)})
			defer w.run()()
			if said := w.said(); !strings.Contains(said, "elsewhere: refused") || lists != 1 {
				t.Errorf("after a page that goes on at %s there were %d requests; said %q", next, lists, said)
			}
		})
	}
}

func TestAListWithoutEndIsGivenUp(t *testing.T) {
	for name, c := range map[string]struct{ page, says string }{
		"of tags":       {`{"tags":[` + strings.Repeat(`"v1",`, 999) + `"v2"]}`, "more than 20000 tags"},
		"of nothing":    {`{"tags":[]}`, "did not answer in time"},
		"in one answer": {`{"tags":["` + strings.Repeat("v", 5<<20) + `"]}`, "refused"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatched(t, time.Hour)
				w.door.spoil(func(rw http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path != tagsPath {
						return false
					}
					time.Sleep(100 * time.Millisecond)
					rw.Header().Set("Link", "<"+tagsPath+`?n=1000>; rel="next"`)
					_, _ = rw.Write([]byte(c.page)) // the client may have gone
					return true
				})
				w.watcher.Set([]registry.Look{versions(t)})
				defer w.run()()
				time.Sleep(time.Minute)
				if said := w.said(); !strings.Contains(said, c.says) {
					t.Errorf("said %.200q", said)
				}
			})
		})
	}
}

// login is a keychain with one password for everything.
type login struct{}

func (login) Resolve(authn.Resource) (authn.Authenticator, error) {
	return &authn.Basic{Username: "bot", Password: "canary"}, nil
}

// The config of an image is a blob, and a registry may hand blobs out from
// somewhere else.
func TestWhereABlobMayComeFrom(t *testing.T) {
	for _, c := range []struct {
		name  string
		to    string         // "HERE" is the registry's own address
		serve int            // what the storage answers: 0 for the blob, else a status
		kind  promotion.Kind // of the error; empty when it is read
	}{
		{name: "the registry's own storage", to: "http://HERE/storage"},
		{name: "a storage that has lost it", to: "http://HERE/storage", serve: http.StatusNotFound, kind: promotion.Unavailable},
		{name: "a storage that sends on", to: "http://HERE/storage", serve: http.StatusFound, kind: promotion.Invalid},
		{name: "a storage with other bytes", to: "http://HERE/other", kind: promotion.Conflict},
		{name: "a storage without end", to: "http://HERE/endless", kind: promotion.Invalid},
		{name: "an address in our network", to: "https://10.0.0.7/secret", kind: promotion.Forbidden},
		{name: "the metadata of the cloud", to: "http://169.254.169.254/latest", kind: promotion.Forbidden},
		{name: "a name without TLS", to: "http://storage.example.com/blob", kind: promotion.Forbidden},
		{name: "a file", to: "file://localhost/etc/passwd", kind: promotion.Forbidden},
		{name: "another path of the registry", to: "/other", kind: promotion.Conflict},
		{name: "nowhere", to: "", kind: promotion.Invalid},
		{name: "somebody's account", to: "https://bot:canary@storage.example.com/blob", kind: promotion.Invalid},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			s.client = registry.New(registry.Options{Named: anybody, Keychain: login{}})
			d := s.push("a", map[string]string{promotion.LabelVersion: "1"})
			var blob string
			withPassword := false
			s.spoil(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
				switch {
				case strings.Contains(r.URL.Path, "/blobs/"):
					blob = r.URL.Path
					_, _, withPassword = r.BasicAuth()
					w.Header().Set("Location", strings.ReplaceAll(c.to, "HERE", s.url))
					w.WriteHeader(http.StatusTemporaryRedirect)
				case c.serve != 0 && r.URL.Path == "/storage":
					w.Header().Set("Location", "http://"+s.url+"/other")
					w.WriteHeader(c.serve)
				case r.URL.Path == "/storage":
					again := r.Clone(r.Context())
					again.URL.Path = blob
					next.ServeHTTP(w, again)
				case r.URL.Path == "/other":
					_, _ = fmt.Fprint(w, `{"config":{}}`) // what becomes of it is looked at below
				case r.URL.Path == "/endless":
					_, _ = w.Write(make([]byte, 2<<20)) // the client stops reading
				default:
					return false
				}
				return true
			})
			image, err := s.client.Inspect(t.Context(), s.repo, d)
			switch {
			case c.kind == "" && (err != nil || image.Labels[promotion.LabelVersion] != "1"):
				t.Errorf("%+v %v", image, err)
			case c.kind != "" && (err == nil || promotion.KindOf(err) != c.kind):
				t.Errorf("%v (%s), want %s", err, promotion.KindOf(err), c.kind)
			}
			if !withPassword {
				t.Error("the registry itself did not get our credentials, so this shows nothing")
			}
		})
	}
}

func TestABlobIsProvedByItsDigest(t *testing.T) {
	s := newShelf(t)
	d := s.push("a", map[string]string{promotion.LabelVersion: "1"})
	s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		_, _ = fmt.Fprint(w, `{"config":{"Labels":{"org.opencontainers.image.version":"2"}}}`) // the client may have gone
		return true
	})
	if image, err := s.client.Inspect(t.Context(), s.repo, d); err == nil || promotion.KindOf(err) != promotion.Conflict {
		t.Errorf("%+v %v", image, err)
	}
}

func TestAPlatformThatIsMissingIsNamed(t *testing.T) {
	s := newShelf(t)
	d := s.pushIndex("a", nil)
	s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Path, "/manifests/sha256:") || strings.HasSuffix(r.URL.Path, string(d)) {
			return false
		}
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	if _, err := s.client.Inspect(t.Context(), s.repo, d); err == nil || !strings.Contains(err.Error(), "linux/amd64") {
		t.Errorf("%v", err)
	}
}

// A name that is no tag must not become part of an address.
func TestOnlyTagsAreAskedFor(t *testing.T) {
	s := newShelf(t)
	s.push("a", nil)
	requests := s.counted(func() {
		for _, tag := range []string{"", "../../other/manifests/a", "a/b", "a?b", "a b", strings.Repeat("a", 129)} {
			if readings, err := s.client.ReadTags(t.Context(), s.repo, []string{tag}); err == nil || promotion.KindOf(err) != promotion.Invalid {
				t.Errorf("%q: %+v %v", tag, readings, err)
			}
		}
	})
	if len(requests) > 0 {
		t.Errorf("requests were made all the same: %q", requests)
	}
}
