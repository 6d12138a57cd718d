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

// app is one of the sample apps, and what its CI does. Its versions are
// series.0, which is in production before the demo begins, series.1 and so on.
type app struct {
	name, series, policy string
	platforms            []v1.Platform // more than one makes an index
	repo                 name.Repository

	bases map[string]v1.Image // that all of its builds are made on, by platform

	ci     sync.Mutex // one build after the other
	builds int        // since the demo began

	versions sync.Map // what builds say of themselves, by digest
}

func apps(host string, soak time.Duration) ([]*app, error) {
	amd64, arm64 := v1.Platform{OS: "linux", Architecture: "amd64"}, v1.Platform{OS: "linux", Architecture: "arm64"}
	all := []*app{
		{name: "search", series: "0.9", platforms: []v1.Platform{amd64}, policy: "One tech lead."},
		{name: "handbook", series: "1.8", platforms: []v1.Platform{amd64}, policy: "Any developer or tech lead, no soak."},
		{name: "payments", series: "2.4", platforms: []v1.Platform{amd64, arm64}, policy: fmt.Sprintf("%s of soak, two tech leads and one of security.", soak)},
	}
	for _, a := range all {
		a.bases = map[string]v1.Image{}
		var err error
		if a.repo, err = name.NewRepository(host + "/acme/" + a.name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// newRegistry is a registry that nobody here wrote. It says nothing, because
// what it has to say is an access log.
func newRegistry() http.Handler {
	return registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
}

func (a *app) first() string { return a.series + ".0" }

// seed puts into the registry what runs in production before the demo begins.
func (a *app) seed(ctx context.Context) error {
	return a.build(ctx, a.first(), "v"+a.first(), productionTag)
}

// push is what CI does with a new build once its tests have passed. A CI that
// has forgotten to count up gives it the version that is in production.
func (a *app) push(ctx context.Context, forgotten bool) error {
	a.ci.Lock()
	defer a.ci.Unlock()
	if forgotten {
		return a.build(ctx, a.first(), stagingTag)
	}
	a.builds++
	return a.build(ctx, fmt.Sprintf("%s.%d", a.series, a.builds), stagingTag)
}

// build pushes a new image, or an index of several, under the tags.
func (a *app) build(ctx context.Context, version string, tags ...string) error {
	commit := make([]byte, 20)
	if _, err := rand.Read(commit); err != nil {
		return err
	}
	labels := map[string]string{
		promotion.LabelVersion: version, promotion.LabelRevision: hex.EncodeToString(commit),
		promotion.LabelSource: "https://git.example.com/acme/" + a.name, promotion.LabelCreated: time.Now().UTC().Format(time.RFC3339),
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var pushed remote.Taggable
	for _, p := range a.platforms {
		base, err := a.base(p)
		if err != nil {
			return err
		}
		built, err := image(base, p, labels)
		if err != nil {
			return err
		}
		pushed = built
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: built, Descriptor: v1.Descriptor{Platform: &p}})
	}
	if len(a.platforms) > 1 {
		pushed = index
	}
	all := map[name.Reference]remote.Taggable{}
	for _, tag := range tags {
		all[a.repo.Tag(tag)] = pushed
	}
	return remote.MultiWrite(all, remote.WithContext(ctx))
}

// base is the image that all builds for a platform are made on.
func (a *app) base(p v1.Platform) (v1.Image, error) {
	if base, made := a.bases[p.String()]; made {
		return base, nil
	}
	base, err := random.Image(4096, 3)
	a.bases[p.String()] = base
	return base, err
}

// image is a base with random contents on top that says of itself what a build
// tool would.
func image(base v1.Image, p v1.Platform, labels map[string]string) (v1.Image, error) {
	layer, err := random.Layer(2048, types.DockerLayer)
	if err != nil {
		return nil, err
	}
	built, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return nil, err
	}
	file, err := built.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config.Labels, file.Created = p.OS, p.Architecture, labels, v1.Time{Time: time.Now()}
	return mutate.ConfigFile(mutate.ConfigMediaType(mutate.MediaType(built, types.OCIManifestSchema1), types.OCIConfigJSON), file)
}

// look says what a tag points at, as the registry says now, and which version
// that is. Both are empty when there is no such tag.
func (a *app) look(ctx context.Context, tag string) (digest, version string, err error) {
	d, err := remote.Head(a.repo.Tag(tag), remote.WithContext(ctx))
	var refused *transport.Error
	if errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	digest = d.Digest.String()
	if known, ok := a.versions.Load(digest); ok {
		return digest, known.(string), nil
	}
	// Of an index, this is the image for linux/amd64.
	built, err := remote.Image(a.repo.Digest(digest), remote.WithContext(ctx))
	if err != nil {
		return digest, "", err
	}
	file, err := built.ConfigFile()
	if err != nil {
		return digest, "", err
	}
	version = file.Config.Labels[promotion.LabelVersion]
	a.versions.Store(digest, version)
	return digest, version, nil
}
