package promotion

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Trust is whose word about how an image was built is taken.
type Trust struct {
	Keys []TrustedKey
	// Fields are where provenance names authors, besides the fields that are known
	// to: names of members of its predicate, joined by dots, with * for every item
	// of a list.
	Fields []string `json:",omitempty"`
}

// TrustedKey is a public key of somebody who builds.
type TrustedKey struct {
	Name string // for people
	PEM  string
	Apps []string `json:",omitempty"` // of whose images it can speak; of all when there are none
}

// For is whose word is taken about the images of an app.
func (t Trust) For(app string) Trust {
	t.Keys = slices.DeleteFunc(slices.Clone(t.Keys), func(k TrustedKey) bool { return len(k.Apps) > 0 && !slices.Contains(k.Apps, app) })
	return t
}

// IsZero tells that nobody is trusted, and nothing is looked for.
func (t Trust) IsZero() bool { return len(t.Keys) == 0 }

// Hash identifies whom and what is trusted; empty when nobody is.
func (t Trust) Hash() string {
	if t.IsZero() {
		return ""
	}
	b, err := json.Marshal(t)
	if err != nil {
		panic("promotion: a trust always marshals: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Provenance is what was found attached to the digest of a promotion that says how
// it was built.
type Provenance struct {
	Repository Repository
	By         string     // the hash of the trust under which it was looked for
	ReadAt     *time.Time // when it was last looked for; nil before
	Found      Attested   // without the names: they are kept with the digest
	Said       string     // the hash of the names
	Fault      string     // why it could not be looked for since; empty when it could
}

// Attested is what trusted provenance of a digest says.
type Attested struct {
	Verified int      // that a trusted key has signed, and that are about the digest
	Named    int      // of the authors that they name
	Authors  []string `json:",omitempty"`
	Refused  []string `json:",omitempty"` // what else claims to be provenance of it, and why it does not count, in our words
}

// ProvenanceWork asks for the provenance of a digest of an app. What is found is
// identified by the whole trust, of which the part is looked at that concerns it.
type ProvenanceWork struct {
	App        string
	Repository Repository
	Digest     Digest
	Trust      Trust
}

// Covers tells whether what was found was looked for under the trust, and where
// the promotion takes its image from.
func (v *Provenance) Covers(p *Promotion, trust string) bool {
	return v != nil && v.By == trust && v.Repository == p.Repository
}
