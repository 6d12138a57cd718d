package wire_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// world answers for every host there is, and keeps what each was shown.
type world struct {
	serve func(r *http.Request) (status int, header map[string]string, body io.ReadCloser)

	mu    sync.Mutex
	shown []string // "GET https://host/path with Basic"
}

// anybody is for those whom the configuration is of no concern.
func anybody(promotion.Repository) bool { return true }

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	kind, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if r.Body != nil {
		text, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if strings.Contains(string(text), "refresh_token") {
			kind = "refresh token"
		}
	}
	w.mu.Lock()
	w.shown = append(w.shown, fmt.Sprintf("%s %s://%s%s with %s", r.Method, r.URL.Scheme, r.URL.Host, r.URL.Path, kind))
	w.mu.Unlock()
	status, header, body := w.serve(r)
	resp := &http.Response{StatusCode: status, Header: http.Header{}, Body: body, Request: r, ProtoMajor: 1, ProtoMinor: 1}
	if body == nil {
		resp.Body = http.NoBody
	}
	for k, v := range header {
		resp.Header.Set(k, v)
	}
	return resp, nil
}

// saw tells whether the host was shown a secret.
func (w *world) saw(host string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.shown {
		if strings.Contains(s, "//"+host+"/") && !strings.HasSuffix(s, "with ") {
			return s
		}
	}
	return ""
}

func (w *world) asked(host string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.shown {
		if strings.Contains(s, "//"+host+"/") {
			return true
		}
	}
	return false
}

type keychain authn.AuthConfig

func (k keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig(k)), nil
}

const repo = promotion.Repository("registry.example.com/shop/api")

func text(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

// A registry says where its tokens are to be fetched. The password goes there
// only if that is its own host or one that was listed for it.
func TestAPasswordIsShownToNobodyElse(t *testing.T) {
	password := keychain{Username: "ann", Password: "secret"}
	refresh := keychain{IdentityToken: "secret"}
	for _, c := range []struct {
		name   string
		repo   promotion.Repository
		realm  string
		keys   authn.Keychain
		realms map[string][]string
		host   string // that the realm is on
		kind   promotion.Kind
		asked  bool
	}{
		{name: "its own host", realm: "https://registry.example.com/token", keys: password, host: "registry.example.com", asked: true},
		{name: "another host", realm: "https://evil.example.org/token", keys: password, host: "evil.example.org", kind: promotion.Forbidden},
		{name: "another host, with an identity token", realm: "https://evil.example.org/token", keys: refresh, host: "evil.example.org", kind: promotion.Forbidden},
		{name: "another port", realm: "https://registry.example.com:8443/token", keys: password, host: "registry.example.com:8443", kind: promotion.Forbidden},
		{name: "a listed host", realm: "https://auth.example.com/token", keys: password, realms: map[string][]string{"registry.example.com": {"auth.example.com"}}, host: "auth.example.com", asked: true},
		{name: "a host that is listed for another registry", realm: "https://auth.example.com/token", keys: password, realms: map[string][]string{"other.example.com": {"auth.example.com"}}, host: "auth.example.com", kind: promotion.Forbidden},
		{name: "GitLab.com's", repo: "registry.gitlab.com/shop/api", realm: "https://gitlab.com/jwt/auth", keys: password, host: "gitlab.com", asked: true},
		{name: "GitLab.com's for somebody else", realm: "https://gitlab.com/jwt/auth", keys: password, host: "gitlab.com", kind: promotion.Forbidden},
		{name: "a public host without a password", realm: "https://auth.example.org/token", host: "auth.example.org", asked: true},
		{name: "our own network without a password", realm: "https://vault/token", host: "vault", kind: promotion.Forbidden},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := &world{serve: func(r *http.Request) (int, map[string]string, io.ReadCloser) {
				switch {
				case strings.HasPrefix(r.Header.Get("Authorization"), "Bearer"):
					return 200, nil, text("{}")
				case strings.Contains(r.URL.Path, "token") || strings.Contains(r.URL.Path, "jwt"):
					return 200, nil, text(`{"token":"t"}`)
				}
				return 401, map[string]string{"WWW-Authenticate": fmt.Sprintf("Bearer realm=%q", c.realm)}, nil
			}}
			if c.repo == "" {
				c.repo = repo
			}
			client := wire.New(wire.Options{Named: anybody, Transport: w, Keychain: c.keys, Realms: c.realms})
			_, err := client.Manifest(t.Context(), wire.At(c.repo), "v1")
			if c.kind == "" && err != nil || c.kind != "" && (err == nil || promotion.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.host)) {
				t.Errorf("%v (%s)", err, promotion.KindOf(err))
			}
			if seen := w.saw(c.host); (seen != "") != (c.kind == "" && c.keys != nil) {
				t.Errorf("%s was shown: %q", c.host, seen)
			}
			if w.asked(c.host) != c.asked {
				t.Errorf("asked %s: %v", c.host, !c.asked)
			}
		})
	}
}

// A repository that the configuration does not name (any more) is not asked,
// and neither is the keychain.
func TestOnlyWhatTheConfigurationNamesIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const other = promotion.Repository("registry.example.com/shop/web")
		keys, named := &counting{}, map[promotion.Repository]bool{}
		w := &world{serve: func(*http.Request) (int, map[string]string, io.ReadCloser) { return 200, nil, text("{}") }}
		client := wire.New(wire.Options{Transport: w, Keychain: keys, Named: func(r promotion.Repository) bool { return named[r] }})
		ask := func(at wire.Place) error {
			_, err := client.Manifest(t.Context(), at, "v1")
			return err
		}
		refused := func(client *wire.Client, at wire.Place, names promotion.Repository) {
			t.Helper()
			requests, looks := len(w.shown), keys.asked
			_, err := client.Manifest(t.Context(), at, "v1")
			_, _, blob := client.Blob(t.Context(), at, wire.Hash(nil), 0)
			for _, err := range []error{err, blob} {
				if err == nil || promotion.KindOf(err) != promotion.Forbidden || !strings.Contains(err.Error(), string(names)+" is not named") || !strings.Contains(err.Error(), "apps[].image") {
					t.Errorf("%v (%s)", err, promotion.KindOf(err))
				}
			}
			client.Greet(t.Context(), at)
			synctest.Wait()
			if len(w.shown) != requests || keys.asked != looks {
				t.Errorf("%d requests, %d credentials", len(w.shown)-requests, keys.asked-looks)
			}
		}
		refused(wire.New(wire.Options{Transport: w, Keychain: keys}), wire.At(repo), repo)
		refused(client, wire.At(repo), repo)
		named[repo] = true
		if err := ask(wire.At(repo)); err != nil {
			t.Errorf("named: %v", err)
		}
		refused(client, wire.Place{Repository: repo, From: other}, other)
		named[other] = true
		if err := ask(wire.Place{Repository: repo, From: other}); err != nil {
			t.Errorf("both named: %v", err)
		}
		named[repo] = false // with a session that is open
		refused(client, wire.At(repo), repo)
	})
}

// counting counts how often it is asked for credentials.
type counting struct{ asked int }

func (c *counting) Resolve(authn.Resource) (authn.Authenticator, error) {
	c.asked++
	return authn.Anonymous, nil
}

// Where a registry sends us for a blob, or with one.
func TestAnAddressIsJudgedBeforeItIsReached(t *testing.T) {
	const digest = promotion.Digest("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	for _, c := range []struct {
		name, location, reached string
		secret                  bool
		kind                    promotion.Kind
	}{
		{name: "another path", location: "/somewhere/else?x=1", reached: "https://registry.example.com/somewhere/else", secret: true},
		{name: "another path, written out", location: "https://registry.example.com/somewhere/else?x=1", reached: "https://registry.example.com/somewhere/else", secret: true},
		{name: "a registry that does not know of its TLS", location: "http://registry.example.com/somewhere", reached: "https://registry.example.com/somewhere", secret: true},
		{name: "a public host", location: "https://storage.example.org/x?y=z", reached: "https://storage.example.org/x"},
		{name: "another port", location: "https://registry.example.com:5000/x", reached: "https://registry.example.com:5000/x"},
		{name: "without TLS", location: "http://storage.example.org/x", kind: promotion.Forbidden},
		{name: "an address of our network", location: "https://10.0.0.7/x", kind: promotion.Forbidden},
		{name: "the metadata service", location: "http://169.254.169.254/latest", kind: promotion.Forbidden},
		{name: "an IPv6 address", location: "https://[fd00::1]/x", kind: promotion.Forbidden},
		{name: "a name of our network", location: "https://localhost/x", kind: promotion.Forbidden},
		{name: "somebody's password", location: "https://ann:secret@storage.example.org/x", kind: promotion.Invalid},
		{name: "no address", location: "https://%zz", kind: promotion.Invalid},
		{name: "another protocol", location: "file:///etc/passwd", kind: promotion.Invalid},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := &world{serve: func(r *http.Request) (int, map[string]string, io.ReadCloser) {
				switch {
				case r.Method == http.MethodPut:
					return 201, nil, nil
				case r.URL.Path == "/v2/" && r.Header.Get("Authorization") == "":
					return 401, map[string]string{"WWW-Authenticate": "Basic"}, nil
				case strings.HasPrefix(r.URL.Path, "/v2/shop/api/blobs/"):
					return 307, map[string]string{"Location": c.location}, nil
				}
				return 200, nil, text("")
			}}
			client := wire.New(wire.Options{Named: anybody, Transport: w, Keychain: keychain{Username: "ann", Password: "secret"}})
			check := func(what, method string, err error) {
				t.Helper()
				if c.kind != "" {
					if err == nil || promotion.KindOf(err) != c.kind {
						t.Errorf("%s: %v (%s)", what, err, promotion.KindOf(err))
					}
					return
				}
				last := w.shown[len(w.shown)-1]
				if want := method + " " + c.reached + " with "; err != nil || !strings.HasPrefix(last, want) || strings.HasSuffix(last, "Basic") != c.secret {
					t.Errorf("%s: %q, %v", what, last, err)
				}
			}
			body, _, err := client.Blob(t.Context(), wire.At(repo), digest, 0)
			if err == nil {
				_ = body.Close()
			}
			check("a download", http.MethodGet, err)
			_, err = client.HasBlob(t.Context(), wire.At(repo), digest, 0)
			check("a look", http.MethodHead, err)
			check("an upload", http.MethodPut, client.Upload(t.Context(), wire.At(repo), c.location, digest, nil, 0))
			if c.kind != "" && len(w.shown) > 3 { // one handshake, two redirects
				t.Errorf("reached all the same: %q", w.shown)
			}
		})
	}
}

func TestAnUploadKeepsTheWholeAddress(t *testing.T) {
	var got string
	w := &world{serve: func(r *http.Request) (int, map[string]string, io.ReadCloser) {
		if r.URL.Path == "/v2/" {
			return 200, nil, nil
		}
		got = r.URL.RequestURI()
		return 201, nil, nil
	}}
	client := wire.New(wire.Options{Named: anybody, Transport: w})
	d := promotion.Digest("sha256:" + strings.Repeat("0", 64))
	for location, want := range map[string]string{
		"/v2/x/u1":                   "/v2/x/u1?digest=sha256%3A" + strings.Repeat("0", 64),
		"/v2/x/u1?b=2&a=%2F&_state=": "/v2/x/u1?b=2&a=%2F&_state=&digest=sha256%3A" + strings.Repeat("0", 64),
	} {
		if err := client.Upload(t.Context(), wire.At(repo), location, d, nil, 0); err != nil || got != want {
			t.Errorf("%s: %s %v", location, got, err)
		}
	}
}

func TestTheTypeOfAManifestHasNoParameters(t *testing.T) {
	w := &world{serve: func(r *http.Request) (int, map[string]string, io.ReadCloser) {
		return 200, map[string]string{"Content-Type": "application/x; charset=utf-8"}, text("{}")
	}}
	if m, err := wire.New(wire.Options{Named: anybody, Transport: w}).Manifest(t.Context(), wire.At(repo), "v1"); err != nil || m.MediaType != "application/x" {
		t.Errorf("%q %v", m.MediaType, err)
	}
}

// drip gives a byte now and then, and then nothing any more.
type drip struct {
	every time.Duration
	left  int
	ctx   context.Context
}

func (d *drip) Read(p []byte) (int, error) {
	if d.left == 0 {
		<-d.ctx.Done()
		return 0, d.ctx.Err()
	}
	d.left--
	time.Sleep(d.every)
	p[0] = ' '
	return 1, nil
}

func (d *drip) Close() error { return nil }

func TestABodyThatStandsStillIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{serve: func(r *http.Request) (int, map[string]string, io.ReadCloser) {
			if r.URL.Path == "/v2/" {
				return 200, nil, nil
			}
			return 200, nil, &drip{50 * time.Second, 3, r.Context()}
		}}
		client := wire.New(wire.Options{Named: anybody, Transport: w})
		began := time.Now()
		_, err := client.Manifest(t.Context(), wire.At(repo), "v1")
		if took := time.Since(began); err == nil || promotion.KindOf(err) != promotion.Unavailable || !strings.Contains(err.Error(), "nothing moved for 1m") || took != 210*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// deaf takes a little of an upload and then no more.
type deaf struct{ world }

func (d *deaf) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPut {
		return d.world.RoundTrip(r)
	}
	defer func() { _ = r.Body.Close() }()
	_, _ = io.ReadFull(r.Body, make([]byte, 7))
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAnUploadThatNobodyTakesIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := wire.New(wire.Options{Named: anybody, Transport: &deaf{world{serve: func(*http.Request) (int, map[string]string, io.ReadCloser) { return 200, nil, nil }}}})
		began := time.Now()
		err := client.Upload(t.Context(), wire.At(repo), "/u", promotion.Digest("sha256:"+strings.Repeat("0", 64)), strings.NewReader("a whole blob"), 12)
		if took := time.Since(began); err == nil || promotion.KindOf(err) != promotion.Unavailable || took != time.Minute {
			t.Errorf("%v after %v", err, took)
		}
	})
}

func TestAListIsFollowedOnlyWhereItBelongs(t *testing.T) {
	for link, kind := range map[string]promotion.Kind{
		`</v2/shop/api/tags/list?n=1000&last=x>; rel="next"`:                             "",
		`<https://registry.example.com/v2/shop/api/tags/list?n=1000&last=x>; rel="next"`: "",
		`<https://evil.example.org/v2/shop/api/tags/list?last=x>; rel="next"`:            promotion.Invalid,
		`</v2/shop/other/tags/list?last=x>; rel="next"`:                                  promotion.Invalid,
		`</v2/shop/api/referrers/sha256:0?last=x>; rel="next"`:                           promotion.Invalid,
	} {
		w := &world{serve: func(r *http.Request) (int, map[string]string, io.ReadCloser) {
			switch {
			case r.URL.Path == "/v2/":
				return 200, nil, nil
			case r.URL.Query().Get("last") == "x":
				return 200, nil, text(`{"tags":["y"]}`)
			}
			return 200, map[string]string{"Link": link}, text(`{"tags":["x"]}`)
		}}
		tags, err := wire.New(wire.Options{Named: anybody, Transport: w}).Tags(t.Context(), wire.At(repo))
		if kind == "" && (err != nil || len(tags) != 2) || kind != "" && (err == nil || promotion.KindOf(err) != kind) {
			t.Errorf("%s: %v %v", link, tags, err)
		}
		if w.asked("evil.example.org") {
			t.Errorf("%s was followed", link)
		}
	}
	w := &world{serve: func(*http.Request) (int, map[string]string, io.ReadCloser) {
		return 200, map[string]string{"Link": `</v2/shop/api/tags/list?last=x>; rel="next"`}, text(`{"tags":[]}`)
	}}
	if _, err := wire.New(wire.Options{Named: anybody, Transport: w}).Tags(t.Context(), wire.At(repo)); promotion.KindOf(err) != promotion.Invalid || err == nil {
		t.Errorf("a list without end: %v", err)
	}
}

func TestALaneIsHeldByAFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := wire.New(wire.Options{Named: anybody})
		a, b := repo, promotion.Repository("another.example.com/shop/api")
		var under sync.WaitGroup
		var mu sync.Mutex
		now, most := 0, 0
		for i := range 40 {
			under.Go(func() {
				from, to := a, b
				if i%2 == 0 {
					from, to = b, a // and back, which must not wait for each other
				}
				leave, err := client.Lane(t.Context(), from, to)
				if err != nil {
					t.Error(err)
					return
				}
				defer leave()
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				now--
				mu.Unlock()
			})
		}
		under.Wait()
		if most != 4 {
			t.Errorf("%d at a time", most)
		}
	})
}

// rotating hands out the secret that is valid now.
type rotating struct{ secret atomic.Value }

func (k *rotating) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig{Username: "ann", Password: k.secret.Load().(string)}), nil
}

// Passwords are rotated and tokens expire while they are in use. What was
// accepted before is renewed, and the request made again with its whole body, but
// once: who is refused with the new ones too gets the answer.
func TestCredentialsThatExpireAreRenewed(t *testing.T) {
	body := []byte(`{"schemaVersion":2}`)
	for _, c := range []struct {
		name   string
		bearer bool
		after  string // the secret that the registry accepts after the first request
		kind   promotion.Kind
		puts   []int // what the second request, a manifest's, is answered
	}{
		{name: "a token", bearer: true, after: "old", puts: []int{401, 201}},
		{name: "a password", after: "new", puts: []int{401, 201}},
		{name: "an account that is closed", after: "none", kind: promotion.Forbidden, puts: []int{401, 401}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys, valid, token := &rotating{}, "old", "token-1"
				keys.secret.Store("old")
				var puts []int
				client := wire.New(wire.Options{Named: anybody, Keychain: keys, Transport: transport(func(r *http.Request) (*http.Response, error) {
					answer := func(status int, body string, header ...string) (*http.Response, error) {
						h := http.Header{}
						for i := 0; i < len(header); i += 2 {
							h.Set(header[i], header[i+1])
						}
						return &http.Response{StatusCode: status, Header: h, Body: text(body), Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
					}
					challenge := []string{"WWW-Authenticate", "Basic"}
					if c.bearer {
						challenge[1] = `Bearer realm="https://registry.example.com/token"`
					}
					_, password, _ := r.BasicAuth()
					switch {
					case r.URL.Path == "/token":
						return answer(200, fmt.Sprintf(`{"token":%q}`, token))
					case c.bearer && r.Header.Get("Authorization") == "Bearer "+token, !c.bearer && password == valid:
					default:
						if r.Method == http.MethodPut {
							_, _ = io.Copy(io.Discard, r.Body) // as a registry does that keeps the connection
							puts = append(puts, 401)
						}
						return answer(401, "", challenge...)
					}
					if r.Method != http.MethodPut {
						return answer(200, "{}", "Docker-Distribution-Api-Version", "registry/2.0")
					}
					sent, err := io.ReadAll(r.Body)
					if err != nil || !bytes.Equal(sent, body) {
						t.Errorf("sent %q: %v", sent, err)
					}
					puts = append(puts, 201)
					return answer(201, "", "Docker-Content-Digest", "sha256:"+strings.Repeat("a", 64))
				})})
				if _, err := client.Call(t.Context(), wire.Request{Place: wire.At(repo), Method: http.MethodGet, Path: "/manifests/v1", Limit: 100, OK: []int{200}}); err != nil {
					t.Fatal(err)
				}
				valid, token = c.after, "token-2"
				if c.after != "none" {
					keys.secret.Store(c.after)
				}
				began := time.Now()
				_, err := client.Call(t.Context(), wire.Request{Place: wire.At(repo), Method: http.MethodPut, Path: "/manifests/v1", Body: body, OK: []int{201}})
				if (err != nil || c.kind != "") && promotion.KindOf(err) != c.kind {
					t.Errorf("%v (%s)", err, promotion.KindOf(err))
				}
				if !slices.Equal(puts, c.puts) {
					t.Errorf("answered %v", puts)
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("a pause of %v", took)
				}
			})
		})
	}
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }
