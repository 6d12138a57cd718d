package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// solution looks for the best way to place the voters.
type solution struct {
	*plan
	document Document
	facts    Facts
	voters   []voter
	unread   roles
	now      time.Time

	others []other
	known  bool // whether others have been found: they are asked about only where something is missing
}

// rest are the accounts that could still approve.
func (s *solution) rest() []other {
	if !s.known {
		s.others, s.known = stillCould(s.document, s.facts, s.plan, s.voters, s.now), true
	}
	return s.others
}

// attempt is one alternative with the voters in it.
type attempt struct {
	matching
	way       nodes
	reachable bool // with the people there are
}

func (s *solution) attempt(way nodes) attempt {
	a := attempt{matching: s.match(way, 0), way: way}
	a.matching.voters = make([]roles, 0, len(s.voters))
	for _, v := range s.voters {
		a.add(v.roles)
	}
	a.reachable = a.missing() == 0 || s.reaches(way)
	return a
}

// reaches tells whether everybody together would fill the alternative. Of a
// role whose holders are not known there may be any number.
func (s *solution) reaches(way nodes) bool {
	m := s.match(way, s.unread)
	with := map[promotion.PersonID]roles{}
	var people []promotion.PersonID
	add := func(person promotion.PersonID, of roles) {
		if _, had := with[person]; !had {
			people = append(people, person)
		}
		with[person] |= of
	}
	for _, v := range s.voters { // whoever has lent a role is there too
		add(v.person, v.own)
	}
	for _, o := range s.rest() {
		add(s.facts.Identities.Of(o.account), o.own)
	}
	for _, person := range people {
		m.add(with[person])
	}
	return m.missing() == 0
}

// best is the alternative to go for: one that can be reached, and of those the
// one that lacks the fewest approvals, has the most, and comes first in the
// document. Equals lack as many.
func (s *solution) best(ways []nodes) (best attempt, equals []attempt) {
	for i, way := range ways {
		a := s.attempt(way)
		switch {
		case i == 0 || a.reachable && !best.reachable, a.reachable == best.reachable && a.missing() < best.missing():
			best, equals = a, []attempt{a}
		case a.reachable == best.reachable && a.missing() == best.missing():
			if equals = append(equals, a); a.filled() > best.filled() {
				best = a
			}
		}
	}
	return best, equals
}

// couldHelp are those whose approval would fill one slot more of one of the
// roles, in one of the alternatives.
func (s *solution) couldHelp(in []attempt, of roles) (could []promotion.PersonID) {
	open := make([]roles, len(in))
	for i, a := range in {
		open[i] = a.open(of)
	}
	for _, o := range s.rest() {
		for i, a := range in {
			if o.paired {
				break
			}
			if o.voter < 0 && o.roles&open[i] != 0 || o.voter >= 0 && s.frees(o, a, of) {
				could = append(could, o.account)
				break
			}
		}
	}
	return could
}

// frees tells whether another account of somebody who is there already would
// help: it lets them fill a slot if they have none, or move to where they help
// more and leave theirs to somebody without one.
func (s *solution) frees(o other, a attempt, of roles) bool {
	a.voters = slices.Clone(a.voters)
	a.voters[o.voter] |= o.roles
	open := a.open(of)
	for v, held := range a.voters {
		if held&open != 0 && !a.placed(v) {
			return true
		}
	}
	return false
}

// assigned says whose approval fills which role. Voters are in the order of their
// first votes, so there is next to nothing left to be sorted.
func (s *solution) assigned(a attempt) []Assignment {
	all := make([]Assignment, 0, a.filled())
	fills := make([]int, len(s.voters)) // the role, counted from 1
	for r, holders := range a.holders {
		for _, v := range holders {
			fills[v] = r + 1
		}
	}
	for v, r := range fills {
		if r > 0 {
			b := s.with(v, r-1)
			all = append(all, Assignment{Person: b.account, Role: s.roles[r-1], At: b.at, For: s.lender(b, r-1)})
		}
	}
	slices.SortStableFunc(all, func(a, b Assignment) int { return a.At.Compare(b.At) })
	return all
}

// with is the vote with which the voter holds the role.
func (s *solution) with(voter, role int) ballot {
	votes := s.voters[voter].votes
	return votes[max(0, slices.IndexFunc(votes, func(b ballot) bool { return b.roles>>role&1 == 1 }))]
}

// story tells what each node of the tree has in an attempt. Each approval stands
// at one place even where a role is asked for at several.
type story struct {
	*solution
	attempt
	left [][]int // the voters in each role of whom nothing has been told yet
	told []int   // the others, in that order
}

func (s *solution) finding(at int, a attempt) Finding {
	t := story{solution: s, attempt: a, left: slices.Clone(a.holders), told: make([]int, 0, len(s.voters))}
	return t.tell(at)
}

func (t *story) tell(at int) Finding {
	n := t.nodes[at]
	if n.role >= 0 {
		return t.role(n)
	}
	f := Finding{Rule: RuleAll, Outcome: Met, Children: make([]Finding, len(n.of))}
	begun := len(t.told)
	for i, child := range n.of {
		if t.way&bit(child) != 0 {
			f.Children[i] = t.tell(child)
			f.Outcome = worse(f.Outcome, f.Children[i].Outcome)
		}
	}
	if n.count < len(n.of) {
		f.Rule = RuleChoice
		for i, child := range n.of {
			if t.way&bit(child) == 0 {
				f.Children[i] = t.instead(n, child, t.told[begun:])
			}
		}
	}
	f.Reason = summary(n, f)
	if f.Outcome == Met {
		return f
	}
	for _, c := range f.Children {
		for _, id := range c.Who {
			if !slices.Contains(f.Who, id) {
				f.Who = append(f.Who, id)
			}
		}
	}
	return f
}

func (t *story) role(n planned) Finding {
	f := Finding{Rule: RuleRole, Outcome: Met}
	have := min(n.count, len(t.left[n.role]))
	f.By = make([]promotion.PersonID, 0, have)
	for _, v := range t.left[n.role][:have] {
		f.By = append(f.By, t.with(v, n.role).account)
		t.told = append(t.told, v)
	}
	t.left[n.role] = t.left[n.role][have:]
	role := t.roles[n.role]
	f.Reason = strconv.Itoa(have) + " of " + strconv.Itoa(n.count) + " from " + role
	if have == n.count {
		return f
	}
	f.Outcome = Waiting
	f.Who = t.couldHelp([]attempt{t.attempt}, 1<<n.role)
	roster := t.facts.Rosters[role]
	switch {
	case roster.Fault != "":
		f.Reason += fmt.Sprintf("; its members can't be read: %s", roster.Fault)
	case roster.ReadAt == nil && len(roster.Groups) > 0:
		f.Reason += "; its members have not been read yet"
	case !t.reachable:
		f.Outcome = Blocked
		f.Reason += "; not enough people are left who could"
	}
	return f
}

// instead is what a child has that was not chosen: with those who have no slot
// yet and, where one child is enough, those in the slots of the chosen one.
func (t *story) instead(n planned, child int, told []int) Finding {
	free := solution{plan: t.plan, facts: t.facts, unread: t.unread, known: true}
	at := map[int]int{-1: -1} // of those who are free, their new number
	for v, voter := range t.solution.voters {
		if !t.placed(v) || n.count == 1 && slices.Contains(told, v) {
			at[v], free.voters = len(free.voters), append(free.voters, voter)
		}
	}
	for _, o := range t.rest() {
		if to, ok := at[o.voter]; ok {
			o.voter = to
			free.others = append(free.others, o)
		}
	}
	best, _ := free.best(t.alternatives(child))
	return free.finding(child, best)
}

// summary says of a node what its children lack.
func summary(n planned, f Finding) string {
	parts := make([]string, 0, len(f.Children))
	for i, c := range f.Children {
		switch {
		case f.Rule == RuleChoice && f.Outcome == Met && c.Outcome != Met:
		case len(n.of) > 1 && c.Rule != RuleRole:
			parts = append(parts, "("+c.Reason+")")
		default:
			parts = append(parts, f.Children[i].Reason)
		}
	}
	switch {
	case f.Rule == RuleAll || f.Outcome == Met:
		return strings.Join(parts, " and ")
	case n.count == 1:
		return "one of these is enough: " + strings.Join(parts, ", or ")
	}
	return fmt.Sprintf("%d of these are enough: %s", n.count, strings.Join(parts, ", or "))
}
