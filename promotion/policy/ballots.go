package policy

import (
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// voter is a person whose approval counts. Who has several accounts and has
// approved with more than one is one voter, with the roles of all of those.
type voter struct {
	person promotion.PersonID // the first account
	roles  roles
	own    roles // those of them that nobody has lent
	votes  []ballot
}

// ballot is a vote with the roles that it could fill.
type ballot struct {
	account promotion.PersonID
	roles   roles
	at      time.Time
}

// ballots are all votes, sorted by whether they count.
type ballots struct {
	voters     []voter
	discounted []Discount
	lapses     *time.Time // when the first of those that count stops counting by itself
}

// count takes the last word of each person, and what speaks against it.
func count(d Document, f Facts, p *plan, now time.Time) (b ballots) {
	type said struct {
		voter
		against Discount
	}
	all := make([]said, 0, len(f.Votes))
	single := make([]ballot, len(f.Votes)) // room for the one vote that nearly everybody has
	terms := f.Promotion.TermsNow()
	for v := range f.Votes {
		vote := &f.Votes[v]
		person := f.Identities.Of(vote.Person)
		i := 0
		for i < len(all) && all[i].person != person {
			i++
		}
		if i == len(all) {
			all = append(all, said{voter: voter{person: person, votes: single[len(all) : len(all) : len(all)+1]}})
		}
		if vote.Decision != promotion.Approve {
			all[i] = said{voter: voter{person: person}} // a person's last word counts, from whichever account
			continue
		}
		held, refusal := p.admit(&d, &f, vote.Person, vote.At, now)
		if refusal == "" {
			refusal = vote.Terms.Differs(terms)
		}
		if refusal == "" {
			refusal = d.Expires.lapsed(vote, now)
		}
		if refusal != "" {
			all[i].against = Discount{Person: vote.Person, Reason: refusal}
			continue
		}
		all[i].roles |= held
		all[i].own |= p.held[vote.Person]
		all[i].votes = append(all[i].votes, ballot{vote.Person, held, vote.At})
		if ends, some := d.Expires.lapse(vote); some {
			b.lapses = earlier(b.lapses, ends)
		}
	}
	b.voters = make([]voter, 0, len(all))
	for _, s := range all {
		switch {
		case len(s.votes) > 0:
			b.voters = append(b.voters, s.voter)
		case s.against.Reason != "":
			b.discounted = append(b.discounted, s.against)
		}
	}
	p.yield(f, &b)
	return b
}

func earlier(a *time.Time, b time.Time) *time.Time {
	if a != nil && a.Before(b) {
		return a
	}
	return &b
}

// Counts tells whether the account's own approval counts already, so that
// another click would change nothing.
func Counts(d Document, f Facts, id promotion.PersonID, now time.Time) bool {
	p := newPlan(d.Asks()).staff(f, now)
	for _, v := range count(d, f, p, now).voters {
		if slices.ContainsFunc(v.votes, func(b ballot) bool { return b.account == id && b.roles == p.may(id, now) }) {
			return true
		}
	}
	return false
}

// HasApproved tells whether the last word of the person is an approval, whether
// it counts or not.
func HasApproved(f Facts, id promotion.PersonID) (yes bool) {
	for _, v := range f.Votes {
		if f.Identities.Same(v.Person, id) {
			yes = v.Decision == promotion.Approve
		}
	}
	return yes
}

// other is an account that could still approve.
type other struct {
	account promotion.PersonID
	voter   int // whose account it is too, or -1
	roles   roles
	own     roles // those of them that nobody has lent
	paired  bool  // together one person with somebody whose approval counts: it would be the one or the other
}

// stillCould are the accounts whose approval is not there yet. Somebody about
// whom nothing has been read yet is given the benefit of the doubt here; the
// vote itself is not.
func stillCould(d Document, f Facts, p *plan, voters []voter, now time.Time) (others []other) {
	seen := map[promotion.PersonID]bool{}
	add := func(id promotion.PersonID) {
		if seen[id] {
			return
		}
		seen[id] = true
		if _, known := f.People[id]; known && notAMember(&f, id) != "" || p.excluded(&d, &f, id) != "" {
			return
		}
		of := voterOf(f, voters, id)
		if of >= 0 && slices.ContainsFunc(voters[of].votes, func(b ballot) bool { return b.account == id }) {
			return
		}
		_, paired := p.partner(f.Identities, id, func(other promotion.PersonID) bool { return voterOf(f, voters, other) >= 0 })
		others = append(others, other{id, of, p.may(id, now), p.held[id], paired})
	}
	for _, role := range p.roles {
		for _, id := range f.Rosters[role].Members {
			add(id)
		}
	}
	for _, one := range p.deputies {
		add(one.To)
	}
	return others
}

func voterOf(f Facts, voters []voter, id promotion.PersonID) int {
	return slices.IndexFunc(voters, func(v voter) bool { return f.Identities.Same(v.person, id) })
}
