package gate

import (
	"errors"
	"slices"

	"github.com/promotebot/promotebot/promotion"
)

// executed takes how the execution went. A ride that may have to be taken back
// has not come to its end by that.
func (t *turn) executed(p *promotion.Promotion, to promotion.State, why string) error {
	if p.Purpose == promotion.Ride {
		if waits, err := t.waits(p, why); err != nil || waits {
			return err
		}
	}
	return t.close(p, to, why)
}

// close ends what was executed, unless targets are to run it or it is watched, and
// lets go on what waited for that.
func (t *turn) close(p *promotion.Promotion, to promotion.State, why string) error {
	were, err := t.Pins(p.App, p.To)
	if err != nil {
		return err
	}
	if err := t.pinned(p); err != nil {
		return err
	}
	detail := map[string]any{"moves": p.Moves}
	if why != "" {
		detail["why"] = why
	}
	brings := to == promotion.Promoted && p.Purpose != promotion.Train // what a train brings, its rides do
	if brings {
		if err := t.takesPlace(p); err != nil {
			return err
		}
	}
	begun, err := false, error(nil)
	if to == promotion.Promoted {
		begun, err = t.deploy(p, detail)
	}
	if err == nil && !begun {
		err = t.end(p, to, why, detail)
	}
	if err != nil {
		return err
	}
	if err := t.replaced(p, were); err != nil {
		return err
	}
	if p.Purpose == promotion.Rollback {
		if err := t.tookBack(p, to); err != nil {
			return err
		}
	}
	if !brings {
		return t.nextTurn(p)
	}
	if err := t.compare(p.App, p.To); err != nil {
		return err
	}
	return t.arrived(p)
}

// takesPlace notes that the digest is in the target now, before the next look says
// so, and lets what was older give way. It comes first: what follows may go back
// from there.
func (t *turn) takesPlace(p *promotion.Promotion) error {
	env, _ := t.catalog.Environment(p.To)
	if beside(p, env) {
		return nil
	}
	now, err := t.runsNow(p, env)
	if err != nil {
		return err
	}
	if err := t.held(now, t.now, env.FloatingTags()); err != nil {
		return err
	}
	return errors.Join(t.outdone(p), t.overtaken(p))
}

// arrived lets go on what waited for p, and has its digest go on.
func (t *turn) arrived(p *promotion.Promotion) error {
	env, _ := t.catalog.Environment(p.To)
	if beside(p, env) {
		return t.nextTurn(p)
	}
	if err := t.outlived(p); err != nil {
		return err
	}
	if err := t.nextTurn(p); err != nil {
		return err
	}
	next, more := t.catalog.Next(p.To)
	app, ok := t.catalog.App(p.App)
	if !more || !ok || !env.Watch.IsZero() {
		return nil
	}
	td := promotion.TaggedDigest{Tag: p.Targets[len(p.Targets)-1].Tag, Digest: p.Digest}
	if err := t.feed(p.App, p.To, td); err != nil {
		return err
	}
	wanted, err := t.isCandidate(p.App, next.Name, p.Digest)
	if err != nil || !wanted || p.Purpose == promotion.Rollback { // going back brings nothing on
		return err
	}
	_, err = t.open(app, p.To, next.Name, td, "")
	return err
}

// beside tells whether the promotion puts only tags right that don't say what is in
// the environment: what is there stays what it was.
func beside(p *promotion.Promotion, env Environment) bool {
	return p.Repairs() && !slices.ContainsFunc(p.Targets, func(target promotion.Target) bool { return slices.Contains(env.FloatingTags(), target.Tag) })
}

// runsNow is what a look would show after the promotion: its digest behind the
// tags that it set, and what was there before behind the others.
func (t *turn) runsNow(p *promotion.Promotion, env Environment) (promotion.Sighting, error) {
	s := promotion.Sighting{App: p.App, Environment: p.To, Side: promotion.Held}
	before, err := t.Holdings(p.App, p.To, promotion.Held)
	if err != nil {
		return s, err
	}
	sets := func(tag string) bool {
		return slices.ContainsFunc(p.Targets, func(target promotion.Target) bool { return target.Tag == tag })
	}
	for _, tag := range env.FloatingTags() {
		if sets(tag) {
			s.Tags = append(s.Tags, promotion.TaggedDigest{Tag: tag, Digest: p.Digest})
		}
	}
	for _, h := range before {
		if !sets(h.Tag) {
			s.Tags = append(s.Tags, promotion.TaggedDigest{Tag: h.Tag, Digest: h.Digest})
		}
	}
	return s, nil
}

// nextTurn lets another promotion move the tags that p no longer moves, and the
// digest go on from where p has brought it. What waited for it says so on its card.
func (t *turn) nextTurn(p *promotion.Promotion) error {
	return errors.Join(
		t.settleAll(Query{App: p.App, To: p.To, States: []promotion.State{promotion.Open}}, true),
		t.settleAll(Query{App: p.App, From: p.To, Digest: p.Digest, States: []promotion.State{promotion.Open}}, true))
}
