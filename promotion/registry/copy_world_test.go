package registry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	fixture "github.com/promotebot/promotebot/fixtures/registry"

	"github.com/promotebot/promotebot/fixtures/pipenet"
	"github.com/promotebot/promotebot/fixtures/weather"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

// yard is where images are copied: from a repository of one registry into one
// of the same or of another, both strict and in memory.
type yard struct {
	t              testing.TB
	source, target *fixture.Server
	work           promotion.CopyWork
	lists          map[string]bool // digests of what a fallback tag points at, or did
	attachments    map[string]bool // digests of what is attached to something
	client         *registry.Client
}

const sourceName, targetName = "staging/api", "prod/api"

// newYard makes two registries, or one when the target's options are nil.
func newYard(t testing.TB, source fixture.Options, target *fixture.Options) *yard {
	t.Helper()
	return newYardWith(t, source, target, registry.Options{Named: anybody}, func(h http.Handler) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	})
}

func newYardWith(t testing.TB, source fixture.Options, target *fixture.Options, options registry.Options, serve func(http.Handler) string) *yard {
	t.Helper()
	y := &yard{t: t, source: fixture.New(source), client: registry.New(options), lists: map[string]bool{}, attachments: map[string]bool{}}
	host := serve(y.source)
	y.work.From = promotion.Repository(host + "/" + sourceName)
	if y.target = y.source; target != nil {
		y.target = fixture.New(*target)
		host = serve(y.target)
	}
	y.work.To = promotion.Repository(host + "/" + targetName)
	return y
}

// inBubble is a yard on an in-memory network, for a synctest bubble: a request
// takes exactly as long as the latency.
func inBubble(t *testing.T, source fixture.Options, target *fixture.Options, latency time.Duration) *yard {
	t.Helper()
	network, hosts := pipenet.New(), 0
	transport := &http.Transport{DialContext: func(ctx context.Context, net, addr string) (net.Conn, error) {
		return network.DialContext(ctx, net, addr)
	}, MaxIdleConnsPerHost: 32}
	t.Cleanup(func() { time.Sleep(time.Minute) }) // the clock stops with the test, and a handshake that nobody waits for has to end
	t.Cleanup(transport.CloseIdleConnections)
	y := newYardWith(t, source, target, registry.Options{Named: anybody, Transport: transport, Keychain: keychain{"ann", "secret"}}, func(h http.Handler) string {
		hosts++
		addr := fmt.Sprintf("127.0.0.1:%d", 5000+hosts)
		server := &http.Server{Handler: h, ErrorLog: quiet}
		listener := network.Listen(addr)
		go func() { _ = server.Serve(listener) }()
		t.Cleanup(func() { _ = server.Close() })
		return addr
	})
	for _, s := range []*fixture.Server{y.source, y.target} {
		s.Inject(weather.Rule{Fault: weather.Late(latency)})
	}
	return y
}

func (y *yard) copy() (promotion.Copy, error) {
	y.t.Helper()
	return y.client.Copy(y.t.Context(), y.work, nil)
}

// must copies, and everything has to be there then.
func (y *yard) must() promotion.Copy {
	y.t.Helper()
	c, err := y.copy()
	if err != nil {
		y.t.Fatal(err)
	}
	y.whole(c)
	return c
}

// whole checks what a copy says that ended well: the target has everything that
// the source has, byte for byte, and the counts agree with each other.
func (y *yard) whole(c promotion.Copy) {
	y.t.Helper()
	manifests, blobs := y.source.Contents(sourceName)
	for _, d := range manifests {
		if y.lists[d] {
			continue // the target keeps its own
		}
		kind, body := y.source.Manifest(sourceName, d)
		gotKind, got := y.target.Manifest(targetName, d)
		if kind != gotKind || !bytes.Equal(body, got) {
			y.t.Errorf("the manifest %s did not arrive as it is (%q)", d, gotKind)
		}
	}
	_, there := y.target.Contents(targetName)
	if strings.Join(there, " ") != strings.Join(blobs, " ") {
		y.t.Errorf("%d blobs arrived of %d", len(there), len(blobs))
	}
	if c.DoneAt == nil || c.Manifests.Done != c.Manifests.All || c.Blobs.Done != c.Blobs.All || c.Bytes.Done != c.Bytes.All || c.Blobs.All != int64(len(blobs)) {
		y.t.Errorf("the copy says of itself: %+v", c)
	}
}

// piece is a manifest and how others refer to it.
type piece struct {
	Kind   string `json:"mediaType"`
	Digest string `json:"digest"`
	Size   int    `json:"size"`
}

// blob adds a blob to the source.
func (y *yard) blob(text string) piece {
	return piece{"application/vnd.oci.image.layer.v1.tar", y.source.AddBlob(sourceName, []byte(text)), len(text)}
}

// layer adds a blob that is packed, as layers are: what finds a plain one may
// pack it, and then it is another one.
func (y *yard) layer(content io.Reader) piece {
	y.t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err == nil {
		_, err = io.Copy(w, content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		y.t.Fatal(err)
	}
	p := y.blob(b.String())
	p.Kind = "application/vnd.oci.image.layer.v1.tar+gzip"
	return p
}

type fields map[string]any

// add adds a manifest to the source, under the tags.
func (y *yard) add(kind string, doc fields, tags ...string) piece {
	y.t.Helper()
	doc["schemaVersion"], doc["mediaType"] = 2, kind
	body, err := json.Marshal(doc)
	if err != nil {
		y.t.Fatal(err)
	}
	return piece{kind, y.source.AddManifest(sourceName, kind, body, tags...), len(body)}
}

// image adds an image with so many layers.
func (y *yard) image(name string, layers int) piece {
	y.t.Helper()
	config := y.blob(`{"architecture":"` + name + `"}`)
	config.Kind = "application/vnd.oci.image.config.v1+json"
	var all []piece
	for i := range layers {
		all = append(all, y.layer(strings.NewReader(strings.Repeat(fmt.Sprintf("%s %d ", name, i), 100))))
	}
	return y.add(fixture.OCIManifest, fields{"config": config, "layers": all})
}

func (y *yard) index(children ...piece) piece {
	y.t.Helper()
	return y.add(fixture.OCIIndex, fields{"manifests": children})
}

// attach adds a manifest that names its subject. Without a referrers API, it is
// listed under the fallback tag, as its pusher would have seen to.
func (y *yard) attach(subject piece, artifactType, text string) piece {
	y.t.Helper()
	empty := y.blob("{}")
	empty.Kind = "application/vnd.oci.empty.v1+json"
	p := y.add(fixture.OCIManifest, fields{"artifactType": artifactType, "config": empty, "layers": []piece{y.blob(text)}, "subject": subject, "annotations": fields{"about": text}})
	y.attachments[p.Digest] = true
	if w := probe(y.source, "/v2/"+sourceName+"/referrers/"+subject.Digest); w.Code == http.StatusNotFound {
		y.list(subject, p)
	}
	return p
}

func probe(s *fixture.Server, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// list adds entries to the fallback tag of a subject.
func (y *yard) list(subject piece, more ...piece) {
	y.t.Helper()
	var doc struct{ Manifests []piece }
	tag := strings.Replace(subject.Digest, ":", "-", 1)
	if _, body := y.source.Manifest(sourceName, tag); body != nil {
		if err := json.Unmarshal(body, &doc); err != nil {
			y.t.Fatal(err)
		}
	}
	y.lists[y.add(fixture.OCIIndex, fields{"manifests": append(doc.Manifests, more...)}, tag).Digest] = true
}

// signed is the layer of a signature: what it says lies in its annotation.
type signed struct {
	piece
	Annotations map[string]string `json:"annotations"`
}

// sign adds what cosign would file under a tag: "sig", "att" or "sbom".
func (y *yard) sign(subject piece, suffix string, signatures ...string) piece {
	y.t.Helper()
	config := y.blob(fmt.Sprintf(`{"rootfs":%q}`, signatures))
	config.Kind = "application/vnd.oci.image.config.v1+json"
	payload := y.blob("payload of " + suffix)
	var layers []signed
	for _, s := range signatures {
		layers = append(layers, signed{payload, map[string]string{"dev.cosignproject.cosign/signature": s}})
	}
	p := y.add(fixture.OCIManifest, fields{"config": config, "layers": layers}, tagOf(subject, suffix))
	y.attachments[p.Digest] = true
	return p
}

func tagOf(subject piece, suffix string) string {
	return strings.Replace(subject.Digest, ":", "-", 1) + "." + suffix
}

// full adds what an image can be at its fullest: three platforms, cosign's
// signature and attestation, a bundle and a bill of materials of the index, a
// bill of materials of one platform, and something about that.
func (y *yard) full() (root, child, sbom piece) {
	y.t.Helper()
	return y.fullOf(2)
}

// fullOf is full with so many layers for each platform.
func (y *yard) fullOf(layers int) (root, child, sbom piece) {
	y.t.Helper()
	child = y.image("amd64", layers)
	root = y.index(child, y.image("arm64", layers), y.image("arm", layers))
	y.sign(root, "sig", "by CI")
	y.sign(root, "att", "built by CI")
	y.attach(root, "application/vnd.dev.sigstore.bundle.v0.3+json", "a bundle")
	y.attach(root, "application/spdx+json", "what is in the index")
	sbom = y.attach(child, "application/spdx+json", "what is in the platform")
	y.attach(sbom, "application/vnd.example.review+json", "it was read")
	y.work.Digest = promotion.Digest(root.Digest)
	y.source.Forget()
	return root, child, sbom
}

// carried is how many attachments are in the destination.
func (y *yard) carried() string {
	manifests, _ := y.target.Contents(targetName)
	n := 0
	for _, d := range manifests {
		if y.attachments[d] {
			n++
		}
	}
	if len(manifests) == 0 || len(y.attachments) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", n, len(y.attachments))
}

// attached sums up what a copy says that it found.
func attached(c promotion.Copy) string {
	var all []string
	for _, a := range c.Attached {
		all = append(all, a.Type)
	}
	return strings.Join(all, " ")
}

// rule has a fault hit so many requests; 0: all.
func rule(method, path string, times int, f weather.Fault) weather.Rule {
	return weather.Rule{Method: method, Path: path, Times: times, Fault: f}
}

func redirect(to string) weather.Fault { return weather.Elsewhere(http.StatusTemporaryRedirect, to) }
