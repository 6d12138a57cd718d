package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/promotebot/promotebot/promotion"
)

// The tags of the sample configuration.
const (
	stagingTag    = "staging-passed"
	productionTag = "production"
)

// app is one of the sample apps, and what its CI does.
type app struct {
	name      string
	series    string        // its versions are series.0, series.1, …
	platforms []v1.Platform // more than one makes an index

	repo name.Repository

	mu       sync.Mutex
	patch    int               // of the version that was pushed last
	versions map[string]string // by digest
	first    string            // the digest in production before the demo begins
}

func apps() []*app {
	amd64, arm64 := v1.Platform{OS: "linux", Architecture: "amd64"}, v1.Platform{OS: "linux", Architecture: "arm64"}
	return []*app{
		{name: "search", series: "0.9", platforms: []v1.Platform{amd64}},
		{name: "handbook", series: "1.8", platforms: []v1.Platform{amd64}},
		{name: "payments", series: "2.4", platforms: []v1.Platform{amd64, arm64}},
	}
}

// newRegistry is a registry that nobody here wrote. It says nothing, because
// what it has to say is an access log.
func newRegistry() http.Handler {
	return registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
}

// seed puts into the registry what runs in production before the demo begins.
func (a *app) seed(ctx context.Context, host string) error {
	var err error
	if a.repo, err = name.NewRepository(host + "/acme/" + a.name); err != nil {
		return err
	}
	a.versions = map[string]string{}
	a.first, err = a.build(ctx, a.version(), "v"+a.version(), productionTag)
	return err
}

func (a *app) version() string { return fmt.Sprintf("%s.%d", a.series, a.patch) }

// push is what CI does with a new build: it gets a version of its own, and the
// staging tag once its tests have passed.
func (a *app) push(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.patch++
	_, err := a.build(ctx, a.version(), stagingTag)
	return err
}

// pushAgain is a CI that has forgotten to count up: another build under the
// version that is in production.
func (a *app) pushAgain(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, err := a.build(ctx, a.version(), stagingTag)
	return err
}

// build pushes a new image or index under the tags.
func (a *app) build(ctx context.Context, version string, tags ...string) (string, error) {
	var index v1.ImageIndex = mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	commit := make([]byte, 20)
	if _, err := rand.Read(commit); err != nil {
		return "", err
	}
	labels := map[string]string{
		promotion.LabelVersion: version, promotion.LabelRevision: hex.EncodeToString(commit),
		promotion.LabelSource: "https://git.example.com/acme/" + a.name, promotion.LabelCreated: time.Now().UTC().Format(time.RFC3339),
	}
	var last v1.Image
	for _, p := range a.platforms {
		var err error
		if last, err = image(p, labels); err != nil {
			return "", err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: last, Descriptor: v1.Descriptor{Platform: &p}})
	}
	var pushed remote.Taggable = last
	write := func(t name.Tag) error { return remote.Write(t, last, remote.WithContext(ctx)) }
	digest := last.Digest
	if len(a.platforms) > 1 {
		pushed, digest = index, index.Digest
		write = func(t name.Tag) error { return remote.WriteIndex(t, index, remote.WithContext(ctx)) }
	}
	h, err := digest()
	if err != nil {
		return "", err
	}
	for i, tag := range tags {
		if i == 0 {
			err = write(a.repo.Tag(tag))
		} else {
			err = remote.Tag(a.repo.Tag(tag), pushed, remote.WithContext(ctx))
		}
		if err != nil {
			return "", err
		}
	}
	a.versions[h.String()] = version
	return h.String(), nil
}

// image is an image with random contents that says of itself what a build tool
// would.
func image(p v1.Platform, labels map[string]string) (v1.Image, error) {
	random, err := random.Image(2048, 2)
	if err != nil {
		return nil, err
	}
	file, err := random.ConfigFile()
	if err != nil {
		return nil, err
	}
	file.OS, file.Architecture, file.Config.Labels, file.Created = p.OS, p.Architecture, labels, v1.Time{Time: time.Now()}
	return mutate.ConfigFile(mutate.ConfigMediaType(mutate.MediaType(random, types.OCIManifestSchema1), types.OCIConfigJSON), file)
}

// digest is what a tag points at, as the registry says now; empty when there is
// no such tag.
func (a *app) digest(ctx context.Context, tag string) (string, error) {
	d, err := remote.Head(a.repo.Tag(tag), remote.WithContext(ctx))
	var refused *transport.Error
	if errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return d.Digest.String(), nil
}
