package policy

import (
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// For as long as a delegation is in force, the two are together one person:
//
//   - The delegate fills a slot with the roles that the delegator holds now, and
//     with those of their own. Roles that were lent are not lent on.
//   - Never do both fill a slot. The delegator's own word goes before: when both
//     have approved, the delegator's approval counts and the delegate's does not;
//     when the delegator has taken theirs back since, nobody says yes for them.
//   - If one of them requested it, or wrote what is in the image, neither can
//     approve.
//
// A delegation by somebody who holds none of the roles that are asked changes
// nothing, so nobody can be kept from approving by one.

// deputy is a delegation in force, with the roles that it lends.
type deputy struct {
	promotion.Delegation
	lends roles
}

// deputize finds the delegations that count. One that names the app goes before
// one for everything, and else the newest, so that a person has one deputy.
func (p *plan) deputize(f Facts, now time.Time) {
	for _, g := range f.Delegations {
		held := p.held[g.By]
		if !g.At(now) || !p.concerns(f, g) {
			continue
		}
		nearer := func(other promotion.Delegation) bool {
			return other.By == g.By && other.At(now) && (other.App != "" && g.App == "" || (other.App == "") == (g.App == "") && other.ID > g.ID)
		}
		if slices.ContainsFunc(f.Delegations, nearer) {
			continue
		}
		one := deputy{g, held}
		if f.refrains(g) {
			one.lends = 0
		}
		p.deputies = append(p.deputies, one)
	}
}

// concerns tells whether a delegation counts while it is in force, unless another
// goes before it.
func (p *plan) concerns(f Facts, g promotion.Delegation) bool {
	return p.held[g.By] != 0 && !f.Identities.Same(g.By, g.To) && notAMember(&f, g.By) == "" && notAMember(&f, g.To) == ""
}

// StandIns are the delegations that count for an open promotion. What is said of any
// other would not be looked at again when it ends.
func StandIns(d Document, f Facts, now time.Time) (all []promotion.Delegation) {
	if len(f.Delegations) == 0 {
		return nil
	}
	for _, one := range newPlan(d.Asks()).staff(f, now).deputies {
		all = append(all, one.Delegation)
	}
	return all
}

// refrains tells whether the last word of the delegator is not an approval, and
// was said since they delegated.
func (f Facts) refrains(g promotion.Delegation) (yes bool) {
	for _, v := range f.Votes {
		if f.Identities.Same(v.Person, g.By) {
			yes = v.Decision != promotion.Approve && !v.At.Before(g.From)
		}
	}
	return yes
}

// may are the roles that an approval by the account at the instant can fill: its
// own, and those that others had lent by then. An approval from before is nobody's
// but their own.
func (p *plan) may(id promotion.PersonID, at time.Time) roles {
	all := p.held[id]
	for _, one := range p.deputies {
		if one.To == id && !at.Before(one.From) {
			all |= one.lends
		}
	}
	return all
}

// lender is whose role it is with which the ballot fills a slot; empty for their
// own.
func (p *plan) lender(b ballot, role int) promotion.PersonID {
	if p.held[b.account]>>role&1 == 1 {
		return ""
	}
	for _, one := range p.deputies {
		if one.To == b.account && !b.at.Before(one.From) && one.lends>>role&1 == 1 {
			return one.By
		}
	}
	return ""
}

// roleless says why an account fills no slot.
func (p *plan) roleless(f Facts, id promotion.PersonID, now time.Time) string {
	if slices.ContainsFunc(f.Delegations, func(g promotion.Delegation) bool { return g.To == id && !g.At(now) && p.concerns(f, g) }) {
		return "this takes a role that the person does not hold, and what was delegated to them has ended"
	}
	return noRole(f, p.roles)
}

// partner is the other one of a pair that the person belongs to and that is
// together one person, for whom that is so.
func (p *plan) partner(same promotion.Identities, id promotion.PersonID, is func(promotion.PersonID) bool) (one promotion.PersonID, ok bool) {
	for _, d := range p.deputies {
		switch {
		case same.Same(d.To, id) && is(d.By):
			return d.By, true
		case same.Same(d.By, id) && is(d.To):
			return d.To, true
		}
	}
	return "", false
}

// yield takes out of those who have approved whoever is the delegate of another:
// of two who are together one person, one counts.
func (p *plan) yield(f Facts, b *ballots) {
	at := func(id promotion.PersonID) int {
		return slices.IndexFunc(b.voters, func(v voter) bool { return f.Identities.Same(v.person, id) })
	}
	for _, d := range p.deputies {
		to := at(d.To)
		if at(d.By) < 0 || to < 0 {
			continue
		}
		b.discounted = append(b.discounted, Discount{Person: b.voters[to].votes[0].account, Reason: yielded, Of: d.By})
		b.voters = slices.Delete(b.voters, to, to+1)
	}
}

// yielded is why the approval of a delegate does not count.
const yielded = "the person for whom they can approve has approved; together they count once, until the delegation ends"

// delegationEnds is when the first delegation ends by itself. One that another goes
// before has its say, too: why an approval does not count is another reason then.
func (p *plan) delegationEnds(f Facts, had *time.Time, now time.Time) *time.Time {
	for _, g := range f.Delegations {
		if g.At(now) && p.concerns(f, g) {
			had = earlier(had, g.Until)
		}
	}
	return had
}

// MayDelegate says why the person can't have the other one approve in their
// place, or "". It takes a role that can approve, and somebody who is a person of
// this workspace.
func MayDelegate(d Document, f Facts, by, to promotion.PersonID) (refusal string) {
	if refusal := notAMember(&f, by); refusal != "" {
		return refusal
	}
	if f.Identities.Same(by, to) {
		return "nobody can delegate to themselves"
	}
	if refusal := notAMember(&f, to); refusal != "" {
		return "it can't be delegated to them: " + refusal
	}
	if roles := d.Approvers(); !holdsOne(f, roles, by) {
		return noRole(f, roles)
	}
	return ""
}

// staleDelegators are those in whose place the account could approve, about whom
// too little is known.
func staleDelegators(f Facts, id promotion.PersonID, maxAge time.Duration, now time.Time) (all []Subject) {
	for _, g := range f.Delegations {
		if g.To == id && g.At(now) {
			all = append(all, staleAccount(&f, g.By, maxAge, now)...)
		}
	}
	return all
}
