package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// How approvals are combined. What means something here can't be a role.
const (
	keyAll     = "all"
	keyAny     = "any"
	keyAtLeast = "at-least"
	keyOf      = "of"
	keyNone    = "none"

	exampleTree = "{any: [owners, {tech-leads: 2}]}"
)

var combining = []string{keyAll, keyAny, keyAtLeast, keyOf, keyNone}

// maxApprovals of one role is beyond what any card could show or any team ask.
const maxApprovals = policy.MaxApprovals

// approvals reads who has to approve: a list, all of which are needed, or a tree.
// It keeps the order of the document: it is the order on the card.
func (r *reader) approvals(n *yaml.Node, roles roles) (all []policy.Requirement, tree *policy.Tree) {
	t, sound := r.tree(n, roles)
	if !sound {
		return nil, nil
	}
	ways, err := t.Alternatives()
	if err != nil {
		r.Fault(n, "these approvals can't be asked for: "+err.Error(), "ask for less in one policy")
		return nil, nil
	}
	r.enough(n, ways, roles)
	if flat, ok := list(t); ok {
		return flat, nil
	}
	return nil, &t
}

// list is a tree that is a list of requirements, all of which are needed.
func list(t policy.Tree) (all []policy.Requirement, ok bool) {
	if t.Role != "" {
		return []policy.Requirement{{Role: t.Role, Count: t.Count}}, true
	}
	for _, of := range t.Of {
		if of.Role == "" || t.Count < len(t.Of) {
			return nil, false
		}
		all = append(all, policy.Requirement{Role: of.Role, Count: of.Count})
	}
	return all, true
}

func (r *reader) tree(n *yaml.Node, roles roles) (t policy.Tree, sound bool) {
	if r.IsText(n) {
		return policy.Tree{Role: n.Value, Count: 1}, r.asked(n, n.Value, roles)
	}
	pairs, ok := r.Pairs(n, keyApprovals, "{tech-leads: 2}, or as a role")
	if !ok {
		return t, false
	}
	if len(pairs) == 0 && len(n.Content) == 0 {
		r.Fault(n, "approvals asks nobody", "write {tech-leads: 1}, or none when it is to go ahead without anybody's approval")
		return t, false
	}
	if slices.ContainsFunc(pairs, func(p strict.Pair) bool {
		misspelt := p.Value.Kind == yaml.SequenceNode && roles.by[p.Key] == nil
		return misspelt || p.Key != keyNone && slices.Contains(combining, p.Key)
	}) {
		return r.combined(n, roles)
	}
	sound = len(pairs)*2 == len(n.Content)
	for _, p := range pairs {
		known := r.asked(p.At, p.Key, roles)
		count, ok := r.Count(p.Value, "the number of approvals by "+p.Key, maxApprovals)
		sound = sound && known && ok
		if people, known := roles.people(p.Key); ok && known && len(people) < count {
			r.Fault(p.Value, fmt.Sprintf("%s has to approve %d times, and %s", p.Key, count, hold(len(people), "it")), "ask for fewer, or add people to the role: one person is one approval")
			sound = false
		}
		t.Of = append(t.Of, policy.Tree{Role: p.Key, Count: count})
	}
	if len(t.Of) == 1 {
		return t.Of[0], sound
	}
	t.Count = len(t.Of)
	return t, sound
}

// combined reads {all: […]}, {any: […]} and {at-least: 2, of: […]}.
func (r *reader) combined(n *yaml.Node, roles roles) (t policy.Tree, sound bool) {
	in, ok := r.Fields(n, "a combination of approvals", exampleTree, keyAll, keyAny, keyAtLeast, keyOf)
	if !ok {
		return t, false
	}
	var how []string
	for _, key := range []string{keyAll, keyAny, keyAtLeast, keyOf} {
		if _, ok := in[key]; ok {
			how = append(how, key)
		}
	}
	if len(how) == 0 {
		return t, false
	}
	key := how[0]
	switch {
	case len(how) == 2 && key == keyAtLeast:
		key = keyOf
	case len(how) > 1 || key == keyAtLeast || key == keyOf:
		r.Fault(n, strings.Join(how, " and ")+" alone does not say what is enough", "write one of {all: […]}, {any: […]} and {at-least: 2, of: […]}")
		return t, false
	}
	items, ok := r.List(in[key].Value, key, "[owners, {tech-leads: 2}]")
	if !ok {
		return t, false
	}
	if len(items) == 0 {
		r.Fault(in[key].Value, key+" names nobody", "write what is enough, such as "+exampleTree)
		return t, false
	}
	sound = len(how)*2 == len(n.Content)
	for _, item := range items {
		of, ok := r.tree(item, roles)
		t.Of, sound = append(t.Of, of), sound && ok
	}
	switch key {
	case keyAll:
		t.Count = len(items)
	case keyAny:
		t.Count = 1
	case keyOf:
		if t.Count, ok = r.Count(in[keyAtLeast].Value, keyAtLeast, len(items)); !ok {
			return t, false
		}
	}
	if len(t.Of) == 1 {
		return t.Of[0], sound
	}
	return t, sound
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

// enough refuses approvals that can't be fulfilled in any of their ways.
func (r *reader) enough(at *yaml.Node, ways [][]policy.Requirement, roles roles) {
	var first string
	for _, asked := range ways {
		short := tooFew(asked, roles)
		if short == "" {
			return
		}
		if first == "" {
			first = short
		}
	}
	if len(ways) > 1 {
		first = fmt.Sprintf("none of the %d ways to fulfil it can be: in the first, %s", len(ways), first)
	}
	r.Fault(at, first, "ask for fewer, or add people to the roles: one person is one approval, whatever roles they hold")
}

// tooFew looks for a set of roles that together ask for more people than hold
// them: two leads and one of security can never be found among two people.
// Roles that lead to user groups can always grow, so they are left out.
func tooFew(asked []policy.Requirement, roles roles) string {
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
			if short[i] && !slices.Contains(names, a.Role) {
				names = append(names, a.Role)
			}
			if short[i] {
				sum += a.Count
			}
		}
		if len(names) == 1 {
			return fmt.Sprintf("%s has to approve %d times, and %s", names[0], sum, hold(len(tried), "it"))
		}
		return fmt.Sprintf("%s together have to approve %d times, and %s", strings.Join(names, " and "), sum, hold(len(tried), "them"))
	}
	return ""
}
