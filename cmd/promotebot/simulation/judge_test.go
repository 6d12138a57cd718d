package simulation

import (
	"context"
	"fmt"
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
	intended   map[promotion.ID]bool
	configured map[string]bool                 // hashes of the policies that the log says were put in force
	agreements []agreement                     // clicks on Approve
	words      map[standsBehind]bool           // approvals without a card
	votes      map[standsBehind]promotion.Vote // as last committed
	attempts   map[string]int                  // of each effect, the last that was claimed
	moved      map[string]bool                 // "promotion tag": the tags that the bot has changed
	holder     map[string]promotion.ID         // of each tag, who put it last; 0 for somebody else
	confirmed  map[string]promotion.Digest     // "promotion tag": what the tag was last read as for it
	arrived    map[promotion.Digest]time.Time
	answered   map[string]promotion.Answer // gestures, by their keys
	accepted   map[string]bool
}

// agreement is what somebody saw who clicked on Approve.
type agreement struct {
	who promotion.PersonID
	sight
}

type standsBehind struct {
	who promotion.PersonID
	of  promotion.ID
}

func newJudge(w *world) *judge {
	return &judge{
		w: w, promotions: map[promotion.ID]promotion.Promotion{}, intended: map[promotion.ID]bool{}, configured: map[string]bool{},
		words: map[standsBehind]bool{}, votes: map[standsBehind]promotion.Vote{}, attempts: map[string]int{}, moved: map[string]bool{}, holder: map[string]promotion.ID{},
		confirmed: map[string]promotion.Digest{}, arrived: map[promotion.Digest]time.Time{},
		answered: map[string]promotion.Answer{}, accepted: map[string]bool{},
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
func (j *judge) foreign(tag string) {
	j.holder[tag] = 0
	for key := range j.moved {
		if strings.HasSuffix(key, " "+tag) {
			delete(j.moved, key)
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
	}
	transitions := 0
	for _, p := range s.saved {
		was, known := j.promotions[p.ID]
		if known && was.State != p.State || !known {
			transitions++
			j.transition(r, s, was.State, p)
		}
		j.promotions[p.ID] = p
	}
	entries := 0
	for _, e := range s.entries {
		j.w.note("%s records %s, #%d %v", r.name, e.Kind, e.Promotion, e.Detail)
		switch e.Kind {
		case audit.Opened, audit.Drifted, audit.Intended, audit.Ended, audit.Lifted:
			entries++
		case audit.Configured:
			for _, hash := range e.Detail["policies"].(map[string]any) {
				j.configured[hash.(string)] = true
			}
		}
	}
	if entries != transitions {
		j.w.violated("a transaction makes %d transitions and records %d", transitions, entries)
	}
}

func (j *judge) transition(r *replica, s *recorder, was promotion.State, p promotion.Promotion) {
	j.w.note("%s: #%d is %s now", r.name, p.ID, p.State)
	switch {
	case was == "" && p.State == promotion.Open:
	case was == promotion.Open && p.State == promotion.Executing:
		j.intends(r, p)
	case was == promotion.Open && (p.State == promotion.Rejected || p.State == promotion.Superseded):
	case was == promotion.Rejected && p.State == promotion.Open:
		j.lifted(s, p)
	case was == promotion.Executing && p.State == promotion.Promoted:
		j.promoted(p)
	case was == promotion.Executing && (p.State == promotion.Failed || p.State == promotion.Conflicted):
	default:
		j.w.violated("#%d goes from %q to %s", p.ID, was, p.State)
	}
}

// lifted judges that a rejection was taken back: by whoever rejected, and before
// anything else was asked about.
func (j *judge) lifted(s *recorder, p promotion.Promotion) {
	for _, e := range s.entries {
		if by := j.promotions[p.ID].EndedBy; e.Kind == audit.Lifted && e.Promotion == p.ID && e.Actor != string(by) {
			j.w.violated("%s lifts the rejection of #%d by %s", e.Actor, p.ID, by)
		}
	}
	for _, other := range j.promotions {
		if other.ID > p.ID && other.Purpose == promotion.Forward && p.Purpose == promotion.Forward && !other.ObservedAt.Before(p.ObservedAt) {
			j.w.violated("#%d is open again, and #%d came after it", p.ID, other.ID)
		}
	}
}

// intends judges the decision to execute, by what is true of the world in this
// moment and was within the freshness that policy.SureFor promises.
func (j *judge) intends(r *replica, p promotion.Promotion) {
	j.intended[p.ID] = true
	app, _ := r.gate.Catalog().App(p.App)
	d := app.Policies[p.To]
	if !j.configured[d.Hash()] {
		j.w.violated("#%d is executed under a policy that was never put in force", p.ID)
	}
	if p.Repairs() {
		d.Soak = 0 // it has soaked, or runs already
	}
	if p.PolicyHash != d.Hash() {
		j.w.violated("#%d is executed under policy %.8s, and the one in force is %.8s", p.ID, p.PolicyHash, d.Hash())
	}
	if arrived := j.arrived[p.Digest]; !p.Repairs() && (arrived.IsZero() || time.Since(arrived) < d.Soak) {
		j.w.violated("#%d is executed after %s of its soak of %s", p.ID, time.Since(arrived), d.Soak)
	}
	for _, other := range j.promotions {
		if other.ID != p.ID && other.State == promotion.Executing && other.App == p.App && other.To == p.To {
			j.w.violated("#%d is executed while #%d is", p.ID, other.ID)
		}
	}
	var slots []string
	for _, need := range d.Approvals {
		slots = append(slots, slices.Repeat([]string{need.Role}, need.Count)...)
	}
	if len(slots) == 0 || !j.filled(slots, everybody, func(who promotion.PersonID, role string) bool {
		return j.behind(who, p) && j.holds(r.gate.Catalog(), who, role) && (who != p.Requester || d.RequesterMayApprove)
	}) {
		j.w.violated("#%d is executed and the people behind it do not satisfy %q", p.ID, d.Name)
	}
}

// filled tries every way of giving each slot to another person.
func (j *judge) filled(slots []string, people []promotion.PersonID, fits func(promotion.PersonID, string) bool) bool {
	if len(slots) == 0 {
		return true
	}
	for i, who := range people {
		if fits(who, slots[0]) && j.filled(slots[1:], slices.Delete(slices.Clone(people), i, i+1), fits) {
			return true
		}
	}
	return false
}

// behind tells whether somebody agreed to exactly what is being done: this
// digest, these tags, what they point at, under this policy.
func (j *judge) behind(who promotion.PersonID, p promotion.Promotion) bool {
	terms := p.TermsNow().Hash()
	if j.votes[standsBehind{who, p.ID}].Decision != promotion.Approve {
		return false // taken back since
	}
	for _, a := range j.agreements {
		if a.who == who && a.of == p.ID && a.terms == terms && strings.Contains(a.text, p.Digest.Short()) {
			return true
		}
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

// holds tells whether somebody held the role at some instant that a decision of
// now may rest on.
func (j *judge) holds(c *gate.Catalog, who promotion.PersonID, role string) bool {
	yes, _ := j.held(c, who, role, time.Now().Add(-policy.SureFor))
	return yes > 0
}

// read is told what the registry says of a tag.
func (j *judge) read(by *caller, tag string, d promotion.Digest) {
	if by.work != nil && by.work.Kind == promotion.EffectMove {
		by.work.seen[tag] = d
		j.confirmed[fmt.Sprint(by.work.Promotion, " ", tag)] = d
	}
}

// put is told that the registry is about to store a manifest under a tag.
func (j *judge) put(by *caller, tag string, d promotion.Digest) {
	if by.work == nil || by.work.Kind != promotion.EffectMove {
		j.w.violated("%s puts %s", by.name, tag)
		return
	}
	e := by.work
	p, key := j.promotions[e.Promotion], fmt.Sprint(e.Promotion, " ", tag)
	i := slices.IndexFunc(p.Targets, func(t promotion.Target) bool { return t.Tag == tag })
	switch {
	case !j.intended[p.ID] || p.State != promotion.Executing:
		j.w.violated("%s is put for #%d, which is %s", tag, p.ID, p.State)
	case d != p.Digest || i < 0:
		j.w.violated("%s is put for #%d and was not agreed to", tag, p.ID)
	case e.Attempt != j.attempts[e.Key] || time.Now().After(e.LeaseUntil):
		j.w.violated("%s is put for #%d in attempt %d, whose lease is over", tag, p.ID, e.Attempt)
	}
	if j.w.broken != "" {
		return
	}
	if saw, read := e.seen[tag]; !read || saw != p.Targets[i].Now && saw != d {
		j.w.violated("%s is put for #%d; %s was expected there and %q read", tag, p.ID, p.Targets[i].Now.Short(), saw.Short())
	}
	if newer := j.promotions[j.holder[tag]]; newer.ObservedAt.After(p.ObservedAt) {
		j.w.violated("%s goes back from #%d to #%d, which is older", tag, newer.ID, p.ID)
	}
	if j.w.registry.tags[tag] != d {
		if j.moved[key] {
			j.w.violated("%s is moved twice for #%d", tag, p.ID)
		}
		j.moved[key], j.holder[tag] = true, p.ID
	}
}

func (j *judge) promoted(p promotion.Promotion) {
	for _, t := range p.Targets {
		if j.confirmed[fmt.Sprint(p.ID, " ", t.Tag)] != p.Digest {
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
		j.looksAreTrue(tx)
		return nil
	})
	if err != nil {
		j.w.violated("the store can't be read: %v", err)
	}
	j.nothingIsStuck()
	j.everythingEnds()
	j.cardsShowTheTruth()
	j.logIsWhole()
}
