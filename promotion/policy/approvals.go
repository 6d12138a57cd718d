package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// MayApprove says which of the required roles an approval by the person could
// fill, or why it can't count.
func MayApprove(d Document, f Facts, id promotion.PersonID, now time.Time) (roles []string, refusal string) {
	p := newPlan(d.Asks()).staff(f, now)
	held, refusal := p.admit(&d, &f, id, now, now)
	for i, role := range p.roles {
		if held>>i&1 == 1 {
			roles = append(roles, role)
		}
	}
	return roles, refusal
}

// admit are the roles that an approval by the account, given at an instant, could
// fill, or why it can't count.
func (p *plan) admit(d *Document, f *Facts, id promotion.PersonID, at, now time.Time) (held roles, refusal string) {
	if refusal := notAMember(f, id); refusal != "" {
		return 0, refusal
	}
	if d.Automatic {
		return 0, "no approval is asked for: it goes ahead by itself when everything else is met"
	}
	if refusal := p.excluded(d, f, id); refusal != "" {
		return 0, refusal
	}
	if held = p.may(id, at); held == 0 {
		return 0, p.roleless(*f, id, now)
	}
	return held, ""
}

// excluded says why the person can't approve, whatever roles they hold, or those
// with whom they are together one person.
func (p *plan) excluded(d *Document, f *Facts, id promotion.PersonID) string {
	if refusal := excluded(d, f, id); refusal != "" {
		return refusal
	}
	of := func(other promotion.PersonID) bool { return excluded(d, f, other) != "" }
	if other, ok := p.partner(f.Identities, id, of); ok {
		return excluded(d, f, other) + ", nor can somebody who is one person with them by a delegation"
	}
	return ""
}

// excluded is asked of people and not of accounts. What is asked once for each vote
// takes pointers: facts are large, and nothing here changes them.
func excluded(d *Document, f *Facts, id promotion.PersonID) string {
	if !d.RequesterMayApprove && f.Promotion.Requester != "" && f.Identities.Same(id, f.Promotion.Requester) {
		return "whoever requested a promotion can't approve it"
	}
	if d.AuthorsCannotApprove && wrote(*f, id) {
		return "whoever wrote what is in an image can't approve it"
	}
	return ""
}

func notAMember(f *Facts, id promotion.PersonID) string {
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

// MayLook says why the person is shown no more than what a card shows to everybody
// in its channel, or "". Guests may look: they are of the workspace.
func MayLook(f Facts, id promotion.PersonID) (refusal string) {
	switch f.People[id].Standing {
	case promotion.Member, promotion.Guest:
		return ""
	case promotion.External:
		return "only people of this workspace are shown more than the card"
	}
	return notAMember(&f, id)
}

func holdsOne(f Facts, roles []string, id promotion.PersonID) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return f.Rosters[role].Has(id) })
}

func noRole(f Facts, roles []string) string {
	for _, role := range roles {
		if fault := f.Rosters[role].Fault; fault != "" {
			return fmt.Sprintf("the members of %s can't be read: %s", role, fault)
		}
	}
	return "this takes a role that the person does not hold"
}

// approvals places each approval that counts where it helps: of all the ways to
// fulfil the document, in the one that lacks the fewest. One person fills one
// slot; who fills which is a maximum matching, so that two roles that share
// people never deadlock.
func approvals(d Document, f Facts, now time.Time) (Finding, []Assignment, []Discount) {
	p := newPlan(d.Asks()).staff(f, now)
	ballots := count(d, f, p, now)
	top := Finding{Rule: RuleApprovals, Outcome: Blocked, ChangesAt: p.delegationEnds(f, ballots.lapses, now)}
	switch {
	case d.Automatic:
		top.Outcome, top.Reason = Met, "no approval is asked for"
		return top, nil, ballots.discounted
	case d.Tree == nil && len(d.Approvals) == 0:
		// An empty document is what a step has whose policy was taken out of the
		// configuration. It must not read as "nothing is asked for".
		top.Reason = "the configuration has no policy for this step"
		return top, nil, ballots.discounted
	case p.fault != "":
		top.Reason = "the policy can't be fulfilled: " + p.fault
		return top, nil, ballots.discounted
	}
	s := solution{plan: p, document: d, facts: f, voters: ballots.voters, unread: p.unread(f), now: now}
	best, equals := s.best(p.ways)
	top.Reason = fmt.Sprintf("%d of %d approvals", best.filled(), p.slots(best.way))
	tree := s.finding(0, best)
	top.Outcome, top.Children = tree.Outcome, tree.Children
	if root := p.nodes[0]; len(root.of) == 0 || root.count < len(root.of) {
		top.Children = []Finding{tree}
	}
	if top.Outcome != Met {
		top.Who = s.couldHelp(equals, anyRole)
	}
	return top, s.assigned(best), ballots.discounted
}

// Stale lists what has to be read before it can be said who the person is and
// which of the required roles are theirs, given how old a reading may be.
func Stale(d Document, f Facts, id promotion.PersonID, maxAge time.Duration, now time.Time) []Subject {
	return append(stale(f, d.Approvers(), id, maxAge, now), staleDelegators(f, id, maxAge, now)...)
}

// StaleFor is Stale for a decision that is not an approval.
func StaleFor(decision promotion.Decision, d Document, f Facts, id promotion.PersonID, maxAge time.Duration, now time.Time) []Subject {
	switch decision {
	case promotion.Reject:
		return stale(f, d.MayVeto(), id, maxAge, now)
	case promotion.Lift:
		return stale(f, d.Reject.Lift, id, maxAge, now)
	case promotion.Withdraw:
		return stale(f, nil, id, maxAge, now)
	case promotion.BreakGlass:
		return stale(f, d.BreakGlass.breakers(), id, maxAge, now)
	case promotion.Fine, promotion.NotFine:
		return stale(f, f.glassReviewers(d), id, maxAge, now)
	}
	return Stale(d, f, id, maxAge, now)
}

func stale(f Facts, roles []string, id promotion.PersonID, maxAge time.Duration, now time.Time) []Subject {
	return append(staleAccount(&f, id, maxAge, now), staleRosters(f, roles, maxAge, now)...)
}

func staleAccount(f *Facts, id promotion.PersonID, maxAge time.Duration, now time.Time) []Subject {
	if known, ok := f.People[id]; !ok || now.Sub(known.ReadAt) > maxAge {
		return []Subject{{Person: id}}
	}
	return nil
}

func staleRosters(f Facts, roles []string, maxAge time.Duration, now time.Time) []Subject {
	var stale []Subject
	for _, role := range roles {
		roster := f.Rosters[role]
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
	roles := d.Approvers()
	var needed []Subject
	for _, a := range assigned {
		needed = append(needed, staleAccount(&f, a.Person, SureFor, now)...)
		if a.For != "" {
			needed = append(needed, staleAccount(&f, a.For, SureFor, now)...)
		}
	}
	if len(assigned) > 0 {
		needed = append(needed, staleRosters(f, roles, SureFor, now)...)
	}
	for _, s := range needed {
		if !slices.Contains(lookups, s) {
			lookups = append(lookups, s)
		}
	}
	if len(lookups) > 0 {
		return []Finding{{Rule: RuleIdentity, Outcome: Waiting, Reason: "reading in Slack who the approvers are, once more"}}, lookups
	}
	return []Finding{{Rule: RuleIdentity, Outcome: Met, Reason: "who the approvers are was read just now"}}, nil
}
