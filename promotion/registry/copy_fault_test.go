package registry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	fixture "github.com/promotebot/promotebot/fixtures/registry"

	"github.com/promotebot/promotebot/fixtures/weather"
	"github.com/promotebot/promotebot/promotion"
)

// What each fault makes of a copy between two registries. A copy that says that
// it is done has to have brought everything; one that does not says which kind
// of thing went wrong, in words that name it. Pauses pass in a bubble.
func TestCopyTellsTheTruth(t *testing.T) {
	const (
		get, head, post, put = http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut
		uploads, blobs       = "/blobs/uploads/", "/blobs/sha256"
		manifests, referrers = "/manifests/", "/referrers/"
	)
	for _, c := range []struct {
		name   string
		source []weather.Rule
		target []weather.Rule
		kind   promotion.Kind // of the error; none: the copy is whole
		says   string
		twice  bool // some bytes are sent again
	}{
		{name: "nothing goes wrong"},
		{name: "a blob is cut in the middle", source: []weather.Rule{rule(get, blobs, 3, weather.Truncate(7))}},
		{name: "every blob is cut in the middle, always", source: []weather.Rule{rule(get, blobs, 0, weather.Truncate(0))}, kind: promotion.Unavailable, says: "breaks off at byte 0"},
		{name: "a blob stalls", source: []weather.Rule{rule(get, blobs, 2, weather.Stall(7))}},
		{name: "a byte of a blob is flipped", source: []weather.Rule{rule(get, blobs, 1, weather.Flip(3))}, kind: promotion.Conflict, says: "gives other bytes"},
		{name: "the source gives 503 for a blob once", source: []weather.Rule{rule(get, blobs, 1, fixture.Refuse(503, "UNAVAILABLE"))}},
		{name: "the source asks for a pause", source: []weather.Rule{rule(get, "", 2, weather.SlowDown(7))}},
		{name: "the source has lost a blob", source: []weather.Rule{rule(get, blobs, 1, fixture.Refuse(404, "BLOB_UNKNOWN"))}, kind: promotion.NotFound, says: "the blob"},
		{name: "an upload is answered 503 once", target: []weather.Rule{rule(put, uploads, 1, fixture.Refuse(503, "UNAVAILABLE"))}, twice: true},
		{name: "an upload is cut once", target: []weather.Rule{rule(put, uploads, 1, weather.ResetBefore)}, twice: true},
		{name: "an upload is committed and the answer is lost", target: []weather.Rule{rule(put, uploads, 0, weather.ResetAfter)}},
		{name: "an upload is delivered twice", target: []weather.Rule{rule(put, uploads, 0, weather.Twice)}},
		{name: "an upload asks for a pause", target: []weather.Rule{rule(put, uploads, 1, weather.SlowDown(3))}, twice: true},
		{name: "uploads are too large for a proxy", target: []weather.Rule{rule(put, uploads, 0, weather.Answer(413, "<html>"))}, kind: promotion.Invalid, says: "may have a limit"},
		{name: "uploads may not be begun", target: []weather.Rule{rule(post, uploads, 0, fixture.Refuse(403, "DENIED"))}, kind: promotion.Forbidden, says: "may not push to"},
		{name: "the repository has to be created first", target: []weather.Rule{rule(post, uploads, 0, fixture.Refuse(404, "NAME_UNKNOWN"))}, kind: promotion.NotFound, says: "created first"},
		{name: "blobs are accepted and not stored", target: []weather.Rule{rule(put, uploads, 0, fixture.Pretend)}, kind: promotion.Unavailable, says: "MANIFEST_BLOB_UNKNOWN"},
		{name: "manifests are accepted and not stored", target: []weather.Rule{rule(put, manifests, 0, fixture.Pretend)}, kind: promotion.Unavailable, says: "does not"},
		{name: "the first manifest is accepted and not stored", target: []weather.Rule{rule(put, manifests, 1, fixture.Pretend)}, kind: promotion.Unavailable},
		{name: "manifests are put and the answers lost", target: []weather.Rule{rule(put, manifests, 0, weather.ResetAfter)}},
		{name: "a manifest is answered 500 once", target: []weather.Rule{rule(put, manifests, 1, fixture.Refuse(500, "UNKNOWN"))}},
		{name: "manifests may not be put", target: []weather.Rule{rule(put, manifests, 0, fixture.Refuse(403, "DENIED"))}, kind: promotion.Forbidden, says: "may not"},
		{name: "tags of attachments are immutable", target: []weather.Rule{rule(put, ".sig", 0, fixture.Refuse(412, "PRECONDITION"))}, kind: promotion.Conflict, says: "immutable; exempt sha256-*"},
		{name: "a manifest of the source has a byte flipped", source: []weather.Rule{rule(get, manifests+"sha256:", 1, weather.Flip(9))}, kind: promotion.Conflict, says: "broken"},
		{name: "the source's referrers API is in trouble", source: []weather.Rule{rule(get, referrers, 0, fixture.Refuse(500, "UNKNOWN"))}, kind: promotion.Unavailable, says: "what is attached"},
		{name: "the source's referrers may not be read", source: []weather.Rule{rule(get, referrers, 0, fixture.Refuse(403, "DENIED"))}, kind: promotion.Forbidden, says: "what is attached"},
		{name: "the source's referrers API wants a token of another kind", source: []weather.Rule{rule(get, referrers, 0, fixture.Refuse(401, "UNAUTHORIZED"))}, kind: promotion.Forbidden, says: "what is attached"},
		{name: "the source's referrers API leads to a web page", source: []weather.Rule{rule(get, referrers, 0, weather.Elsewhere(303, "https://registry.example.com/about"))}, kind: promotion.Invalid, says: "redirects"},
		{name: "the source's referrers API is a web page", source: []weather.Rule{rule(get, referrers, 0, weather.Answer(200, "<html>"))}, kind: promotion.Unavailable, says: "what is attached"},
		{name: "the source's referrers API is in trouble for a platform", source: []weather.Rule{{Method: get, Path: referrers, Skip: 1, Fault: fixture.Refuse(429, "TOOMANYREQUESTS")}}, kind: promotion.Unavailable, says: "slow down"},
		{name: "the source's tags can't be listed just now", source: []weather.Rule{rule(get, "/tags/list", 0, fixture.Refuse(500, "UNKNOWN"))}, kind: promotion.Unavailable, says: "in trouble"},
		{name: "the destination's referrers API forgets", target: []weather.Rule{rule(get, referrers, 0, weather.Answer(200, `{"manifests":[]}`))}, kind: promotion.Unavailable, says: "does not list it"},
		{name: "the destination's referrers API is in trouble", target: []weather.Rule{rule(get, referrers, 0, fixture.Refuse(502, "UNKNOWN"))}, kind: promotion.Unavailable, says: "what is attached"},
		{name: "the destination says 403 of what is not there", target: []weather.Rule{rule(head, manifests, 1, fixture.Refuse(403, "DENIED"))}},
		{name: "the destination can't be asked for blobs", target: []weather.Rule{rule(head, blobs, 0, fixture.Refuse(403, "DENIED"))}, kind: promotion.Forbidden, says: "may not read"},
		{name: "the destination names another size", target: []weather.Rule{rule(head, blobs, 1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.Header().Set("Content-Length", "7") })}, kind: promotion.Conflict, says: "with 7 bytes"},
		{name: "an upload is led into our own network", target: []weather.Rule{rule(post, uploads, 0, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Location", "https://10.0.0.7/upload")
			w.WriteHeader(http.StatusAccepted)
		})}, kind: promotion.Forbidden, says: "10.0.0.7"},
		{name: "an upload is given no address", target: []weather.Rule{rule(post, uploads, 0, weather.Answer(202, ""))}, kind: promotion.Unavailable, says: "does not say where"},
		{name: "an upload is answered before it was read", target: []weather.Rule{rule(put, uploads, 1, weather.Answer(201, ""))}, kind: promotion.Unavailable, says: "MANIFEST_BLOB_UNKNOWN"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				y := inBubble(t, fixture.Options{}, &fixture.Options{}, 0)
				y.full()
				for s, rules := range map[*fixture.Server][]weather.Rule{y.source: c.source, y.target: c.target} {
					s.Heal()
					for _, r := range rules {
						s.Inject(r)
					}
				}
				done, err := y.copy()
				if c.kind == "" {
					if err != nil {
						t.Fatal(err)
					}
					y.whole(done)
					if open := y.target.Open(targetName); open != 0 {
						t.Errorf("%d uploads were left open", open)
					}
					if more := done.Sent > done.Bytes.All; more != c.twice && !(c.twice && done.Sent == done.Bytes.All) {
						t.Errorf("%d bytes sent of %d", done.Sent, done.Bytes.All)
					}
					return
				}
				if err == nil || promotion.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "detail") {
					t.Errorf("%v (%s), want %s: %s", err, promotion.KindOf(err), c.kind, c.says)
				}
				if done.DoneAt != nil || len(done.Attached) > 0 {
					t.Errorf("it says that it is done: %+v", done)
				}
				y.source.Heal()
				y.target.Heal()
				y.must() // what it left behind is no hindrance
			})
		})
	}
}

func TestACutDownloadGoesOnWhereItWas(t *testing.T) {
	for whole, cuts := range map[bool]int{false: 6, true: 2} {
		synctest.Test(t, func(t *testing.T) {
			y := inBubble(t, fixture.Options{NoRange: whole}, &fixture.Options{}, 0)
			big := y.blob(strings.Repeat("0123456789", 100_000))
			config := y.blob("{}")
			y.work.Digest = promotion.Digest(y.add(fixture.OCIManifest, fields{"config": config, "layers": []piece{big}}).Digest)
			y.source.Heal()
			y.source.Inject(rule(http.MethodGet, big.Digest, cuts, weather.Truncate(150_000)))
			y.source.Forget()
			done := y.must()
			synctest.Wait() // a request is written down when its handler returns
			var got int64
			for _, e := range y.source.Log() {
				if e.Kind == "blobs" && e.Reference == big.Digest {
					got += e.Sent
				}
			}
			want := int64(big.Size)
			if whole {
				want += 2 * 150_000
			}
			if done.Sent != done.Bytes.All || got != want || y.target.Count("PUT", "uploads") != 2 {
				t.Errorf("no ranges %v: %d bytes sent, %d of %d read in all", whole, done.Sent, got, want)
			}
		})
	}
}

// A download that is cut again and again is given up: after a few times when
// nothing comes, and after more when hardly anything does.
func TestADownloadIsNotBegunForEver(t *testing.T) {
	for n, most := range map[int]int{0: 4 * 4, 1: 4 * 50} {
		synctest.Test(t, func(t *testing.T) {
			y := inBubble(t, fixture.Options{}, &fixture.Options{}, 0)
			big := y.blob(strings.Repeat("0123456789", 100))
			y.work.Digest = promotion.Digest(y.add(fixture.OCIManifest, fields{"config": big, "layers": []piece{}}).Digest)
			y.source.Heal()
			y.source.Inject(rule(http.MethodGet, "/blobs/", 0, weather.Truncate(n)))
			if _, err := y.copy(); promotion.KindOf(err) != promotion.Unavailable || err == nil || y.source.Count("GET", "blobs") != most {
				t.Errorf("%d bytes at a time: begun %d times, want %d: %v", n, y.source.Count("GET", "blobs"), most, err)
			}
		})
	}
}

// A registry that says 201 when it has seen the beginning can't have the blob.
func TestAnUploadThatIsAnsweredEarlyIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := inBubble(t, fixture.Options{}, &fixture.Options{}, 0)
		big := y.blob(strings.Repeat("0123456789", 100_000))
		y.work.Digest = promotion.Digest(y.add(fixture.OCIManifest, fields{"config": big, "layers": []piece{}}).Digest)
		y.target.Heal()
		y.target.Inject(rule(http.MethodPut, "/uploads/", 1, weather.Answer(201, "")))
		if done := y.must(); y.target.Count("PUT", "uploads") != 2 || done.Sent <= int64(big.Size) {
			t.Errorf("%d uploads, %d bytes", y.target.Count("PUT", "uploads"), done.Sent)
		}
	})
}

func TestABrokenOffCopyGoesOnWithWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := inBubble(t, fixture.Options{}, &fixture.Options{}, 20*time.Millisecond)
		y.full()
		ctx, cancel := context.WithCancel(t.Context())
		y.target.Heal()
		y.target.Inject(weather.Rule{Method: http.MethodPut, Path: "/uploads/", Skip: 5, Times: 1, Fault: weather.After(cancel)})
		first, err := y.client.Copy(ctx, y.work, nil)
		_, there := y.target.Contents(targetName)
		if err == nil || first.DoneAt != nil || len(there) == 0 || int64(len(there)) == first.Blobs.All {
			t.Fatalf("broken off with %d of %d blobs: %v", len(there), first.Blobs.All, err)
		}
		y.target.Forget()
		y.must()
		for _, e := range y.target.Log() {
			for _, d := range there {
				if e.Method == http.MethodPut && strings.Contains(e.Query, strings.Replace(d, ":", "%3A", 1)) {
					t.Errorf("%s was sent again", d)
				}
			}
		}
	})
}

func TestACopyHoldsNobodyBeyondItsDeadline(t *testing.T) {
	for _, path := range []string{"/manifests/", "/blobs/", "/referrers/", "/tags/list"} {
		for name, fault := range map[string]weather.Fault{"stalls": weather.Stall(5), "wants a pause": weather.SlowDown(15), "is late": weather.Late(time.Hour)} {
			synctest.Test(t, func(t *testing.T) {
				y := inBubble(t, fixture.Options{}, &fixture.Options{}, 0)
				y.full()
				y.source.Heal()
				y.source.Inject(rule(http.MethodGet, path, 0, fault))
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				began := time.Now()
				if _, err := y.client.Copy(ctx, y.work, nil); promotion.KindOf(err) != promotion.Unavailable || err == nil {
					t.Errorf("%s %s: %v", path, name, err)
				}
				if took := time.Since(began); took > 16*time.Second { // the courtesy of ending an upload included
					t.Errorf("%s %s: %v", path, name, took)
				}
				y.source.Heal()
			})
		}
	}
}

// Two pushers write the list of a fallback tag at the same time: the other's
// write lands right after ours and knows nothing of it.
func TestAListThatOthersWriteTooLosesNothing(t *testing.T) {
	for _, c := range []struct {
		times int
		kind  promotion.Kind
	}{{times: 1}, {times: 2}, {times: 0, kind: promotion.Unavailable}} {
		synctest.Test(t, func(t *testing.T) {
			y := inBubble(t, fixture.Options{FallbackTags: true}, &fixture.Options{FallbackTags: true}, 0)
			root := y.image("amd64", 1)
			y.attach(root, "application/a", "ours")
			y.work.Digest = promotion.Digest(root.Digest)
			tag := strings.Replace(root.Digest, ":", "-", 1)
			body := fmt.Appendf(nil, `{"schemaVersion":2,"subject":{"digest":%q}}`, root.Digest)
			d := y.target.AddManifest(targetName, fixture.OCIManifest, body)
			theirs := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d,"artifactType":"application/theirs"}]}`, fixture.OCIIndex, fixture.OCIManifest, d, len(body))
			y.target.Heal()
			y.target.Inject(rule(http.MethodPut, tag, c.times, weather.After(func() { y.target.AddManifest(targetName, fixture.OCIIndex, []byte(theirs), tag) })))
			done, err := y.copy()
			if c.kind != "" {
				if err == nil || promotion.KindOf(err) != c.kind || !strings.Contains(err.Error(), tag) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, body = y.target.Manifest(targetName, tag)
			var list struct {
				Manifests []struct{ Digest, ArtifactType string }
			}
			if err := json.Unmarshal(body, &list); err != nil || len(list.Manifests) != 2 || attached(done) != "application/a" {
				t.Errorf("%d times: %s %v", c.times, body, err)
			}
		})
	}
}

// Within a registry the image's blobs are begun while it is still being asked
// what is attached to it. When that is refused, nothing of it is left.
func TestWhatWasBegunEarlyIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := inBubble(t, fixture.Options{NoMount: true}, nil, 20*time.Millisecond)
		_, _, sbom := y.full()
		y.source.Heal()
		late := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			time.Sleep(10 * time.Millisecond) // so that what was begun is under way
			fixture.Refuse(403, "DENIED")(w, r, next)
		}
		y.source.Inject(rule("", "/referrers/"+sbom.Digest, 0, late))
		y.source.Inject(rule("", "", 0, weather.Late(20*time.Millisecond)))
		_, err := y.copy()
		began := 0
		for _, w := range writes(y.source.Log()) {
			if strings.HasPrefix(w, "POST uploads/") {
				began++
			}
		}
		manifests, blobs := y.target.Contents(targetName)
		if promotion.KindOf(err) != promotion.Forbidden || began == 0 || y.target.Open(targetName) != 0 || len(manifests)+len(blobs) != 0 {
			t.Errorf("%v; %d uploads begun, %d left; %d manifests and %d blobs in the destination", err, began, y.target.Open(targetName), len(manifests), len(blobs))
		}
		y.source.Heal()
		y.must()
		if n := y.target.Open(targetName); n != 0 {
			t.Errorf("%d uploads are left of a copy that has ended", n)
		}
	})
}
