package policy

import (
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Tree is who has to approve, where that is more than a list: so many holders
// of a role, or so many of other trees. All of them is as many as there are, any
// is one.
type Tree struct {
	Role  string `json:",omitempty"`
	Count int    // of holders of Role, or of Of
	Of    []Tree `json:",omitempty"`
}

// How large a tree may be. It is evaluated by trying each of its alternatives,
// and a card with more could not be read.
const (
	MaxAlternatives = 64
	MaxApprovals    = 50 // in one alternative
	maxNodes        = 64
)

// Asks is who has to approve, as a tree.
func (d Document) Asks() Tree {
	if d.Tree != nil {
		return *d.Tree
	}
	t := Tree{Count: len(d.Approvals), Of: make([]Tree, len(d.Approvals))}
	for i, r := range d.Approvals {
		t.Of[i] = Tree{Role: r.Role, Count: r.Count}
	}
	return t
}

// Approvers are the roles that can approve, in the order of the document.
func (d Document) Approvers() []string {
	roles := make([]string, 0, max(len(d.Approvals), 1))
	var visit func(t Tree)
	visit = func(t Tree) {
		if t.Role != "" && !slices.Contains(roles, t.Role) {
			roles = append(roles, t.Role)
		}
		for _, of := range t.Of {
			visit(of)
		}
	}
	visit(d.Asks())
	return roles
}

// Alternatives are the ways in which the tree can be fulfilled, each a list of
// requirements that distinct people have to fulfil. The error is Invalid and
// says what there is too much of.
func (t Tree) Alternatives() ([][]Requirement, error) {
	p := newPlan(t)
	if p.fault != "" {
		return nil, promotion.Errorf(promotion.Invalid, "%s", p.fault)
	}
	var all [][]Requirement
	for _, ways := range p.ways {
		var needs []Requirement
		for i, n := range p.nodes {
			if ways&bit(i) != 0 && n.role >= 0 {
				needs = append(needs, Requirement{Role: p.roles[n.role], Count: n.count})
			}
		}
		all = append(all, needs)
	}
	return all, nil
}

// plan is a tree laid out to be counted with: what is chosen in it is a set of
// nodes, and roles are numbered, so that a set of them is a word.
type plan struct {
	nodes []planned
	roles []string
	ways  []nodes // the alternatives, in the order of the document
	fault string  // why it can't be counted with; empty when it can
	held  map[promotion.PersonID]roles

	deputies []deputy // who approves for whom
}

// planned is a node of the tree: a requirement, or a number of other nodes.
type planned struct {
	role  int // its number, or -1
	count int
	of    []int
}

type (
	nodes uint64
	roles uint64
)

func bit(i int) nodes { return 1 << i }

func newPlan(t Tree) *plan {
	p := &plan{nodes: make([]planned, 0, 1+len(t.Of)), roles: make([]string, 0, len(t.Of))}
	p.lay(t)
	if p.fault == "" {
		p.ways = p.alternatives(0)
	}
	for _, way := range p.ways {
		if n := p.slots(way); n > MaxApprovals {
			p.fault = fmt.Sprintf("it asks for %d approvals, and %d are the most", n, MaxApprovals)
		}
	}
	return p
}

func (p *plan) lay(t Tree) int {
	at := len(p.nodes)
	if at == maxNodes {
		p.fault = fmt.Sprintf("it has more than %d parts", maxNodes)
	}
	if p.fault != "" {
		return at
	}
	n := planned{role: -1, count: t.Count}
	if len(t.Of) == 0 && t.Role != "" {
		if n.role = slices.Index(p.roles, t.Role); n.role < 0 {
			n.role, p.roles = len(p.roles), append(p.roles, t.Role)
		}
	} else if n.count < 1 || n.count > len(t.Of) {
		p.fault = fmt.Sprintf("it asks for %d of %d", n.count, len(t.Of))
	}
	p.nodes = append(p.nodes, n)
	of := make([]int, 0, len(t.Of))
	for _, child := range t.Of {
		of = append(of, p.lay(child))
	}
	if at < len(p.nodes) {
		p.nodes[at].of = of
	}
	return at
}

// alternatives are the ways to fulfil a node. Of those that lead to as many
// children as are needed, each begins with fewer; what can't reach the number
// any more is dropped, so that no list on the way is longer than the last.
func (p *plan) alternatives(at int) []nodes {
	n := p.nodes[at]
	if n.role >= 0 {
		return []nodes{bit(at)}
	}
	if n.count == len(n.of) {
		return p.whole(at)
	}
	chosen := make([][]nodes, n.count+1) // by how many children
	chosen[0] = []nodes{bit(at)}
	for i, child := range n.of {
		of := p.alternatives(child)
		for k := min(i, n.count-1); k >= 0; k-- {
			if chosen[k+1] = append(chosen[k+1], both(chosen[k], of)...); len(chosen[k+1]) > MaxAlternatives {
				p.fault = fmt.Sprintf("there are more than %d ways to fulfil it", MaxAlternatives)
			}
			if left := len(n.of) - i - 1; k+left < n.count {
				chosen[k] = nil
			}
			if p.fault != "" {
				return nil
			}
		}
	}
	return chosen[n.count]
}

// whole are the ways to fulfil all children of a node.
func (p *plan) whole(at int) []nodes {
	ways := []nodes{bit(at)}
	for _, child := range p.nodes[at].of {
		if p.nodes[child].role >= 0 { // as nearly all are
			for i := range ways {
				ways[i] |= bit(child)
			}
			continue
		}
		if ways = both(ways, p.alternatives(child)); len(ways) > MaxAlternatives {
			p.fault = fmt.Sprintf("there are more than %d ways to fulfil it", MaxAlternatives)
		}
		if p.fault != "" {
			return nil
		}
	}
	return ways
}

func both(some, others []nodes) []nodes {
	all := make([]nodes, 0, len(some)*len(others))
	for _, a := range some {
		for _, b := range others {
			all = append(all, a|b)
		}
	}
	return all
}

// slots is how many approvals an alternative takes.
func (p *plan) slots(way nodes) (n int) {
	for rest := way; rest != 0; rest &= rest - 1 {
		if node := p.nodes[bits.TrailingZeros64(uint64(rest))]; node.role >= 0 {
			n += node.count
		}
	}
	return n
}

// staff notes which roles of the plan each account holds, and who can use those
// of others.
func (p *plan) staff(f Facts, now time.Time) *plan {
	p.held = make(map[promotion.PersonID]roles, len(f.People))
	for i, role := range p.roles {
		for _, id := range f.Rosters[role].Members {
			p.held[id] |= 1 << i
		}
	}
	p.deputize(f, now)
	return p
}

// unread are the roles of which it is not known who holds them.
func (p *plan) unread(f Facts) (unread roles) {
	for i, role := range p.roles {
		if r := f.Rosters[role]; r.Fault != "" || r.ReadAt == nil && len(r.Groups) > 0 {
			unread |= 1 << i
		}
	}
	return unread
}
