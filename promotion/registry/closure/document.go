package closure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// The types of manifest whose references are known, and so the only ones that
// can be carried whole.
const (
	ociIndex    = "application/vnd.oci.image.index.v1+json"
	ociImage    = "application/vnd.oci.image.manifest.v1+json"
	dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerImage = "application/vnd.docker.distribution.manifest.v2+json"
)

func isIndex(mediaType string) bool { return mediaType == ociIndex || mediaType == dockerIndex }
func isImage(mediaType string) bool { return mediaType == ociImage || mediaType == dockerImage }

// Descriptor is how one document refers to another, or to a blob.
type Descriptor struct {
	MediaType string           `json:"mediaType"`
	Digest    promotion.Digest `json:"digest"`
	Size      int64            `json:"size"`
	URLs      json.RawMessage  `json:"urls"`
}

// Foreign tells that the bytes are to be fetched from somewhere else (image
// specification, "Non-distributable Layers").
func (d Descriptor) Foreign() bool {
	return bytes.ContainsRune(d.URLs, '"') || strings.Contains(d.MediaType, ".nondistributable.") || strings.Contains(d.MediaType, ".foreign.")
}

// descriptors decode one by one, so that a document of four million braces is
// refused before it has become a gigabyte.
type descriptors []Descriptor

func (l *descriptors) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	open, err := d.Token()
	if err != nil || open != json.Delim('[') {
		return err // null is no list
	}
	*l = descriptors{}
	for d.More() {
		var x Descriptor
		if len(*l) == maxReferences {
			return promotion.Errorf(promotion.Invalid, "more than %d references", maxReferences)
		}
		if err := d.Decode(&x); err != nil {
			return err
		}
		*l = append(*l, x)
	}
	return nil
}

// Manifest is a manifest that was judged.
type Manifest struct {
	Digest      promotion.Digest
	MediaType   string
	Bytes       []byte
	Children    []Descriptor     // of an index
	Blobs       []Descriptor     // of an image: its config and layers
	Subject     promotion.Digest // what it says something about; empty for most
	Type        string           // of an artifact: its artifact type, or that of its config
	annotations json.RawMessage
}

// Parse judges a manifest. Its type is what it calls itself, or what it is
// served as if it doesn't say; the two have to agree.
func Parse(repo promotion.Repository, digest promotion.Digest, served string, b []byte) (*Manifest, error) {
	refuse := func(format string, args ...any) (*Manifest, error) {
		return nil, promotion.Errorf(promotion.Invalid, "%s@%s "+format, append([]any{repo, digest.Short()}, args...)...)
	}
	var doc struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     string          `json:"mediaType"`
		ArtifactType  string          `json:"artifactType"`
		Config        *Descriptor     `json:"config"`
		Layers        descriptors     `json:"layers"`
		Manifests     descriptors     `json:"manifests"`
		Subject       *Descriptor     `json:"subject"`
		Annotations   json.RawMessage `json:"annotations"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return refuse("is not a manifest that can be read: %w", err)
	}
	m := &Manifest{Digest: digest, MediaType: doc.MediaType, Bytes: b, Type: doc.ArtifactType, annotations: doc.Annotations}
	if m.MediaType == "" {
		m.MediaType = served
	}
	index := isIndex(m.MediaType)
	switch {
	case doc.SchemaVersion != 2:
		return refuse("is a schema %d manifest: its digest does not cover its contents; build it with a current tool", doc.SchemaVersion)
	case !index && !isImage(m.MediaType):
		return refuse("is of the type %q: what belongs to it is not known, so it can't be brought along whole", clip(m.MediaType))
	case served != m.MediaType:
		return refuse("is served as another type than the %s that it calls itself", m.MediaType)
	case index && (doc.Config != nil || doc.Layers != nil) || !index && doc.Manifests != nil:
		return refuse("is an index and an image at once: refused, since it would mean different things to different tools")
	case index && len(doc.Manifests) > maxChildren:
		return refuse("has %d manifests below it, more than the %d that are copied", len(doc.Manifests), maxChildren)
	case !index && doc.Config == nil:
		return refuse("has no config")
	}
	if m.Children = doc.Manifests; !index {
		m.Blobs = append(descriptors{*doc.Config}, doc.Layers...)
		if m.Type == "" {
			m.Type = doc.Config.MediaType
		}
	}
	if doc.Subject != nil {
		m.Subject = doc.Subject.Digest
	}
	if wrong := m.references(); wrong != "" {
		return refuse("%s", wrong)
	}
	return m, nil
}

// references says what is wrong with what the manifest refers to, or "".
func (m *Manifest) references() string {
	for _, d := range slices.Concat(m.Children, m.Blobs) {
		if _, err := promotion.ParseDigest(string(d.Digest)); err != nil {
			return fmt.Sprintf("refers to %q, which is not a sha256 digest", clip(string(d.Digest)))
		}
		if d.Size < 0 {
			return fmt.Sprintf("refers to %s, of %d bytes", d.Digest.Short(), d.Size)
		}
	}
	for _, d := range m.Children {
		if !isIndex(d.MediaType) && !isImage(d.MediaType) {
			return fmt.Sprintf("has %s below it, of the type %q: what belongs to that is not known, so it can't be brought along whole", d.Digest.Short(), clip(d.MediaType))
		}
		if d.Size > MaxManifest {
			return fmt.Sprintf("has %s below it, a manifest of %d bytes: registries take %d", d.Digest.Short(), d.Size, int64(MaxManifest))
		}
	}
	return ""
}

// agrees says what a reference to the manifest gets wrong, or "".
func (m *Manifest) agrees(d Descriptor) string {
	switch {
	case d.MediaType != m.MediaType:
		return "is of the type " + m.MediaType + ", and is referred to as another"
	case d.Size != int64(len(m.Bytes)):
		return "does not have the size that it is referred to with"
	}
	return ""
}

// claims tells whether the document, whatever it is, names the digest as its
// subject.
func claims(b []byte, subject promotion.Digest) bool {
	var doc struct{ Subject Descriptor }
	return json.Unmarshal(b, &doc) == nil && doc.Subject.Digest == subject
}

// clip shortens a word that somebody else made up.
func clip(s string) string { return s[:min(len(s), 80)] }

// ParseList reads a list of referrers: what the referrers API answers, or what
// a fallback tag points at. What is attached by another hash than sha256 is
// passed over, since nothing here can be found by that.
func ParseList(b []byte) ([]Descriptor, error) {
	var doc struct {
		Manifests descriptors `json:"manifests"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(doc.Manifests, func(d Descriptor) bool {
		_, err := promotion.ParseDigest(string(d.Digest))
		return err != nil
	}), nil
}
