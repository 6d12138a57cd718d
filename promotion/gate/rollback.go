package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// A rollback is a promotion like any other, but that it goes to what was in the
// environment before: it has a card, terms and votes, it is decided by the policy
// and performed by the pipeline. Everything that it needs is known when it is asked
// for: what it sets, what is there now and, for as long as that is not too old, that
// what it goes back to is whole. When it has come to its end, what it took back is
// held, so that nothing brings it again by itself.

// RollBack opens the rollback of what a promotion has brought to its environment, to
// what was there before. A person asks for it and the policy says who has to agree;
// without one nobody is asked, so whoever calls it has to have found in the policy
// that it is to be so. The refusal says why there is none.
func (g *Gate) RollBack(ctx context.Context, id promotion.ID, by promotion.PersonID, reason string) (opened promotion.ID, refusal string, err error) {
	actor := audit.Self
	if by != "" {
		actor = string(by)
	}
	err = g.update(ctx, actor, func(t *turn) error {
		p, err := t.load(id)
		if err != nil {
			return err
		}
		to, refusal2, err := t.earlier(p, "")
		if err != nil || refusal2 != "" {
			refusal = refusal2
			return err
		}
		back, refusal2, err := t.rollBack(p, to, promotion.Gesture{Person: by, Reason: reason})
		if refusal = refusal2; back != nil {
			opened = back.ID
		}
		return err
	})
	return opened, refusal, err
}

// askBack decides a gesture that asks to go back: of the promotion that was
// clicked, or of what is nearest to production.
func (t *turn) askBack(g promotion.Gesture, u unknown) (promotion.Answer, error) {
	answer := promotion.Answer{Deed: g.Kind, App: g.App}
	bad, refusal, err := t.toUndo(&g, &answer)
	if err != nil || answer.Verb != "" {
		return answer, err
	}
	d, who, asks := t.returning(g.App, bad)
	f, wait, unread, err := t.who(g, u, who)
	switch {
	case err != nil || wait:
		answer.Verb = promotion.Checking
		return answer, err
	case unread != "":
		return t.refuseDeed(g, answer, policy.Document{}, unread)
	}
	if may := policy.MayReturn(d, f, g.Person, asks); may != "" {
		return t.refuseDeed(g, answer, asks, may)
	}
	var to promotion.Promotion
	if refusal == "" {
		to, refusal, err = t.earlier(bad, g.Ref)
	}
	if err != nil {
		return answer, err
	}
	if refusal != "" {
		return t.refuseDeed(g, answer, policy.Document{}, refusal)
	}
	answer.Bad, answer.In = bad.Digest, []string{bad.To}
	if g.Promotion == 0 && g.Ref == "" && bad.Purpose == promotion.Rollback && (bad.State == promotion.Deploying || bad.State == promotion.Watching) {
		// Somebody was faster. Whoever wants to go further back says so.
		answer.Verb, answer.Promotion, answer.Digest, answer.Bad = promotion.Existing, bad.ID, bad.Digest, bad.Back.Bad
		return answer, nil
	}
	had, err := t.Promotions(Query{App: bad.App, To: bad.To, Purposes: []promotion.Purpose{promotion.Rollback}, States: live, Limit: 1})
	if err != nil {
		return answer, err
	}
	// What nobody asked for gives way to what somebody does, unless it is the same.
	if len(had) > 0 && (had[0].Requester != "" || had[0].Digest == to.Digest || had[0].State != promotion.Open) {
		answer.Verb, answer.Promotion, answer.Digest, answer.Bad = promotion.Existing, had[0].ID, had[0].Digest, had[0].Back.Bad
		return answer, nil
	}
	p, refusal, err := t.rollBack(bad, to, g)
	if err != nil {
		return answer, err
	}
	if refusal != "" {
		return t.refuseDeed(g, answer, policy.Document{}, refusal)
	}
	answer.Verb, answer.Promotion, answer.Digest, answer.Reason = promotion.Requested, p.ID, p.Digest, g.Reason
	return answer, t.standBehind(g, p, &answer)
}

// returning is the policy of going back from what was brought, the one whose roles
// have to be read before it is known who may ask for that, and the one that asks
// every role of the app. bad is nil when nothing was.
func (t *turn) returning(name string, bad *promotion.Promotion) (d, who, asks policy.Document) {
	asks = t.catalog.asked(name)
	if bad == nil {
		return d, asks, asks
	}
	app, _ := t.catalog.App(bad.App)
	if d = app.Policies[bad.To].Returning(); d.Automatic {
		return d, asks, asks
	}
	return d, d, asks
}

// toUndo is the promotion that brought what is there now, of which a gesture
// speaks. The answer has a verb when that says it all.
func (t *turn) toUndo(g *promotion.Gesture, answer *promotion.Answer) (bad *promotion.Promotion, refusal string, err error) {
	if g.Promotion != 0 {
		p, err := t.load(g.Promotion)
		if errors.Is(err, promotion.NotFound) {
			answer.Verb = promotion.Missing
			return nil, "", nil
		}
		if err != nil {
			return nil, "", err
		}
		g.App, answer.App, answer.Digest = p.App, p.App, p.Digest
		pin, some, err := t.current(p.App, p.To)
		if err == nil && (!some || pin.Digest != p.Digest) {
			answer.Verb, answer.Reason = promotion.Outdated, fmt.Sprintf("something else is in %s by now", p.To)
		}
		return p, "", err
	}
	_, isApp := t.catalog.App(g.App)
	if train, is := t.catalog.Train(g.App); !isApp && is {
		return nil, fmt.Sprintf("a train is not rolled back as one: its apps are, each by itself (%s)", listed(train.Apps)), nil
	}
	if !isApp {
		answer.Verb = promotion.Missing
		return nil, "", nil
	}
	for _, env := range slices.Backward(t.catalog.Environments[1:]) {
		pin, some, err := t.current(g.App, env.Name)
		if err != nil {
			return nil, "", err
		}
		if some && pin.At.After(g.At) { // it was decided late, and what was meant is not there any more
			answer.Verb, answer.Reason = promotion.Outdated, fmt.Sprintf("something else is in %s by now", env.Name)
			return nil, "", nil
		}
		if some {
			bad, err := t.load(pin.Promotion)
			return bad, "", err
		}
	}
	return nil, "nothing was promoted that could be rolled back", nil
}

func listed(names []string) string {
	s := ""
	for i, name := range names {
		if i > 0 {
			s += ", "
		}
		s += name
	}
	return s
}

// current is what was last set behind the tags that say what is in an environment.
func (t *turn) current(app, environment string) (newest Pin, some bool, err error) {
	env, _ := t.catalog.Environment(environment)
	pins, err := t.Pins(app, environment)
	for _, pin := range pins {
		if slices.Contains(env.FloatingTags(), pin.Tag) && (!some || !pin.At.Before(newest.At)) {
			newest, some = pin, true
		}
	}
	return newest, some, err
}

// earlierMost bounds how far back is looked for what an environment could go back
// to unless it is named.
const earlierMost = 100

// before are the builds that an environment could go back to from what a promotion
// brought, or those of which the digest begins so.
func (t *turn) before(bad *promotion.Promotion, digits string) ([]policy.Earlier, error) {
	app, _ := t.catalog.App(bad.App)
	q := Query{App: bad.App, To: bad.To, States: []promotion.State{promotion.Promoted}, DigestPrefix: digits, Limit: earlierMost}
	if digits != "" {
		q.Limit = 0
	}
	promoted, err := t.Promotions(q)
	if err != nil {
		return nil, err
	}
	withdrawn, err := t.Withdrawals(bad.App)
	if err != nil {
		return nil, err
	}
	holds, err := t.Holds(bad.App)
	return policy.Before(promoted, bad.Digest, app.In(bad.To), withdrawn, holds), err
}

// earlier is the promotion to whose digest is gone back from bad: the one before it,
// or the one that is named. The refusal says why there is none.
func (t *turn) earlier(bad *promotion.Promotion, digits string) (to promotion.Promotion, refusal string, err error) {
	all, err := t.before(bad, digits)
	if err != nil {
		return to, "", err
	}
	named := fmt.Sprintf("%s was never promoted to %s", digits, bad.To)
	switch {
	case digits == "":
		previous, some := policy.Previous(all)
		if !some {
			return to, fmt.Sprintf("nothing that could be gone back to was promoted to %s before %s", bad.To, bad.Digest.Short()), nil
		}
		return previous.Promotion, "", nil
	case len(all) == 0 && len(digits) <= 64 && string(bad.Digest[7:7+len(digits)]) == digits:
		return to, fmt.Sprintf("%s is what is in %s", bad.Digest.Short(), bad.To), nil
	case len(all) == 0:
		return to, named + ", so there is no going back to it", nil
	case len(all) > 1:
		return to, fmt.Sprintf("several builds that were promoted to %s begin with %s: write more of its digits", bad.To, digits), nil
	case all[0].Against != "":
		return to, fmt.Sprintf("%s can't be gone back to: %s", all[0].Promotion.Digest.Short(), all[0].Against), nil
	}
	return all[0].Promotion, "", nil
}

// rollBack opens the rollback of what bad has brought. What it sets and what is
// there now are known, and so, mostly, is that it is whole.
func (t *turn) rollBack(bad *promotion.Promotion, to promotion.Promotion, g promotion.Gesture) (*promotion.Promotion, string, error) {
	app, configured := t.catalog.App(bad.App)
	env, known := t.catalog.Environment(bad.To)
	if !configured || !known || len(env.FloatingTags()) == 0 {
		return nil, fmt.Sprintf("no tag of %s moves from build to build, so there is none that could be moved back", bad.To), nil
	}
	refusal, err := t.makeWay(app, env, to.Digest)
	if err != nil || refusal != "" {
		return nil, refusal, err
	}
	if err := t.stopShort(bad); err != nil {
		return nil, "", err
	}
	p := t.fresh(app, to.From, env.Name, to.Digest)
	p.Purpose, p.Repository, p.ObservedAt, p.Captures, p.Image, p.Requester = promotion.Rollback, p.Destination, to.ObservedAt, to.Captures, to.Image, g.Person
	p.Back = &promotion.Back{Bad: bad.Digest, Reason: g.Reason}
	if p.Back.Of, p.Back.Since, err = t.bringer(bad); err != nil {
		return nil, "", err
	}
	t.plan(p)
	holdings, err := t.Holdings(app.Name, env.Name, promotion.Held)
	if err != nil {
		return nil, "", err
	}
	now := t.now
	for i := range p.Targets {
		p.Targets[i].ReadAt = &now
		for _, h := range holdings {
			if h.Tag == p.Targets[i].Tag {
				p.Targets[i].Now = h.Digest
			}
		}
	}
	if bad.WayBack.Covers(p) { // before it went ahead, this was looked for
		w := *bad.WayBack
		p.WayBack = &w
	}
	detail := map[string]any{"rolls_back": bad.Digest, "brought_by": bad.ID, "targets": p.TermsNow().Targets, "reason_sha256": hashed(g)}
	return p, "", t.enter(p, audit.Opened, detail)
}

// bringer is the promotion that brought to its environment what is there because of p,
// and when: what was put back there later had come before.
func (t *turn) bringer(p *promotion.Promotion) (promotion.ID, time.Time, error) {
	q := Query{App: p.App, To: p.To, Digest: p.Digest, States: []promotion.State{promotion.Promoted}, Standing: true, Limit: 1,
		Purposes: []promotion.Purpose{promotion.Forward, promotion.Ride, promotion.Adopt, promotion.Rollback}}
	found, err := t.Promotions(q)
	if err == nil && len(found) > 0 {
		return found[0].ID, *found[0].FinishedAt, nil
	}
	if p.MovedAt != nil { // it is still watched
		return p.ID, *p.MovedAt, err
	}
	return p.ID, p.OpenedAt, err
}

// makeWay ends what is open of the digest that is gone back to, would put back what
// is taken back, or would go back elsewhere: a digest is asked about once at a time,
// and so is what to go back to.
func (t *turn) makeWay(app App, env Environment, d promotion.Digest) (refusal string, err error) {
	others, err := t.query(Query{App: app.Name, To: env.Name, States: live})
	if err != nil {
		return "", err
	}
	for _, p := range others {
		if p.Digest == d && (p.State != promotion.Open || p.Purpose == promotion.Ride || p.Purpose == promotion.Rollback) || p.Purpose == promotion.Rollback && p.State != promotion.Open {
			return fmt.Sprintf("#%d is about %s already", shownAs(p), p.Digest.Short()), nil
		}
	}
	for _, p := range others {
		if p.State == promotion.Open && (p.Digest == d || p.Purpose == promotion.Restore || p.Purpose == promotion.Rollback) {
			if err := t.end(p, promotion.Superseded, fmt.Sprintf("a rollback of %s to %s was asked for", env.Name, d.Short()), nil); err != nil {
				return "", err
			}
		}
	}
	return "", nil
}

// standBehind counts the request of somebody who could approve as their approval:
// they have said which digest is to be there, and why.
func (t *turn) standBehind(g promotion.Gesture, p *promotion.Promotion, answer *promotion.Answer) error {
	if p.State != promotion.Open || !p.Planned() {
		return nil
	}
	d, f, err := t.facts(p)
	if err != nil {
		return err
	}
	if err := t.acquaint(&f, g.Person); err != nil {
		return err
	}
	v := policy.Evaluate(d, f, t.now)
	if _, refusal := policy.MayApprove(d, f, g.Person, t.now); refusal == "" {
		a, err := t.approve(g, p, d, f, promotion.Answer{})
		answer.Role, answer.Missing = a.Role, a.Missing
		return err
	}
	for _, m := range v.Missing() {
		answer.Missing = append(answer.Missing, m.Reason)
	}
	return nil
}

// there are the states in which what a promotion has brought can be what is there.
var there = []promotion.State{promotion.Promoted, promotion.Watching, promotion.Failing}

// tookBack does what follows when the tags of a rollback have been moved: what it
// took back is held, and its cards say so. Where not all of them could be, but some
// were, what it was to take back is held all the same.
func (t *turn) tookBack(p *promotion.Promotion, to promotion.State) error {
	if to != promotion.Promoted && !p.HasSet() {
		return nil
	}
	h := promotion.Hold{App: p.App, Digest: p.Back.Bad, By: p.Requester, Rollback: p.ID, Reason: p.Back.Reason, At: t.now}
	if err := t.AddHold(&h); err != nil {
		return err
	}
	detail := map[string]any{"hold": h.ID, "app": h.App, "digest": h.Digest, "rollback": p.ID, "reason_sha256": sealed(fmt.Sprintf("hold/%d", h.ID), h.Reason)}
	if err := t.record(audit.Held, nil, detail); err != nil {
		return err
	}
	said := promotion.NoticeWork{Kind: promotion.NoticeHeld, Person: h.By, Reason: h.Reason, Rollback: p.ID}
	if err := t.stir(h.App, holding(said, []promotion.Hold{h}), fmt.Sprintf("held/%d", h.ID)); err != nil || to != promotion.Promoted {
		return err
	}
	brought, err := t.query(Query{App: p.App, To: p.To, Digest: p.Back.Bad, States: there, Standing: true})
	if err != nil {
		return err
	}
	for _, b := range brought {
		b.UndoneBy = p.ID
		b.Touch()
		if err := t.record(audit.RolledBack, b, map[string]any{"rollback": p.ID, "to": p.Digest}); err != nil {
			return err
		}
		if err := t.notice(b, fmt.Sprintf("rolled-back/%d", p.ID), promotion.NoticeWork{Kind: promotion.NoticeRolledBack, Person: p.Requester, Reason: p.Back.Reason, Rollback: p.ID}); err != nil {
			return err
		}
		if err := t.save(b); err != nil {
			return err
		}
	}
	if err := t.reoffer(p.App); err != nil {
		return err
	}
	return t.giveWay(p, "a rollback to "+p.Digest.Short()+" has been made since", func(o *promotion.Promotion) bool { return o.Repairs() })
}

// outdone ends the rollbacks whose cause is gone: something else is there now.
func (t *turn) outdone(p *promotion.Promotion) error {
	return t.giveWay(p, fmt.Sprintf("#%d has brought %s to %s since", shownAs(p), p.Digest.Short(), p.To), func(o *promotion.Promotion) bool {
		return o.Purpose == promotion.Rollback && o.Back.Bad != p.Digest
	})
}

func (t *turn) giveWay(p *promotion.Promotion, reason string, which func(*promotion.Promotion) bool) error {
	open, err := t.query(Query{App: p.App, To: p.To, States: []promotion.State{promotion.Open}})
	if err != nil {
		return err
	}
	for _, o := range open {
		if o.ID == p.ID || !which(o) {
			continue
		}
		o.Successor = shownAs(p)
		if err := t.end(o, promotion.Superseded, reason, map[string]any{"successor": o.Successor}); err != nil {
			return err
		}
	}
	return nil
}

// replaced has the cards drawn again of what was there before p: what they offer,
// going back from it, is over.
func (t *turn) replaced(p *promotion.Promotion, were []Pin) error {
	if !p.HasSet() {
		return nil
	}
	env, _ := t.catalog.Environment(p.To)
	done := map[promotion.ID]bool{p.ID: true}
	for _, pin := range were {
		if done[pin.Promotion] || !slices.Contains(env.FloatingTags(), pin.Tag) {
			continue
		}
		done[pin.Promotion] = true
		was, err := t.load(pin.Promotion)
		if err != nil {
			return err
		}
		was.Touch()
		if err := t.save(was); err != nil {
			return err
		}
	}
	return nil
}

// reoffer has the cards drawn again of what is in the environments of an app: what
// they offer depends on which builds can be gone back to.
func (t *turn) reoffer(app string) error {
	for _, env := range t.catalog.Environments[1:] {
		pin, some, err := t.current(app, env.Name)
		if err != nil {
			return err
		}
		if !some {
			continue
		}
		p, err := t.load(pin.Promotion)
		if err != nil {
			return err
		}
		p.Touch()
		if err := t.save(p); err != nil {
			return err
		}
	}
	return nil
}

// fate adds what has become of what a promotion brings: whether it is known to
// be bad, what took it back or, while it is there, what could be gone back to.
func (t *turn) fate(p *promotion.Promotion, f *policy.Facts) error {
	if p.State.Final() && p.State != promotion.Promoted && !p.Undone() {
		return nil
	}
	withdrawn, err := t.Withdrawals(p.App)
	if err != nil {
		return err
	}
	f.Withdrawn = policy.Withdrawn(withdrawn, p.Digest)
	if p.Undone() {
		by, err := t.Promotion(p.UndoneBy)
		f.Undone = &by
		return err
	}
	if !slices.Contains(there, p.State) {
		return nil
	}
	if pin, some, err := t.current(p.App, p.To); err != nil || !some || pin.Promotion != p.ID {
		return err
	}
	f.Back, err = t.before(p, "")
	return err
}
