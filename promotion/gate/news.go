package gate

import (
	"context"
	"errors"
	"slices"

	"github.com/promotebot/promotebot/promotion"
)

// news are the looks that say something that the rows do not say. Nearly none
// does, and to find that out takes no turn from whoever has to write. It is
// asked of the rows, not of what was reported before: a tag that a promotion
// has moved, and that somebody moved back before the next look, looks as it did
// the last time and is news all the same.
func (g *Gate) news(ctx context.Context, sightings []promotion.Sighting) (news []promotion.Sighting, err error) {
	err = g.read(ctx, func(t *turn) error {
		news = nil
		for _, s := range sightings {
			isNew, err := t.isNews(s)
			if err != nil {
				return err
			}
			if isNew {
				news = append(news, s)
			}
		}
		return nil
	})
	return news, err
}

func (t *turn) isNews(s promotion.Sighting) (bool, error) {
	w, err := t.Watch(s.App, s.Environment, s.Side)
	switch {
	case errors.Is(err, promotion.NotFound):
		return true, nil
	case err != nil:
		return false, err
	case w.Fault != s.Fault:
		return true, nil
	case s.Fault != "":
		return false, nil
	}
	holdings, err := t.Holdings(s.App, s.Environment, s.Side)
	if err != nil || !asHeld(holdings, s.Tags) {
		return true, err
	}
	if s.Side == promotion.Source {
		return false, nil
	}
	return t.expectsOther(s)
}

// asHeld tells whether the tags are what is held. What a pattern captured
// follows from the tag.
func asHeld(holdings []Holding, tags []promotion.TaggedDigest) bool {
	return len(holdings) == len(tags) && !slices.ContainsFunc(holdings, func(h Holding) bool {
		return !slices.ContainsFunc(tags, func(td promotion.TaggedDigest) bool { return td.Tag == h.Tag && td.Digest == h.Digest })
	})
}

// expectsOther tells whether something open, or something that was set,
// expects the floating tags elsewhere than where they were found.
func (t *turn) expectsOther(s promotion.Sighting) (bool, error) {
	env, _ := t.catalog.Environment(s.Environment)
	found := sightedTags(s, env.FloatingTags())
	pins, err := t.Pins(s.App, s.Environment)
	if err != nil {
		return false, err
	}
	for _, pin := range pins {
		if is, looked := found[pin.Tag]; looked && is != pin.Digest {
			return true, nil
		}
	}
	open, err := t.Promotions(Query{App: s.App, To: s.Environment, States: []promotion.State{promotion.Open}})
	if err != nil {
		return false, err
	}
	for _, p := range open {
		for _, target := range p.Targets {
			if is, looked := found[target.Tag]; looked && (target.ReadAt == nil || target.Now != is) {
				return true, nil
			}
		}
	}
	return false, nil
}
