package gate

import (
	"context"
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Hint is word that something has changed which is read in Slack: somebody's
// account, a user group or a channel.
type Hint struct {
	Person   promotion.PersonID
	Standing promotion.Standing // that the person is said to have now
	Group    promotion.GroupID
	Channel  string
}

// Hint has what it is about read at once instead of within ten minutes, if
// anything here rests on it. Nothing is concluded from the hint itself: it may
// come late, twice or not at all.
func (g *Gate) Hint(ctx context.Context, h Hint) error {
	matters := false
	err := g.read(ctx, func(t *turn) (err error) {
		matters, err = t.matters(h)
		return err
	})
	if err != nil || !matters { // people change their status all day: that takes no turn from whoever has to write
		return err
	}
	return g.update(ctx, audit.Self, func(t *turn) error {
		return t.lookUp([]policy.Subject{{Person: h.Person, Group: h.Group, Channel: h.Channel}})
	})
}

func (t *turn) matters(h Hint) (bool, error) {
	_, groups := t.catalog.Directory()
	switch {
	case h.Group != "":
		return slices.Contains(groups, h.Group), nil
	case h.Channel != "":
		return slices.Contains(t.catalog.Channels(), h.Channel), nil
	}
	known, err := t.People([]promotion.PersonID{h.Person})
	who, met := known[h.Person]
	return met && who.Standing != h.Standing, err
}
