package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
	"github.com/promotebot/promotebot/promotion/registry/provenance"
)

const (
	keyProvenance = "provenance"
	keyKeys       = "keys"
	keyFields     = "fields"

	exampleProvenance = "provenance: {keys: {ci: \"-----BEGIN PUBLIC KEY-----…\"}}"
	exampleFields     = "[buildDefinition.externalParameters.author]"
)

// What the key provenance of a policy can say.
const (
	provenanceRequired = "required"
	provenanceOptional = "optional"
)

// maxKeys and maxFields bound what each attestation is tried with; maxKey is longer
// than an RSA key of 8192 bits.
const (
	maxKeys   = 10
	maxFields = 20
	maxKey    = 2000
)

// fieldPath is names of members, joined by dots; * is every item of a list.
var fieldPath = regexp.MustCompile(`^[^.\s]+(\.[^.\s]+){0,9}$`)

// trust reads whose word about how an image was built is taken.
func (r *reader) trust(in map[string]strict.Pair) (all promotion.Trust) {
	p, ok := in[keyProvenance]
	if !ok {
		return all
	}
	of, ok := r.Fields(p.Value, keyProvenance, exampleProvenance, keyKeys, keyFields)
	if !ok {
		return all
	}
	if at, ok := r.Required(p.Value, of, keyKeys, keyProvenance, "name the public keys that pipelines sign with: "+exampleProvenance); ok {
		pairs, read := r.Pairs(at, keyKeys, exampleProvenance)
		if read && (len(pairs) == 0 || len(pairs) > maxKeys) {
			r.Fault(at, fmt.Sprintf("there are %d keys", len(pairs)), fmt.Sprintf("name 1 to %d", maxKeys))
		}
		for _, p := range pairs {
			r.name(p.At, p.Key)
			if text, ok := r.publicKey(p); ok {
				all.Keys = append(all.Keys, promotion.TrustedKey{Name: p.Key, PEM: text})
			}
		}
	}
	if p, ok := of[keyFields]; ok {
		items, _ := r.Texts(p.Value, keyFields, exampleFields)
		if len(items) > maxFields {
			r.Fault(p.Value, fmt.Sprintf("there are %d fields", len(items)), fmt.Sprintf("name %d at most", maxFields))
		}
		for _, item := range items {
			text, ok := r.Text(item, "a field")
			if ok && !fieldPath.MatchString(text) {
				r.Fault(item, fmt.Sprintf("%q does not lead to a field", strict.Clip(text)), "write the names of members of the predicate, ten at most, with dots between them and * for every item of a list: "+exampleFields)
			}
			all.Fields = append(all.Fields, text)
		}
	}
	return all
}

// publicKey reads a key, which is longer than other texts and has lines.
func (r *reader) publicKey(p strict.Pair) (string, bool) {
	if !r.IsText(p.Value) || len(p.Value.Value) > maxKey {
		_, _ = r.Text(p.Value, "the key "+p.Key) // says what is wrong with it
		return "", false
	}
	if _, err := provenance.ParseKey(p.Value.Value); err != nil {
		r.Refuse(p.Value, err, "write the public key in PEM")
		return "", false
	}
	return strings.TrimSpace(p.Value.Value), true
}

// vouched reads whether a policy requires provenance. Whoever excludes authors hears
// of those whom it names in any case, where there are keys.
func (r *reader) vouched(in map[string]strict.Pair, d *policy.Document) {
	if d.AuthorsCannotApprove {
		d.Provenance.By = r.trusted.Hash()
	}
	p, ok := in[keyProvenance]
	if !ok {
		return
	}
	text, ok := r.Text(p.Value, keyProvenance)
	switch {
	case !ok, text == provenanceOptional:
	case text != provenanceRequired:
		r.Fault(p.Value, fmt.Sprintf("%q does not say whether provenance is asked for", strict.Clip(text)), "write "+provenanceOptional+", which is the default, or "+provenanceRequired)
	case !d.AuthorsCannotApprove:
		r.Fault(p.Value, "provenance is required, and what it is asked for is who the authors are, who can approve", "add authors: "+cannotApprove+", or take provenance out")
	case r.trusted.IsZero():
		r.Fault(p.Value, "provenance is required, and there is no key that it could be signed with", "name the public keys at the top: "+exampleProvenance)
	default:
		d.Provenance.Required = true
	}
}
