package config

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion/policy"
)

const (
	keyTightens = "tightens"

	exampleTightens = "{tightens: careful, soak: 48h}"
)

func tightens(n *yaml.Node) bool {
	return slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return c.Value == keyTightens })
}

// tightened reads a policy that asks for all that another does and for more.
// What would loosen it is refused, so that nobody has to compare the two to know
// which is the stricter.
func (r *reader) tightened(n *yaml.Node, name string, all policies) policy.Document {
	in, ok := r.Fields(n, "a policy that tightens another", exampleTightens, keyTightens, keySoak, keyApprovals, keyRequester, keyAuthors, keyProvenance, keyExpires,
		keyChecks, keyWindows, keyFreezes, keyFreezeOn, keyRollback, keyShared)
	if !ok {
		return policy.Document{Name: name}
	}
	base, ok := r.policyNamed(in[keyTightens].Value, all)
	if !ok {
		return policy.Document{Name: name}
	}
	for key, p := range in {
		switch {
		case key == keyRequester && !base.RequesterMayApprove && p.Value.Value == mayApprove,
			key == keyAuthors && base.AuthorsCannotApprove && p.Value.Value == mayApprove,
			key == keyProvenance && base.Provenance.Required && p.Value.Value == provenanceOptional,
			key == keyShared && base.RefuseShared && p.Value.Value == sharedAllowed,
			key == keyApprovals && !base.Automatic && p.Value.Value == keyNone:
			r.Fault(p.Value, base.Name+" is stricter in this, and what tightens it can only ask for more", "take "+key+" out, or write the policy out without "+keyTightens)
		}
	}
	more := r.rules(in, name, all.roles)
	if _, said := in[keyRequester]; !said {
		more.RequesterMayApprove = base.RequesterMayApprove
	}
	if _, said := in[keyRollback]; !said {
		more.NoWayBack = base.NoWayBack
	}
	if more.Rollback != nil {
		r.Fault(in[keyRollback].Value, "what a rollback takes is said by "+base.Name+", and what tightens it asks for more of promotions only", "take all but ready and plan out, or write the policy out without "+keyTightens)
	}
	d, fault := policy.Tighten(base, more)
	if fault != "" {
		r.Note(in[keyTightens].At, "this and "+base.Name+" can't be asked for at once: "+fault, "write the policy out without "+keyTightens)
	}
	if soaked, ok := in[keySoak]; ok && more.Soak < base.Soak {
		r.Fault(soaked.Value, "the soak is shorter than that of "+base.Name+", which what tightens it can't change", "write a longer one, or take it out")
	}
	d.Name = name
	r.reachable(in, base, more, d)
	r.vouched(in, &d)
	if len(d.Approvers()) > 0 {
		r.fillable(n, d.Asks(), all.roles)
	}
	return d
}

// reachable refuses what each of the two can ask for by itself and both together
// can't: it would be known only when nothing goes ahead any more.
func (r *reader) reachable(in map[string]strict.Pair, base, more, d policy.Document) {
	at := in[keyTightens].At
	alone := func(is func(d policy.Document) bool) bool { return is(d) && !is(base) && !is(more) }
	if alone(func(d policy.Document) bool { return d.Expires.Request > 0 && d.Expires.Request <= d.Soak }) {
		r.Note(at, fmt.Sprintf("together with %s every request would expire after %s, before its soak of %s is complete", base.Name, d.Expires.Request, d.Soak),
			"let the request live longer than the soak, or ask for less soak")
	}
	if alone(func(d policy.Document) bool { return !d.Windows.Opens(aYear) }) {
		r.Note(at, "together with "+base.Name+" the windows never open: whatever allow opens, deny closes", "leave some time in which a promotion may go ahead")
	}
	stale := func(d policy.Document) bool { _, stale := staleBefore(d); return stale }
	if alone(stale) {
		name, _ := staleBefore(d)
		r.Note(at, fmt.Sprintf("together with %s the soak counts from the check %s and lasts longer than that may be old, so it is never complete in time", base.Name, name),
			"ask for a shorter soak, a longer max_age, or write the policy out with soak: {for: …, since: arrival}")
	}
	for _, c := range more.Checks {
		was, _ := base.Check(c.Name)
		for _, t := range c.Numbers {
			if with, never := contradicts(was.Numbers, t); never {
				r.Note(at, fmt.Sprintf("together with %s no number of the check %s is both %s and %s", base.Name, c.Name, with, t), "change the limit, or write the policy out without "+keyTightens)
			}
		}
	}
}
