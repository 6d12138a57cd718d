package gate

import (
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// request opens a promotion because a person asks for it: of a digest, of what
// a tag points at, or of what is in the environment now.
func (t *turn) request(g promotion.Gesture, u unknown) (promotion.Answer, error) {
	answer := promotion.Answer{App: g.App}
	refuse := func(reason string) (promotion.Answer, error) {
		answer.Verb, answer.Reason = promotion.Refused, reason
		return answer, t.record(audit.Denied, nil, map[string]any{"app": g.App, "request": g.Ref, "why": reason})
	}
	app, ok := t.catalog.App(g.App)
	train, together := t.catalog.Train(g.App)
	if !ok && !together {
		answer.Verb = promotion.Missing
		return answer, nil
	}
	people, err := t.People([]promotion.PersonID{g.Person})
	if err != nil {
		return answer, err
	}
	who, known := people[g.Person]
	if !known || t.now.Sub(who.ReadAt) > policy.KnownFor {
		if u.subject.Person == g.Person {
			return refuse("it could not be read in Slack who this is (" + u.why + "); try again later")
		}
		answer.Verb = promotion.Checking
		return answer, t.lookUp([]policy.Subject{{Person: g.Person}})
	}
	if who.Standing != promotion.Member {
		return refuse("only members of this workspace can request a promotion")
	}
	if together {
		return t.requestTrain(train, g, answer, refuse)
	}
	td, asked, err := t.meant(app, g)
	if err != nil {
		return answer, err
	}
	switch {
	case td.Digest != "":
		return t.requestDigest(app, td, g, answer, refuse)
	case !asked:
		return refuse("there is no such image: name a tag or a digest that exists, or wait until one is in an environment")
	case u.gesture == g.Key:
		return refuse("what the tag " + td.Tag + " points at could not be read (" + u.why + ")")
	}
	answer.Verb = promotion.Checking
	return answer, t.resolve(app, g)
}

// meant is the digest that a request names, as far as rows can tell. asked
// says that a tag was named which the registry has to be asked about.
func (t *turn) meant(app App, g promotion.Gesture) (td promotion.TaggedDigest, asked bool, err error) {
	if d, err := promotion.ParseDigest(g.Ref); err == nil {
		return promotion.TaggedDigest{Digest: d}, false, nil
	}
	// From the end of the chain: the step that is nearest to production is meant.
	for i := len(t.catalog.Environments) - 2; i >= 0 && g.Ref == ""; i-- {
		if td, err := t.newest(app, t.catalog.Environments[i].Name); err != nil || td.Digest != "" {
			return td, false, err
		}
	}
	return promotion.TaggedDigest{Tag: g.Ref}, g.Ref != "", nil
}

// newest is what came to an environment last, of what is there now; zero when
// nothing is.
func (t *turn) newest(app App, environment string) (td promotion.TaggedDigest, err error) {
	holdings, err := t.Holdings(app.Name, environment, promotion.Source)
	var newest Holding
	for _, h := range holdings {
		if !h.Since.Before(newest.Since) {
			newest = h
		}
	}
	return promotion.TaggedDigest{Tag: newest.Tag, Digest: newest.Digest, Captures: newest.Captures}, err
}

func (t *turn) resolve(app App, g promotion.Gesture) error {
	w := promotion.ResolveWork{Tag: g.Ref, Gesture: g.Key}
	for i := len(t.catalog.Environments) - 2; i >= 0; i-- {
		if r := app.In(t.catalog.Environments[i].Name); !slices.Contains(w.Repositories, r) {
			w.Repositories = append(w.Repositories, r)
		}
	}
	return t.AddEffect(promotion.NewEffect(promotion.EffectResolve, "resolve/"+g.Key, 0, w, t.now))
}

func (t *turn) requestDigest(app App, td promotion.TaggedDigest, g promotion.Gesture, answer promotion.Answer, refuse func(string) (promotion.Answer, error)) (promotion.Answer, error) {
	answer.Digest = td.Digest
	if err := t.expireAll(); err != nil { // what has expired is not open already
		return answer, err
	}
	from, td, err := t.placed(app, td)
	if err != nil {
		return answer, err
	}
	if from == "" {
		return refuse("that image is in none of the environments " + t.catalog.sources() + ": it has to be there first")
	}
	to, _ := t.catalog.Next(from)
	had, err := t.Promotions(Query{App: app.Name, To: to.Name, Digest: td.Digest, States: promotion.Unfinished(), Limit: 1})
	if err != nil {
		return answer, err
	}
	if len(had) > 0 {
		answer.Verb, answer.Promotion = promotion.Existing, shownAs(&had[0])
		return answer, nil
	}
	withdrawn, err := t.Withdrawals(app.Name)
	if err != nil {
		return answer, err
	}
	if w := policy.Withdrawn(withdrawn, td.Digest); w != nil {
		return refuse("it was withdrawn, and somebody else would have to reinstate it: " + w.Reason)
	}
	p, err := t.open(app, from, to.Name, td, g.Person)
	if err != nil {
		return answer, err
	}
	answer.Verb, answer.Promotion = promotion.Requested, p.ID
	return answer, nil
}

// placed finds the environment, nearest to production, that the digest is in.
// A first environment that nothing watches is fed by the request itself.
func (t *turn) placed(app App, td promotion.TaggedDigest) (string, promotion.TaggedDigest, error) {
	for i := len(t.catalog.Environments) - 2; i >= 0; i-- {
		env := t.catalog.Environments[i]
		holdings, err := t.Holdings(app.Name, env.Name, promotion.Source)
		if err != nil {
			return "", td, err
		}
		for _, h := range holdings {
			if h.Digest == td.Digest {
				return env.Name, promotion.TaggedDigest{Tag: h.Tag, Digest: h.Digest, Captures: h.Captures}, nil
			}
		}
	}
	first := t.catalog.Environments[0]
	if !first.Watch.IsZero() {
		return "", td, nil
	}
	return first.Name, td, t.feed(app.Name, first.Name, td)
}

// feed puts a digest into an environment that nothing watches, in place of
// what was there.
func (t *turn) feed(app, env string, td promotion.TaggedDigest) error {
	holdings, err := t.Holdings(app, env, promotion.Source)
	if err != nil {
		return err
	}
	if holds(holdings, td.Digest) {
		return nil
	}
	for _, h := range holdings {
		if err := t.CloseHolding(app, env, promotion.Source, h.Tag, t.now); err != nil {
			return err
		}
		if err := t.settleAll(Query{App: app, From: env, Digest: h.Digest, States: live}, true); err != nil {
			return err
		}
	}
	if err := t.record(audit.Observed, nil, map[string]any{"app": app, "environment": env, "tag": td.Tag, "digest": td.Digest}); err != nil {
		return err
	}
	return t.OpenHolding(app, env, promotion.Source, Holding{Tag: td.Tag, Digest: td.Digest, Captures: td.Captures, Since: t.following(holdings)})
}

func (c *Catalog) sources() string {
	var names []string
	for _, e := range c.Environments[:len(c.Environments)-1] {
		names = append(names, e.Name)
	}
	return strings.Join(names, ", ")
}
