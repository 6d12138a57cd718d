package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What has to be true when nothing has gone wrong for a while.

// gesturesLast: what was acknowledged is there, decided, and has its answer.
func (j *judge) gesturesLast(tx gate.Tx) {
	for key := range j.accepted {
		_, stored, err := tx.Gesture(key)
		first, answered := j.answered[key]
		switch {
		case err != nil:
			j.w.violated("%s was acknowledged and is gone: %v", key, err)
		case stored == nil:
			j.w.violated("%s was acknowledged and is still undecided", key)
		case answered && !reflect.DeepEqual(first, *stored):
			j.w.violated("%s was answered %+v, and %+v is stored", key, first, *stored)
		}
	}
	if waiting, err := tx.UndecidedGestures(); err != nil || len(waiting) > 0 {
		j.w.violated("%d gestures are undecided (%v)", len(waiting), err)
	}
}

// looksAreTrue: what the bot takes the tags to be is what they are.
func (j *judge) looksAreTrue(tx gate.Tx, app string) {
	held := map[string]promotion.Digest{}
	if d := j.w.registry.at(j.w.runs(app)); d != "" {
		held[production] = d
	}
	j.believed(tx, app, source, promotion.Source, j.w.registry.sources(app))
	j.believed(tx, app, production, promotion.Held, held)
	watches, err := tx.Watches()
	for _, watch := range watches {
		if watch.Fault != "" {
			j.w.violated("%s can be read, and the bot believes %q (%v)", watch.Environment, watch.Fault, err)
		}
	}
}

func (j *judge) believed(tx gate.Tx, app, env string, side promotion.Side, is map[string]promotion.Digest) {
	holdings, err := tx.Holdings(app, env, side)
	believed := map[string]promotion.Digest{}
	for _, h := range holdings {
		believed[h.Tag] = h.Digest
	}
	if err != nil || !maps.Equal(believed, is) {
		j.w.violated("of %s there is %v in %s, and the bot believes %v (%v)", app, is, env, believed, err)
	}
}

// Effects that should be done when all is quiet.
var errands = []promotion.EffectKind{
	promotion.EffectInspect, promotion.EffectReadTags, promotion.EffectResolve, promotion.EffectProve, promotion.EffectCopy, promotion.EffectMove, promotion.EffectUndo, promotion.EffectCard,
	promotion.EffectNotice, promotion.EffectTell, promotion.EffectSay, promotion.EffectPerson, promotion.EffectGroup, promotion.EffectChannel, promotion.EffectDeploy, promotion.EffectObserve,
}

// appointments are what is looked at again when its time comes.
var appointments = []promotion.EffectKind{promotion.EffectWake}

// allEnded tells whether every promotion has, with all that follows.
func (j *judge) allEnded() bool {
	for _, p := range j.promotions {
		if !p.State.Final() || p.Owed() != nil {
			return false
		}
	}
	return true
}

// goesAhead tells whether something is on its way that nobody holds up.
func (j *judge) goesAhead() bool {
	for _, p := range j.promotions {
		switch p.State {
		case promotion.Executing, promotion.Watching:
			return true
		case promotion.Deploying:
			if !j.isHeld(p, written(j.w.replicas[0].gate.Catalog(), p)) {
				return true
			}
		}
	}
	return false
}

// looked tells whether the bot has read all that it watches.
func (j *judge) looked() bool {
	all := true
	err := j.w.store.View(context.Background(), func(tx gate.Tx) error {
		watches, err := tx.Watches()
		for _, watch := range watches {
			all = all && watch.Fault == ""
		}
		return err
	})
	return err == nil && all
}

// forPeople tells whether nothing but approvals, or the word of somebody, is waited
// for.
func (j *judge) forPeople() bool {
	for _, p := range j.promotions {
		if p.State.Final() || p.State == promotion.Failing || p.Purpose == promotion.Ride && j.promotions[p.Train].State == promotion.Open {
			continue
		}
		v, err := j.w.look(j.w.replicas[0], p.ID)
		if err != nil || p.State != promotion.Open || !v.Verdict.OnlyApprovals() {
			return false
		}
	}
	return true
}

func (j *judge) nothingIsStuck() {
	// What expires may be asked about again, and expire again: that never ends. Nor do windows.
	due, any, err := j.w.store.NextDue(context.Background(), errands)
	if waits := any && due.After(time.Now()) && j.w.strict; any && !waits || err != nil {
		j.w.violated("an effect due at %s is not done (%v)", due.Format(time.TimeOnly), err)
	}
	due, any, err = j.w.store.NextDue(context.Background(), appointments)
	if waits := any && due.After(time.Now()) && (j.w.strict || j.w.proving || j.allEnded() || j.forPeople()); any && !waits || err != nil {
		j.w.violated("an appointment at %s is not kept (%v)", due.Format(time.TimeOnly), err)
	}
	for _, kind := range []promotion.EffectKind{promotion.EffectRefresh, promotion.EffectRemind} {
		if due, any, err := j.w.store.NextDue(context.Background(), []promotion.EffectKind{kind}); !any || !due.After(time.Now()) || err != nil {
			j.w.violated("the next %s is at %s (%v)", kind, due, err)
		}
	}
}

// everythingEnds: a promotion is final, or waits for something that is really
// missing.
func (j *judge) everythingEnds() {
	for _, r := range j.w.replicas {
		if r.isDead() {
			continue
		}
		for _, p := range j.promotions {
			if p.State.Final() || p.Purpose == promotion.Ride && j.promotions[p.Train].State == promotion.Open { // which is looked at with its train
				continue
			}
			if p.State == promotion.Failing { // a person has to decide
				continue
			}
			if p.State == promotion.Deploying && j.isHeld(p, written(r.gate.Catalog(), p)) {
				continue
			}
			if p.State == promotion.Open && j.hasExpired(p, written(r.gate.Catalog(), p)) && j.glass[p.ID] == nil {
				j.w.violated("#%d has expired, and is open", p.ID)
			}
			v, err := j.w.look(r, p.ID)
			if err != nil || p.State != promotion.Open || v.Verdict.Outcome == policy.Met {
				j.w.violated("#%d is %s, and its verdict %s (%v)", p.ID, p.State, v.Verdict.Outcome, err)
				continue
			}
			for _, f := range v.Verdict.Findings {
				if f.Outcome != policy.Met && !j.missing(r, v, f) {
					j.w.violated("#%d waits without need: %s", p.ID, f.Reason)
				}
			}
		}
	}
}

// readEvery is how often the directory is read, and a minute.
const readEvery = 11 * time.Minute

// missing tells whether what a finding says is missing is really missing.
func (j *judge) missing(r *replica, v policy.View, f policy.Finding) bool {
	p := v.Facts.Promotion
	switch f.Rule {
	case policy.RuleRide:
		for i, ride := range v.Facts.Rides { // in the order of the findings
			if v.Verdict.Findings[i].Reason != f.Reason {
				continue
			}
			for _, of := range f.Children {
				if of.Outcome != policy.Met && !j.missing(r, policy.View{Facts: ride, Document: v.Document}, of) {
					return false
				}
			}
			return true
		}
	case policy.RuleSource:
		return !j.w.registry.staged(p.App, p.Digest)
	case policy.RuleSoak:
		return !j.w.registry.staged(p.App, p.Digest) || j.interrupted(p, v.Document, time.Now()) || j.soaked(p, v.Document) < v.Document.Soak // else, whoever is there has soaked by now
	case policy.RuleTags:
		for _, t := range p.Targets { // a version that is taken is never moved
			if now := j.w.registry.at(spot{p.Destination, t.Tag}); !t.Floating && now != "" && now != p.Digest {
				return true
			}
		}
	case policy.RuleOrder:
		for _, other := range j.promotions {
			if other.App == p.App && other.State == promotion.Promoted && other.ObservedAt.After(p.ObservedAt) && !other.FinishedAt.Before(j.lastBack(p)) {
				return true
			}
		}
	case policy.RuleChecks:
		return j.unproved(r, p, v.Document, readEvery, true) != ""
	case policy.RuleExposure:
		return j.unused(p, v.Document)
	case policy.RuleWindow:
		return j.shut(p, v.Document)
	case policy.RuleLine:
		return j.outOfLine(p, v.Document)
	case policy.RuleHold:
		return j.isHeld(p, v.Document)
	case policy.RuleFreeze:
		return j.frozen(p, v.Document) != ""
	case policy.RuleWithdrawn:
		return j.withdrawn[build{p.App, p.Digest}] != ""
	case policy.RuleTurn:
		for _, other := range j.promotions {
			if other.App == p.App && other.State == promotion.Failing && !p.Repairs() {
				return true
			}
			if other.App == p.App && other.State == promotion.Deploying && j.isHeld(other, written(r.gate.Catalog(), other)) {
				return true // its next target is not told as long as somebody holds it
			}
		}
	case policy.RuleApprovals:
		var slots []string
		for _, need := range v.Document.Approvals {
			slots = append(slots, slices.Repeat([]string{need.Role}, need.Count)...)
		}
		pairs := j.deputies(p)
		one := func(a, b promotion.PersonID) bool {
			return slices.ContainsFunc(pairs, func(l lending) bool {
				by, to := personOf(l.by), personOf(l.to)
				return by == a && to == b || by == b && to == a
			})
		}
		return !j.filled(slots, people, one, func(who promotion.PersonID, role string) bool {
			if asked := personOf(p.Requester); (who == asked || one(who, asked)) && !v.Document.RequesterMayApprove {
				return false
			}
			stands := func(account promotion.PersonID) bool {
				return slices.ContainsFunc(pairs, func(l lending) bool { return personOf(l.to) == personOf(account) })
			}
			return slices.ContainsFunc(accountsOf(who), func(account promotion.PersonID) bool {
				voted := slices.ContainsFunc(v.Facts.Votes, func(vote promotion.Vote) bool {
					return vote.Person == account && vote.Decision == promotion.Approve && vote.Terms.Differs(p.TermsNow()) == ""
				})
				yes, no := j.held(r.gate.Catalog(), account, role, time.Now().Add(-readEvery))
				holds := yes > 0 && no == 0
				if stands(account) { // what they hold themselves counts unless the other has approved
					holds = j.borrows(r, account, role, p, readEvery, true) && !j.hasSaid(pairs, account, p)
				}
				return voted && holds && !j.unsaid(account, p) && !j.lapsed(account, p, v.Document)
			})
		})
	}
	return false
}

func (w *world) look(r *replica, id promotion.ID) (policy.View, error) {
	return gate.New(w.store, r.gate.Catalog(), time.Now, func() {}).View(context.Background(), id)
}

// lasting is what a card shows for good: without the picture of a soak, which
// is that of the moment of drawing, and whether people are mentioned or named,
// which depends on whether it was the first drawing.
func lasting(p promotion.Promotion, blocks string) string {
	blocks = mentions.Replace(blocks)
	if strings.ContainsAny(blocks, "▓░") {
		blocks = picture.ReplaceAllString(blocks, "")
	}
	if p.State != promotion.Open { // what was decided names roles and policy as they are called when it is drawn, and for whom somebody could approve who holds them then
		blocks = naming.ReplaceAllString(blocks, "")
	}
	return blocks
}

var (
	mentions = strings.NewReplacer(`\u003c@`, "", `\u003e`, "")
	picture  = regexp.MustCompile(`[▓░]+ \d+ % of [^"]*`)
	naming   = regexp.MustCompile(` · policy [^·"]*| \([a-z]+\)| for U0[A-Z]+`)
)

// cardsShowTheTruth: each promotion has one card, and it shows what rendering
// the promotion now shows.
func (j *judge) cardsShowTheTruth() {
	shown := map[string][]*message{}
	for _, m := range j.w.slack.cards() {
		shown[m.key] = append(shown[m.key], m)
	}
	replies := map[string]int{}
	for _, m := range j.w.slack.messages {
		if replies[m.asked]++; m.thread != "" && replies[m.asked] > max(1, j.soaks[m.asked]) {
			j.w.violated("%s was said twice", m.asked)
		}
	}
	r := j.w.replicas[0]
	for id, p := range j.promotions {
		if p.Purpose == promotion.Ride {
			continue // it is on its train's
		}
		cards := shown[strconv.FormatInt(int64(id), 10)]
		if len(cards) != 1 {
			j.w.violated("#%d has %d cards", id, len(cards))
			continue
		}
		v, err := j.w.look(r, id)
		if err != nil {
			j.w.violated("#%d can't be looked at: %v", id, err)
			continue
		}
		if p.Card.Revision != p.Revision {
			j.w.violated("#%d has revision %d and its card shows %d", id, p.Revision, p.Card.Revision)
		}
		if is, should := lasting(p, cards[0].blocks), lasting(p, blocks(render.Card(v))); is != should {
			n := 0
			for n < min(len(is), len(should)) && is[n] == should[n] {
				n++
			}
			n = max(0, n-60)
			j.w.violated("the card of #%d shows …%.200s\nand should show …%.200s", id, is[n:], should[n:])
		}
	}
}

func blocks(m render.Message) string {
	b, err := json.Marshal(m.Blocks)
	if err != nil {
		panic(err) // slack-go marshals the same
	}
	return string(b)
}

// logIsWhole: it verifies, and has one entry for each transition.
func (j *judge) logIsWhole() {
	size, _, err := j.w.store.VerifyAudit(context.Background())
	count := map[string]int{}
	n := int64(0)
	err2 := j.w.store.Audit(context.Background(), 0, func(body []byte) error {
		e, err := audit.Parse(body)
		n++
		count[fmt.Sprint(e.Kind, " ", e.Promotion)]++
		return err
	})
	if err != nil || err2 != nil || n != size {
		j.w.violated("the log has %d entries, of which %d are proved (%v, %v)", n, size, err, err2)
	}
	for id, p := range j.promotions {
		restore := p.Purpose == promotion.Restore
		want := map[audit.Kind]bool{audit.Opened: !restore, audit.Drifted: restore, audit.Intended: p.StartedAt != nil, audit.Ended: p.State.Final()}
		for kind, once := range want {
			got := count[fmt.Sprint(kind, " ", id)]
			if kind == audit.Ended { // each time but the last, it was lifted
				got -= count[fmt.Sprint(audit.Lifted, " ", id)]
			}
			if got > 1 || (got == 1) != once {
				j.w.violated("the log has %d entries that #%d, which is %s, was %s", got, id, p.State, kind)
			}
		}
	}
}
