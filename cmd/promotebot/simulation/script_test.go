package simulation

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

// play plays the schedule: the troubled part, then a quiet one in which
// everything has to come to rest.
func (w *world) play() {
	for slot := range w.replicas {
		w.boot(slot)
	}
	w.build(shop, 1)
	if w.run.calm {
		w.calm()
	} else {
		w.trouble = trouble{percent: []int{0, 1, 4, 15}[w.draw(4)], slow: []int{0, 2, 10}[w.draw(3)], crashes: w.draw(4)}
		for range 2 + w.draw(1+w.draw(24)) { // many short ones, and some that are long
			w.scene()
		}
	}
	w.quiet()
}

// calm is a day without surprises: what a crash at every call is tried on.
func (w *world) calm() {
	if w.together() {
		w.build(cart, 1)
		w.live(time.Now().Add(2 * time.Minute))
		w.board()
	}
	for _, who := range []promotion.PersonID{ann, bob, sue} {
		w.live(time.Now().Add(pollEvery))
		if w.broken == "" {
			w.click(who)
		}
	}
	for end := time.Now().Add(5 * time.Minute); w.broken == "" && !w.rests(end) && time.Now().Before(end); {
		w.live(time.Now().Add(pollEvery))
	}
}

// scene lets a while pass and has something happen.
func (w *world) scene() {
	pause := []int{1, 200, 5_000, 40_000, 120_000}[w.draw(5)]
	w.live(time.Now().Add(time.Duration(w.draw(pause)) * time.Millisecond))
	if w.broken != "" {
		return
	}
	w.oneOf(events)
	if w.strict && w.chance(30) {
		w.oneOf(interruptions)
	}
	if w.proving && w.chance(40) {
		w.oneOf(proofs)
	}
}

func (w *world) oneOf(some []event) {
	all := 0
	for _, e := range some {
		all += e.weight
	}
	n := w.draw(all)
	for _, e := range some {
		if n -= e.weight; n < 0 {
			e.happens(w)
			return
		}
	}
}

// event is something that happens, and how often.
type event struct {
	weight  int
	happens func(*world)
}

// events are what people, CI and operators do.
var events = []event{
	{8, func(w *world) { w.click(w.somebody()) }},
	{12, func(w *world) { // everybody at once
		for _, who := range []promotion.PersonID{ann, bob, sue} {
			w.click(who)
		}
	}},
	{2, func(w *world) { // twice, as impatient people do
		who := w.somebody()
		w.click(who)
		w.click(who)
	}},
	{2, func(w *world) { // Slack is not sure that it was heard
		if len(w.sent) > 0 {
			w.deliver(w.sent[w.draw(len(w.sent))])
		}
	}},
	{2, func(w *world) { // on a card as it was
		if len(w.seen) > 0 {
			w.clickOn(w.somebody(), w.seen[w.draw(len(w.seen))])
		}
	}},
	{1, (*world).reject},
	{3, (*world).relent},
	{4, (*world).keep},
	{2, func(w *world) { w.takeBack(render.ActionWithdraw, promotion.Withdraw) }},
	{2, func(w *world) { w.takeBack(render.ActionLift, promotion.Lift) }},
	{2, (*world).approveInWords},
	{2, (*world).request},
	{4, func(w *world) { w.build(w.anyApp(), w.draw(images)) }},
	{6, (*world).regret},
	{2, (*world).rollBack},
	{1, func(w *world) { w.judgeBuild(promotion.GestureWithdraw) }},
	{1, func(w *world) { w.judgeBuild(promotion.GestureReinstate) }},
	{2, (*world).unhold},
	{4, (*world).release},
	{2, func(w *world) { w.tamper(w.runs(w.anyApp())) }},
	{1, func(w *world) { w.tamper(w.anySource()) }},
	{1, (*world).regroup},
	{1, func(w *world) {
		who := w.somebody()
		is := []promotion.Standing{promotion.Member, promotion.Member, promotion.Deactivated, promotion.Guest}[w.draw(4)]
		w.note("%s is a %s now", who, is)
		w.slack.is(who, is)
	}},
	{2, (*world).reconfigure},
	{2, func(w *world) { w.replicas[w.draw(len(w.replicas))].crash() }},
	{1, func(w *world) {
		if r := w.replicas[w.draw(len(w.replicas))]; !r.isDead() && !r.leaving {
			r.leave()
		}
	}},
	{2, func(w *world) {
		r := w.replicas[w.draw(len(w.replicas))]
		r.frozen = time.Now().Add(time.Duration(w.draw(200)) * time.Second)
		w.note("%s freezes until %s", r.name, r.frozen.Format(time.TimeOnly))
	}},
	{2, func(w *world) {
		what, longest := what(w.draw(len(w.trouble.out))), 100
		if what == deployCall { // also past a deadline
			longest = 500
		}
		until := time.Now().Add(time.Duration(w.draw(longest)) * time.Second)
		w.trouble.out[what] = until
		w.note("the %s is out until %s", what, until.Format(time.TimeOnly))
	}},
	{2, func(w *world) { w.drag(what(w.draw(len(w.trouble.drags))), time.Duration(w.draw(60))*time.Second) }},
}

func (w *world) somebody() promotion.PersonID { return everybody[w.draw(len(everybody))] }

// quietFor is longer than every pause that anything here takes by itself: a
// card that could not be drawn is tried again after ten minutes.
const quietFor = 20 * time.Minute

// quiet ends all trouble, and waits until nothing is left to be done.
func (w *world) quiet() {
	synctest.Wait() // one that was asked to stop may do so at once
	w.run.calm, w.run.crashAt, w.troubled = true, 0, w.step
	w.note("all is quiet now")
	for slot, r := range w.replicas {
		w.catalogs[slot] = w.latest
		r.frozen = time.Time{}
		if r.isDead() {
			w.boot(slot)
		}
		r.adopt(w.catalogs[slot])
	}
	w.live(time.Now().Add(2*pollEvery + lookSpread))
	// A look that was begun before may still hold up those after it.
	for end := time.Now().Add(quietFor); w.broken == "" && !(w.rests(end) && w.judge.looked()) && time.Now().Before(end); {
		w.live(time.Now().Add(pollEvery))
	}
	// A window may have opened at the last moment: what has begun is seen to its end.
	for end := time.Now().Add(quietFor / 2); w.broken == "" && w.judge.goesAhead() && time.Now().Before(end); {
		w.live(time.Now().Add(pollEvery))
	}
	if w.broken == "" {
		w.judge.rest()
	}
	for _, r := range w.replicas {
		r.crash()
		r.busy.Wait()
	}
	if db, ok := w.store.(io.Closer); ok {
		synctest.Wait() // for gestures that were under way
		if err := db.Close(); err != nil {
			w.violated("the database can't be closed: %v", err)
		}
	}
}

const lookSpread = 10 * time.Second

// rests tells whether nothing is left to be done until then. An appointment about
// something that has ended is kept, and nothing comes of it. Nor does of one about
// what waits for people, which is waited for in every other schedule all the same.
func (w *world) rests(until time.Time) bool {
	due, wakes, err := w.store.NextDue(context.Background(), appointments)
	_, any, err2 := w.store.NextDue(context.Background(), errands)
	return err == nil && err2 == nil && !any && (!wakes || due.After(until) || w.judge.allEnded() || w.run.seed%2 == 0 && w.judge.forPeople())
}

func (w *world) anyApp() string { return w.apps[w.draw(len(w.apps))] }

func (w *world) build(app string, i int) {
	tag, d := w.sourceTag(i), builds(app)[i].digest
	w.note("CI moves %s of %s to %s", tag, app, d.Short())
	w.registry.shelf(home(app)).tags[tag] = d
	if w.judge.built(d); w.proving {
		w.prove(app, d)
	}
}

func (w *world) sourceTag(i int) string {
	if w.pattern {
		return fmt.Sprintf("v1.%d%s", i, passed)
	}
	return source
}

// tamper is somebody with the registry's credentials.
func (w *world) tamper(with spot) {
	_, app, _ := strings.Cut(string(with.in), "/")
	d := builds(strings.TrimPrefix(app, "live-"))[w.draw(images)].digest
	if w.chance(20) {
		delete(w.registry.shelf(with.in).tags, with.tag)
		w.note("somebody deletes %s", with)
	} else {
		w.registry.place(with, d)
		w.note("somebody moves %s to %s", with, d.Short())
	}
	if w.judge.foreign(with); with.tag != production {
		w.judge.built(d)
	}
}

// release is an evening on which several apps are to go together: they are built,
// asked for when the bot has seen them, and approved. By chance alone, few trains
// would carry two.
func (w *world) release() {
	if !w.together() {
		return
	}
	for _, app := range w.apps {
		w.build(app, w.draw(images))
	}
	asked := pollEvery + lookSpread
	w.after(asked, w.board)
	if w.chance(40) { // and who asked says no while it is still being read what that carries
		w.after(asked, func() {
			w.drag(registryCall, 20*time.Second)
			w.drag(slackCall, 20*time.Second)
		})
		w.after(asked+time.Duration(w.draw(8_000))*time.Millisecond, w.callOff)
	}
	for range 2 {
		w.after(asked+time.Duration(w.draw(250_000))*time.Millisecond, func() {
			for _, who := range []promotion.PersonID{ann, bob, sue} {
				w.click(who)
			}
		})
	}
}

// drag has somebody outside take their time with nearly everything, so that more
// of what happens at once does.
func (w *world) drag(what what, long time.Duration) {
	until := time.Now().Add(long)
	w.trouble.drags[what] = until
	w.note("the %s drags until %s", what, until.Format(time.TimeOnly))
}

// obstruct has somebody move a tag that is about to be moved, so that it fails, or
// a part of a train does: by chance, that would be rare.
func (w *world) obstruct(rides []promotion.Promotion) {
	often := 15
	if len(rides) > 0 && rides[0].Purpose == promotion.Ride {
		often = 60
	}
	if w.run.calm || len(rides) == 0 || !w.chance(often) {
		return
	}
	r := rides[w.draw(len(rides))]
	of := spot{r.Destination, r.Targets[w.draw(len(r.Targets))].Tag}
	w.after(time.Duration(w.draw(2)*w.draw(3000))*time.Millisecond, func() { w.tamper(of) })
}

// anySource is a tag that brings builds.
func (w *world) anySource() spot {
	app := w.anyApp()
	all := slices.Sorted(maps.Keys(w.registry.sources(app)))
	if len(all) == 0 {
		return spot{home(app), w.sourceTag(1)}
	}
	return spot{home(app), all[w.draw(len(all))]}
}

func (w *world) regroup() {
	var members []promotion.PersonID
	for _, who := range everybody {
		if w.chance(60) {
			members = append(members, who)
		}
	}
	w.note("the leads are %s now", members)
	w.slack.regroup(leads, members...)
}

// reconfigure changes the configuration of both replicas, not at once.
func (w *world) reconfigure() {
	w.latest = w.catalog()
	for slot := range w.catalogs {
		w.after(time.Duration(w.draw(30_000))*time.Millisecond, func() {
			w.catalogs[slot] = w.latest
			w.replicas[slot].adopt(w.latest)
		})
	}
}

// sight is a card as it was when somebody saw it.
type sight struct {
	on              *message
	ts, value, text string
	of              promotion.ID
	terms           string
}

// see looks at one of the last cards with a button for the action.
func (w *world) see(action string) (s sight, ok bool) {
	cards := w.slack.cards()
	if len(cards) == 0 {
		return s, false
	}
	m := cards[len(cards)-1]
	if w.chance(30) { // also a card that others have forgotten
		m = cards[w.draw(len(cards))]
	}
	return w.seeOn(m, action)
}

// seeOn looks at a card as it is now.
func (w *world) seeOn(m *message, action string) (s sight, ok bool) {
	s = sight{on: m, ts: m.ts, text: m.text}
	if s.value, ok = m.button(action); !ok {
		return s, false
	}
	var err error
	if s.of, s.terms, err = render.ParseValue(s.value); err != nil {
		w.violated("a button carries %q: %v", s.value, err)
	}
	w.seen = append(w.seen, s)
	return s, true
}

func (w *world) click(who promotion.PersonID) {
	if s, ok := w.see(render.ActionApprove); ok {
		w.clickOn(who, s)
	}
}

// The gestures below are made as bot/chat makes them of Slack's payloads.

func (w *world) clickOn(who promotion.PersonID, s sight) {
	w.judge.agreed(who, s)
	w.deliver(w.press(who, s, render.ActionApprove, promotion.Approve))
}

func (w *world) reject() {
	if s, ok := w.see(render.ActionReject); ok {
		w.deliver(w.submission(w.somebody(), s, promotion.Reject))
	}
}

// relent is somebody who says no and thinks better of it, when something newer may
// have come: by chance, they would seldom come back to that very card.
func (w *world) relent() {
	s, ok := w.see(render.ActionReject)
	if !ok {
		return
	}
	who := w.somebody()
	w.deliver(w.submission(who, s, promotion.Reject))
	later := time.Duration(w.draw(20_000)) * time.Millisecond
	if app := w.judge.promotions[s.of].App; app != train && w.chance(60) {
		w.after(later, func() { w.build(app, w.draw(images)) })
		later += time.Duration(w.draw(2*int(pollEvery/time.Millisecond))) * time.Millisecond
	}
	w.after(later, func() {
		if again, ok := w.seeOn(s.on, render.ActionLift); ok {
			w.deliver(w.press(who, again, render.ActionLift, promotion.Lift))
		}
	})
}

// submission is a dialog in which somebody has said why.
func (w *world) submission(who promotion.PersonID, s sight, what promotion.Decision) promotion.Gesture {
	return promotion.Gesture{
		Key:  fmt.Sprintf("submit/%s/%s/V%d/%d", team, who, len(w.sent), len(w.sent)),
		Kind: promotion.GestureVote, Person: who, Channel: channel, Reply: true,
		Promotion: s.of, Decision: what, Reason: "no", Terms: s.terms, CardTS: s.ts,
	}
}

// takeBack is a click on what takes an approval or a rejection back.
func (w *world) takeBack(action string, what promotion.Decision) {
	if s, ok := w.see(action); ok {
		w.deliver(w.press(w.somebody(), s, action, what))
	}
}

// press is a click on a button of a card.
func (w *world) press(who promotion.PersonID, s sight, action string, what promotion.Decision) promotion.Gesture {
	return promotion.Gesture{
		Key:  fmt.Sprintf("click/%s/%s/%s/%s/%s/%d", team, who, channel, s.ts, action, len(w.sent)),
		Kind: promotion.GestureVote, Person: who, Channel: channel, ResponseURL: "https://hooks.slack.test/1", Reply: true,
		Promotion: s.of, Decision: what, Terms: s.terms, CardTS: s.ts,
	}
}

// approveInWords is /promote approve: it means what is open now.
func (w *world) approveInWords() {
	who := w.somebody()
	id := promotion.ID(len(w.judge.promotions))
	for w.judge.promotions[id].Purpose == promotion.Ride {
		id--
	}
	if w.judge.promotions[id].State == promotion.Open {
		w.judge.said(who, id)
		w.deliver(promotion.Gesture{
			Key: fmt.Sprintf("command/%s/%d", team, len(w.sent)), Kind: promotion.GestureVote, Person: who, Channel: channel,
			Promotion: id, Decision: promotion.Approve,
		})
	}
}

// request is /promote request, with a tag, a digest, or neither.
func (w *world) request() {
	app := w.anyApp()
	ref := []string{"", w.anySource().tag, production, "nonsense", string(builds(app)[w.draw(images)].digest), string(w.registry.at(w.anySource()))}[w.draw(6)]
	w.asks(app, ref, w.somebody())
}

// board is /promote request of the train.
func (w *world) board() {
	who := eve
	if w.proving { // and may look at what it carries
		who = w.somebody()
	}
	w.asks(train, "", who)
}

// callOff is /promote reject of the train, by whoever asked for it.
func (w *world) callOff() {
	for id := promotion.ID(len(w.judge.promotions)); id > 0; id-- {
		if p := w.judge.promotions[id]; p.Purpose == promotion.Train {
			w.deliver(promotion.Gesture{
				Key: fmt.Sprintf("command/%s/%d", team, len(w.sent)), Kind: promotion.GestureVote, Person: p.Requester, Channel: channel,
				Promotion: id, Decision: promotion.Reject, Reason: "not today",
			})
			return
		}
	}
}

// asks has somebody ask for a promotion.
func (w *world) asks(app, ref string, who promotion.PersonID) {
	w.deliver(promotion.Gesture{
		Key: fmt.Sprintf("command/%s/%d", team, len(w.sent)), Kind: promotion.GestureRequest, Person: who, Channel: channel, App: app, Ref: ref,
	})
}

// anyUp is one of the replicas that can be reached.
func (w *world) anyUp() (r *replica, ok bool) {
	var up []*replica
	for _, r := range w.replicas {
		if !r.isDead() && !r.leaving {
			up = append(up, r)
		}
	}
	if len(up) == 0 {
		return nil, false
	}
	return up[w.draw(len(up))], true
}

// decideWithin is what bot/chat gives a gesture to be committed.
const decideWithin = 2 * time.Second

// deliver has Slack hand a gesture to one of the replicas. It never tells which,
// and it may hand over the same one again.
func (w *world) deliver(g promotion.Gesture) {
	w.sent = append(w.sent, g)
	r, up := w.anyUp()
	if !up {
		return
	}
	name := fmt.Sprintf("%s (delivery %d)", g.Key, len(w.sent))
	w.note("%s gets %s: %s %s%s #%d %s", r.name, name, g.Person, g.Kind, g.Decision, g.Promotion, g.Ref)
	go func() {
		ctx, cancel := context.WithTimeout(as(context.Background(), &caller{r, name, nil}), decideWithin)
		defer cancel()
		a, err := r.gate.Take(ctx, g)
		w.desk.report(name, func() {
			w.note("%s answers %s: %s %s (%v)", r.name, name, a.Verb, a.Reason, err)
			w.judge.took(g, a, err)
		})
	}()
}
