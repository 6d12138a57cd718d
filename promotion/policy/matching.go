package policy

import (
	"math/bits"
	"slices"
)

// matching gives the slots of one alternative to voters: a maximum bipartite
// matching, grown one voter at a time along augmenting paths. Whoever has a slot
// keeps one. The slots of a role are alike, so it is roles that are searched.
type matching struct {
	room    []int   // how many slots each role has
	holders [][]int // which voters are in them
	voters  []roles // the roles of each voter
}

func (p *plan) match(way nodes, but roles) matching {
	m := matching{room: make([]int, len(p.roles)), holders: make([][]int, len(p.roles))}
	all := 0
	for rest := way; rest != 0; rest &= rest - 1 {
		n := p.nodes[bits.TrailingZeros64(uint64(rest))]
		if n.role >= 0 && but>>n.role&1 == 0 {
			m.room[n.role] += n.count
			all += n.count
		}
	}
	seats := make([]int, all)
	for r, room := range m.room {
		m.holders[r], seats = seats[:0:room], seats[room:]
	}
	return m
}

// add tells whether the voter fills one slot more.
func (m *matching) add(of roles) bool {
	m.voters = append(m.voters, of)
	var tried roles
	return m.place(len(m.voters)-1, &tried)
}

func (m *matching) place(voter int, tried *roles) bool {
	for rest := m.voters[voter] &^ *tried; rest != 0; rest = m.voters[voter] &^ *tried {
		r := bits.TrailingZeros64(uint64(rest))
		*tried |= 1 << r
		if len(m.holders[r]) < m.room[r] {
			m.holders[r] = append(m.holders[r], voter)
			return true
		}
		for i, other := range m.holders[r] {
			if m.place(other, tried) {
				m.holders[r][i] = voter
				return true
			}
		}
	}
	return false
}

func (m *matching) filled() (n int) {
	for _, h := range m.holders {
		n += len(h)
	}
	return n
}

func (m *matching) missing() (n int) {
	for r, h := range m.holders {
		n += m.room[r] - len(h)
	}
	return n
}

// anyRole is every role.
const anyRole = ^roles(0)

// open are the roles with which one voter more would fill a slot of one of the
// roles in of: those of them that have room, and those that a holder could leave
// for an open one.
func (m *matching) open(of roles) (open roles) {
	for r, h := range m.holders {
		if len(h) < m.room[r] {
			open |= 1 << r
		}
	}
	open &= of
	for grown := open != 0; grown; {
		grown = false
		for r, h := range m.holders {
			for _, voter := range h {
				if open>>r&1 == 0 && m.voters[voter]&open != 0 {
					open, grown = open|1<<r, true
				}
			}
		}
	}
	return open
}

// placed tells whether the voter has a slot.
func (m *matching) placed(voter int) bool {
	for _, h := range m.holders {
		if slices.Contains(h, voter) {
			return true
		}
	}
	return false
}
