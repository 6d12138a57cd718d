package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/promotion"
)

// accept lists what a manifest may be. Schema 1 is not there: its digest does
// not cover its bytes.
var accept = http.Header{"Accept": {strings.Join([]string{
	string(types.OCIImageIndex), string(types.OCIManifestSchema1), string(types.DockerManifestList), string(types.DockerManifestSchema2),
}, ", ")}}

// manifest is the bytes of a manifest and what the registry calls them.
type manifest struct {
	digest    promotion.Digest // of the bytes, computed here
	mediaType string
	bytes     []byte
}

// get reads a manifest, by tag or by digest, and hashes it. By digest, other
// bytes than that digest's are refused.
func (c *Client) get(ctx context.Context, repo promotion.Repository, reference string) (manifest, error) {
	a, err := c.call(ctx, repo, http.MethodGet, "/manifests/"+reference, accept, nil, maxManifest, http.StatusOK)
	if err != nil {
		return manifest{}, err
	}
	m := manifest{digest: hash(a.body), mediaType: a.header.Get("Content-Type"), bytes: a.body}
	if want, err := promotion.ParseDigest(reference); err == nil && m.digest != want {
		return manifest{}, promotion.Errorf(promotion.Conflict, "%s gives %s for %s: the registry or something before it is broken", repo, m.digest.Short(), want.Short())
	}
	return m, nil
}

func hash(b []byte) promotion.Digest {
	sum := sha256.Sum256(b)
	return promotion.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// head asks what a tag points at, with the fewest bytes. Where the answer leaves
// out the digest, or does not show that a registry gave it, the manifest itself
// is asked for.
func (c *Client) head(ctx context.Context, repo promotion.Repository, tag string) (promotion.Digest, error) {
	a, err := c.call(ctx, repo, http.MethodHead, "/manifests/"+tag, accept, nil, 0, http.StatusOK, http.StatusNotFound)
	if err != nil || a.status == http.StatusNotFound && a.ofRegistry() {
		return "", err
	}
	if d, err := promotion.ParseDigest(a.header.Get("Docker-Content-Digest")); err == nil {
		return d, nil
	}
	return c.readBack(ctx, repo, tag)
}

// readBack reads what a tag points at and proves it; empty when there is no
// such tag.
func (c *Client) readBack(ctx context.Context, repo promotion.Repository, tag string) (promotion.Digest, error) {
	m, err := c.get(ctx, repo, tag)
	if promotion.KindOf(err) == promotion.NotFound && err != nil {
		return "", nil //nolint:nilerr // absence is an answer
	}
	return m.digest, err
}

// ReadTags says what each tag points at, in the order asked for.
func (c *Client) ReadTags(ctx context.Context, repo promotion.Repository, tags []string) ([]promotion.TagReading, error) {
	readings := make([]promotion.TagReading, len(tags))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(perHost)
	for i, tag := range tags {
		g.Go(func() error {
			if _, err := promotion.ParseTag(tag); err != nil {
				return err
			}
			d, err := c.head(ctx, repo, tag)
			readings[i] = promotion.TagReading{Tag: tag, Digest: d, ReadAt: time.Now()}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return readings, nil
}

// maxConfig bounds the config of an image, which holds its labels and history.
const maxConfig = 1 << 20

type descriptor struct {
	MediaType string            `json:"mediaType"`
	Digest    string            `json:"digest"`
	Size      int64             `json:"size"`
	Platform  *platform         `json:"platform"`
	Labels    map[string]string `json:"annotations"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

// document is the part of a manifest or index that is looked at.
type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Manifests     []descriptor      `json:"manifests"`
	Annotations   map[string]string `json:"annotations"`
}

func (m manifest) parse(repo promotion.Repository) (document, error) {
	var d document
	if err := json.Unmarshal(m.bytes, &d); err != nil {
		return d, promotion.Errorf(promotion.Invalid, "%s@%s is not a manifest: %w", repo, m.digest.Short(), err)
	}
	if d.SchemaVersion != 2 {
		return d, promotion.Errorf(promotion.Invalid, "%s@%s is a schema %d manifest: its digest does not cover its contents; build it with a current tool", repo, m.digest.Short(), d.SchemaVersion)
	}
	return d, nil
}

// Inspect reads what an image says of itself: its labels, age, size and
// platforms. Of an index, the labels are those of its first platform, under its
// own annotations.
func (c *Client) Inspect(ctx context.Context, repo promotion.Repository, d promotion.Digest) (promotion.Image, error) {
	m, err := c.get(ctx, repo, string(d))
	if err != nil {
		return promotion.Image{}, err
	}
	doc, err := m.parse(repo)
	if err != nil {
		return promotion.Image{}, err
	}
	image := promotion.Image{MediaType: m.mediaType, Labels: map[string]string{}, ReadAt: time.Now()}
	own := doc.Annotations
	for _, child := range doc.Manifests {
		if p := child.Platform; p != nil && p.OS != "unknown" { // build tools file attestations under "unknown"
			image.Platforms = append(image.Platforms, strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/"))
		}
	}
	if len(doc.Manifests) > 0 {
		if doc, err = c.firstPlatform(ctx, repo, doc); err != nil {
			return promotion.Image{}, err
		}
	} else {
		for _, layer := range doc.Layers {
			image.Size += layer.Size
		}
	}
	if err := c.readConfig(ctx, repo, doc, &image); err != nil {
		return promotion.Image{}, err
	}
	maps.Copy(image.Labels, doc.Annotations)
	maps.Copy(image.Labels, own)
	if created, err := time.Parse(time.RFC3339, image.Labels[promotion.LabelCreated]); err == nil {
		image.Created = &created
	}
	return image, nil
}

func (c *Client) firstPlatform(ctx context.Context, repo promotion.Repository, index document) (document, error) {
	for _, child := range index.Manifests {
		d, err := promotion.ParseDigest(child.Digest)
		if err != nil || child.Platform == nil || child.Platform.OS == "unknown" {
			continue
		}
		m, err := c.get(ctx, repo, string(d))
		if err != nil {
			return document{}, fmt.Errorf("the platform %s/%s: %w", child.Platform.OS, child.Platform.Architecture, err)
		}
		return m.parse(repo)
	}
	return document{}, nil
}

// readConfig reads the config of an image. An artifact that has none that can
// be read says nothing of itself, and that is no fault.
func (c *Client) readConfig(ctx context.Context, repo promotion.Repository, doc document, image *promotion.Image) error {
	mt := types.MediaType(doc.Config.MediaType)
	if mt != types.OCIConfigJSON && mt != types.DockerConfigJSON {
		return nil
	}
	d, err := promotion.ParseDigest(doc.Config.Digest)
	if err != nil {
		return err
	}
	body, err := c.blob(ctx, repo, d, maxConfig)
	if err != nil {
		return err
	}
	var config struct {
		Created      *time.Time `json:"created"`
		OS           string     `json:"os"`
		Architecture string     `json:"architecture"`
		Config       struct{ Labels map[string]string }
	}
	if err := json.Unmarshal(body, &config); err != nil {
		return promotion.Errorf(promotion.Invalid, "the config of %s@%s can't be read: %w", repo, d.Short(), err)
	}
	if config.Created != nil && config.Created.Year() > 1980 { // reproducible builds say 1970 or 1980
		image.Created = config.Created
	}
	if len(image.Platforms) == 0 && config.OS != "" {
		image.Platforms = []string{config.OS + "/" + config.Architecture}
	}
	maps.Copy(image.Labels, config.Config.Labels)
	return nil
}

// blob reads a small blob and proves it. Registries hand blobs out by a
// redirect to their storage; it is followed once, without our credentials.
func (c *Client) blob(ctx context.Context, repo promotion.Repository, d promotion.Digest, limit int64) ([]byte, error) {
	a, err := c.call(ctx, repo, http.MethodGet, "/blobs/"+string(d), nil, nil, limit, http.StatusOK, http.StatusTemporaryRedirect, http.StatusFound, http.StatusSeeOther)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		if a.body, err = c.follow(ctx, repo, a.header.Get("Location"), limit); err != nil {
			return nil, err
		}
	}
	if hash(a.body) != d {
		return nil, promotion.Errorf(promotion.Conflict, "%s gives other bytes for %s: the registry or something before it is broken", repo, d.Short())
	}
	return a.body, nil
}
