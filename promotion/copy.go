package promotion

import (
	"strings"
	"time"
)

// Copy is how far an image has come, with everything attached to it, on its
// way into another repository. It is kept with the promotion, so that the card
// can show it and so that a verdict can say that all of it has arrived.
type Copy struct {
	StartedAt time.Time
	DoneAt    *time.Time // when all of it was last found in the destination; nil before
	Manifests Count
	Blobs     Count
	Bytes     Count        // of the blobs
	Sent      int64        // bytes of blobs that were sent; what was there already or could be mounted was not
	Attached  []Attachment // what was found attached in the destination, once done
	Fault     string       // why it does not get on; empty while it does
	Stuck     bool         // and why trying again by itself will not help
}

// Count is so many of so many. All can still grow while Done does.
type Count struct{ Done, All int64 }

// Attachment is a manifest that says something about another one: a signature,
// a bill of materials, an attestation. In the destination, a tag of cosign's may
// say more than in the source; then the digest is that of what says more.
type Attachment struct {
	Digest  Digest
	Subject Digest
	Type    string // its artifact type; for cosign's tags "cosign/sig", "cosign/att" or "cosign/sbom"
}

// CopyWork asks for a digest to be brought into another repository with its
// closure: every platform, and what is attached to any of it.
type CopyWork struct {
	From, To    Repository
	Digest      Digest
	Attachments Attachments
}

// Attachments say which attachments go along, by their artifact type. A
// pattern is a type, or the beginning of one and "*". With no patterns at all
// everything goes along. What is attached to something that stays behind stays
// behind with it.
type Attachments struct {
	Only   []string `json:",omitempty"` // when not empty, only these
	Except []string `json:",omitempty"` // and of those, not these
}

// Take tells whether an attachment of the type goes along.
func (a Attachments) Take(artifactType string) bool {
	matches := func(patterns []string) bool {
		for _, p := range patterns {
			if prefix, open := strings.CutSuffix(p, "*"); p == artifactType || open && strings.HasPrefix(artifactType, prefix) {
				return true
			}
		}
		return false
	}
	return (len(a.Only) == 0 || matches(a.Only)) && !matches(a.Except)
}
