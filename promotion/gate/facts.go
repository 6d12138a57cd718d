package gate

import (
	"errors"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// facts gathers from rows, and only from rows, what the policy rests on.
func (t *turn) facts(p *promotion.Promotion) (policy.Document, policy.Facts, error) {
	f := policy.Facts{Promotion: *p, Identities: t.catalog.Identities}
	d, err := t.document(p)
	if err != nil {
		return d, f, err
	}
	if f.Votes, err = t.Votes(p.ID); err != nil {
		return d, f, err
	}
	if f.Rosters, f.People, err = t.people(d, f.Votes); err != nil {
		return d, f, err
	}
	if p.Purpose != promotion.Train {
		return d, f, t.surroundings(p, &f)
	}
	rides, err := t.rides(p.ID)
	if err != nil {
		return d, f, err
	}
	for _, r := range rides {
		of := policy.Facts{Promotion: *r, Identities: t.catalog.Identities}
		if err := t.surroundings(r, &of); err != nil {
			return d, f, err
		}
		f.Rides = append(f.Rides, of)
	}
	return d, f, t.rivals(p, &f)
}

// document is the policy that the promotion is under; that of a ride is its
// train's.
func (t *turn) document(p *promotion.Promotion) (policy.Document, error) {
	name := p.App
	if p.Purpose == promotion.Ride {
		of, err := t.Promotion(p.Train)
		if err != nil {
			return policy.Document{}, err
		}
		name = of.App
	}
	if p.Purpose == promotion.Train || p.Purpose == promotion.Ride {
		train, _ := t.catalog.Train(name)
		return train.Policies[p.To], nil
	}
	app, _ := t.catalog.App(name)
	d := app.Policies[p.To]
	if p.Repairs() {
		d.Soak = 0 // what is put back has soaked, and what is adopted runs already
	}
	return d, nil
}

// surroundings are where the digest comes from and where it goes, and what else
// is on the way there.
func (t *turn) surroundings(p *promotion.Promotion, f *policy.Facts) (err error) {
	if f.Presence, err = t.Presence(p.App, p.From, promotion.Source, p.Digest); err != nil {
		return err
	}
	if f.Source, err = t.look(p.App, p.From, promotion.Source); err != nil {
		return err
	}
	if f.Target, err = t.look(p.App, p.To, promotion.Held); err != nil {
		return err
	}
	return t.rivals(p, f)
}

// look is how well the watched tags can be seen. Tags that are not watched
// can't be at fault. Where nothing is watched but what promotions set, that is
// what has to be seen.
func (t *turn) look(app, environment string, side promotion.Side) (policy.Look, error) {
	if !t.catalog.watches(environment, side) {
		side = promotion.Held
	}
	w, err := t.Watch(app, environment, side)
	if errors.Is(err, promotion.NotFound) || !t.catalog.watches(environment, side) {
		return policy.Look{}, nil
	}
	return policy.Look{Fault: w.Fault, Since: w.Since}, err
}

func (c *Catalog) watches(environment string, side promotion.Side) bool {
	e, _ := c.Environment(environment)
	if side == promotion.Source {
		return !e.Watch.IsZero()
	}
	return len(e.FloatingTags()) > 0
}

func (t *turn) people(d policy.Document, votes []promotion.Vote) (map[string]promotion.Roster, map[promotion.PersonID]promotion.Person, error) {
	rosters := map[string]promotion.Roster{}
	var ids []promotion.PersonID
	for _, role := range d.Roles() {
		roster, err := t.roster(role)
		if err != nil {
			return nil, nil, err
		}
		rosters[role] = roster
		ids = append(ids, roster.Members...)
	}
	for _, v := range votes {
		ids = append(ids, v.Person)
	}
	slices.Sort(ids)
	people, err := t.People(slices.Compact(ids))
	return rosters, people, err
}

func (t *turn) roster(role string) (promotion.Roster, error) {
	people, groups := t.catalog.members(role)
	roster := promotion.Roster{Role: role, Members: people, Groups: groups}
	if len(groups) == 0 {
		return roster, nil
	}
	read, err := t.Groups(groups)
	if err != nil {
		return roster, err
	}
	var oldest *time.Time
	for _, id := range groups {
		g, ok := read[id]
		switch {
		case !ok:
			return roster, nil // never read: ReadAt stays nil, which is what "not known" means
		case g.Fault != "":
			roster.Fault = g.Fault
		}
		if oldest == nil || g.ReadAt.Before(*oldest) {
			oldest = &g.ReadAt
		}
		roster.Members = append(roster.Members, g.Members...)
	}
	roster.ReadAt = oldest
	slices.Sort(roster.Members)
	roster.Members = slices.Compact(roster.Members)
	return roster, nil
}

func (t *turn) rivals(p *promotion.Promotion, f *policy.Facts) error {
	executing, err := t.Promotions(Query{App: p.App, To: p.To, States: []promotion.State{promotion.Executing}, Limit: 2})
	if err != nil {
		return err
	}
	for _, other := range executing {
		if other.ID != p.ID {
			f.Executing = other.ID
		}
	}
	newer, err := t.Promotions(Query{App: p.App, To: p.To, States: []promotion.State{promotion.Promoted}, ObservedAfter: &p.ObservedAt, Limit: 1})
	if err != nil {
		return err
	}
	if len(newer) > 0 && newer[0].ID != p.ID {
		f.Newer = &newer[0]
	}
	return nil
}
