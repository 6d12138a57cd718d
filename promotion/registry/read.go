package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// ReadTags says what each tag points at, in the order asked for.
func (c *Client) ReadTags(ctx context.Context, repo promotion.Repository, tags []string) ([]promotion.TagReading, error) {
	readings := make([]promotion.TagReading, len(tags))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(wire.PerHost)
	for i, tag := range tags {
		g.Go(func() error {
			if _, err := promotion.ParseTag(tag); err != nil {
				return err
			}
			d, err := c.wire.Head(ctx, wire.At(repo), tag)
			readings[i] = promotion.TagReading{Tag: tag, Digest: d, ReadAt: time.Now()}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return readings, nil
}

// Resolve says what a tag or a digest is in the first of the repositories that
// has it, and where none has it nothing. A digest is there when its manifest is,
// and hashes to it.
func (c *Client) Resolve(ctx context.Context, repos []promotion.Repository, reference string) (promotion.Digest, error) {
	asked, notDigest := promotion.ParseDigest(reference)
	for _, repo := range repos {
		if notDigest == nil {
			_, err := c.wire.Manifest(ctx, wire.At(repo), reference)
			if err == nil {
				return asked, nil
			}
			if promotion.KindOf(err) != promotion.NotFound {
				return "", err
			}
			continue
		}
		readings, err := c.ReadTags(ctx, repo, []string{reference})
		if err != nil {
			return "", err
		}
		if readings[0].Digest != "" {
			return readings[0].Digest, nil
		}
	}
	return "", nil
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

// String is how people write a platform, such as linux/arm/v7.
func (p platform) String() string {
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// document is the part of a manifest or index that is looked at.
type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Manifests     []descriptor      `json:"manifests"`
	Annotations   map[string]string `json:"annotations"`
}

func parse(repo promotion.Repository, m wire.Manifest) (document, error) {
	var d document
	if err := json.Unmarshal(m.Bytes, &d); err != nil {
		return d, promotion.Errorf(promotion.Invalid, "%s@%s is not a manifest: %w", repo, m.Digest.Short(), err)
	}
	if d.SchemaVersion != 2 {
		return d, promotion.Errorf(promotion.Invalid, "%s@%s is a schema %d manifest: its digest does not cover its contents; build it with a current tool", repo, m.Digest.Short(), d.SchemaVersion)
	}
	return d, nil
}

// Inspect reads what an image says of itself: its labels, age, layers and
// platforms. Of an index, labels and layers are those of its first platform, the
// labels under its own annotations.
func (c *Client) Inspect(ctx context.Context, repo promotion.Repository, d promotion.Digest) (promotion.Image, error) {
	m, err := c.wire.Manifest(ctx, wire.At(repo), string(d))
	if err != nil {
		return promotion.Image{}, err
	}
	doc, err := parse(repo, m)
	if err != nil {
		return promotion.Image{}, err
	}
	image := promotion.Image{MediaType: m.MediaType, Labels: map[string]string{}, ReadAt: time.Now()}
	own := doc.Annotations
	for _, child := range doc.Manifests {
		if p := child.Platform; p != nil && p.OS != "unknown" { // build tools file attestations under "unknown"
			image.Platforms = append(image.Platforms, p.String())
			if d, err := promotion.ParseDigest(child.Digest); err == nil {
				image.Manifests = append(image.Manifests, d)
			}
		}
	}
	if len(doc.Manifests) > 0 {
		if doc, err = c.firstPlatform(ctx, repo, doc); err != nil {
			return promotion.Image{}, err
		}
	}
	image.Layers, image.Size = layers(doc)
	if err := c.readConfig(ctx, repo, doc, &image); err != nil {
		return promotion.Image{}, err
	}
	if len(image.Platforms) > 0 {
		image.Of = image.Platforms[0]
	}
	maps.Copy(image.Labels, doc.Annotations)
	maps.Copy(image.Labels, own)
	if created, err := time.Parse(time.RFC3339, image.Labels[promotion.LabelCreated]); err == nil {
		image.Created = &created
	}
	return image, nil
}

// maxLayers is how many layers are kept: more than any builder makes.
const maxLayers = 200

// layers are those of an image, and how large they are together. What is too
// much to be kept can't be compared, and is left out whole.
func layers(doc document) (all []promotion.Layer, size int64) {
	for _, l := range doc.Layers {
		size += l.Size
		d, err := promotion.ParseDigest(l.Digest)
		if err == nil && len(doc.Layers) <= maxLayers {
			all = append(all, promotion.Layer{Digest: d, Size: l.Size})
		}
	}
	if len(all) < len(doc.Layers) {
		return nil, size
	}
	return all, size
}

func (c *Client) firstPlatform(ctx context.Context, repo promotion.Repository, index document) (document, error) {
	for _, child := range index.Manifests {
		d, err := promotion.ParseDigest(child.Digest)
		if err != nil || child.Platform == nil || child.Platform.OS == "unknown" {
			continue
		}
		m, err := c.wire.Manifest(ctx, wire.At(repo), string(d))
		if err != nil {
			return document{}, fmt.Errorf("the platform %s/%s: %w", child.Platform.OS, child.Platform.Architecture, err)
		}
		return parse(repo, m)
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
		Created *time.Time `json:"created"`
		platform
		Config struct{ Labels map[string]string }
	}
	if err := json.Unmarshal(body, &config); err != nil {
		return promotion.Errorf(promotion.Invalid, "the config of %s@%s can't be read: %w", repo, d.Short(), err)
	}
	if config.Created != nil && config.Created.Year() > 1980 { // reproducible builds say 1970 or 1980
		image.Created = config.Created
	}
	if len(image.Platforms) == 0 && config.OS != "" {
		image.Platforms = []string{config.platform.String()}
	}
	maps.Copy(image.Labels, config.Config.Labels)
	return nil
}

// blob reads a small blob and proves it.
func (c *Client) blob(ctx context.Context, repo promotion.Repository, d promotion.Digest, limit int64) ([]byte, error) {
	body, _, err := c.wire.Blob(ctx, wire.At(repo), d, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // it was read to its end, or there is an error already
	b, err := io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case err != nil:
		return nil, promotion.Errorf(promotion.Unavailable, "%s can't be read from %s: %w", d.Short(), repo, err)
	case int64(len(b)) > limit:
		return nil, promotion.Errorf(promotion.Invalid, "%s answers with more than %d bytes: refused", repo, limit)
	case wire.Hash(b) != d:
		return nil, promotion.Errorf(promotion.Conflict, "%s gives other bytes for %s: the registry or something before it is broken", repo, d.Short())
	}
	return b, nil
}
