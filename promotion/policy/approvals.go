package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// MayApprove says which of the required roles an approval by the person could
// fill, or why it can't count.
func MayApprove(d Document, f Facts, id promotion.PersonID) (roles []string, refusal string) {
	if refusal := notAMember(f, id); refusal != "" {
		return nil, refusal
	}
	if d.Automatic {
		return nil, "no approval is asked for: it goes ahead by itself when everything else is met"
	}
	if id == f.Promotion.Requester && !d.RequesterMayApprove {
		return nil, "whoever requested a promotion can't approve it"
	}
	roles = rolesOf(d, f, id)
	if len(roles) == 0 {
		return nil, noRole(d, f)
	}
	return roles, ""
}

// MayReject says why the person can't reject, or "". Whoever holds a role that
// could approve can also say no; so can the requester.
func MayReject(d Document, f Facts, id promotion.PersonID) (refusal string) {
	if refusal := notAMember(f, id); refusal != "" {
		return refusal
	}
	if id != f.Promotion.Requester && len(rolesOf(d, f, id)) == 0 {
		return noRole(d, f)
	}
	return ""
}

func notAMember(f Facts, id promotion.PersonID) string {
	switch f.People[id].Standing {
	case promotion.Member:
		return ""
	case promotion.Guest:
		return "guests can't decide promotions"
	case promotion.External:
		return "members of other workspaces can't decide promotions"
	case promotion.Bot:
		return "bots and workflows can't decide promotions"
	case promotion.Deactivated:
		return "the account is deactivated"
	default:
		return "Slack does not know this account"
	}
}

func rolesOf(d Document, f Facts, id promotion.PersonID) []string {
	var roles []string
	for _, r := range d.Approvals {
		if f.Rosters[r.Role].Has(id) {
			roles = append(roles, r.Role)
		}
	}
	return roles
}

func noRole(d Document, f Facts) string {
	for _, r := range d.Approvals {
		if fault := f.Rosters[r.Role].Fault; fault != "" {
			return fmt.Sprintf("the members of %s can't be read: %s", r.Role, fault)
		}
	}
	if d.Automatic {
		return "nobody is asked for an approval here, so nobody has a role that could say no; whoever requested it can"
	}
	return "this takes a role that the person does not hold"
}

// approvals places each approval that counts where it helps. One person fills
// one slot; who fills which is a maximum matching, so that two roles that
// share people never deadlock.
func approvals(d Document, f Facts) (Finding, []Assignment, []Discount) {
	var counting []promotion.Vote
	var discounted []Discount
	m := matching{}
	for _, r := range d.Approvals {
		m.slots = append(m.slots, slices.Repeat([]string{r.Role}, r.Count)...)
	}
	m.holder = slices.Repeat([]int{-1}, len(m.slots))
	terms := f.Promotion.TermsNow()
	for i, vote := range f.Votes {
		again := func(later promotion.Vote) bool { return later.Person == vote.Person }
		if vote.Decision != promotion.Approve || slices.ContainsFunc(f.Votes[i+1:], again) {
			continue // a person's last word counts
		}
		roles, refusal := MayApprove(d, f, vote.Person)
		if refusal == "" {
			refusal = vote.Terms.Differs(terms)
		}
		if refusal != "" {
			discounted = append(discounted, Discount{Person: vote.Person, Reason: refusal})
			continue
		}
		counting = append(counting, vote)
		m.add(roles)
	}

	assigned := []Assignment{}
	filled := map[string]int{}
	for slot, voter := range m.holder {
		if voter >= 0 {
			filled[m.slots[slot]]++
			assigned = append(assigned, Assignment{Person: counting[voter].Person, Role: m.slots[slot], At: counting[voter].At})
		}
	}
	slices.SortStableFunc(assigned, func(a, b Assignment) int { return a.At.Compare(b.At) })

	if d.Automatic {
		return Finding{Rule: RuleApprovals, Outcome: Met, Reason: "no approval is asked for"}, nil, discounted
	}
	if len(d.Approvals) == 0 {
		// An empty document is what a step has whose policy was taken out of the
		// configuration. It must not read as "nothing is asked for".
		return Finding{Rule: RuleApprovals, Outcome: Blocked, Reason: "the configuration has no policy for this step"}, nil, discounted
	}
	top := Finding{Rule: RuleApprovals, Outcome: Met, Reason: fmt.Sprintf("%d of %d approvals", len(assigned), len(m.slots))}
	if len(assigned) < len(m.slots) {
		top.Outcome = Waiting
	}
	could, enough := whoElse(d, f, m, counting)
	for _, r := range d.Approvals {
		child := requirement(f, r, filled[r.Role], could, enough)
		top.Outcome = worse(top.Outcome, child.Outcome)
		top.Children = append(top.Children, child)
	}
	return top, assigned, discounted
}

// whoElse finds the people whose approval would fill one more slot, and
// whether all of them together would fill every slot. Somebody about whom
// nothing has been read yet is given the benefit of the doubt here; the vote
// itself is not.
func whoElse(d Document, f Facts, m matching, counting []promotion.Vote) (could []promotion.PersonID, enough bool) {
	all := m.clone()
	var seen []promotion.PersonID
	for _, r := range d.Approvals {
		for _, id := range f.Rosters[r.Role].Members {
			voted := slices.ContainsFunc(counting, func(v promotion.Vote) bool { return v.Person == id })
			if voted || slices.Contains(seen, id) {
				continue
			}
			seen = append(seen, id)
			if _, known := f.People[id]; known {
				if _, refusal := MayApprove(d, f, id); refusal != "" {
					continue
				}
			} else if id == f.Promotion.Requester && !d.RequesterMayApprove {
				continue
			}
			roles := rolesOf(d, f, id)
			if one := m.clone(); one.add(roles) {
				could = append(could, id)
			}
			all.add(roles)
		}
	}
	return could, !slices.Contains(all.holder, -1)
}

func requirement(f Facts, r Requirement, filled int, could []promotion.PersonID, enough bool) Finding {
	finding := Finding{Rule: RuleRole, Outcome: Met, Reason: fmt.Sprintf("%d of %d from %s", filled, r.Count, r.Role)}
	if filled >= r.Count {
		return finding
	}
	finding.Outcome = Waiting
	roster := f.Rosters[r.Role]
	for _, id := range could {
		if roster.Has(id) {
			finding.Who = append(finding.Who, id)
		}
	}
	if len(finding.Who) == 0 {
		// Somebody else's approval can free a holder of this role for this slot.
		finding.Who = could
	}
	switch {
	case roster.Fault != "":
		finding.Reason += fmt.Sprintf("; its members can't be read: %s", roster.Fault)
	case roster.ReadAt == nil && len(roster.Groups) > 0:
		finding.Reason += "; its members have not been read yet"
	case !enough:
		finding.Outcome = Blocked
		finding.Reason += "; not enough people are left who could"
	}
	return finding
}

// matching gives slots to voters: a maximum bipartite matching, grown one voter
// at a time along augmenting paths. Whoever has a slot keeps one.
type matching struct {
	slots  []string   // the role of each slot
	holder []int      // the voter in each slot, or -1
	roles  [][]string // the roles of each voter
}

func (m *matching) clone() matching {
	return matching{slots: m.slots, holder: slices.Clone(m.holder), roles: slices.Clone(m.roles)}
}

// add tells whether the voter fills one slot more.
func (m *matching) add(roles []string) bool {
	m.roles = append(m.roles, roles)
	return m.place(len(m.roles)-1, make([]bool, len(m.slots)))
}

func (m *matching) place(voter int, tried []bool) bool {
	for s, role := range m.slots {
		if tried[s] || !slices.Contains(m.roles[voter], role) {
			continue
		}
		tried[s] = true
		if m.holder[s] < 0 || m.place(m.holder[s], tried) {
			m.holder[s] = voter
			return true
		}
	}
	return false
}

// Stale lists what has to be read before it can be said who the person is and
// which of the required roles are theirs, given how old a reading may be.
func Stale(d Document, f Facts, id promotion.PersonID, maxAge time.Duration, now time.Time) []Subject {
	var stale []Subject
	if known, ok := f.People[id]; !ok || now.Sub(known.ReadAt) > maxAge {
		stale = append(stale, Subject{Person: id})
	}
	for _, r := range d.Approvals {
		roster := f.Rosters[r.Role]
		if len(roster.Groups) == 0 || roster.ReadAt != nil && now.Sub(*roster.ReadAt) <= maxAge {
			continue
		}
		for _, g := range roster.Groups {
			if !slices.Contains(stale, Subject{Group: g}) {
				stale = append(stale, Subject{Group: g})
			}
		}
	}
	return stale
}

func identity(d Document, f Facts, assigned []Assignment, now time.Time) ([]Finding, []Subject) {
	if d.Automatic && len(d.Reviewers()) == 0 {
		return nil, nil
	}
	lookups := staleSigners(d, f, now)
	for _, a := range assigned {
		for _, s := range Stale(d, f, a.Person, SureFor, now) {
			if !slices.Contains(lookups, s) {
				lookups = append(lookups, s)
			}
		}
	}
	if len(lookups) > 0 {
		return []Finding{{Rule: RuleIdentity, Outcome: Waiting, Reason: "reading in Slack who the approvers are, once more"}}, lookups
	}
	return []Finding{{Rule: RuleIdentity, Outcome: Met, Reason: "who the approvers are was read just now"}}, nil
}
