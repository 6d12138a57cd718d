package config

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion/policy"
)

// policies are what can be named, and the roles that any policy can ask.
type policies struct {
	names  []string
	by     map[string]policy.Document
	roles  roles
	unread bool // nothing is known about them, so nothing can be missed
}

const (
	keySoak      = "soak"
	keyApprovals = "approvals"
	keyRequester = "requester"
	keyAuthors   = "authors"
)

// What the keys requester and authors can say.
const (
	cannotApprove = "cannot-approve"
	mayApprove    = "may-approve"
)

const examplePolicy = "{soak: 24h, approvals: {tech-leads: 2}}"

// maxSoak is longer than any release stays of interest: beyond it is a typing
// error, such as hours written as days.
const maxSoak = 90 * 24 * time.Hour

func (r *reader) policies(in map[string]strict.Pair, roles roles) policies {
	all := policies{by: map[string]policy.Document{}, roles: roles}
	p, ok := in[keyPolicies]
	if !ok {
		return all
	}
	pairs, ok := r.Pairs(p.Value, keyPolicies, examplePolicies)
	all.unread = !ok
	for _, p := range pairs {
		r.name(p.At, p.Key)
		all.names = append(all.names, p.Key)
		if p.Value.Kind == yaml.MappingNode && tightens(p.Value) {
			r.Fault(p.Value, "a policy with a name of its own can't tighten another: that is done where a policy is used", "write the policy out here, or write "+exampleTightens+" as the policy of an environment or an app")
			all.by[p.Key] = policy.Document{Name: p.Key}
			continue
		}
		all.by[p.Key] = r.policy(p.Value, p.Key, roles)
	}
	return all
}

// policyOf reads a policy where one is used: by its name or written out.
func (r *reader) policyOf(n *yaml.Node, inline string, all policies) policy.Document {
	if n.Kind == yaml.MappingNode && tightens(n) {
		return r.tightened(n, inline, all)
	}
	if n.Kind == yaml.MappingNode {
		return r.policy(n, inline, all.roles)
	}
	if n.Kind == yaml.SequenceNode {
		r.Fault(n, "policy must be a name or a mapping, not a list", "name one of policies, or write "+examplePolicy)
	}
	d, _ := r.policyNamed(n, all)
	return d
}

// policyNamed finds a policy by its name.
func (r *reader) policyNamed(n *yaml.Node, all policies) (policy.Document, bool) {
	name, ok := r.Text(n, "policy")
	if !ok {
		return policy.Document{}, false
	}
	d, ok := all.by[name]
	if !ok && !all.unread {
		r.Fault(n, fmt.Sprintf("there is no policy %q", strict.Clip(name)), strict.Meant(name, all.names, "define it under policies, or write it out here: "+examplePolicy))
	}
	return d, ok
}

func (r *reader) policy(n *yaml.Node, name string, roles roles) policy.Document {
	in, ok := r.Fields(n, "a policy", examplePolicy, keySoak, keyApprovals, keyRequester, keyAuthors, keyProvenance, keyReject, keyExpires,
		keyChecks, keySupersede, keyRide, keyWindows, keyFreezes, keyFreezeOn, keyRollback, keyGlass, keyAfter, keyShared)
	if !ok {
		return policy.Document{Name: name}
	}
	r.Required(n, in, keyApprovals, "the policy", "add approvals: {tech-leads: 1}, or approvals: none when it is to go ahead without anybody's")
	d := r.rules(in, name, roles)
	r.vouched(in, &d)
	return d
}

// rules reads what a policy asks for.
func (r *reader) rules(in map[string]strict.Pair, name string, roles roles) policy.Document {
	d := policy.Document{Name: name}
	if p, ok := in[keySoak]; ok {
		r.soakOf(p.Value, &d)
	}
	if p, ok := in[keyWindows]; ok {
		d.Windows = r.windows(p.Value)
	}
	if p, ok := in[keyFreezes]; ok {
		d.Freezes = r.freezes(p.Value)
	}
	if p, ok := in[keyFreezeOn]; ok {
		d.FreezeOn = r.severities(p.Value, keyFreezeOn)
	}
	if p, ok := in[keyApprovals]; ok {
		if d.Automatic = r.automatic(p.Value, in); !d.Automatic {
			d.Approvals, d.Tree = r.approvals(p.Value, roles)
		}
	}
	if p, ok := in[keyChecks]; ok {
		d.Checks = r.checks(p.Value, roles)
	}
	if p, ok := in[keySoak]; ok {
		r.verified(p.Value, d)
	}
	if p, ok := in[keyRequester]; ok {
		d.RequesterMayApprove = r.mayApprove(p.Value, keyRequester, cannotApprove)
	}
	if p, ok := in[keyAuthors]; ok {
		if d.AuthorsCannotApprove = !r.mayApprove(p.Value, keyAuthors, mayApprove); d.AuthorsCannotApprove && len(roles.identities.Addresses) == 0 {
			r.Fault(p.Value, "the authors of an image can't approve it, and it is not known who anybody is that an image names", "say whose e-mail address is whose: "+examplePeople)
		}
	}
	if p, ok := in[keyReject]; ok {
		d.Reject = r.veto(p.Value, roles)
	}
	if p, ok := in[keyExpires]; ok {
		d.Expires = r.expires(p.Value, d.Soak)
	}
	if p, ok := in[keyGlass]; ok {
		d.BreakGlass = r.glass(p.Value, roles)
	}
	if p, ok := in[keyShared]; ok {
		d.RefuseShared = r.refuses(p.Value)
	}
	if p, ok := in[keyAfter]; ok {
		d.After = r.after(p.Value)
	}
	r.flow(in, &d)
	r.rollback(in, &d, roles)
	return d
}

// mayApprove reads whether some people may approve; what is faulty means usual.
func (r *reader) mayApprove(n *yaml.Node, key, usual string) bool {
	who, ok := r.Text(n, key)
	other := mayApprove
	if usual == mayApprove {
		other = cannotApprove
	}
	if ok && who != cannotApprove && who != mayApprove {
		what := "the requester"
		if key == keyAuthors {
			what = "the authors"
		}
		r.Fault(n, fmt.Sprintf("%q says nothing about %s", strict.Clip(who), what), "write "+usual+", which is the default, or "+other)
		ok = false
	}
	if !ok {
		who = usual
	}
	return who == mayApprove
}

func (r *reader) soak(n *yaml.Node) time.Duration {
	d, ok := r.Duration(n, keySoak, "24h")
	switch {
	case !ok:
	case d < 0:
		r.Fault(n, "soak is negative", "write how long a digest has to stay, such as 24h, or 0")
	case d > maxSoak:
		r.Fault(n, fmt.Sprintf("a soak of %s is longer than 90d", n.Value), "write 90d at most; m are minutes, h hours and d days")
	}
	return d
}
