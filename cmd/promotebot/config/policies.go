package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
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
)

// What the key requester can say.
const (
	requesterCannot = "cannot-approve"
	requesterMay    = "may-approve"
)

const examplePolicy = "{soak: 24h, approvals: {tech-leads: 2}}"

// maxSoak is longer than any release stays of interest: beyond it is a typing
// error, such as hours written as days.
const maxSoak = 90 * 24 * time.Hour

// maxApprovals of one role is beyond what any card could show or any team ask.
const maxApprovals = 50

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
		all.by[p.Key] = r.policy(p.Value, p.Key, roles)
	}
	return all
}

// policyOf reads a policy where one is used: by its name or written out.
func (r *reader) policyOf(n *yaml.Node, inline string, all policies) policy.Document {
	if n.Kind == yaml.MappingNode {
		return r.policy(n, inline, all.roles)
	}
	if n.Kind == yaml.SequenceNode {
		r.Fault(n, "policy must be a name or a mapping, not a list", "name one of policies, or write "+examplePolicy)
	}
	name, ok := r.Text(n, "policy")
	if !ok {
		return policy.Document{}
	}
	d, ok := all.by[name]
	if !ok && !all.unread {
		r.Fault(n, fmt.Sprintf("there is no policy %q", strict.Clip(name)), strict.Meant(name, all.names, "define it under policies, or write it out here: "+examplePolicy))
	}
	return d
}

func (r *reader) policy(n *yaml.Node, name string, roles roles) policy.Document {
	d := policy.Document{Name: name}
	in, ok := r.Fields(n, "a policy", examplePolicy, keySoak, keyApprovals, keyRequester, keyChecks, keySupersede, keyRide, keyWindows, keyFreezes, keyFreezeOn)
	if !ok {
		return d
	}
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
	if at, ok := r.Required(n, in, keyApprovals, "the policy", "add approvals: {tech-leads: 1}, or approvals: none when it is to go ahead without anybody's"); ok {
		if d.Automatic = r.automatic(at, in, roles); !d.Automatic {
			d.Approvals = r.approvals(at, roles)
		}
	}
	if p, ok := in[keyChecks]; ok {
		d.Checks = r.checks(p.Value, roles)
	}
	if p, ok := in[keyRequester]; ok {
		switch who, ok := r.Text(p.Value, keyRequester); {
		case !ok:
		case who == requesterMay:
			d.RequesterMayApprove = true
		case who != requesterCannot:
			r.Fault(p.Value, fmt.Sprintf("%q says nothing about the requester", strict.Clip(who)), "write "+requesterCannot+", which is the default, or "+requesterMay)
		}
	}
	r.flow(in, &d)
	return d
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

// approvals keeps the order of the document: it is the order on the card.
func (r *reader) approvals(n *yaml.Node, roles roles) []policy.Requirement {
	if r.IsText(n) {
		r.asked(n, n.Value, roles)
		return []policy.Requirement{{Role: n.Value, Count: 1}}
	}
	pairs, ok := r.Pairs(n, keyApprovals, "{tech-leads: 2}, or as a role")
	if !ok {
		return nil
	}
	if len(pairs) == 0 && len(n.Content) == 0 {
		r.Fault(n, "approvals asks nobody", "write {tech-leads: 1}, or none when it is to go ahead without anybody's approval")
	}
	var asked []policy.Requirement
	sound := true
	for _, p := range pairs {
		sound = r.asked(p.At, p.Key, roles) && sound
		count, ok := r.Count(p.Value, "the number of approvals by "+p.Key, maxApprovals)
		sound = sound && ok
		if people, known := roles.people(p.Key); ok && known && len(people) < count {
			r.Fault(p.Value, fmt.Sprintf("%s has to approve %d times, and %s", p.Key, count, hold(len(people), "it")), "ask for fewer, or add people to the role: one person is one approval")
			sound = false
		}
		asked = append(asked, policy.Requirement{Role: p.Key, Count: count})
	}
	if sound {
		r.enough(n, asked, roles)
	}
	return asked
}

func hold(n int, what string) string {
	if n == 1 {
		return "only 1 person holds " + what
	}
	return fmt.Sprintf("only %d people hold %s", n, what)
}

// asked checks that a role exists of which approvals are asked.
func (r *reader) asked(at *yaml.Node, name string, roles roles) bool {
	if roles.by[name] != nil || roles.unread {
		return true
	}
	r.Fault(at, fmt.Sprintf("there is no role %q to ask", strict.Clip(name)), strict.Meant(name, roles.names, "define it: "+exampleRoles))
	return false
}

// enough looks for a set of roles that together ask for more people than hold
// them: two leads and one of security can never be found among two people.
// Roles that lead to user groups can always grow, so they are left out.
func (r *reader) enough(at *yaml.Node, asked []policy.Requirement, roles roles) {
	var slots []int // the requirement of each approval
	holders := make([][]promotion.PersonID, len(asked))
	for i, a := range asked {
		if people, known := roles.people(a.Role); known {
			holders[i] = people
			slots = append(slots, slices.Repeat([]int{i}, a.Count)...)
		}
	}
	filled := map[promotion.PersonID]int{} // the slot that each person fills
	var tried map[promotion.PersonID]bool
	var short map[int]bool
	var place func(slot int) bool
	place = func(slot int) bool {
		short[slots[slot]] = true
		for _, p := range holders[slots[slot]] {
			if tried[p] {
				continue
			}
			tried[p] = true
			if other, taken := filled[p]; !taken || place(other) {
				filled[p] = slot
				return true
			}
		}
		return false
	}
	for slot := range slots {
		tried, short = map[promotion.PersonID]bool{}, map[int]bool{}
		if place(slot) {
			continue
		}
		// Everybody who holds one of the roles in short has been tried.
		var names []string
		sum := 0
		for i, a := range asked {
			if short[i] {
				names, sum = append(names, a.Role), sum+a.Count
			}
		}
		r.Fault(at, fmt.Sprintf("%s together have to approve %d times, and %s", strings.Join(names, " and "), sum, hold(len(tried), "them")),
			"ask for fewer, or add people to the roles: one person is one approval, whatever roles they hold")
		return
	}
}
