package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
	"github.com/promotebot/promotebot/promotion/registry/provenance"
)

const (
	keyProvenance = "provenance"
	keyKeys       = "keys"
	keyFields     = "fields"
	keyPublicKey  = "public_key"

	exampleProvenance = "provenance: {keys: {ci: \"-----BEGIN PUBLIC KEY-----…\"}}"
	exampleKey        = "{public_key: \"-----BEGIN PUBLIC KEY-----…\", apps: [shop]}"
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
			k, ok := r.trustedKey(p)
			if all.Keys = append(all.Keys, k); !ok {
				r.keyless = true
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

// trustedKey reads a key, or one with the apps of whose images it can speak. Which
// apps there are is known later (spoken).
func (r *reader) trustedKey(p strict.Pair) (k promotion.TrustedKey, ok bool) {
	k.Name = p.Key
	if p.Value.Kind != yaml.MappingNode {
		k.PEM, ok = r.publicKey(p)
		return k, ok
	}
	of, ok := r.Fields(p.Value, "the key "+p.Key, exampleKey, keyPublicKey, keyApps)
	if !ok {
		return k, false
	}
	at, ok := r.Required(p.Value, of, keyPublicKey, "the key "+p.Key, "write it as "+exampleKey)
	if ok {
		k.PEM, ok = r.publicKey(strict.Pair{At: of[keyPublicKey].At, Key: p.Key, Value: at})
	}
	if apps, limited := of[keyApps]; limited {
		items, read := r.Texts(apps.Value, keyApps, "[shop]")
		if read && len(items) == 0 {
			r.Fault(apps.Value, "the key "+p.Key+" can speak of no app", "name those whose pipelines sign with it, such as [shop], or take apps out: then it can speak of all")
		}
		for _, item := range items {
			if text, ok := r.Text(item, "an app of the key "+p.Key); ok {
				k.Apps = append(k.Apps, text)
				r.spoken = append(r.spoken, item)
			}
		}
	}
	return k, ok
}

// speak checks, when the apps are known, that keys speak of apps that there are, and
// that of each app that needs provenance some key can.
func (r *reader) speak(in map[string]strict.Pair, c *gate.Catalog) {
	var names []string
	for _, a := range c.Apps {
		names = append(names, a.Name)
	}
	if slices.Contains(names, "") || len(names) == 0 {
		return // what the apps are called is not known
	}
	for _, at := range r.spoken {
		if !slices.Contains(names, at.Value) {
			r.Fault(at, fmt.Sprintf("there is no app %q", strict.Clip(at.Value)), strict.Meant(at.Value, names, "name one of apps"))
			return
		}
	}
	if c.Trust.IsZero() || r.keyless {
		return
	}
	needs := func(policies map[string]policy.Document) bool {
		return slices.ContainsFunc(slices.Collect(maps.Values(policies)), func(d policy.Document) bool { return d.Provenance.Required })
	}
	needed := map[string]bool{}
	for _, a := range c.Apps {
		needed[a.Name] = needs(a.Policies)
	}
	for _, t := range c.Trains {
		for _, app := range t.Apps {
			needed[app] = needed[app] || needs(t.Policies)
		}
	}
	for _, name := range names {
		if needed[name] && c.Trust.For(name).IsZero() {
			r.Note(in[keyProvenance].At, fmt.Sprintf("%s needs provenance, and none of the keys can speak of it", name), "add "+name+" to the apps of a key, or take apps out of one")
		}
	}
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
