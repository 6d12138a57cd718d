package config

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyReject  = "reject"
	keyBy      = "by"
	keyLift    = "lift"
	keyReasons = "reasons"

	exampleVeto = "{by: [tech-leads, security], lift: [owners], reasons: [security, quality, timing, other]}"
)

// maxReasons is what a person picks from on a phone without looking for it.
const maxReasons = 10

func (r *reader) veto(n *yaml.Node, roles roles) (v policy.Veto) {
	in, ok := r.Fields(n, keyReject, exampleVeto, keyBy, keyLift, keyReasons)
	if !ok {
		return v
	}
	v.By, v.Lift = r.named(in, keyBy, roles), r.named(in, keyLift, roles)
	p, ok := in[keyReasons]
	if !ok {
		return v
	}
	items, ok := r.Texts(p.Value, keyReasons, "[security, quality, timing, other]")
	if ok && (len(items) == 0 || len(items) > maxReasons) {
		r.Fault(p.Value, fmt.Sprintf("there are %d kinds of reason to choose from", len(items)), fmt.Sprintf("name from one to %d, or take the key out", maxReasons))
	}
	for _, item := range items {
		text, ok := r.Text(item, "a kind of reason")
		if !ok || !r.name(item, text) {
			continue
		}
		if slices.Contains(v.Grounds, promotion.Ground(text)) {
			r.Fault(item, fmt.Sprintf("%q is there already", text), "take one of the two out")
			continue
		}
		v.Grounds = append(v.Grounds, promotion.Ground(text))
	}
	return v
}

// named reads a list of roles.
func (r *reader) named(in map[string]strict.Pair, key string, roles roles) (names []string) {
	p, ok := in[key]
	if !ok {
		return nil
	}
	items, ok := r.Texts(p.Value, key, "[tech-leads, security]")
	if ok && len(items) == 0 {
		r.Fault(p.Value, key+" names no role", "name one, or take the key out")
	}
	for _, item := range items {
		name, ok := r.Text(item, "a role")
		switch {
		case !ok || !r.asked(item, name, roles):
		case slices.Contains(names, name):
			r.Fault(item, fmt.Sprintf("the role %q is there already", strict.Clip(name)), "take one of the two out")
		default:
			names = append(names, name)
		}
	}
	return names
}
