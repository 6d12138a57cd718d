package registry_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	fixture "github.com/promotebot/promotebot/fixtures/registry"

	"github.com/promotebot/promotebot/fixtures/weather"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
	"github.com/promotebot/promotebot/promotion/registry/closure"
)

// cosignManifest is what cosign files, with so many signatures.
func cosignManifest(t *testing.T, y *yard, subject piece, signatures ...string) (kind string, body []byte) {
	t.Helper()
	p := y.sign(subject, "sig", signatures...)
	return y.source.Manifest(sourceName, p.Digest)
}

// What the destination's signature tag says already is never lost.
func TestASignatureThatIsThereIsNotLost(t *testing.T) {
	for _, c := range []struct {
		name          string
		there, source []string
		want          []string // in the destination, in the end
		kind          promotion.Kind
	}{
		{name: "nothing is there", source: []string{"a"}, want: []string{"a"}},
		{name: "the same is there", there: []string{"a"}, source: []string{"a"}, want: []string{"a"}},
		{name: "less is there", there: []string{"a"}, source: []string{"a", "b"}, want: []string{"a", "b"}},
		{name: "more is there", there: []string{"a", "ours"}, source: []string{"a"}, want: []string{"a", "ours"}},
		{name: "something else is there", there: []string{"a", "c"}, source: []string{"a", "b"}, want: []string{"a", "c"}, kind: promotion.Conflict},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			y := newYard(t, fixture.Options{}, nil)
			root := y.image("amd64", 1)
			tag := tagOf(root, "sig")
			if c.there != nil {
				kind, body := cosignManifest(t, y, root, c.there...)
				y.target.AddManifest(targetName, kind, body, tag)
			}
			cosignManifest(t, y, root, c.source...)
			y.work.Digest = promotion.Digest(root.Digest)
			done, err := y.copy()
			switch {
			case c.kind != "":
				if err == nil || promotion.KindOf(err) != c.kind || !strings.Contains(err.Error(), tag) || !strings.Contains(err.Error(), y.target.Tag(targetName, tag)[7:19]) {
					t.Errorf("%v", err)
				}
			case err != nil:
				t.Error(err)
			case attached(done) != "cosign/sig" || string(done.Attached[0].Digest) != y.target.Tag(targetName, tag):
				t.Errorf("found %+v, and the tag points at %s", done.Attached, y.target.Tag(targetName, tag))
			}
			_, body := y.target.Manifest(targetName, tag)
			if got := strings.Count(string(body), "cosign/signature"); got != len(c.want) {
				t.Errorf("%d signatures in the end: %s", got, body)
			}
			for _, s := range c.want {
				if !strings.Contains(string(body), fmt.Sprintf(`cosign/signature":%q`, s)) {
					t.Errorf("%s is lost: %s", s, body)
				}
			}
		})
	}
}

func TestAFallbackTagThatIsNoListIsLeftAlone(t *testing.T) {
	y := newYard(t, fixture.Options{FallbackTags: true}, nil)
	root := y.image("amd64", 1)
	y.attach(root, "application/a", "ours")
	y.work.Digest = promotion.Digest(root.Digest)
	tag := strings.Replace(root.Digest, ":", "-", 1)
	other := y.target.AddManifest(targetName, fixture.OCIManifest, []byte(`{"schemaVersion":2}`), tag)
	if _, err := y.copy(); promotion.KindOf(err) != promotion.Conflict || err == nil || !strings.Contains(err.Error(), tag) {
		t.Errorf("%v", err)
	}
	if y.target.Tag(targetName, tag) != other {
		t.Error("it was overwritten")
	}
}

func TestATagOfThePromotionIsNeverWritten(t *testing.T) {
	y := newYard(t, fixture.Options{Immutable: func(string) bool { return true }}, &fixture.Options{Immutable: func(string) bool { return true }})
	y.full()
	y.must()
	for _, w := range writes(y.target.Log()) {
		if reference, ok := strings.CutPrefix(w, "PUT manifests/"); ok && !strings.HasPrefix(reference, "sha256") {
			t.Errorf("%s", w)
		}
	}
	y.must() // and repeated where each of them is immutable
}

// A manifest that is there proves nothing about its blobs.
func TestABlobThatTheDestinationLostIsSentAgain(t *testing.T) {
	for _, target := range []*fixture.Options{nil, {}} {
		y := newYard(t, fixture.Options{}, target)
		y.full()
		y.must()
		_, blobs := y.target.Contents(targetName)
		y.target.DropBlob(targetName, blobs[3])
		if y.target == y.source {
			// The source has it still: blobs belong to a repository.
			if _, there := y.source.Contents(sourceName); len(there) != len(blobs) {
				t.Fatal("the source lost it too")
			}
		}
		y.must()
	}
}

func TestWhatIsAttachedLaterComesAlongWithTheNextCopy(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		y := newYard(t, fixture.Options{FallbackTags: fallback}, nil)
		root, _, _ := y.full()
		y.must()
		y.attach(root, "application/later", "a scan")
		if c := y.must(); sorted(attached(c)) != sorted(everythingAttached+" application/later") {
			t.Errorf("attached: %s", attached(c))
		}
	}
}

func TestAForeignLayerIsOnlyTakenWhenItIsThere(t *testing.T) {
	for _, target := range []*fixture.Options{nil, {}} {
		y := newYard(t, fixture.Options{}, target)
		dialled := false
		elsewhere := func(http.ResponseWriter, *http.Request, http.Handler) { dialled = true }
		y.source.Inject(rule("", "/elsewhere", 0, elsewhere))
		layer := y.blob("a foreign layer")
		y.work.Digest = promotion.Digest(y.add(fixture.OCIManifest, fields{"config": y.blob("{}"), "layers": []fields{
			{"mediaType": layer.Kind, "digest": layer.Digest, "size": layer.Size, "urls": []string{"http://" + y.work.From.Registry() + "/elsewhere"}},
		}}).Digest)
		_, err := y.copy()
		if err == nil || promotion.KindOf(err) != promotion.Invalid || !strings.Contains(err.Error(), layer.Digest[7:19]) || !strings.Contains(err.Error(), string(y.work.To)) {
			t.Errorf("%v", err)
		}
		if w := writes(y.target.Log()); len(w) > 0 {
			t.Errorf("refused after %q", w)
		}
		y.target.AddBlob(targetName, []byte("a foreign layer"))
		y.must()
		if dialled {
			t.Error("the address in the manifest was dialled")
		}
	}
}

func TestWhatIsRefusedLeavesNothingBehind(t *testing.T) {
	for name, prepare := range map[string]func(y *yard) piece{
		"nested too deep":  func(y *yard) piece { return y.index(y.index(y.index(y.image("amd64", 1)))) },
		"too large":        func(y *yard) piece { return y.image("amd64", 3) },
		"more than 4 MiB":  func(y *yard) piece { return y.add(fixture.OCIManifest, fields{"pad": strings.Repeat("x", 4<<20)}) },
		"not what it says": func(y *yard) piece { return y.index(piece{fixture.OCIManifest, y.image("amd64", 1).Digest, 3}) },
	} {
		for _, target := range []*fixture.Options{nil, {}} {
			y := newYard(t, fixture.Options{}, target)
			y.client = registry.New(registry.Options{Named: anybody, Limits: closure.Limits{Blob: 2000, Blobs: 2000}})
			y.work.Digest = promotion.Digest(prepare(y).Digest)
			y.source.Forget()
			done, err := y.copy()
			if err == nil || promotion.KindOf(err) != promotion.Invalid || !strings.Contains(err.Error(), string(y.work.From)) || done.DoneAt != nil {
				t.Errorf("%s: %v", name, err)
			}
			if w := writes(y.target.Log()); len(w) > 0 {
				t.Errorf("%s: refused after %q", name, w)
			}
		}
	}
}

// What a registry may hand out is said of that registry, and of no other.
func TestTheLargestBlobIsThatOfTheRegistryThatItComesFrom(t *testing.T) {
	for of, refused := range map[string]bool{"source": true, "target": false} {
		y := newYard(t, fixture.Options{}, &fixture.Options{})
		y.work.Digest = promotion.Digest(y.image("amd64", 3).Digest)
		host := map[string]string{"source": y.work.From.Registry(), "target": y.work.To.Registry()}[of]
		y.client = registry.New(registry.Options{Named: anybody, Largest: map[string]int64{host: 100}})
		_, err := y.copy()
		if refused != (promotion.KindOf(err) == promotion.Invalid) || refused && !strings.Contains(err.Error(), "largest_blob") || !refused && err != nil {
			t.Errorf("100 bytes of the %s: %v", of, err)
		}
	}
}

// A put whose answer was lost has not been answered without word of the subject:
// a registry that lists what is attached is left to do so.
func TestAnAnswerThatIsLostMakesNoFallbackTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := inBubble(t, fixture.Options{}, &fixture.Options{}, 0)
		y.full()
		y.target.Heal()
		y.target.Inject(rule(http.MethodPut, "/manifests/", 0, weather.ResetAfter))
		y.must()
		if manifests, _ := y.target.Contents(targetName); len(manifests) != 4+len(strings.Fields(everythingAttached)) {
			t.Errorf("%d manifests: a list was written that the registry keeps itself", len(manifests))
		}
	})
}
