package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// Candidate takes a hint that there is a new build: a tag or a digest. What a
// machine says of an environment that is watched has it looked at, and no more.
// Where nothing is watched the machine feeds the first environment, once the
// registry has said that there is such a digest.
func (g *Gate) Candidate(ctx context.Context, call Call, app, ref string) (promotion.Receipt, error) {
	if _, err := promotion.ParseDigest(ref); err != nil {
		if _, err := promotion.ParseTag(ref); err != nil {
			return promotion.Receipt{}, err
		}
	}
	return g.receive(ctx, call, promotion.ScopeCandidates, on(app), func(t *turn, k promotion.Token) (promotion.Receipt, error) {
		a, _ := t.catalog.App(app)
		gesture := promotion.Gesture{Kind: promotion.GestureRequest, At: t.now, App: app, Ref: ref, Token: k.Name,
			Key: fmt.Sprintf("token/%s/%s/%s/%d", k.ID, app, ref, t.now.UnixMicro())}
		r := promotion.Receipt{Verb: promotion.Checking, App: app, Look: t.catalog.watched(a)}
		td, err := t.known(a, ref)
		if err != nil {
			return r, err
		}
		r.Digest = td.Digest
		if td.Digest != "" {
			answer, err := t.offer(a, td, gesture)
			r.Verb, r.Reason = answer.Verb, answer.Reason
			if answer.Promotion != 0 {
				r.Promotions = []promotion.ID{answer.Promotion}
			}
			return r, err
		}
		if !t.catalog.Environments[0].Watch.IsZero() {
			return r, nil
		}
		if _, _, err := t.Gesture(gesture.Key); !errors.Is(err, promotion.NotFound) {
			return r, err // asked for twice in one instant
		}
		if err := t.AddGesture(gesture, nil); err != nil {
			return r, err
		}
		return r, t.resolve(a, gesture)
	})
}

// watched are the environments of an app in which something is looked for.
func (c *Catalog) watched(app App) []string {
	var names []string
	for _, e := range c.Environments {
		if _, watched := c.watchings()[watching{app.Name, e.Name, promotion.Source}]; watched {
			names = append(names, e.Name)
		}
	}
	return names
}

// known is what is in an environment already under that tag or digest.
func (t *turn) known(app App, ref string) (promotion.TaggedDigest, error) {
	for _, env := range slices.Backward(t.catalog.Environments[:len(t.catalog.Environments)-1]) {
		holdings, err := t.Holdings(app.Name, env.Name, promotion.Source)
		if err != nil {
			return promotion.TaggedDigest{}, err
		}
		for _, h := range holdings {
			// What a tag pointed at is no news where nobody looks at it again.
			if string(h.Digest) == ref || h.Tag == ref && t.catalog.watches(env.Name, promotion.Source) {
				return promotion.TaggedDigest{Tag: h.Tag, Digest: h.Digest, Captures: h.Captures}, nil
			}
		}
	}
	return promotion.TaggedDigest{}, nil
}

// offer puts a digest to the approvers because a machine has named it: not
// again what was decided before. A person can still request that.
func (t *turn) offer(app App, td promotion.TaggedDigest, g promotion.Gesture) (promotion.Answer, error) {
	answer := promotion.Answer{App: app.Name, Digest: td.Digest}
	refuse := func(reason string) (promotion.Answer, error) {
		answer.Verb, answer.Reason = promotion.Refused, reason
		return answer, t.record(audit.Denied, nil, map[string]any{"app": app.Name, "request": g.Ref, "why": reason})
	}
	from, td, err := t.placed(app, td)
	if err != nil {
		return answer, err
	}
	if to, ok := t.catalog.Next(from); ok {
		had, err := t.Promotions(Query{App: app.Name, To: to.Name, Digest: td.Digest, States: promotion.Unfinished(), Limit: 1})
		if err != nil {
			return answer, err
		}
		wanted, err := t.isCandidate(app.Name, to.Name, td.Digest)
		if err != nil {
			return answer, err
		}
		if len(had) == 0 && !wanted {
			return refuse(fmt.Sprintf("it is in %s, or was promoted or rejected there before: a person can request it in Slack", to.Name))
		}
	}
	return t.requestDigest(app, td, g, answer, refuse)
}

// offered decides what a machine has named, when the registry could not be
// asked about it.
func (t *turn) offered(g promotion.Gesture, u unknown) (promotion.Answer, error) {
	answer := promotion.Answer{App: g.App, Verb: promotion.Checking}
	if u.gesture != g.Key {
		return answer, nil
	}
	answer.Verb, answer.Reason = promotion.Refused, g.Ref+" could not be read ("+u.why+")"
	return answer, t.record(audit.Denied, nil, map[string]any{"app": g.App, "request": g.Ref, "why": answer.Reason})
}

// tagOf is the tag that a request names; empty when it names a digest.
func tagOf(g promotion.Gesture) string {
	if _, err := promotion.ParseDigest(g.Ref); err == nil {
		return ""
	}
	return g.Ref
}
