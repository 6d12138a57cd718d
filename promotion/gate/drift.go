package gate

import (
	"errors"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// A registry has no compare-and-swap, and people have its credentials: a tag
// that was promoted can be moved by somebody else at any time. Nothing is put
// right silently. It becomes a promotion that would put the tag back, with a
// card and approvals like any other, on which what was found can be adopted
// instead.

// settling is how long after a promotion a look may still show what was before
// it: registries keep copies of what a tag points at, and so do what stands
// before them.
const settling = 30 * time.Second

// look is what some tags pointed at, in a look that began at an instant.
type look struct {
	began time.Time
	tags  map[string]promotion.Digest // empty for a tag that is not there
}

// drifted compares what the tags point at with what was set there. The error
// is Stale when that can't be told yet, and the same has to be reported again.
func (t *turn) drifted(app App, env Environment, l look) error {
	pins, err := t.Pins(app.Name, env.Name)
	if err != nil {
		return err
	}
	moved := map[promotion.Digest][]Pin{}
	for _, pin := range pins {
		found, looked := l.tags[pin.Tag]
		if !looked || found == pin.Digest {
			continue
		}
		if l.began.Before(pin.At.Add(settling)) {
			return promotion.Errorf(promotion.Stale, "%s of %s was set a moment ago", pin.Tag, app.Name)
		}
		moved[pin.Digest] = append(moved[pin.Digest], pin)
	}
	if len(moved) > 0 {
		executing, err := t.Promotions(Query{App: app.Name, To: env.Name, States: []promotion.State{promotion.Executing}, Limit: 1})
		if err != nil {
			return err
		}
		if len(executing) > 0 {
			return promotion.Errorf(promotion.Stale, "#%d is setting the tags of %s", executing[0].ID, env.Name)
		}
	}
	if err := t.cleared(app, env); err != nil {
		return err
	}
	for _, pin := range pins {
		if these := moved[pin.Digest]; len(these) > 0 {
			delete(moved, pin.Digest)
			if err := t.repair(app, env, these, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// cleared ends what was opened to put something right that is no longer wrong.
func (t *turn) cleared(app App, env Environment) error {
	open, err := t.query(Query{App: app.Name, To: env.Name, States: []promotion.State{promotion.Open}, Purposes: []promotion.Purpose{promotion.Restore, promotion.Adopt}})
	if err != nil {
		return err
	}
	for _, p := range open {
		there := 0
		for _, target := range p.Targets {
			if target.Now == p.Digest {
				there++
			}
		}
		switch {
		case p.Purpose == promotion.Restore && there == len(p.Targets):
			err = t.end(p, promotion.Superseded, "the tags point at it again", nil)
		case p.Purpose == promotion.Adopt && there < len(p.Targets):
			err = t.end(p, promotion.Superseded, "the tags were moved again", nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// repair asks whether tags that had been set to one digest are to be put back,
// once for each place where they were found.
func (t *turn) repair(app App, env Environment, pins []Pin, l look) error {
	now := t.now
	var targets []promotion.Target
	for _, pin := range pins {
		targets = append(targets, promotion.Target{Tag: pin.Tag, Floating: true, Now: l.tags[pin.Tag], ReadAt: &now})
	}
	had, err := t.query(Query{App: app.Name, To: env.Name, Digest: pins[0].Digest, Purposes: []promotion.Purpose{promotion.Restore}, Limit: 1})
	if err != nil {
		return err
	}
	if len(had) > 0 && asked(had[0], targets) {
		return nil
	}
	if len(had) > 0 && had[0].State == promotion.Open {
		had[0].Targets = targets
		had[0].Touch()
		_, err := t.settle(had[0])
		return err
	}
	before, err := t.Promotion(pins[0].Promotion)
	if err != nil {
		return err
	}
	if taken, err := t.taken(app, env, pins[0].Digest); err != nil || taken {
		return err // it is on its way there already
	}
	if leaves, err := t.leaves(app, env, pins[0].Digest); err != nil || leaves {
		return err
	}
	p := t.fresh(app, before.From, env.Name, pins[0].Digest)
	p.Purpose, p.Repository, p.Targets, p.ObservedAt = promotion.Restore, p.Destination, targets, before.ObservedAt
	return t.enter(p, audit.Drifted, map[string]any{"set_by": before.ID, "found": p.TermsNow().Targets})
}

// asked tells whether this very thing was asked before and somebody has
// answered, or may still.
func asked(p *promotion.Promotion, targets []promotion.Target) bool {
	same := slices.EqualFunc(p.Targets, targets, func(a, b promotion.Target) bool { return a.Tag == b.Tag && a.Now == b.Now })
	answered := p.State == promotion.Rejected || p.State == promotion.Superseded && p.Successor != 0
	return same && (answered || p.State == promotion.Open || p.State == promotion.Executing)
}

func (t *turn) taken(app App, env Environment, d promotion.Digest) (bool, error) {
	open, err := t.Promotions(Query{App: app.Name, To: env.Name, Digest: d, States: live, Limit: 1})
	return len(open) > 0, err
}

// leaves tells whether it is asked whether the digest is to leave the environment:
// nobody is asked at the same time whether it is to be put back.
func (t *turn) leaves(app App, env Environment, d promotion.Digest) (bool, error) {
	back, err := t.Promotions(Query{App: app.Name, To: env.Name, Purposes: []promotion.Purpose{promotion.Rollback}, States: live})
	return slices.ContainsFunc(back, func(p promotion.Promotion) bool { return p.Back.Bad == d }), err
}

// adopt asks, instead of putting tags back, that what was found behind them be
// accepted. That takes the approvals of a promotion; asking takes a role that
// could give one.
func (t *turn) adopt(g promotion.Gesture, p *promotion.Promotion, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	if refusal := policy.MayAdopt(d, f, g.Person); refusal != "" {
		return t.refuse(g, p, d, answer, refusal)
	}
	found, one := p.Found()
	if !one {
		return t.refuse(g, p, policy.Document{}, answer, "there is no one image behind the tags that could be adopted")
	}
	app, ok := t.catalog.App(p.App)
	env, known := t.catalog.Environment(p.To)
	if !ok || !known {
		return t.refuse(g, p, policy.Document{}, answer, "the app is not configured any more")
	}
	if taken, err := t.taken(app, env, found); err != nil || taken {
		answer.Verb, answer.Digest = promotion.Existing, found
		return answer, err
	}
	adoption := t.fresh(app, p.From, p.To, found)
	adoption.Purpose, adoption.Repository, adoption.Requester, adoption.ObservedAt = promotion.Adopt, p.Destination, g.Person, p.ObservedAt
	adoption.Targets = slices.Clone(p.Targets)
	if err := t.enter(adoption, audit.Opened, map[string]any{"instead_of": p.ID, "targets": adoption.TermsNow().Targets}); err != nil {
		return answer, err
	}
	p.Successor = adoption.ID
	answer.Verb, answer.Promotion, answer.Digest = promotion.Requested, adoption.ID, found
	return answer, t.end(p, promotion.Superseded, "", map[string]any{"successor": adoption.ID})
}

// pinned notes what a promotion has set, or found to be so.
func (t *turn) pinned(p *promotion.Promotion) error {
	for _, m := range p.Moves {
		if m.Outcome != promotion.MoveDone && m.Outcome != promotion.MoveAlready {
			continue
		}
		if err := t.SavePin(Pin{App: p.App, Environment: p.To, Tag: m.Tag, Digest: p.Digest, Promotion: p.ID, At: t.now}); err != nil {
			return err
		}
	}
	return nil
}

// The watcher looks at the tags that say what runs in an environment, round
// after round. Those that are set once are looked at more seldom, and only the
// newest: nobody runs the old ones any more.
const (
	compareEvery = time.Hour
	compareMost  = 20
)

// compare has the tags that were set once in an environment read again, in due
// time.
func (t *turn) compare(app, environment string) error {
	a, ok := t.catalog.App(app)
	env, known := t.catalog.Environment(environment)
	if !ok || !known {
		return nil
	}
	pins, err := t.Pins(app, environment)
	if err != nil {
		return err
	}
	w := promotion.CompareWork{App: app, Environment: environment, Repository: a.In(environment)}
	for _, pin := range pins {
		if !slices.Contains(env.FloatingTags(), pin.Tag) && len(w.Tags) < compareMost {
			w.Tags = append(w.Tags, pin.Tag)
		}
	}
	if len(w.Tags) == 0 {
		return nil
	}
	return t.compareAt(w, t.now.Add(compareEvery))
}

// compared takes what was read, or nothing when it could not be. What was set
// while it was read is left for the next time.
func (t *turn) compared(e promotion.Effect, readings []promotion.TagReading) error {
	w, err := promotion.Work[promotion.CompareWork](e)
	if err != nil {
		return err
	}
	if err := t.compare(w.App, w.Environment); err != nil {
		return err
	}
	app, ok := t.catalog.App(w.App)
	env, known := t.catalog.Environment(w.Environment)
	if !ok || !known || app.In(w.Environment) != w.Repository || len(readings) == 0 {
		return nil
	}
	l := look{began: t.now, tags: map[string]promotion.Digest{}}
	for _, r := range readings {
		l.tags[r.Tag] = r.Digest
		if r.ReadAt.Before(l.began) {
			l.began = r.ReadAt
		}
	}
	if err := t.reread(w.App, w.Environment, l.tags, false); err != nil {
		return err
	}
	if err := t.drifted(app, env, l); !errors.Is(err, promotion.Stale) {
		return err
	}
	return nil
}
