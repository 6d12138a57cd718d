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

// Report takes the result of an effect, and ends the claim under which it was
// performed in the same transaction: a result counts exactly once, and that of
// a performer whose lease went to another is Stale and counts for nothing.
func (g *Gate) Report(ctx context.Context, e promotion.Effect, r promotion.Result) error {
	return g.update(ctx, audit.Self, func(t *turn) error {
		if r.Failure != nil {
			return t.failed(e, r)
		}
		if err := t.FinishEffect(e, t.now); err != nil {
			return err
		}
		return t.performed(e, r)
	})
}

func (t *turn) performed(e promotion.Effect, r promotion.Result) error {
	switch e.Kind {
	case promotion.EffectInspect:
		return t.inspected(e, *r.Image)
	case promotion.EffectReadTags:
		return t.tagsRead(e, r.Tags)
	case promotion.EffectCompare:
		return t.compared(e, r.Tags)
	case promotion.EffectResolve:
		return t.resolved(e, r.Digest)
	case promotion.EffectCopy:
		return t.brought(e, *r.Copy)
	case promotion.EffectProve:
		return t.proved(e, *r.Proof)
	case promotion.EffectAttested:
		return t.attested(e, *r.Attested)
	case promotion.EffectMove:
		return t.moved(e, r.Moves)
	case promotion.EffectUndo:
		return t.undone(e, r.Moves, "")
	case promotion.EffectDeploy, promotion.EffectObserve:
		return t.rolledOut(e, *r.Rollout)
	case promotion.EffectStock:
		return t.stocked(e, r.Running, "")
	case promotion.EffectMeasure:
		return t.measured(e, r.Sample, "")
	case promotion.EffectCard:
		return t.drawn(e, *r.Card)
	case promotion.EffectPerson:
		return t.personRead(*r.Person)
	case promotion.EffectGroup:
		return t.groupRead(*r.Group)
	case promotion.EffectChannel:
		return t.channelRead(*r.Channel)
	case promotion.EffectWake:
		return t.woken(e.Promotion)
	case promotion.EffectRemind:
		return t.remind(e)
	case promotion.EffectRefresh:
		return t.refresh()
	case promotion.EffectHome:
		return t.homeShown(*r.Home)
	case promotion.EffectStirred:
		return t.showAll()
	case promotion.EffectNudge:
		return t.nudge(e)
	case promotion.EffectSum:
		return t.sum(e)
	case promotion.EffectAgain:
		return t.again(e)
	case promotion.EffectCallOn:
		return t.callOn(e)
	}
	return nil // notices and private answers leave nothing behind
}

func (t *turn) inspected(e promotion.Effect, image promotion.Image) error {
	w, err := promotion.Work[promotion.InspectWork](e)
	if err != nil {
		return err
	}
	p, err := t.load(e.Promotion)
	if err != nil {
		return err
	}
	image.ReadAt = t.now
	if isFormer(p, w) {
		return t.formerRead(p, w, image)
	}
	p.Image, p.ReadFault = &image, ""
	p.Touch()
	if p.State == promotion.Open && !p.Repairs() {
		t.plan(p)
	}
	if len(p.Targets) > 0 && p.State == promotion.Open {
		if err := t.readTags(p); err != nil {
			return err
		}
	}
	_, err = t.settle(p)
	return err
}

// plan names the tags to set. Tags that are set once come before the floating
// ones: the tag that production follows moves last.
func (t *turn) plan(p *promotion.Promotion) {
	app, _ := t.catalog.App(p.App)
	env, _ := t.catalog.Environment(p.To)
	p.Targets, p.PlanFault = nil, ""
	var floating []promotion.Target
	for _, template := range env.Tags {
		if p.Purpose == promotion.Rollback && !template.Floating() {
			continue // it carries those of its own
		}
		tag, err := template.Expand(p)
		if err != nil {
			p.Targets, p.PlanFault = nil, err.Error()
			return
		}
		if owner, taken := t.catalog.owner(app, tag, p.To); taken && !template.Floating() { // who writes a label must not decide that
			p.Targets, p.PlanFault = nil, fmt.Sprintf("tag %s would become %s, which belongs to %s: give the image another label or source tag", template, tag, owner)
			return
		}
		named := func(had promotion.Target) bool { return had.Tag == tag }
		if slices.ContainsFunc(p.Targets, named) || slices.ContainsFunc(floating, named) {
			continue
		}
		if target := (promotion.Target{Tag: tag, Floating: template.Floating()}); target.Floating {
			floating = append(floating, target)
		} else {
			p.Targets = append(p.Targets, target)
		}
	}
	p.Targets = append(p.Targets, floating...)
}

func (t *turn) tagsRead(e promotion.Effect, readings []promotion.TagReading) error {
	p, err := t.load(e.Promotion)
	if err != nil || p.State != promotion.Open {
		return err
	}
	now := t.now
	for i := range p.Targets {
		for _, r := range readings {
			if r.Tag == p.Targets[i].Tag {
				p.Targets[i].Now, p.Targets[i].ReadAt = r.Digest, &now
			}
		}
	}
	p.ReadFault = ""
	p.Touch()
	if err := t.record(audit.Planned, p, map[string]any{"targets": p.TermsNow().Targets}); err != nil {
		return err
	}
	if len(p.Targets) > 0 && !p.Planned() { // other tags are to be set since these were asked for
		if err := t.readTags(p); err != nil {
			return err
		}
	}
	_, err = t.settle(p)
	return err
}

func (t *turn) resolved(e promotion.Effect, d promotion.Digest) error {
	w, err := promotion.Work[promotion.ResolveWork](e)
	if err != nil {
		return err
	}
	g, decided, err := t.Gesture(w.Gesture)
	if err != nil || decided != nil {
		return err
	}
	t.actor = g.Actor()
	refuse := func(reason string) (promotion.Answer, error) {
		a := promotion.Answer{Verb: promotion.Refused, App: g.App, Reason: reason}
		return a, t.record(audit.Denied, nil, map[string]any{"app": g.App, "request": g.Ref, "why": reason})
	}
	app, ok := t.catalog.App(g.App)
	var a promotion.Answer
	switch {
	case !ok:
		a, err = refuse("the app is not configured any more")
	case d == "":
		a, err = refuse(w.Tag + " does not exist in the registry")
	case g.Token != "":
		a, err = t.offer(app, promotion.TaggedDigest{Tag: tagOf(g), Digest: d}, g)
	default:
		a, err = t.requestDigest(app, promotion.TaggedDigest{Tag: w.Tag, Digest: d}, g, promotion.Answer{App: g.App}, refuse)
	}
	if err != nil {
		return err
	}
	a.Late = true
	if err := t.DecideGesture(g.Key, a, t.now); err != nil {
		return err
	}
	return t.tell(g, a)
}

func (t *turn) moved(e promotion.Effect, moves []promotion.Move) error {
	p, err := t.load(e.Promotion)
	if err != nil {
		return err
	}
	p.Moves, p.ReadFault = moves, ""
	for _, m := range moves {
		if m.Outcome == promotion.MoveConflict {
			return t.executed(p, promotion.Conflicted, m.Detail)
		}
	}
	return t.executed(p, promotion.Promoted, "")
}

func (t *turn) moveFailed(e promotion.Effect, r promotion.Result) error {
	p, err := t.load(e.Promotion)
	if err != nil {
		return err
	}
	p.Moves, p.ReadFault = r.Moves, ""
	to := promotion.Failed
	if r.Failure.Kind == promotion.Conflict {
		to = promotion.Conflicted
	}
	return t.executed(p, to, r.Failure.Text)
}

func (t *turn) drawn(e promotion.Effect, c promotion.Card) error {
	p, err := t.load(e.Promotion)
	if err != nil {
		return err
	}
	found := c.Link != "" && c.Link != p.Card.Link
	p.Card = c // what is shown of it does not change by that
	if err := t.SavePromotion(*p, p.Revision); err != nil {
		return err
	}
	if found {
		if err := t.lead(p); err != nil {
			return err
		}
	}
	if c.Revision < p.Revision {
		return t.drawCard(p)
	}
	return nil
}

// failed decides whether an effect is tried again, and makes what could not be
// read a fact.
func (t *turn) failed(e promotion.Effect, r promotion.Result) error {
	f := *r.Failure
	if e.Kind == promotion.EffectCopy {
		if _, err := t.awaited(e); unwanted(err) {
			return errors.Join(t.FinishEffect(e, t.now), t.elsewhere(e))
		}
	}
	again, due, err := t.retry(e, f)
	if err != nil {
		return err
	}
	if again {
		return t.postponed(e, f, due)
	}
	if err := t.FinishEffect(e, t.now); err != nil {
		return err
	}
	switch e.Kind {
	case promotion.EffectCompare:
		return t.compared(e, nil)
	case promotion.EffectMove:
		return t.moveFailed(e, r)
	case promotion.EffectUndo:
		return t.undone(e, r.Moves, f.Text)
	case promotion.EffectDeploy, promotion.EffectObserve:
		return t.deployFailed(e, f)
	case promotion.EffectStock:
		return t.stocked(e, nil, f.Text)
	case promotion.EffectMeasure:
		return t.measured(e, nil, f.Text)
	case promotion.EffectGroup:
		w, err := promotion.Work[promotion.GroupWork](e)
		if err != nil {
			return err
		}
		return t.groupRead(promotion.Group{ID: w.ID, ReadAt: t.now, Fault: f.Text})
	case promotion.EffectChannel:
		w, err := promotion.Work[promotion.ChannelWork](e)
		if err != nil {
			return err
		}
		return t.channelRead(promotion.Channel{ID: w.ID, Fault: f.Text})
	case promotion.EffectResolve:
		w, err := promotion.Work[promotion.ResolveWork](e)
		if err != nil {
			return err
		}
		return t.undecided(unknown{gesture: w.Gesture, why: f.Text}, func(g promotion.Gesture) bool { return g.Key == w.Gesture })
	}
	return t.withoutLookUp(e, f)
}

// postponed has an effect tried again, and tells those who wait for it that it
// takes its time.
func (t *turn) postponed(e promotion.Effect, f promotion.Failure, due time.Time) error {
	if err := t.PostponeEffect(e, due, f.Text); err != nil {
		return err
	}
	if e.Kind == promotion.EffectCard && f.Kind != promotion.Unavailable {
		if err := t.notDrawn(e); err != nil {
			return err
		}
	}
	if e.Attempt >= lookUpAttempts {
		if err := t.withoutLookUp(e, f); err != nil {
			return err
		}
	}
	return t.unread(e, f)
}

// withoutLookUp tells those who wait for a person or a group to be read that
// it does not come to that.
func (t *turn) withoutLookUp(e promotion.Effect, f promotion.Failure) error {
	switch e.Kind {
	case promotion.EffectPerson:
		w, err := promotion.Work[promotion.PersonWork](e)
		if err != nil {
			return err
		}
		return t.undecided(unknown{subject: policy.Subject{Person: w.ID}, why: f.Text}, anyone)
	case promotion.EffectGroup:
		w, err := promotion.Work[promotion.GroupWork](e)
		if err != nil {
			return err
		}
		return t.undecided(unknown{subject: policy.Subject{Group: w.ID}, why: f.Text}, anyone)
	}
	return nil
}

// How often something is tried whose failing must not last for ever: a reply in
// a thread for a day, as a card that was not posted before the end, a private answer for as long as its response URL lives.
// Whoever waits for a look-up is told after some two minutes that they wait in
// vain; it is tried on, for others. Everything else is tried until it is known
// how it ended.
const (
	noticeAttempts = 150
	tellAttempts   = 30
	lookUpAttempts = 8
)

// retry: how long to wait grows from one second, doubling, to a minute, or to
// ten where haste helps nobody: a channel that is archived, credentials that
// may not read or write.
func (t *turn) retry(e promotion.Effect, f promotion.Failure) (again bool, due time.Time, err error) {
	const slowly = 10 * time.Minute
	longest := time.Minute
	again = f.Kind == promotion.Unavailable
	switch e.Kind {
	case promotion.EffectTell, promotion.EffectSay:
		again = again && e.Attempt < tellAttempts
	case promotion.EffectHome: // what it misses comes when it is drawn next
		again = again && e.Attempt < lookUpAttempts
	case promotion.EffectNotice, promotion.EffectDirect, promotion.EffectDigest:
		again, longest = again && e.Attempt < noticeAttempts, slowly
	case promotion.EffectMeasure, promotion.EffectStock: // it is asked again anyway, and until then it is a fact that there is no answer
		again = false
	case promotion.EffectCopy:
		again, longest = true, slowly
	case promotion.EffectDeploy, promotion.EffectObserve:
		p, d, err := t.ordered(e)
		if err != nil {
			return false, due, err
		}
		off, err := t.calledOff(p, d, e.Kind)
		if err != nil {
			return false, due, err
		}
		again = (again || e.Kind == promotion.EffectObserve) && off == "" && t.now.Before(d.Order.Deadline)
		longest = min(longest, max(0, d.Order.Deadline.Sub(t.now)))
	case promotion.EffectCard, promotion.EffectInspect, promotion.EffectReadTags, promotion.EffectProve, promotion.EffectAttested:
		p, err := t.load(e.Promotion)
		if err != nil {
			return false, due, err
		}
		if !again || e.Kind == promotion.EffectCard {
			longest = slowly
		}
		// A card that is there has to lose its buttons, however long it takes.
		again = !p.State.Final() && !forgotten(p, e) && !t.distrusted(e) || e.Kind == promotion.EffectCard && (p.Card.TS != "" || e.Attempt < noticeAttempts)
	}
	wait := longest
	if e.Attempt < 10 {
		wait = min(longest, time.Second<<max(0, e.Attempt-1))
	}
	return again, t.now.Add(max(wait, f.RetryAfter)), nil
}

// unread lets the card say what could not be read or moved so far.
func (t *turn) unread(e promotion.Effect, f promotion.Failure) error {
	switch e.Kind {
	case promotion.EffectInspect, promotion.EffectReadTags, promotion.EffectMove:
	case promotion.EffectCopy:
		return t.delayed(e, f)
	case promotion.EffectProve:
		return t.unproved(e, f)
	case promotion.EffectAttested:
		return t.unattested(e, f)
	case promotion.EffectDeploy, promotion.EffectObserve:
		return t.unreached(e, f)
	case promotion.EffectUndo:
		return t.undoDelayed(e, f)
	default:
		return nil
	}
	p, err := t.load(e.Promotion)
	if err != nil {
		return err
	}
	if w, err := promotion.Work[promotion.InspectWork](e); e.Kind == promotion.EffectInspect && (err != nil || isFormer(p, w)) {
		return errors.Join(err, t.formerUnread(p, w, f))
	}
	if p.ReadFault == f.Text {
		return nil
	}
	p.ReadFault = f.Text
	p.Touch()
	_, err = t.settle(p)
	return err
}
