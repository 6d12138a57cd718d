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
	return "this takes a role that the person does not hold"
}

// approvals places each approval that counts where it helps. One person fills
// one slot; who fills which is a maximum matching, so that two roles that
// share people never deadlock.
func approvals(d Document, f Facts) (Finding, []Assignment, []Discount) {
	var counting []promotion.Vote
	var roles [][]string
	var discounted []Discount
	terms := f.Promotion.TermsNow()
	for _, vote := range f.Votes {
		if vote.Decision != promotion.Approve {
			continue
		}
		may, refusal := MayApprove(d, f, vote.Person)
		if refusal == "" {
			refusal = vote.Terms.Differs(terms)
		}
		if refusal != "" {
			discounted = append(discounted, Discount{Person: vote.Person, Reason: refusal})
			continue
		}
		counting, roles = append(counting, vote), append(roles, may)
	}

	var slots []string
	for _, r := range d.Approvals {
		slots = append(slots, slices.Repeat([]string{r.Role}, r.Count)...)
	}
	var assigned []Assignment
	filled := map[string]int{}
	for voter, slot := range match(roles, slots) {
		if slot >= 0 {
			role := slots[slot]
			filled[role]++
			assigned = append(assigned, Assignment{Person: counting[voter].Person, Role: role, At: counting[voter].At})
		}
	}

	top := Finding{Rule: RuleApprovals, Outcome: Met, Reason: fmt.Sprintf("%d of %d approvals", len(assigned), len(slots))}
	for _, r := range d.Approvals {
		child := requirement(d, f, r, filled[r.Role], assigned)
		top.Outcome = worse(top.Outcome, child.Outcome)
		top.Children = append(top.Children, child)
	}
	return top, assigned, discounted
}

func requirement(d Document, f Facts, r Requirement, filled int, assigned []Assignment) Finding {
	finding := Finding{Rule: RuleRole, Outcome: Met, Reason: fmt.Sprintf("%d of %d from %s", filled, r.Count, r.Role)}
	if filled >= r.Count {
		return finding
	}
	finding.Outcome = Waiting
	roster := f.Rosters[r.Role]
	for _, id := range roster.Members {
		spoken := slices.ContainsFunc(assigned, func(a Assignment) bool { return a.Person == id })
		barred := id == f.Promotion.Requester && !d.RequesterMayApprove
		if known, ok := f.People[id]; ok && known.Standing != promotion.Member {
			barred = true
		}
		if !spoken && !barred {
			finding.Who = append(finding.Who, id)
		}
	}
	switch {
	case roster.Fault != "":
		finding.Reason += fmt.Sprintf("; its members can't be read: %s", roster.Fault)
	case len(roster.Members) == 0 && roster.ReadAt == nil && len(roster.Groups) > 0:
		finding.Reason += "; its members have not been read yet"
	case len(finding.Who) == 0:
		finding.Outcome = Blocked
		finding.Reason += "; nobody is left who could"
	}
	return finding
}

// match gives each voter a slot whose role the voter holds, or -1, so that as
// many slots as possible are filled (augmenting paths; both sides are small).
// Earlier voters keep a slot once they have one.
func match(roles [][]string, slots []string) []int {
	voterOf := slices.Repeat([]int{-1}, len(slots))
	var place func(voter int, tried []bool) bool
	place = func(voter int, tried []bool) bool {
		for s, role := range slots {
			if tried[s] || !slices.Contains(roles[voter], role) {
				continue
			}
			tried[s] = true
			if voterOf[s] < 0 || place(voterOf[s], tried) {
				voterOf[s] = voter
				return true
			}
		}
		return false
	}
	for voter := range roles {
		place(voter, make([]bool, len(slots)))
	}
	slotOf := slices.Repeat([]int{-1}, len(roles))
	for s, voter := range voterOf {
		if voter >= 0 {
			slotOf[voter] = s
		}
	}
	return slotOf
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

func identity(d Document, f Facts, assigned []Assignment, now time.Time) (Finding, []Subject) {
	var lookups []Subject
	for _, a := range assigned {
		for _, s := range Stale(d, f, a.Person, SureFor, now) {
			if !slices.Contains(lookups, s) {
				lookups = append(lookups, s)
			}
		}
	}
	if len(lookups) > 0 {
		return Finding{Rule: RuleIdentity, Outcome: Waiting, Reason: "reading in Slack who the approvers are, once more"}, lookups
	}
	return Finding{Rule: RuleIdentity, Outcome: Met, Reason: "who the approvers are was read just now"}, nil
}
