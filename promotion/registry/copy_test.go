package registry_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	fixture "github.com/promotebot/promotebot/fixtures/registry"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

var quiet = log.New(io.Discard, "", 0)

const everythingAttached = "application/spdx+json application/vnd.dev.sigstore.bundle.v0.3+json application/spdx+json application/vnd.example.review+json cosign/att cosign/sig"

func sorted(words string) string {
	all := strings.Fields(words)
	slices.Sort(all)
	return strings.Join(all, " ")
}

// writes are the requests that change something.
func writes(log []fixture.Entry) []string {
	var all []string
	for _, e := range log {
		if e.Method != http.MethodGet && e.Method != http.MethodHead {
			all = append(all, e.String())
		}
	}
	return all
}

// In a bubble a request takes exactly its latency, so what has to wait for what
// shows in the log. The two handshakes are counted.
func TestACopyWithinARegistryTakesSixtyRequests(t *testing.T) {
	for _, c := range []struct {
		name            string
		options         fixture.Options
		chain, repeated int
	}{
		{"referrers API", fixture.Options{}, 9, 50},
		{"fallback tags", fixture.Options{FallbackTags: true}, 10, 45},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				y := inBubble(t, c.options, nil, 20*time.Millisecond)
				y.full()
				done := y.must()
				log := y.source.Log()
				if len(log) > 60 || fixture.Chain(log) > c.chain {
					t.Errorf("%d requests, %d in sequence\n%s", len(log), fixture.Chain(log), fixture.Describe(log))
				}
				if done.Sent != 0 || y.source.Open(targetName) != 0 || sorted(attached(done)) != sorted(everythingAttached) {
					t.Errorf("%d bytes sent, attached: %s", done.Sent, attached(done))
				}
				y.source.Forget()
				again := y.must()
				log = y.source.Log()
				if w := writes(log); len(w) != 0 || len(log) > c.repeated || again.Sent != 0 || attached(again) != attached(done) {
					t.Errorf("repeated: %d requests, writes %q, attached %s", len(log), w, attached(again))
				}
			})
		})
	}
}

// With a signature and a bill of materials, as most images have them, the tag
// that the copy is for is set within sixty requests, too.
func TestAnImageAndItsTagArriveWithinSixtyRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := inBubble(t, fixture.Options{}, nil, 20*time.Millisecond)
		root := y.index(y.image("amd64", 3), y.image("arm64", 3), y.image("arm", 3))
		y.sign(root, "sig", "by CI")
		y.attach(root, "application/spdx+json", "what is in it")
		y.work.Digest = promotion.Digest(root.Digest)
		y.source.Forget()
		done := y.must()
		moves, err := y.client.Move(t.Context(), promotion.MoveWork{Repository: y.work.To, Digest: y.work.Digest, Targets: []promotion.Target{{Tag: "v1"}}})
		if err != nil || outcomes(moves) != "v1 moved" || attached(done) != "application/spdx+json cosign/sig" {
			t.Fatalf("%s, %v, attached: %s", outcomes(moves), err, attached(done))
		}
		if log := y.source.Log(); len(log) > 46 || fixture.Chain(log) > 11 {
			t.Errorf("%d requests, %d in sequence\n%s", len(log), fixture.Chain(log), fixture.Describe(log))
		}
	})
}

// A bot that watches both repositories can read there at once, and whoever sets
// the tag afterwards uses the way that the copy has opened.
func TestACopyDoesNotWaitForItsHandshake(t *testing.T) {
	for _, c := range []struct {
		name            string
		watched         bool
		requests, chain int
	}{
		{"a client that has just started", false, 60, 9},
		{"one that watches both", true, 59, 8},
	} {
		synctest.Test(t, func(t *testing.T) {
			y := inBubble(t, fixture.Options{}, nil, 20*time.Millisecond)
			y.full()
			for _, repo := range []promotion.Repository{y.work.From, y.work.To} {
				if !c.watched {
					break
				}
				if _, err := y.client.ReadTags(t.Context(), repo, []string{"none"}); err != nil {
					t.Fatal(err)
				}
			}
			y.source.Forget()
			y.must()
			if log := y.source.Log(); len(log) > c.requests || fixture.Chain(log) > c.chain {
				t.Errorf("%s: %d requests, %d in sequence\n%s", c.name, len(log), fixture.Chain(log), fixture.Describe(log))
			}
			y.source.Forget()
			moves, err := y.client.Move(t.Context(), promotion.MoveWork{Repository: y.work.To, Digest: y.work.Digest, Targets: []promotion.Target{{Tag: "v1"}}})
			if log := y.source.Log(); err != nil || outcomes(moves) != "v1 moved" || len(log) != 4 || fixture.Chain(log) != 3 {
				t.Errorf("%s: %s, %v; %d requests\n%s", c.name, outcomes(moves), err, len(log), fixture.Describe(log))
			}
		})
	}
}

// A token for a copy asks for two repositories. When it is refused, that is no
// news about what needs only one of them.
func TestATagIsSetThoughACopyIsRefusedItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := inBubble(t, fixture.Options{Auth: &fixture.Auth{User: "ann", Password: "secret"}}, nil, 20*time.Millisecond)
		y.full()
		there := promotion.Digest(y.source.AddManifest(targetName, fixture.OCIIndex, []byte(`{"schemaVersion":2,"manifests":[]}`)))
		y.source.Heal()
		y.source.Inject(rule(http.MethodGet, "/token", 0, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			time.Sleep(20 * time.Millisecond)
			if strings.Contains(r.URL.RawQuery, "staging") && strings.Contains(r.URL.RawQuery, "prod") {
				next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fixture.Refuse(403, "DENIED")(w, r, nil) })
			}
			next.ServeHTTP(w, r)
		}))
		refused := make(chan error, 1)
		go func() {
			_, err := y.copy()
			refused <- err
		}()
		time.Sleep(10 * time.Millisecond) // the copy's handshake is under way
		moves, err := y.client.Move(t.Context(), promotion.MoveWork{Repository: y.work.To, Digest: there, Targets: []promotion.Target{{Tag: "v1"}}})
		if err != nil || outcomes(moves) != "v1 moved" {
			t.Errorf("%s, %v", outcomes(moves), err)
		}
		if err := <-refused; promotion.KindOf(err) != promotion.Forbidden || err == nil {
			t.Errorf("the copy ended with %v", err)
		}
	})
}

// N blobs and k platforms: N mounts, k+1 manifests read and k+1 put, one read
// back; and what it takes to know that nothing is attached.
func TestACopyWithoutAttachmentsTakesLittleMore(t *testing.T) {
	for _, c := range []struct {
		name    string
		options fixture.Options
		more    int
	}{
		// Two handshakes, the tags, one look at the destination, one referrers list
		// (that says 404) and one more with an API for each platform.
		{"fallback tags", fixture.Options{FallbackTags: true}, 5},
		{"referrers API", fixture.Options{}, 5 + 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			y := inBubble(t, c.options, nil, 20*time.Millisecond)
			root := y.index(y.image("amd64", 3), y.image("arm64", 3), y.image("arm", 3))
			y.work.Digest = promotion.Digest(root.Digest)
			y.source.Forget()
			y.must()
			if log, want := y.source.Log(), 12+2*3+3+c.more; len(log) != want {
				t.Errorf("%s: %d requests, want %d\n%s", c.name, len(log), want, fixture.Describe(log))
			}
		})
	}
}

func TestACopyToAnotherRegistryStreams(t *testing.T) {
	for _, c := range []struct{ from, to bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
		t.Run(fmt.Sprintf("API_%v_to_%v", !c.from, !c.to), func(t *testing.T) {
			y := newYard(t, fixture.Options{FallbackTags: c.from}, &fixture.Options{FallbackTags: c.to})
			y.full()
			done := y.must()
			if done.Sent != done.Bytes.All || sorted(attached(done)) != sorted(everythingAttached) {
				t.Errorf("%d bytes sent of %d, attached: %s", done.Sent, done.Bytes.All, attached(done))
			}
			blobs := int(done.Blobs.All)
			for what, got := range map[string]int{"HEAD": y.target.Count("HEAD", "blobs"), "POST": y.target.Count("POST", "uploads"), "GET": y.source.Count("GET", "blobs"), "PUT": y.target.Count("PUT", "uploads")} {
				if got != blobs {
					t.Errorf("%d %s for %d blobs", got, what, blobs)
				}
			}
			y.target.Forget()
			if again := y.must(); again.Sent != 0 || len(writes(y.target.Log())) != 0 {
				t.Errorf("repeated: %d bytes, %q", again.Sent, writes(y.target.Log()))
			}
		})
	}
}

func TestACopyTakesTheAttachmentsThatItIsToTake(t *testing.T) {
	for _, c := range []struct {
		attachments promotion.Attachments
		want        string
	}{
		{promotion.Attachments{}, everythingAttached},
		{promotion.Attachments{Only: []string{"cosign/*"}}, "cosign/att cosign/sig"},
		{promotion.Attachments{Except: []string{"cosign/att", "application/vnd.example.*"}}, "application/spdx+json application/spdx+json application/vnd.dev.sigstore.bundle.v0.3+json cosign/sig"},
		// What is attached to something that stays behind stays behind too.
		{promotion.Attachments{Except: []string{"application/spdx+json"}}, "application/vnd.dev.sigstore.bundle.v0.3+json cosign/att cosign/sig"},
	} {
		for _, fallback := range []bool{false, true} {
			y := newYard(t, fixture.Options{FallbackTags: fallback}, nil)
			y.full()
			y.work.Attachments = c.attachments
			done, err := y.copy()
			if err != nil || sorted(attached(done)) != sorted(c.want) {
				t.Errorf("%+v: %s, %v", c.attachments, attached(done), err)
			}
			if manifests, _ := y.target.Contents(targetName); !fallback && len(manifests) != 4+len(strings.Fields(c.want)) {
				t.Errorf("%+v: %d manifests arrived", c.attachments, len(manifests))
			}
		}
	}
}

func TestACopyFindsAttachmentsWhereTagsCannotBeListed(t *testing.T) {
	y := newYard(t, fixture.Options{FallbackTags: true}, nil)
	y.full()
	y.source.Inject(rule(http.MethodGet, "/tags/list", 0, fixture.Refuse(403, "DENIED")))
	if c := y.must(); sorted(attached(c)) != sorted(everythingAttached) {
		t.Errorf("attached: %s", attached(c))
	}
}

func TestACopyReadsEveryPage(t *testing.T) {
	y := newYard(t, fixture.Options{PageSize: 2}, nil)
	root, _, _ := y.full()
	want := []string{everythingAttached}
	for i := range 5 {
		kind := fmt.Sprintf("application/page%d", i)
		y.attach(root, kind, kind)
		want = append(want, kind)
	}
	if c := y.must(); sorted(attached(c)) != sorted(strings.Join(want, " ")) {
		t.Errorf("attached: %s", attached(c))
	}
}

// An index in an index, and a manifest that is found in more ways than one.
func TestACopyTakesEverythingOnce(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		y := newYard(t, fixture.Options{FallbackTags: fallback}, nil)
		shared := y.image("amd64", 1)
		root := y.index(y.index(shared, y.image("arm64", 1)), shared)
		about := y.attach(root, "application/a", "about the root")
		y.list(root, about)
		y.attach(shared, "application/b", "about what both refer to")
		y.work.Digest = promotion.Digest(root.Digest)
		y.source.Forget()
		c := y.must()
		if attached(c) != "application/a application/b" && attached(c) != "application/b application/a" {
			t.Errorf("attached: %s", attached(c))
		}
		puts := map[string]int{}
		for _, w := range writes(y.source.Log()) {
			if puts[w]++; puts[w] > 1 && strings.HasPrefix(w, "PUT") {
				t.Errorf("%s twice", w)
			}
		}
	}
}

// A tag of cosign's can point at what it is attached to, and two can point at
// each other; some registries resolve the fallback tag to the image itself.
func TestACopyGoesInNoCircles(t *testing.T) {
	y := newYard(t, fixture.Options{FallbackTags: true}, nil)
	child := y.image("amd64", 1)
	root := y.index(child)
	kind, body := y.source.Manifest(sourceName, root.Digest)
	y.source.AddManifest(sourceName, kind, body, strings.Replace(root.Digest, ":", "-", 1))
	signature := y.sign(root, "sig", "by CI")
	kind, body = y.source.Manifest(sourceName, root.Digest)
	y.source.AddManifest(sourceName, kind, body, tagOf(signature, "sig"))
	y.work.Digest = promotion.Digest(root.Digest)
	if c := y.must(); attached(c) != "cosign/sig cosign/sig" {
		t.Errorf("attached: %s", attached(c))
	}
}

func TestACopyWithTokensAsksForBothRepositoriesAtOnce(t *testing.T) {
	auth := &fixture.Auth{User: "ann", Password: "secret"}
	y := newYard(t, fixture.Options{Auth: auth}, nil)
	y.client = registry.New(registry.Options{Named: anybody, Keychain: keychain{"ann", "secret"}})
	y.full()
	if c := y.must(); c.Sent != 0 {
		t.Errorf("%d bytes sent", c.Sent)
	}
	if tokens := y.source.Count("GET", "") - y.source.Count("GET", "manifests") - y.source.Count("GET", "referrers") - y.source.Count("GET", "tags"); tokens != 4 {
		t.Errorf("%d requests for two handshakes of two", tokens)
	}
	y = newYard(t, fixture.Options{Auth: &fixture.Auth{User: "ann", Password: "secret", May: func(repository, action string) bool { return repository == sourceName && action == "pull" }}}, nil)
	y.client = registry.New(registry.Options{Named: anybody, Keychain: keychain{"ann", "secret"}})
	y.full()
	if _, err := y.copy(); promotion.KindOf(err) != promotion.Forbidden || err == nil || !strings.Contains(err.Error(), string(y.work.To)) {
		t.Errorf("an account that may not push: %v", err)
	}
}

// A token that expires under way is fetched again, also when it was an upload
// that found out, whose bytes are gone then.
func TestTokensMayExpireDuringACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := &fixture.Auth{User: "ann", Password: "secret", Life: 70 * time.Millisecond}
		y := inBubble(t, fixture.Options{Auth: auth}, &fixture.Options{Auth: auth}, 20*time.Millisecond)
		y.full()
		y.must()
		refused := 0
		for _, e := range y.target.Log() {
			if e.Status == http.StatusUnauthorized && e.Kind != "" {
				refused++
			}
		}
		if refused == 0 {
			t.Error("no token expired")
		}
	})
}

// keychain has the same password for every registry.
type keychain struct{ user, password string }

func (k keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return authn.FromConfig(authn.AuthConfig{Username: k.user, Password: k.password}), nil
}

func TestACopyThatMayNotMountSendsTheBytesAndSaysSo(t *testing.T) {
	for name, spoil := range map[string]func(*yard){
		"an upload instead of a mount": func(*yard) {},
		"401": func(y *yard) {
			y.target.Inject(rule(http.MethodPost, "/uploads/", 1, fixture.Refuse(401, "UNAUTHORIZED")))
		},
		"403": func(y *yard) { y.target.Inject(rule(http.MethodPost, "/uploads/", 1, fixture.Refuse(403, "DENIED"))) },
	} {
		y := newYard(t, fixture.Options{NoMount: true}, nil)
		y.full()
		spoil(y)
		if c := y.must(); c.Sent != c.Bytes.All {
			t.Errorf("%s: %d bytes sent of %d", name, c.Sent, c.Bytes.All)
		}
		if open := y.target.Open(targetName); open != 0 {
			t.Errorf("%s: %d uploads were left open", name, open)
		}
	}
}

func TestACopyFromAStorageThatItIsRedirectedTo(t *testing.T) {
	y := newYard(t, fixture.Options{}, &fixture.Options{})
	y.full()
	_, blobs := y.source.Contents(sourceName)
	for _, d := range blobs {
		y.source.Inject(rule(http.MethodGet, "/blobs/"+d, 1, redirect("http://10.0.0.7/secret")))
	}
	if _, err := y.copy(); promotion.KindOf(err) != promotion.Forbidden || err == nil || !strings.Contains(err.Error(), "10.0.0.7") {
		t.Errorf("into our own network: %v", err)
	}
}

func TestACopyTellsItsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := inBubble(t, fixture.Options{}, &fixture.Options{}, 200*time.Millisecond)
		y.full()
		began := time.Now()
		var told []promotion.Copy
		done, err := y.client.Copy(t.Context(), y.work, func(c promotion.Copy) { told = append(told, c) })
		if err != nil {
			t.Fatal(err)
		}
		y.whole(done)
		if perSecond := float64(len(told)) / time.Since(began).Seconds(); len(told) < 5 || perSecond > 4 {
			t.Errorf("told %d times, %.1f a second", len(told), perSecond)
		}
		for i, c := range told {
			if c.StartedAt != began || c.DoneAt != nil || i > 0 && (c.Bytes.Done < told[i-1].Bytes.Done || c.Manifests.Done < told[i-1].Manifests.Done) {
				t.Errorf("told %+v after %+v", c, told[max(0, i-1)])
			}
		}
	})
}

func TestNothingIsCopiedOntoItself(t *testing.T) {
	y := newYard(t, fixture.Options{}, nil)
	y.full()
	y.work.To = y.work.From
	if _, err := y.copy(); promotion.KindOf(err) != promotion.Invalid || err == nil || len(y.source.Log()) != 0 {
		t.Errorf("%v, %d requests", err, len(y.source.Log()))
	}
}
