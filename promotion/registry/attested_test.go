package registry_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	fixture "github.com/promotebot/promotebot/fixtures/registry"
	"github.com/promotebot/promotebot/fixtures/weather"
	"github.com/promotebot/promotebot/promotion"
)

// builder signs provenance, as cosign does with a key.
type builder struct {
	key   ed25519.PrivateKey
	trust promotion.Trust
}

func newBuilder(t *testing.T) builder {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return builder{key, promotion.Trust{Keys: []promotion.TrustedKey{{Name: "ci", PEM: string(text)}}, Fields: []string{"author"}}}
}

// provenance is an envelope that says who wrote what is in the digest.
func (b builder) provenance(digest, author string) string {
	payload := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"digest":{"sha256":%q}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"author":%q}}`,
		strings.TrimPrefix(digest, "sha256:"), author)
	message := fmt.Sprintf("DSSEv1 28 application/vnd.in-toto+json %d %s", len(payload), payload)
	e, _ := json.Marshal(map[string]any{ //nolint:errchkjson // it is made of texts
		"payload": base64.StdEncoding.EncodeToString([]byte(payload)), "payloadType": "application/vnd.in-toto+json",
		"signatures": []any{map[string]any{"sig": base64.StdEncoding.EncodeToString(ed25519.Sign(b.key, []byte(message)))}},
	})
	return string(e)
}

const (
	envelope = "application/vnd.dsse.envelope.v1+json"
	bundle   = "application/vnd.dev.sigstore.bundle.v0.3+json"
)

// attest attaches layers of a type to a subject.
func (y *yard) attest(subject piece, kind string, layers ...string) {
	y.t.Helper()
	empty := y.blob("{}")
	empty.Kind = "application/vnd.oci.empty.v1+json"
	var all []piece
	for _, text := range layers {
		p := y.blob(text)
		p.Kind = kind
		all = append(all, p)
	}
	p := y.add(fixture.OCIManifest, fields{"artifactType": kind, "config": empty, "layers": all, "subject": subject})
	if probe(y.source, "/v2/"+sourceName+"/referrers/"+subject.Digest).Code == 404 {
		y.list(subject, p)
	}
}

// attestCosign files layers under the tag at which cosign has them.
func (y *yard) attestCosign(subject piece, layers ...string) {
	y.t.Helper()
	config := y.blob("{}")
	config.Kind = "application/vnd.oci.image.config.v1+json"
	var all []piece
	for _, text := range layers {
		p := y.blob(text)
		p.Kind = envelope
		all = append(all, p)
	}
	y.add(fixture.OCIManifest, fields{"config": config, "layers": all}, strings.Replace(subject.Digest, ":", "-", 1)+".att")
}

func (y *yard) attested(root piece, trust promotion.Trust) (promotion.Attested, error) {
	y.t.Helper()
	return y.client.Attested(y.t.Context(), promotion.ProvenanceWork{Repository: y.work.From, Digest: promotion.Digest(root.Digest), Trust: trust})
}

func TestProvenanceIsFoundWhereverToolsAttachIt(t *testing.T) {
	for name, options := range map[string]fixture.Options{"an API": {}, "an API in pages": {PageSize: 1}, "fallback tags": {FallbackTags: true}, "blobs without ranges": {NoRange: true}} {
		y := newYard(t, options, nil)
		ci := newBuilder(t)
		root := y.image("amd64", 1)
		if found, err := y.attested(root, ci.trust); err != nil || found.Verified != 0 || len(found.Refused) != 0 {
			t.Errorf("%s, with nothing attached: %+v, %v", name, found, err)
		}
		y.attach(root, "application/spdx+json", "a bill of materials")
		y.attest(root, envelope, ci.provenance(root.Digest, "ann@example.com"))
		y.attest(root, bundle, `{"dsseEnvelope":`+ci.provenance(root.Digest, "bob@example.com")+`}`)
		y.attestCosign(root, ci.provenance(root.Digest, "cat@example.com"), ci.provenance(root.Digest, "ann@example.com"))
		found, err := y.attested(root, ci.trust)
		slices.Sort(found.Authors)
		if err != nil || found.Verified != 4 || found.Named != 3 || len(found.Refused) != 0 || !slices.Equal(found.Authors, []string{"ann@example.com", "bob@example.com", "cat@example.com"}) {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}

// What cosign 3.1.3 attached to an empty image, byte for byte, with
//
//	cosign attest --key cosign.key --type slsaprovenance1 --predicate … shop/api@sha256:…
//
// as a bundle that refers to it, which is what it does by itself, and with
// --new-bundle-format=false under its tag, as it did before version 3.
func TestWhatCosignAttachesIsHeard(t *testing.T) {
	const image = "sha256:fa087c99afc6be7961f6e3f96b9142b6be5de22c003fff2f955b92f5a24bccbd"
	recorded := func(name string) []byte {
		b, err := os.ReadFile("testdata/cosign/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	trust := promotion.Trust{Keys: []promotion.TrustedKey{{Name: "ci", PEM: string(recorded("cosign.pub"))}}}
	for name, c := range map[string]struct {
		options fixture.Options
		attach  func(y *yard)
	}{
		"a bundle": {fixture.Options{}, func(y *yard) {
			y.source.AddBlob(sourceName, []byte("{}"))
			y.source.AddBlob(sourceName, recorded("bundle.json"))
			y.source.AddManifest(sourceName, fixture.OCIManifest, recorded("bundle-manifest.json"))
		}},
		"a bundle, by the fallback tag": {fixture.Options{FallbackTags: true}, func(y *yard) {
			y.source.AddBlob(sourceName, []byte("{}"))
			y.source.AddBlob(sourceName, recorded("bundle.json"))
			m := recorded("bundle-manifest.json")
			y.list(piece{Digest: image}, piece{fixture.OCIManifest, y.source.AddManifest(sourceName, fixture.OCIManifest, m), len(m)})
		}},
		"its tag": {fixture.Options{}, func(y *yard) {
			y.source.AddBlob(sourceName, recorded("att-config.json"))
			y.source.AddBlob(sourceName, recorded("att.json"))
			y.source.AddManifest(sourceName, fixture.OCIManifest, recorded("att-manifest.json"), strings.Replace(image, ":", "-", 1)+".att")
		}},
	} {
		y := newYard(t, c.options, nil)
		c.attach(y)
		found, err := y.attested(piece{Digest: image}, trust)
		if err != nil || found.Verified != 1 || !slices.Equal(found.Authors, []string{"Ann <ann@example.com>", "bob@example.com"}) || len(found.Refused) > 0 {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
		if found, err := y.attested(piece{Digest: image}, newBuilder(t).trust); err != nil || found.Verified != 0 || len(found.Refused) != 1 {
			t.Errorf("%s, with another key: %+v, %v", name, found, err)
		}
	}
}

// A key that is good for another app names nobody here.
func TestAKeyOfAnotherAppIsAStrangers(t *testing.T) {
	y := newYard(t, fixture.Options{}, nil)
	ci, cart := newBuilder(t), newBuilder(t)
	root := y.image("amd64", 1)
	y.attest(root, envelope, ci.provenance(root.Digest, "ann@example.com"), cart.provenance(root.Digest, "bob@example.com"))
	trust := ci.trust
	trust.Keys = append(trust.Keys, cart.trust.Keys[0])
	trust.Keys[1].Apps = []string{"cart", "basket"}
	for app, want := range map[string][]string{"shop": {"ann@example.com"}, "cart": {"ann@example.com", "bob@example.com"}} {
		found, err := y.client.Attested(t.Context(), promotion.ProvenanceWork{App: app, Repository: y.work.From, Digest: promotion.Digest(root.Digest), Trust: trust})
		slices.Sort(found.Authors)
		if err != nil || !slices.Equal(found.Authors, want) || len(found.Refused) != 2-len(want) {
			t.Errorf("%s: %+v, %v", app, found, err)
		}
	}
}

// Whoever can push can attach what they like: it names nobody, and what is good
// beside it counts all the same.
func TestWhatAStrangerAttachesAddsNothingAndDoesNoHarm(t *testing.T) {
	y := newYard(t, fixture.Options{}, nil)
	ci, mallory := newBuilder(t), newBuilder(t)
	root, other := y.image("amd64", 1), y.image("arm64", 1)
	y.attest(root, envelope, mallory.provenance(root.Digest, "mallory@example.com"))
	y.attest(root, envelope, ci.provenance(other.Digest, "dora@example.com"))
	y.attest(root, envelope, "{", strings.Repeat("[", 1<<19))
	y.attest(root, bundle, strings.Repeat("x", 1<<20+1))
	y.attest(other, envelope, ci.provenance(root.Digest, "eve@example.com")) // attached to something else
	y.attest(root, "application/json", ci.provenance(root.Digest, "eve@example.com"))
	y.attestCosign(root, mallory.provenance(root.Digest, "mallory@example.com"))
	y.attest(root, envelope, ci.provenance(root.Digest, "ann@example.com"))
	found, err := y.attested(root, ci.trust)
	if err != nil || found.Verified != 1 || !slices.Equal(found.Authors, []string{"ann@example.com"}) {
		t.Fatalf("%+v, %v", found, err)
	}
	said := strings.Join(found.Refused, "\n")
	if strings.Contains(said, "example.com") || strings.Count(said, "\n") != 5 || !strings.Contains(said, "and 1 more") {
		t.Errorf("it says of the others:\n%s", said)
	}
	for _, want := range []string{"none of the keys has signed it", "about another digest", "no envelope that can be read"} {
		if !strings.Contains(said, want) {
			t.Errorf("not said: %s\n%s", want, said)
		}
	}
}

func TestWhatCantBeLookedAtWholeIsAnErrorAndNotNothing(t *testing.T) {
	ci := newBuilder(t)
	for name, c := range map[string]struct {
		make func(y *yard, root piece)
		kind promotion.Kind
		says string
	}{
		"too many attestations": {func(y *yard, root piece) {
			var all []string
			for i := range 101 {
				all = append(all, fmt.Sprint(i))
			}
			y.attest(root, envelope, all...)
		}, promotion.Invalid, "more than 100 attestations"},
		"too much attached": {func(y *yard, root piece) {
			for i := range 201 {
				y.attach(root, "application/a", fmt.Sprint(i))
			}
		}, promotion.Invalid, "more than 200 manifests"},
		"too many authors": {func(y *yard, root piece) {
			y.attest(root, envelope, ci.provenance(root.Digest, strings.Repeat("a", 300)))
		}, promotion.Invalid, "more than 200 characters"},
		"no list": {func(y *yard, _ piece) {
			y.source.Inject(weather.Rule{Path: "/referrers/", Fault: fixture.Refuse(403, "DENIED")})
		}, promotion.Forbidden, "what is attached"},
		"no tag": {func(y *yard, _ piece) {
			y.source.Inject(weather.Rule{Path: ".att", Fault: fixture.Refuse(403, "DENIED")})
		}, promotion.Forbidden, "403"},
		"no blob": {func(y *yard, root piece) {
			y.attest(root, envelope, ci.provenance(root.Digest, "ann@example.com"))
			y.source.Inject(weather.Rule{Path: "/blobs/", Fault: fixture.Refuse(403, "DENIED")})
		}, promotion.Forbidden, "403"},
	} {
		y := newYard(t, fixture.Options{}, nil)
		root := y.image("amd64", 1)
		c.make(y, root)
		if found, err := y.attested(root, ci.trust); err == nil || promotion.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || found.Verified > 0 {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}
