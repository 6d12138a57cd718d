package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Where things are stopped, people also go on holiday, and have others approve in
// their place. Those do so at once, or too late, or after the other has come back;
// and some pass on what was lent to them.

// delegate is somebody who can approve, mostly, and somebody who can't.
func (w *world) delegate() {
	by, to := people[w.draw(3)], []promotion.PersonID{eve, eve, w.somebody()}[w.draw(3)]
	w.lend(by, to)
	if w.chance(30) { // which lends what the other holds, and not that
		third := w.somebody()
		w.lend(to, third)
		to = third
	}
	for range 1 + w.draw(3) {
		w.after(time.Duration(w.draw(90_000))*time.Millisecond, func() { w.click(to) })
	}
	if w.chance(40) {
		w.after(w.soon(), func() { w.click(by) })
	}
	if w.chance(40) {
		w.after(w.soon(), func() {
			w.types([]promotion.PersonID{by, to}[w.draw(2)], promotion.GestureUndelegate, promotion.Gesture{})
		})
	}
}

func (w *world) lend(by, to promotion.PersonID) {
	w.types(by, promotion.GestureDelegate, promotion.Gesture{App: w.anything(), Whom: to, Until: fmt.Sprintf("%dm", 1+w.draw(3))})
}

// lending is that one person has another approve in their place.
type lending struct {
	app         string
	by, to      promotion.PersonID
	from, until time.Time
}

func (l lending) lasts() bool { return instant().Before(l.until) }

// lends is told that a delegation counts: it takes a role, and another person.
func (j *judge) lends(r *replica, s *recorder, g promotion.Gesture) {
	recorded := slices.ContainsFunc(s.entries, func(e audit.Entry) bool { return e.Kind == audit.Delegated && e.Actor == string(g.Person) })
	long, err := time.ParseDuration(g.Until)
	if err != nil {
		panic(err) // the script names minutes
	}
	switch {
	case !recorded:
		j.w.violated("%s delegates to %s, and nothing is recorded", g.Person, g.Whom)
	case personOf(g.Person) == personOf(g.Whom):
		j.w.violated("%s delegates to themselves", g.Person)
	case !j.couldBe(r, g.Person, policy.KnownFor, "leads", "security"):
		j.w.violated("%s delegates to %s what they do not hold", g.Person, g.Whom)
	}
	j.takesBack(func(l lending) bool { return l.by == g.Person && l.app == g.App })
	j.lent = append(j.lent, lending{g.App, g.Person, g.Whom, instant(), g.At.Add(long).Truncate(time.Microsecond)})
}

// regains is told that a delegation has ended: what the person has lent or, where
// that is nothing, what was lent to them.
func (j *judge) regains(g promotion.Gesture) {
	about := func(l lending, other promotion.PersonID) bool {
		return (g.App == "" || l.app == g.App) && (g.Whom == "" || g.Whom == other)
	}
	if !j.takesBack(func(l lending) bool { return l.by == g.Person && about(l, l.to) }) {
		j.takesBack(func(l lending) bool { return l.to == g.Person && about(l, l.by) })
	}
}

func (j *judge) takesBack(which func(lending) bool) (any bool) {
	for i, l := range j.lent {
		if l.lasts() && which(l) {
			j.lent[i].until, any = instant(), true
		}
	}
	return any
}

// deputies are the delegations about a promotion that are in force: of each person
// the one that says more of the app, or else the last.
func (j *judge) deputies(p promotion.Promotion) (all []lending) {
	of := map[promotion.PersonID]lending{}
	for _, l := range j.lent {
		if had, some := of[l.by]; l.lasts() && (l.app == "" || l.app == p.App) && (!some || l.app != "" || had.app == "") {
			of[l.by] = l
		}
	}
	for _, l := range j.lent {
		if of[l.by] == l {
			all = append(all, l)
		}
	}
	return all
}

// refrains tells whether the last word of a person about a promotion is not an
// approval, and was said since they have lent something.
func (j *judge) refrains(l lending, p promotion.Promotion) bool {
	var last promotion.Vote
	for _, account := range accountsOf(personOf(l.by)) {
		if v, voted := j.votes[standsBehind{account, p.ID}]; voted && !v.At.Before(last.At) {
			last = v
		}
	}
	return last.Decision != "" && last.Decision != promotion.Approve && !last.At.Before(l.from)
}

// borrows tells whether an account has approved in a role that was lent to it. Who
// lends it has to have held it at some instant within the time or, when it has to be
// sure, ever since.
func (j *judge) borrows(r *replica, account promotion.PersonID, role string, p promotion.Promotion, within time.Duration, sure bool) bool {
	at := j.approvedAt[standsBehind{account, p.ID}]
	return slices.ContainsFunc(j.deputies(p), func(l lending) bool {
		if l.to != account || at.Before(l.from) || personOf(l.by) == personOf(l.to) || j.refrains(l, p) {
			return false
		}
		yes, no := j.held(r.gate.Catalog(), l.by, role, time.Now().Add(-within))
		return yes > 0 && (no == 0 || !sure)
	})
}

// one tells whether two people are one by a delegation, for all that the bot
// may have read of them: then one of them counts.
func (j *judge) one(r *replica, p promotion.Promotion, d policy.Document) func(a, b promotion.PersonID) bool {
	var pairs []lending
	for _, l := range j.deputies(p) {
		ever := time.Now().Add(-policy.KnownFor)
		holds := slices.ContainsFunc(d.Approvals, func(need policy.Requirement) bool {
			yes, no := j.held(r.gate.Catalog(), l.by, need.Role, ever)
			return yes > 0 && no == 0
		})
		is := !slices.ContainsFunc(lasted(j.w.slack.people[l.to], func(s standing) time.Time { return s.since }, ever), func(s standing) bool { return s.is != promotion.Member })
		if holds && is {
			pairs = append(pairs, lending{by: personOf(l.by), to: personOf(l.to)})
		}
	}
	return func(a, b promotion.PersonID) bool {
		return slices.ContainsFunc(pairs, func(l lending) bool { return l.by == a && l.to == b || l.by == b && l.to == a })
	}
}

// hasSaid tells whether whoever lends something to an account has said something.
func (j *judge) hasSaid(pairs []lending, account promotion.PersonID, p promotion.Promotion) bool {
	return slices.ContainsFunc(pairs, func(l lending) bool {
		return personOf(l.to) == personOf(account) && slices.ContainsFunc(accountsOf(personOf(l.by)), func(by promotion.PersonID) bool {
			_, voted := j.votes[standsBehind{by, p.ID}]
			return voted
		})
	})
}
