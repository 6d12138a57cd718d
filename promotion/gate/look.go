package gate

import (
	"context"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Outsider says why somebody who has clicked is shown nothing, or "". ours tells
// whether Slack says that they are of our workspace. A colleague may be of another
// one of the same organisation: whoever is not known is looked up, and shown
// nothing before that.
func (g *Gate) Outsider(ctx context.Context, who promotion.PersonID, ours bool) (refusal string, err error) {
	known, stale := false, false
	err = g.read(ctx, func(t *turn) error {
		people, err := t.People([]promotion.PersonID{who})
		if err != nil {
			return err
		}
		var p promotion.Person
		p, known = people[who]
		refusal, stale = policy.MayLook(policy.Facts{People: people}, who), t.now.Sub(p.ReadAt) > policy.KnownFor
		return nil
	})
	switch {
	case err != nil, known && refusal == "":
		return "", err
	case !known && ours:
		return "", nil
	case !known:
		refusal = "promotebot is asking Slack whether you are of this organisation; click again in a moment"
	}
	if !stale {
		return refusal, nil
	}
	return refusal, g.update(ctx, audit.Self, func(t *turn) error {
		return t.lookUp([]policy.Subject{{Person: who}})
	})
}
