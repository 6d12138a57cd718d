package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// signer attests with a key, as `cosign attest --key` does.
type signer struct {
	*town
	key    *ecdsa.PrivateKey
	public string // in PEM
}

func (w *town) signer() signer {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		w.t.Fatal(err)
	}
	return signer{w, key, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
}

// envelope is a provenance of GitLab's that names the author of the commit.
func (s signer) envelope(d v1.Hash, author string) map[string]any {
	s.t.Helper()
	payload, err := json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v1",
		"subject":   []any{map[string]any{"name": s.repo.Name(), "digest": map[string]any{d.Algorithm: d.Hex}}},
		"predicate": map[string]any{"buildDefinition": map[string]any{"externalParameters": map[string]any{"variables": map[string]any{"CI_COMMIT_AUTHOR": author}}}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	const kind = "application/vnd.in-toto+json"
	sum := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(payload), payload))
	sig, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	if err != nil {
		s.t.Fatal(err)
	}
	return map[string]any{
		"payloadType": kind, "payload": base64.StdEncoding.EncodeToString(payload),
		"signatures": []any{map[string]any{"keyid": "", "sig": base64.StdEncoding.EncodeToString(sig)}},
	}
}

// document is a manifest of any shape.
type document struct {
	raw []byte
}

func (d document) RawManifest() ([]byte, error)      { return d.raw, nil }
func (document) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// put uploads a manifest with a config and a layer of a type, under a tag or by its digest.
func (s signer) put(tag string, m map[string]any, config, kind types.MediaType, layer any) {
	s.t.Helper()
	text, err := json.Marshal(layer)
	if err != nil {
		s.t.Fatal(err)
	}
	describe := func(b []byte, kind types.MediaType) map[string]any {
		l := static.NewLayer(b, kind)
		if err := remote.WriteLayer(s.repo, l, remote.WithContext(s.t.Context())); err != nil {
			s.t.Fatal(err)
		}
		d, _ := l.Digest() // of bytes in memory
		return map[string]any{"mediaType": kind, "digest": d.String(), "size": len(b)}
	}
	m["schemaVersion"], m["mediaType"] = 2, types.OCIManifestSchema1
	m["config"], m["layers"] = describe([]byte("{}"), config), []any{describe(text, kind)}
	raw, err := json.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	if tag == "" {
		err = remote.Put(s.repo.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(raw))), document{raw}, remote.WithContext(s.t.Context()))
	} else {
		err = remote.Put(s.repo.Tag(tag), document{raw}, remote.WithContext(s.t.Context()))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// attest attaches a bundle of Sigstore's that refers to the image, as cosign does
// since version 3 (its BUNDLE_SPEC).
func (s signer) attest(image v1.Image, author string) {
	s.t.Helper()
	d, size := s.described(image)
	const kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
	s.put("", map[string]any{
		"artifactType": kind, "subject": map[string]any{"mediaType": types.DockerManifestSchema2, "digest": d.String(), "size": size},
		"annotations": map[string]any{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"},
	}, "application/vnd.oci.empty.v1+json", kind, map[string]any{
		"mediaType": kind, "verificationMaterial": map[string]any{"publicKey": map[string]any{"hint": "x"}}, "dsseEnvelope": s.envelope(d, author),
	})
}

// attestByTag files an envelope under the tag where cosign did before that (its
// ATTESTATION_SPEC).
func (s signer) attestByTag(image v1.Image, author string) {
	s.t.Helper()
	d, _ := s.described(image)
	s.put("sha256-"+d.Hex+".att", map[string]any{}, types.OCIConfigJSON, "application/vnd.dsse.envelope.v1+json", s.envelope(d, author))
}

func (s signer) described(image v1.Image) (d v1.Hash, size int64) {
	s.t.Helper()
	d, err := image.Digest()
	if err != nil {
		s.t.Fatal(err)
	}
	if size, err = image.Size(); err != nil {
		s.t.Fatal(err)
	}
	return d, size
}

// The author whom a provenance names that a key has signed can't approve; what a
// stranger attaches keeps nobody from it. Without any that is good it does not go
// ahead at all.
func TestWhomProvenanceNamesDoesNotApproveTheirOwn(t *testing.T) {
	w := newTown(t, `{approvals: {leads: 1}, authors: cannot-approve, provenance: required}`)
	ci, stranger := w.signer(), w.signer()
	config, err := os.OpenFile(w.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(config, "people: {ann: [%s, ann@example.com], bob: [%s, bob@example.com]}\nprovenance: {keys: {ci: {public_key: %q, apps: [shop]}}}\n", ann, bob, ci.public)
	if err != nil || config.Close() != nil {
		t.Fatal(err)
	}
	image := w.build("1.4.2")
	d, _ := ci.described(image)
	// A pipeline attests what it has pushed, and then says that it has passed.
	if err := remote.Write(w.repo.Digest(d.String()), image, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	ci.attest(image, "Ann <Ann@Example.com>")
	stranger.attestByTag(image, "Bob <bob@example.com>")
	if err := remote.Write(w.repo.Tag("staging-passed"), image, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.eventually("the card can be approved", w.cardSays(approve))
	w.eventually("what was attached has been looked at", func() bool {
		return strings.Contains(w.command(ann, "why shop"), "verified provenance of the image names: 1")
	})
	if said := w.command(ann, "why shop"); !strings.Contains(said, "none of the keys has signed it") {
		t.Errorf("nothing is said of what the stranger attached: %s", said)
	}
	w.click(ann, approve)
	w.eventually("Ann is told why hers does not count", w.whispered(ann, "whoever wrote what is in an image can't approve it"))
	w.click(bob, approve)
	w.eventually("it is promoted", w.cardSays("*Promoted*"))
	if w.tag("production") != d.String() {
		t.Errorf("production is %s", w.tag("production"))
	}
	if out, err := w.run("audit", "list", "-config", w.config); err != nil || !strings.Contains(out, `"verified":1`) || strings.Contains(strings.ToLower(out), "@example.com") {
		t.Errorf("audit list has to tell of it, and no address: %v\n%s", err, out)
	}

	w.stage("1.4.3")
	w.eventually("nothing is attached to the next one", w.cardSays("the policy requires one"))
	if out, err := w.run("policy", "backtest", "-config", w.config); err != nil || !strings.Contains(out, "1 promotions under") || strings.Contains(out, "blocked\n") || strings.Contains(out, "Nor is") {
		t.Errorf("policy backtest: %v\n%s", err, out)
	}
	other := strings.Replace(w.read(), strings.TrimSpace(fmt.Sprintf("%q", ci.public)), fmt.Sprintf("%q", stranger.public), 1)
	path := w.dir + "/other.yaml"
	if err := os.WriteFile(path, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := w.run("policy", "backtest", "-config", path); err != nil || !strings.Contains(out, "Nor is what provenance under these keys would have said of 1 of them") {
		t.Errorf("policy backtest under other keys: %v\n%s", err, out)
	}
	if v := w.slack.Violations(); len(v) > 0 {
		t.Errorf("Slack's rules were broken: %q", v)
	}
}

// read is what the configuration says.
func (w *town) read() string {
	w.t.Helper()
	text, err := os.ReadFile(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}
