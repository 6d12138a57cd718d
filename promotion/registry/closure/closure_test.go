package closure_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
)

const (
	index = "application/vnd.oci.image.index.v1+json"
	image = "application/vnd.oci.image.manifest.v1+json"
	layer = "application/vnd.oci.image.layer.v1.tar"
)

// shelf answers the steps of a walk: documents, tags, and what an API lists.
type shelf struct {
	t    testing.TB
	docs map[promotion.Digest]doc
	tags map[string]promotion.Digest
	api  map[promotion.Digest][]ref
}

type doc struct {
	kind  string
	bytes []byte
}

type ref struct {
	Kind   string           `json:"mediaType"`
	Digest promotion.Digest `json:"digest"`
	Size   int              `json:"size"`
	URLs   []string         `json:"urls,omitempty"`
}

type fields map[string]any

func newShelf(t testing.TB) *shelf {
	return &shelf{t, map[promotion.Digest]doc{}, map[string]promotion.Digest{}, map[promotion.Digest][]ref{}}
}

func hash(b []byte) promotion.Digest {
	sum := sha256.Sum256(b)
	return promotion.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

func (s *shelf) raw(kind, text string) ref {
	s.docs[hash([]byte(text))] = doc{kind, []byte(text)}
	return ref{Kind: kind, Digest: hash([]byte(text)), Size: len(text)}
}

func (s *shelf) add(kind string, f fields) ref {
	s.t.Helper()
	f["schemaVersion"] = 2
	b, err := json.Marshal(f)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.raw(kind, string(b))
}

func blob(text string) ref { return ref{Kind: layer, Digest: hash([]byte(text)), Size: len(text)} }

func (s *shelf) image(name string) ref {
	return s.add(image, fields{"config": blob("config of " + name), "layers": []ref{blob(name)}})
}

func (s *shelf) index(children ...ref) ref { return s.add(index, fields{"manifests": children}) }

func (s *shelf) about(subject ref, kind, text string) ref {
	return s.add(image, fields{"artifactType": kind, "config": blob("{}"), "layers": []ref{blob(text)}, "subject": subject})
}

// walk answers everything, in an order that pick chooses.
func (s *shelf) walk(w promotion.CopyWork, l closure.Limits, pick func(n int) int) (*closure.Set, error) {
	walk := closure.Begin(w, l)
	steps, told := walk.Next(), false
	for len(steps) > 0 || !told {
		if i := pick(len(steps) + 1); i == len(steps) && !told {
			walk.Tags(func(tag string) bool { return s.tags[tag] != "" })
			told = true
		} else if i = min(i, len(steps)-1); i >= 0 {
			step := steps[i]
			steps = slices.Delete(steps, i, i+1)
			if err := s.answer(walk, step); err != nil {
				for _, late := range steps { // answers that were under way
					if again := s.answer(walk, late); again != err { //nolint:errorlint // the very same one, not one like it
						s.t.Errorf("refused, and then %v", again)
					}
				}
				return nil, err
			}
		}
		steps = append(steps, walk.Next()...)
	}
	return walk.End()
}

func (s *shelf) answer(walk *closure.Walk, step closure.Step) error {
	switch {
	case step.List != "":
		b, err := json.Marshal(fields{"manifests": s.api[step.List]})
		if err != nil {
			s.t.Fatal(err)
		}
		listed, err := closure.ParseList(b)
		if err != nil {
			return err
		}
		return walk.TellList(step, listed)
	case step.Tag != "":
		d := s.tags[step.Tag]
		return walk.TellTag(step, d, s.docs[d].kind, s.docs[d].bytes)
	}
	d := s.docs[step.Manifest]
	return walk.TellManifest(step, d.kind, d.bytes)
}

func work(root ref) promotion.CopyWork {
	return promotion.CopyWork{From: "registry.test/from", To: "registry.test/to", Digest: root.Digest}
}

func inOrder(int) int { return 0 }

func tag(r ref) string { return closure.FallbackTag(r.Digest) }

func describe(set *closure.Set) string {
	var all []string
	for _, a := range set.Attached {
		all = append(all, a.Type+" on "+a.Subject.Short())
	}
	for d := range set.Manifests {
		all = append(all, d.Short())
	}
	for _, b := range set.Blobs {
		all = append(all, "blob "+b.Digest.Short())
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// What belongs to a digest is the same whatever is answered first.
func TestTheOrderOfTheAnswersDoesNotMatter(t *testing.T) {
	s := newShelf(t)
	amd64, arm64 := s.image("amd64"), s.image("arm64")
	root := s.index(s.index(amd64, arm64), amd64)
	signature := s.add(image, fields{"config": blob("{}"), "layers": []ref{blob("signed")}})
	s.tags[tag(root)+".sig"] = signature.Digest
	s.tags[tag(signature)+".sig"] = root.Digest // in a circle
	s.tags[tag(arm64)+".sbom"] = s.add(image, fields{"config": blob("{}"), "layers": []ref{blob("bill")}}).Digest
	both, one := s.about(root, "application/both", "1"), s.about(root, "application/fallback", "2")
	s.api[root.Digest] = []ref{both}
	s.tags[tag(root)] = s.index(both, one, amd64, ref{Kind: image, Digest: hash([]byte("deleted")), Size: 7}).Digest // two count, two do not
	s.tags[tag(amd64)] = amd64.Digest                                                                                // as GitLab resolves it
	s.api[both.Digest] = []ref{s.about(both, "application/nested", "3")}

	for name, attachments := range map[string]promotion.Attachments{"all": {}, "some": {Except: []string{"application/both"}}} {
		w := work(root)
		w.Attachments = attachments
		first, err := s.walk(w, closure.Limits{}, inOrder)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"all": 6, "some": 4}[name]
		if len(first.Attached) != want || first.Root.Digest != root.Digest {
			t.Errorf("%s: %s", name, describe(first))
		}
		rapid.Check(t, func(r *rapid.T) {
			again, err := s.walk(w, closure.Limits{}, func(n int) int { return rapid.IntRange(0, n-1).Draw(r, "next") })
			if err != nil {
				r.Fatal(err)
			}
			if describe(again) != describe(first) {
				r.Fatalf("%s\nand in another order\n%s", describe(first), describe(again))
			}
		})
	}
}

func TestWhatIsRefusedIsRefusedWithAReason(t *testing.T) {
	const docker = "application/vnd.docker.distribution.manifest.v2+json"
	many := func(n int, one func(i int) string) string {
		var all []string
		for i := range n {
			all = append(all, one(i))
		}
		return strings.Join(all, ",")
	}
	for _, c := range []struct {
		name string
		root func(s *shelf) ref
		kind promotion.Kind
		says string
	}{
		{"an image that is not there", func(*shelf) ref { return blob("nowhere") }, promotion.NotFound, "has no"},
		{"a platform that is not there", func(s *shelf) ref { return s.index(ref{Kind: image, Digest: hash([]byte("gone")), Size: 4}) }, promotion.NotFound, "belongs to"},
		{"schema 1", func(s *shelf) ref {
			return s.raw("application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1}`)
		}, promotion.Invalid, "schema 1"},
		{"no document", func(s *shelf) ref { return s.raw(image, `{`) }, promotion.Invalid, "not a manifest that can be read"},
		{"no config", func(s *shelf) ref { return s.raw(image, `{"schemaVersion":2}`) }, promotion.Invalid, "no config"},
		{"an unknown type", func(s *shelf) ref {
			return s.raw("application/vnd.oci.artifact.manifest.v1+json", `{"schemaVersion":2}`)
		}, promotion.Invalid, "what belongs to it is not known"},
		{"an unknown type in an index", func(s *shelf) ref { return s.index(blob("a layer, as build caches have them")) }, promotion.Invalid, "what belongs to that is not known"},
		{"another type than it says", func(s *shelf) ref { return s.add(docker, fields{"mediaType": image, "config": blob("{}")}) }, promotion.Invalid, "another type"},
		{"referred to as another type", func(s *shelf) ref {
			child := s.image("amd64")
			child.Kind = docker
			return s.index(child)
		}, promotion.Invalid, "is referred to as another"},
		{"referred to with another size", func(s *shelf) ref {
			child := s.image("amd64")
			child.Size++
			return s.index(child)
		}, promotion.Invalid, "does not have the size"},
		{"index and image at once", func(s *shelf) ref {
			return s.add(image, fields{"config": blob("{}"), "manifests": []ref{s.image("amd64")}})
		}, promotion.Invalid, "at once"},
		{"image and index at once", func(s *shelf) ref { return s.add(index, fields{"layers": []ref{}, "manifests": []ref{}}) }, promotion.Invalid, "at once"},
		{"another hash", func(s *shelf) ref {
			return s.add(image, fields{"config": fields{"digest": "sha512:" + strings.Repeat("0", 128)}})
		}, promotion.Invalid, "not a sha256 digest"},
		{"a negative size", func(s *shelf) ref {
			return s.add(image, fields{"config": ref{Digest: hash(nil), Size: -1}})
		}, promotion.Invalid, "-1 bytes"},
		{"two sizes of one blob", func(s *shelf) ref {
			return s.add(image, fields{"config": ref{Digest: hash(nil), Size: 1}, "layers": []ref{{Digest: hash(nil), Size: 2}}})
		}, promotion.Invalid, "another manifest says"},
		{"a blob that is too large", func(s *shelf) ref {
			return s.add(image, fields{"config": ref{Digest: hash(nil), Size: 20<<30 + 1}})
		}, promotion.Invalid, "more than the 21474836480"},
		{"blobs that are too large together", func(s *shelf) ref {
			return s.raw(image, fmt.Sprintf(`{"schemaVersion":2,"config":{"digest":%q},"layers":[%s]}`, hash(nil), many(6, func(i int) string {
				return fmt.Sprintf(`{"digest":%q,"size":%d}`, hash([]byte{byte(i)}), 20<<30)
			})))
		}, promotion.Invalid, "together"},
		{"indexes nested too deep", func(s *shelf) ref { return s.index(s.index(s.index(s.image("amd64")))) }, promotion.Invalid, "nested deeper than 2"},
		{"an index that is too wide", func(s *shelf) ref {
			var all []ref
			for i := range 101 {
				all = append(all, ref{Kind: image, Digest: hash([]byte{byte(i)}), Size: 1})
			}
			return s.index(all...)
		}, promotion.Invalid, "101 manifests"},
		{"a child that is too large", func(s *shelf) ref { return s.index(ref{Kind: image, Digest: hash(nil), Size: 4<<20 + 1}) }, promotion.Invalid, "registries take"},
		{"manifests that are too large together", func(s *shelf) ref {
			var all []ref
			for i := range 5 {
				all = append(all, s.raw(image, fmt.Sprintf(`{"schemaVersion":2,"config":{"digest":%q},"pad":"%s%d"}`, hash(nil), strings.Repeat("x", 7<<19), i)))
			}
			return s.index(all...)
		}, promotion.Invalid, "together"},
		{"too many manifests", func(s *shelf) ref {
			var outer []ref
			for i := range 11 {
				var inner []ref
				for k := range 100 {
					inner = append(inner, s.image(fmt.Sprint(i, k)))
				}
				outer = append(outer, s.index(inner...))
			}
			return s.index(outer...)
		}, promotion.Invalid, "more than 1000 manifests"},
		{"too much attached", func(s *shelf) ref {
			root := s.image("amd64")
			for i := range 201 {
				s.api[root.Digest] = append(s.api[root.Digest], s.about(root, "application/a", fmt.Sprint(i)))
			}
			return root
		}, promotion.Invalid, "more than 200"},
		{"listed as attached and not there", func(s *shelf) ref {
			root := s.image("amd64")
			s.api[root.Digest] = []ref{{Kind: image, Digest: hash([]byte("gone")), Size: 4}}
			return root
		}, promotion.Unavailable, "does not have it"},
		{"listed as attached and about something else", func(s *shelf) ref {
			root := s.image("amd64")
			s.api[root.Digest] = []ref{s.about(s.image("arm64"), "application/a", "x")}
			return root
		}, promotion.Invalid, "says something else"},
		{"attached by a type that can't be carried", func(s *shelf) ref {
			root := s.image("amd64")
			s.tags[tag(root)] = s.index(s.add("application/vnd.oci.artifact.manifest.v1+json", fields{"subject": root})).Digest
			return root
		}, promotion.Invalid, "what belongs to it is not known"},
		{"a list of attachments that can't be read", func(s *shelf) ref {
			root := s.image("amd64")
			s.tags[tag(root)] = s.raw(index, "[").Digest
			return root
		}, promotion.Invalid, "can't be read"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			s := newShelf(t)
			root := c.root(s)
			_, err := s.walk(work(root), closure.Limits{}, inOrder)
			if err == nil || promotion.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "registry.test/from") {
				t.Errorf("%v (%s), want %s: %s", err, promotion.KindOf(err), c.kind, c.says)
			}
		})
	}
}

// Just below each limit an image is taken.
func TestWhatIsWithinTheLimitsIsTaken(t *testing.T) {
	s := newShelf(t)
	var children []ref
	for i := range 99 {
		children = append(children, s.image(fmt.Sprint(i)))
	}
	root := s.index(append(children, s.index(children...))...)
	for i := range 200 {
		s.api[root.Digest] = append(s.api[root.Digest], s.about(root, "application/a", fmt.Sprint(i)))
	}
	set, err := s.walk(work(root), closure.Limits{Blob: 20, Blobs: 5000}, inOrder)
	if err != nil || len(set.Manifests) != 99+2+200 || len(set.Attached) != 200 {
		t.Errorf("%v", err)
	}
}

// A foreign layer is marked, however it shows that it is one.
func TestForeignLayersAreMarked(t *testing.T) {
	s := newShelf(t)
	foreign := []ref{
		{Kind: layer, Digest: hash([]byte("a")), Size: 1, URLs: []string{"https://example.com/a"}},
		{Kind: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Digest: hash([]byte("b")), Size: 1},
		{Kind: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Digest: hash([]byte("c")), Size: 1},
	}
	set, err := s.walk(work(s.add(image, fields{"config": blob("{}"), "layers": append(foreign, blob("own"))})), closure.Limits{}, inOrder)
	if err != nil {
		t.Fatal(err)
	}
	var marked int
	for _, b := range set.Blobs {
		if b.Foreign {
			marked++
		}
	}
	if marked != 3 || len(set.Blobs) != 5 {
		t.Errorf("%d of %d", marked, len(set.Blobs))
	}
}

// A manifest of 4 MiB can hold more than a million empty descriptors; they must
// not become a gigabyte.
func TestAManifestOfBracesIsRefusedInLittleMemory(t *testing.T) {
	s := newShelf(t)
	root := s.raw(image, `{"schemaVersion":2,"layers":[{}`+strings.Repeat(",{}", 4<<20/3-20)+`]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := s.walk(work(root), closure.Limits{}, inOrder)
	runtime.ReadMemStats(&after)
	if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; err == nil || !strings.Contains(err.Error(), "more than 1000 references") || grown > 16 {
		t.Errorf("%v, %d MiB", err, grown)
	}
}

func TestAListKeepsWhatOthersWroteIntoIt(t *testing.T) {
	manifest := func(s *shelf, r ref) *closure.Manifest {
		m, err := closure.Parse("registry.test/from", r.Digest, r.Kind, s.docs[r.Digest].bytes)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	s := newShelf(t)
	ours := manifest(s, s.add(image, fields{"artifactType": "application/ours", "annotations": fields{"k": "v"}, "config": blob("{}"), "subject": s.image("amd64")}))
	first, added, err := closure.Merge(nil, []*closure.Manifest{ours})
	if err != nil || !added {
		t.Fatal(err)
	}
	for _, part := range []string{`"schemaVersion":2`, index, string(ours.Digest), "application/ours", `"annotations":{"k":"v"}`, fmt.Sprintf(`"size":%d`, len(ours.Bytes))} {
		if !strings.Contains(string(first), part) {
			t.Errorf("%s is not in %s", part, first)
		}
	}
	if again, added, err := closure.Merge(first, []*closure.Manifest{ours}); err != nil || added || string(again) != string(first) {
		t.Errorf("added twice: %s %v", again, err)
	}
	theirs := `{"schemaVersion":2,"mediaType":"` + index + `","annotations":{"by":"them"},"manifests":[{"digest":"sha512:x","extra":[1, 2]}]}`
	merged, added, err := closure.Merge([]byte(theirs), []*closure.Manifest{ours})
	if err != nil || !added || !strings.Contains(string(merged), `"by":"them"`) || !strings.Contains(string(merged), `"extra":[1,2]`) || !strings.Contains(string(merged), string(ours.Digest)) {
		t.Errorf("%s %v", merged, err)
	}
}

func TestSignaturesAreComparedWithTheirAnnotations(t *testing.T) {
	manifest := func(layers string) []byte { return []byte(`{"layers":[` + layers + `]}`) }
	const a, b = `{"digest":"d","annotations":{"s":"1","t":"x"}}`, `{"digest":"d","annotations":{"s":"2"}}`
	for _, c := range []struct {
		inner, outer string
		want         bool
	}{
		{a, a + "," + b, true}, {a + "," + b, a, false}, {a, b, false}, {"", a, true},
		{`{"annotations":{"t":"x","s":"1"},"digest":"d"}`, a, true},
	} {
		if got := closure.Within(manifest(c.inner), manifest(c.outer)); got != c.want {
			t.Errorf("%s within %s: %v", c.inner, c.outer, got)
		}
	}
	if closure.Within([]byte(`{"manifests":[]}`), manifest(a)) || closure.Within(manifest(a), []byte("{")) {
		t.Error("what has no layers is compared")
	}
}
