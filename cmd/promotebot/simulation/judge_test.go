package simulation

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// judge knows the rules, and everything that is true: what people were and did,
// what was committed, what the registry was asked. It is told of each event at
// the moment at which it takes effect. It shares no code with what it judges
// but the vocabulary; where the bot has a matching or a policy, it has a naive
// search.
type judge struct {
	w          *world
	promotions map[promotion.ID]promotion.Promotion // as last committed
	brought    []promotion.ID                       // those that have put tags where they were to be, in that order
	intended   map[promotion.ID]bool
	configured map[string]bool                 // hashes of the policies that the log says were put in force
	agreements []agreement                     // clicks on Approve
	words      map[standsBehind]bool           // approvals without a card
	votes      map[standsBehind]promotion.Vote // as last committed
	attempts   map[string]int                  // of each effect, the last that was claimed
	moved      map[moving]bool                 // the tags that the bot has changed
	holder     map[spot]promotion.ID           // of each tag, who put it last; 0 for somebody else
	confirmed  map[moving]promotion.Digest     // what the tag was last read as for the promotion
	copies     map[promotion.ID]*performance   // the last attempt at each copy
	targets    map[promotion.ID][]string       // that each was agreed to be deployed to
	arrived    map[promotion.Digest]time.Time
	answered   map[string]promotion.Answer // gestures, by their keys
	accepted   map[string]bool
	holds      map[int64]build               // that are in force
	tookBack   map[promotion.ID]build        // what was held because of a rollback, be it lifted since
	withdrawn  map[build]string              // by whom
	beside     map[promotion.ID]bool         // those that came when the policy had what was open stay
	spared     map[promotion.ID]promotion.ID // those that came when the policy had the oldest go on, and which that was
	there      map[spot]promotion.Digest     // what the bot believes of the tags that bring builds
	halts
	evidence
}

// agreement is what somebody saw who clicked on Approve.
type agreement struct {
	who promotion.PersonID
	sight
}

// moving is a tag that is moved for a promotion.
type moving struct {
	of promotion.ID
	spot
}

type standsBehind struct {
	who promotion.PersonID
	of  promotion.ID
}

func newJudge(w *world) *judge {
	return &judge{
		w: w, promotions: map[promotion.ID]promotion.Promotion{}, intended: map[promotion.ID]bool{}, configured: map[string]bool{},
		words: map[standsBehind]bool{}, votes: map[standsBehind]promotion.Vote{}, attempts: map[string]int{}, moved: map[moving]bool{}, holder: map[spot]promotion.ID{},
		confirmed: map[moving]promotion.Digest{}, copies: map[promotion.ID]*performance{}, targets: map[promotion.ID][]string{}, arrived: map[promotion.Digest]time.Time{},
		answered: map[string]promotion.Answer{}, accepted: map[string]bool{}, holds: map[int64]build{}, tookBack: map[promotion.ID]build{}, withdrawn: map[build]string{},
		beside: map[promotion.ID]bool{}, spared: map[promotion.ID]promotion.ID{}, there: map[spot]promotion.Digest{}, halts: newHalts(), evidence: newEvidence(),
	}
}

// agreed is told that somebody clicks on Approve.
func (j *judge) agreed(who promotion.PersonID, s sight) {
	j.agreements = append(j.agreements, agreement{who, s})
}

// said is told that somebody types an approval. It means the terms of the
// moment in which it is taken.
func (j *judge) said(who promotion.PersonID, of promotion.ID) {
	j.words[standsBehind{who, of}] = true
}

// built is told that CI puts a digest behind the watched tag.
func (j *judge) built(d promotion.Digest) {
	if _, before := j.arrived[d]; !before {
		j.arrived[d] = time.Now()
	}
}

// foreign is told that somebody else moves a tag: what the bot knew of it, and
// what it had done to it, is void.
func (j *judge) foreign(s spot) {
	j.holder[s] = 0
	for m := range j.moved {
		if m.spot == s {
			delete(j.moved, m)
		}
	}
}

func (j *judge) claimed(effects []promotion.Effect) {
	for _, e := range effects {
		j.attempts[e.Key] = e.Attempt
	}
}

// committed is told what a transaction has written, when it is true.
func (j *judge) committed(r *replica, s *recorder) {
	for _, v := range s.votes {
		j.votes[standsBehind{v.Person, v.Promotion}] = v
		if v.Decision == promotion.Approve {
			j.approvedAt[standsBehind{v.Person, v.Promotion}] = instant()
		}
	}
	before := maps.Clone(j.promotions)
	for _, e := range s.entries {
		j.stopped(e)
	}
	for _, report := range s.reports {
		report(j)
	}
	for _, g := range s.taken {
		j.taken(r, s, g)
	}
	transitions := 0
	for _, p := range s.saved {
		was, known := j.promotions[p.ID]
		if known && was.State != p.State || !known {
			transitions++
			j.transition(r, s, was.State, p)
		}
		j.promotions[p.ID] = p
		if cameToBe(p) && !cameToBe(was) {
			j.brought = append(j.brought, p.ID)
		}
	}
	for _, p := range s.saved {
		if now := j.promotions[p.ID]; now.Purpose == promotion.Rollback && now.State == promotion.Promoted && before[p.ID].State != promotion.Promoted {
			j.wentBack(now)
		}
	}
	for _, p := range s.saved { // a ride is judged by its train as it is now, wherever that was saved
		j.copying(r, before[p.ID], p)
	}
	entries := 0
	for _, e := range s.entries {
		j.w.note("%s records %s, #%d %v", r.name, e.Kind, e.Promotion, e.Detail)
		switch e.Kind {
		case audit.Opened, audit.Drifted, audit.Intended, audit.Ended, audit.Lifted:
			entries++
		case audit.Soaked:
			j.soaks[fmt.Sprintf("notice/%d/soaked/%d", e.Promotion, e.At.UnixMicro())]++
		case audit.Configured:
			for _, hash := range e.Detail["policies"].(map[string]any) {
				j.configured[hash.(string)] = true
			}
		}
	}
	entries += follow(s)
	if entries != transitions {
		j.w.violated("a transaction makes %d transitions and records %d", transitions, entries)
	}
}

func (j *judge) transition(r *replica, s *recorder, was promotion.State, p promotion.Promotion) {
	j.w.note("%s: #%d is %s now", r.name, p.ID, p.State)
	switch {
	case was == "" && p.State == promotion.Open:
		d := written(r.gate.Catalog(), p)
		j.beside[p.ID], j.opened[p.ID] = d.Supersede != policy.Replace, instant()
		if first, some := j.ahead(p); some && d.RideOldest {
			j.spared[p.ID] = first.ID
		}
		if p.Purpose == promotion.Rollback && p.Requester == "" && !j.byItself(p, d) {
			j.w.violated("#%d takes %s back, nobody has asked for that, and the policy does not", p.ID, p.Back.Bad.Short())
		}
	case was == promotion.Open && p.State == promotion.Executing && p.Purpose == promotion.Ride:
		j.departs(s, p)
	case was == promotion.Open && p.State == promotion.Executing:
		j.intends(r, s, p)
	case was == promotion.Open && p.State == promotion.Expired:
		j.expires(r, s, p)
	case was == promotion.Open && p.State == promotion.Superseded:
		j.givesWay(r, s, p)
	case was == promotion.Open && p.State == promotion.Rejected:
	case was == promotion.Rejected && p.State == promotion.Open:
		j.lifted(s, p)
	case was == promotion.Executing && p.State == promotion.Promoted:
		j.promoted(p)
	case was == promotion.Executing && p.State == promotion.Conflicted:
	case j.follows(r, s, was, p):
	case was == promotion.Executing && p.State == promotion.Failed && j.mayFail(p):
	default:
		j.w.violated("#%d goes from %q to %s", p.ID, was, p.State)
	}
}

// lifted judges that a rejection was taken back: by whoever rejected, and before
// anything else was asked about.
func (j *judge) lifted(s *recorder, p promotion.Promotion) {
	for _, e := range s.entries {
		if by := j.promotions[p.ID].EndedBy; e.Kind == audit.Lifted && e.Promotion == p.ID && personOf(promotion.PersonID(e.Actor)) != personOf(by) {
			j.w.violated("%s lifts the rejection of #%d by %s", e.Actor, p.ID, by)
		}
	}
	for _, other := range j.promotions {
		forward := other.App == p.App && other.Purpose == promotion.Forward && p.Purpose == promotion.Forward
		if forward && other.ID > p.ID && !other.ObservedAt.Before(p.ObservedAt) && (!j.beside[other.ID] && j.spared[other.ID] != p.ID || other.Digest == p.Digest) {
			j.w.violated("#%d is open again, and #%d came after it", p.ID, other.ID)
		}
	}
}

// intends judges the decision to execute, by what is true of the world in this
// moment and was within the freshness that policy.SureFor promises.
func (j *judge) intends(r *replica, s *recorder, p promotion.Promotion) {
	j.intended[p.ID] = true
	d := written(r.gate.Catalog(), p)
	if !j.configured[d.Hash()] {
		j.w.violated("#%d is executed under a policy that was never put in force", p.ID)
	}
	if p.Repairs() {
		d.Soak, d.Incidents = 0, policy.Interruptions{} // it has soaked, or runs already
		d.Deploys, d.Together, d.After, d.Exposure = nil, false, nil, promotion.Exposure{}
	}
	if p.Purpose == promotion.Restore {
		d.Checks = nil // they had passed
	}
	j.targets[p.ID] = d.Deploys
	demands := d
	if p.Purpose == promotion.Rollback {
		if d, demands = d.Returning(), returning(d); p.Requester == "" {
			d.Automatic, d.Reject.By = true, d.MayVeto()
		}
	}
	if p.PolicyHash != d.Hash() {
		j.w.violated("#%d is executed under policy %.8s, and the one in force is %.8s", p.ID, p.PolicyHash, d.Hash())
	}
	carried := []promotion.Promotion{p}
	if p.Purpose == promotion.Train {
		carried = j.rides(p)
		j.agreedTo(p, carried)
	}
	j.w.obstruct(carried)
	for _, part := range carried {
		j.mayGo(part)
	}
	lacks := j.lacks(r, p, carried, demands)
	if !j.agree(r, p, demands, policy.SureFor) && !j.byItself(p, demands) {
		lacks = append(lacks, fmt.Sprintf("the people behind it do not satisfy %q", d.Name))
	}
	j.goesPast(r, s, p, demands, lacks)
}

// written is the policy that the catalog has for a promotion.
func written(c *gate.Catalog, p promotion.Promotion) policy.Document {
	if p.Purpose == promotion.Train {
		t, _ := c.Train(p.App)
		return t.Policies[p.To]
	}
	app, _ := c.App(p.App)
	return app.Policies[p.To]
}

// mayGo judges what has to be true of every image that is to be promoted.
func (j *judge) mayGo(p promotion.Promotion) {
	j.mayCome(p)
	if !p.Stays() && j.arrived[p.Digest].IsZero() {
		j.w.violated("#%d is executed, and its digest was never where it comes from", p.ID)
	}
	for _, other := range j.promotions {
		if other.ID != p.ID && other.State.Moves() && other.App == p.App && other.To == p.To {
			j.w.violated("#%d is executed while #%d is %s", p.ID, other.ID, other.State)
		}
	}
	if p.Abroad() && (p.Copy == nil || p.Copy.DoneAt == nil || time.Since(*p.Copy.DoneAt) >= policy.CopiedFor) {
		j.w.violated("#%d is executed and what was copied was not compared", p.ID)
	}
}

// agree tells whether people who satisfy the policy, by what was true of them at
// some instant within the time, agree to the promotion as it is now.
func (j *judge) agree(r *replica, p promotion.Promotion, d policy.Document, within time.Duration) bool {
	var slots []string
	for _, need := range d.Approvals {
		slots = append(slots, slices.Repeat([]string{need.Role}, need.Count)...)
	}
	one := j.one(r, p, d)
	return len(slots) > 0 && j.filled(slots, people, one, func(who promotion.PersonID, role string) bool {
		if asked := personOf(p.Requester); (who == asked || one(who, asked)) && !d.RequesterMayApprove {
			return false
		}
		return slices.ContainsFunc(accountsOf(who), func(account promotion.PersonID) bool {
			yes, _ := j.held(r.gate.Catalog(), account, role, time.Now().Add(-within))
			return (yes > 0 || j.borrows(r, account, role, p, within, false)) && j.behind(account, p) && !j.lapsed(account, p, d)
		})
	})
}

// filled tries every way of giving each slot to another person, of whom no two are
// one.
func (j *judge) filled(slots []string, people []promotion.PersonID, one func(a, b promotion.PersonID) bool, fits func(promotion.PersonID, string) bool) bool {
	if len(slots) == 0 {
		return true
	}
	for _, who := range people {
		if !fits(who, slots[0]) {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(people), func(other promotion.PersonID) bool { return other == who || one(other, who) })
		if j.filled(slots[1:], others, one, fits) {
			return true
		}
	}
	return false
}

// behind tells whether somebody agreed to exactly what is being done: this
// digest, these tags, what they point at, under this policy.
func (j *judge) behind(who promotion.PersonID, p promotion.Promotion) bool {
	terms := p.TermsNow().Hash()
	if j.votes[standsBehind{who, p.ID}].Decision != promotion.Approve || j.unsaid(who, p) {
		return false // taken back since
	}
	for _, a := range j.agreements {
		if a.who == who && a.of == p.ID && a.terms == terms && strings.Contains(a.text, p.Digest.Short()) {
			return true
		}
	}
	if j.askedBack(who, p) {
		return true
	}
	pair := standsBehind{who, p.ID}
	return j.words[pair] && j.votes[pair].Decision == promotion.Approve && j.votes[pair].Terms.Hash() == terms
}

// held counts in how many of the states that the world was in since then
// somebody was a member of the workspace and held the role, and in how many not.
func (j *judge) held(c *gate.Catalog, who promotion.PersonID, role string, since time.Time) (yes, no int) {
	people := lasted(j.w.slack.people[who], func(s standing) time.Time { return s.since }, since)
	for _, s := range people {
		if s.is != promotion.Member {
			no++
			continue
		}
		if slices.Contains(c.Roles[role].People, who) {
			yes++
		}
		for _, id := range c.Roles[role].Groups {
			for _, g := range lasted(j.w.slack.groups[id], func(m membership) time.Time { return m.since }, since) {
				if slices.Contains(g.members, who) {
					yes++
				} else {
					no++
				}
			}
		}
	}
	return yes, no
}

// lasted are the states of a history that lasted until after the instant.
func lasted[T any](all []T, began func(T) time.Time, instant time.Time) []T {
	for i := len(all) - 1; i > 0; i-- {
		if !began(all[i]).After(instant) {
			return all[i:]
		}
	}
	return all
}

// read is told what the registry says of a tag.
func (j *judge) read(by *caller, s spot, d promotion.Digest) {
	if by.work != nil && (by.work.Kind == promotion.EffectMove || by.work.Kind == promotion.EffectUndo) {
		by.work.seen[s.tag] = d
		j.confirmed[moving{by.work.Promotion, s}] = d
	}
}

// put is told that the registry is about to store a manifest under a tag or its
// digest.
func (j *judge) put(by *caller, s spot, d promotion.Digest) {
	e := by.work
	late := e != nil && (e.Attempt != j.attempts[e.Key] || time.Now().After(e.LeaseUntil) && e.Kind != promotion.EffectCopy) // which is extended
	switch {
	case e == nil:
		j.w.violated("%s puts %s", by.name, s)
	case late && s.tag != string(d): // by its digest it is the same whoever puts it, and when
		j.w.violated("%s is put for #%d in attempt %d, whose lease is over", s, e.Promotion, e.Attempt)
	case e.Kind == promotion.EffectCopy && (s.tag == string(d) || strings.HasPrefix(s.tag, "sha256-")):
		j.sends(by, s.in)
	case e.Kind == promotion.EffectMove:
		j.puts(e, s, d)
	case e.Kind == promotion.EffectUndo:
		j.putsBack(e, s, d)
	default:
		j.w.violated("%s puts %s", by.name, s)
	}
}

// puts judges the move of a tag to what was agreed to.
func (j *judge) puts(e *performance, s spot, d promotion.Digest) {
	p := j.promotions[e.Promotion]
	i := slices.IndexFunc(p.Targets, func(t promotion.Target) bool { return t.Tag == s.tag })
	switch {
	case !j.intended[p.ID] || p.State != promotion.Executing:
		j.w.violated("%s is put for #%d, which is %s", s, p.ID, p.State)
	case d != p.Digest || i < 0 || s.in != p.Destination:
		j.w.violated("%s is put for #%d and was not agreed to", s, p.ID)
	}
	if j.w.broken != "" {
		return
	}
	j.came(p)
	if saw, read := e.seen[s.tag]; !read || saw != p.Targets[i].Now && saw != d {
		j.w.violated("%s is put for #%d; %s was expected there and %q read", s, p.ID, p.Targets[i].Now.Short(), saw.Short())
	}
	if newer := j.promotions[j.holder[s]]; newer.ObservedAt.After(p.ObservedAt) && p.Purpose != promotion.Rollback {
		j.w.violated("%s goes back from #%d to #%d, which is older", s, newer.ID, p.ID)
	}
	if j.w.registry.at(s) != d {
		this := moving{p.ID, s}
		if j.moved[this] {
			j.w.violated("%s is moved twice for #%d", s, p.ID)
		}
		j.moved[this], j.holder[s] = true, p.ID
	}
}

func (j *judge) promoted(p promotion.Promotion) {
	if p.Purpose == promotion.Train {
		return // its rides are
	}
	for _, t := range p.Targets {
		if j.confirmed[moving{p.ID, spot{p.Destination, t.Tag}}] != p.Digest {
			j.w.violated("#%d is promoted and %s was never read as its digest", p.ID, t.Tag)
		}
	}
}

// took is told what came of a delivery.
func (j *judge) took(g promotion.Gesture, a promotion.Answer, err error) {
	if err != nil {
		return
	}
	j.accepted[g.Key] = true
	if a.Verb == promotion.Checking {
		return
	}
	if was, before := j.answered[g.Key]; before && !reflect.DeepEqual(was, a) {
		j.w.violated("%s was answered %+v and then %+v", g.Key, was, a)
	}
	j.answered[g.Key] = a
}

// rest judges what is left when everything had time to come to rest.
func (j *judge) rest() {
	err := j.w.store.View(context.Background(), func(tx gate.Tx) error {
		j.gesturesLast(tx)
		for _, app := range j.w.apps {
			j.looksAreTrue(tx, app)
		}
		return nil
	})
	if err != nil {
		j.w.violated("the store can't be read: %v", err)
	}
	j.nothingIsStuck()
	j.everythingEnds()
	for _, p := range j.promotions {
		if p.Purpose == promotion.Rollback && p.State == promotion.Open {
			j.hasACause(p)
		}
	}
	j.trainsAreWhole()
	j.cardsShowTheTruth()
	j.logIsWhole()
}
