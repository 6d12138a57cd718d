package main_test

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// attach attaches something that says it is about the image, as tools that
// make bills of materials do.
func attach(t *testing.T, to name.Repository, subject v1.Hash) v1.Hash {
	t.Helper()
	desc, err := remote.Head(to.Digest(subject.String()))
	if err != nil {
		t.Fatal(err)
	}
	sbom, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	sbom = mutate.ConfigMediaType(mutate.MediaType(sbom, types.OCIManifestSchema1), "application/spdx+json")
	with, ok := mutate.Subject(sbom, *desc).(v1.Image)
	if !ok {
		t.Fatal("a subject makes something else than an image of an image")
	}
	d, err := with.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(to.Digest(d.String()), with); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestIntoARegistryOfItsOwnEverythingGoesAlong(t *testing.T) {
	w := newTown(t, oneLead)
	far := httptest.NewServer(registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(far.Close)
	production, err := name.NewRepository(strings.TrimPrefix(far.URL, "http://") + "/shop/api")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	abroad := strings.Replace(string(text), "    tags: [production", `    images: "`+production.RegistryStr()+"/{path}\"\n    tags: [production", 1)
	if err := os.WriteFile(w.config, []byte(abroad), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(production.Tag("production"), before); err != nil {
		t.Fatal(err)
	}
	was, err := before.Digest()
	if err != nil {
		t.Fatal(err)
	}
	w.start()
	w.eventually("what runs there is read where it is", func() bool { return strings.Contains(w.command(ann, "status shop"), was.Hex[:12]) })
	d := w.stage("1.4.2")
	sbom := attach(t, w.repo, d)
	w.eventually("the card can be approved, and says where it goes", func() bool { return w.cardSays(approve)() && w.cardSays(production.Name())() })
	if _, err := remote.Head(production.Digest(d.String())); err == nil {
		t.Fatal("it was sent before anybody approved")
	}
	w.click(ann, approve)
	w.eventually("the card says what was found there", w.cardSays("application/spdx+json"))
	w.eventually("it is promoted", w.cardSays("*Promoted*"))
	for _, tag := range []string{"production", "v1.4.2"} {
		desc, err := remote.Get(production.Tag(tag))
		if err != nil || desc.Digest != d {
			t.Errorf("%s points at %v (%v)", tag, desc, err)
		}
	}
	if _, err := remote.Get(production.Digest(sbom.String())); err != nil {
		t.Errorf("what was attached was left behind: %v", err)
	}
	index, err := remote.Referrers(production.Digest(d.String()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].Digest != sbom {
		t.Errorf("the registry lists %+v (%v)", manifest, err)
	}
	if w.tag("production") != "" {
		t.Error("a tag was set where the image came from")
	}
	if v := w.slack.Violations(); len(v) > 0 {
		t.Errorf("Slack's rules were broken: %q", v)
	}
}
