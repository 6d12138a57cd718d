package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// roles are the roles in the order of the document.
type roles struct {
	names  []string
	by     map[string]*role
	unread bool // nothing is known about them, so nothing can be missed

	identities promotion.Identities
}

// role is a role and where it names others.
type role struct {
	gate.Role
	others []*yaml.Node
	faulty bool // some of its members could not be read
}

func (r *reader) roles(root *yaml.Node, in map[string]strict.Pair, identities promotion.Identities) roles {
	all := roles{by: map[string]*role{}, identities: identities}
	p, ok := in[keyRoles]
	if !ok {
		r.missing(root, keyRoles, exampleRoles)
		all.unread = true
		return all
	}
	pairs, ok := r.Pairs(p.Value, keyRoles, exampleRoles)
	all.unread = !ok
	for _, p := range pairs {
		if r.name(p.At, p.Key) && slices.Contains(combining, p.Key) {
			r.Fault(p.At, fmt.Sprintf("%q says something about approvals, so it can't be a role", p.Key), "give the role another name")
		}
		all.names = append(all.names, p.Key)
		all.by[p.Key] = r.role(p)
	}
	for _, name := range all.names {
		role := all.by[name]
		for _, at := range role.others {
			if all.by[at.Value] == nil {
				r.unknownMember(at, all.names)
				role.faulty = true
			}
		}
	}
	r.cycles(all)
	return all
}

func (r *reader) role(p strict.Pair) *role {
	role := &role{}
	items, ok := r.Texts(p.Value, "the role "+p.Key, "[U0ANN, U0BOB]")
	if !ok {
		role.faulty = true
		return role
	}
	if len(items) == 0 {
		r.Fault(p.Value, fmt.Sprintf("the role %s names nobody", p.Key), "name people by their ids, such as [U0ANN, U0BOB], or take the role out")
		role.faulty = true
	}
	var had []string
	for _, item := range items {
		member, ok := r.Text(item, "a member of "+p.Key)
		if ok && slices.Contains(had, member) {
			r.Fault(item, fmt.Sprintf("%q is in %s already", strict.Clip(member), p.Key), "take one of the two out: one person is one approval")
			continue
		}
		had = append(had, member)
		if !ok || !r.member(role, item, member) {
			role.faulty = true
		}
	}
	return role
}

var (
	userID  = regexp.MustCompile(`^[UW][A-Z0-9]{2,}$`)
	groupID = regexp.MustCompile(`^S[A-Z0-9]{2,}$`)
	mention = regexp.MustCompile(`^<(?:@|!subteam\^)([A-Z0-9]+)(?:\|[^>]*)?>$`)
)

const whereIDs = "use the id, because names change hands: in Slack it is in a person's profile under ⋮ → Copy member ID (U…), or in the address of a user group's page (S…)"

func (r *reader) member(role *role, at *yaml.Node, member string) bool {
	switch {
	case userID.MatchString(member):
		role.People = append(role.People, promotion.PersonID(member))
		return true
	case groupID.MatchString(member):
		role.Groups = append(role.Groups, promotion.GroupID(member))
		return true
	}
	if m := mention.FindStringSubmatch(member); m != nil {
		r.Fault(at, fmt.Sprintf("%q is a mention, not an id", strict.Clip(member)), "write the bare id: "+m[1])
		return false
	}
	if _, err := promotion.ParseName(member); err != nil {
		r.Fault(at, fmt.Sprintf("%q is neither a person (U…), a user group (S…) nor a role", strict.Clip(member)), whereIDs)
		return false
	}
	role.Roles = append(role.Roles, member)
	role.others = append(role.others, at)
	return true
}

func (r *reader) unknownMember(at *yaml.Node, names []string) {
	upper := strings.ToUpper(at.Value)
	if strings.ContainsAny(upper, "0123456789") && (userID.MatchString(upper) || groupID.MatchString(upper)) {
		r.Fault(at, fmt.Sprintf("there is no role %q", at.Value), fmt.Sprintf("if it is an id, write it in capitals: %s", upper))
		return
	}
	r.Fault(at, fmt.Sprintf("there is no role %q", at.Value), strict.Meant(at.Value, names, "define it under roles, or write the id of a person (U…) or user group (S…)"))
}

// cycles reports every way in which a role leads back to itself, where it
// closes.
func (r *reader) cycles(all roles) {
	done := map[string]bool{}
	var path []string
	var visit func(name string)
	visit = func(name string) {
		if done[name] || all.by[name] == nil {
			return
		}
		path = append(path, name)
		for _, at := range all.by[name].others {
			if from := slices.Index(path, at.Value); from >= 0 {
				circle := strings.Join(append(slices.Clone(path[from:]), at.Value), " → ")
				r.Fault(at, "roles go in a circle: "+circle, "take one of them out of the other")
				all.by[name].faulty = true
				continue
			}
			visit(at.Value)
		}
		path = path[:len(path)-1]
		done[name] = true
	}
	for _, name := range all.names {
		visit(name)
	}
}

// people are those who hold the role, each by their first account. It is not known here when the role leads
// to a user group, whose members only Slack knows, or is itself at fault.
func (all roles) people(name string) (people []promotion.PersonID, known bool) {
	known = true
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		role := all.by[name]
		if seen[name] || role == nil {
			known = known && role != nil
			return
		}
		seen[name] = true
		known = known && !role.faulty && len(role.Groups) == 0
		for _, account := range role.People {
			people = append(people, all.identities.Of(account))
		}
		for _, other := range role.Roles {
			visit(other)
		}
	}
	visit(name)
	slices.Sort(people)
	return slices.Compact(people), known
}

func (all roles) catalog() map[string]gate.Role {
	catalog := map[string]gate.Role{}
	for name, role := range all.by {
		catalog[name] = role.Role
	}
	return catalog
}
