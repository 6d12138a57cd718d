package closure

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// Attachment is a manifest that is attached to another one of the closure.
type Attachment struct {
	promotion.Attachment
	Tag string // under which it is found; empty when it is found by its subject
}

// cosignTypes are the tags under which cosign files what it says about a
// digest, by what they end in, and the type that they have here.
var cosignTypes = map[string]string{".sig": "cosign/sig", ".att": "cosign/att", ".sbom": "cosign/sbom"}

// FallbackTag is where the list of a digest's referrers is kept in a registry
// that has no referrers API (distribution specification, "Referrers Tag
// Schema"). cosign's tags begin like it.
func FallbackTag(d promotion.Digest) string { return strings.Replace(string(d), ":", "-", 1) }

func cosignTags(d promotion.Digest) map[string]string {
	tags := map[string]string{}
	for suffix, artifactType := range cosignTypes {
		tags[FallbackTag(d)+suffix] = artifactType
	}
	return tags
}

// Merge adds manifests to the list of a fallback tag; nil is a list that is not
// there yet. What is in it stays, whoever put it there. added is false when
// everything was in it.
func Merge(list []byte, add []*Manifest) (merged []byte, added bool, err error) {
	fields := map[string]json.RawMessage{"schemaVersion": json.RawMessage("2"), "mediaType": json.RawMessage(`"` + ociIndex + `"`)}
	var entries []json.RawMessage
	known := map[promotion.Digest]bool{}
	if list != nil {
		if err := json.Unmarshal(list, &fields); err != nil {
			return nil, false, err
		}
		if err := json.Unmarshal(fields["manifests"], &entries); err != nil {
			return nil, false, err
		}
		there, err := ParseList(list)
		if err != nil {
			return nil, false, err
		}
		for _, d := range there {
			known[d.Digest] = true
		}
	}
	for _, m := range add {
		if known[m.Digest] {
			continue
		}
		entry, err := json.Marshal(struct {
			MediaType    string           `json:"mediaType"`
			Digest       promotion.Digest `json:"digest"`
			Size         int              `json:"size"`
			ArtifactType string           `json:"artifactType,omitempty"`
			Annotations  json.RawMessage  `json:"annotations,omitempty"`
		}{m.MediaType, m.Digest, len(m.Bytes), m.Type, m.annotations})
		if err != nil {
			return nil, false, err
		}
		entries, added = append(entries, entry), true
	}
	if fields["manifests"], err = json.Marshal(entries); err != nil {
		return nil, false, err
	}
	merged, err = json.Marshal(fields)
	return merged, added, err
}

// ListType is the type of a list of referrers.
const ListType = ociIndex

// Within tells whether everything that manifest a says, manifest b says too. A
// signature lies in its layer's annotations as often as in its layer, so layers
// are compared as a whole.
func Within(a, b []byte) bool {
	said, all := layers(a), layers(b)
	for layer := range said {
		if !all[layer] {
			return false
		}
	}
	return said != nil && all != nil
}

// layers are the layers of a manifest, each as canonical JSON; nil when it is
// no manifest of an image.
func layers(manifest []byte) map[string]bool {
	var doc struct{ Layers []map[string]any }
	if err := json.Unmarshal(manifest, &doc); err != nil || doc.Layers == nil {
		return nil
	}
	set := map[string]bool{}
	for _, layer := range doc.Layers {
		b, err := json.Marshal(layer)
		if err != nil {
			return nil
		}
		set[string(b)] = true
	}
	return set
}

// sortedKeys makes what is done with a map the same each time.
func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
