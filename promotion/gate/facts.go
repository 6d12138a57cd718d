package gate

import (
	"errors"
	"maps"
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
	if f.Delegations, err = t.delegations(p); err != nil {
		return d, f, err
	}
	if f.Rosters, f.People, err = t.people(d, f.Votes, f.Delegations); err != nil {
		return d, f, err
	}
	if d.RefuseShared {
		if f.Channel, err = t.housed(p); err != nil {
			return d, f, err
		}
	}
	if err := errors.Join(t.concerned(p, &f), t.follows(p, &f)); err != nil {
		return d, f, err
	}
	if err := t.aftermath(p, &f); err != nil {
		return d, f, err
	}
	if p.Purpose != promotion.Train {
		if err := t.surroundings(p, &f); err != nil {
			return d, f, err
		}
		if err := t.evidence(d, &f); err != nil {
			return d, f, err
		}
		if f.Ahead, err = t.ahead(p, d); err != nil {
			return d, f, err
		}
		return d, f, t.involved(&f)
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
	if err := t.evidence(d, &f); err != nil {
		return d, f, err
	}
	if err := t.stopped(p, &f); err != nil {
		return d, f, err
	}
	if err := t.involved(&f); err != nil {
		return d, f, err
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
	if p.Purpose == promotion.Rollback {
		if d = d.Returning(); p.Requester == "" { // nobody asked for it but the policy
			d.Automatic, d.Reject.By = true, d.MayVeto()
		}
		return d, nil
	}
	if p.Repairs() {
		d.Soak, d.Incidents, d.Exposure = 0, policy.Interruptions{}, promotion.Exposure{} // what is put back has soaked, and what is adopted runs already
		d.Deploys, d.How, d.Together, d.After = nil, "", false, nil
	}
	if p.Purpose == promotion.Restore {
		d.Checks = nil // it passed them when it was promoted
	}
	return d, nil
}

// surroundings are where the digest comes from and where it goes, and what else
// is on the way there.
func (t *turn) surroundings(p *promotion.Promotion, f *policy.Facts) (err error) {
	if f.Presence, err = t.Presence(p.App, p.From, promotion.Source, p.Digest); err != nil {
		return err
	}
	if err := t.since(p, f); err != nil {
		return err
	}
	if f.Authors, err = t.Authors(p.App, p.Digest); err != nil {
		return err
	}
	if f.Source, err = t.look(p.App, p.From, promotion.Source); err != nil {
		return err
	}
	if f.Target, err = t.look(p.App, p.To, promotion.Held); err != nil {
		return err
	}
	if err := t.passed(p, f); err != nil {
		return err
	}
	if err := t.stopped(p, f); err != nil {
		return err
	}
	if err := t.fate(p, f); err != nil {
		return err
	}
	return t.rivals(p, f)
}

// since has the digest count as being where it comes from only from when it ran
// there: its tag says so as soon as it is moved, and targets take their time.
func (t *turn) since(p *promotion.Promotion, f *policy.Facts) error {
	brought, err := t.Promotions(Query{App: p.App, To: p.From, Digest: p.Digest, Limit: 1,
		States: []promotion.State{promotion.Deploying, promotion.Watching, promotion.Failing, promotion.Promoted}})
	if err != nil || len(brought) == 0 || brought[0].MovedAt == nil {
		return err
	}
	b := brought[0]
	if !b.State.Final() {
		f.Brought = &b
	}
	orders, err := t.Deployments(b.ID)
	if err != nil {
		return err
	}
	ran := *b.MovedAt
	for _, o := range orders {
		switch {
		case o.EndedAt == nil && !b.State.Final():
			ran = t.now
		case o.EndedAt != nil && o.EndedAt.After(ran):
			ran = *o.EndedAt
		}
	}
	for i := range f.Presence {
		if n := &f.Presence[i]; !n.From.Before(*b.MovedAt) && n.From.Before(ran) && (n.Until == nil || n.Until.After(ran)) {
			n.From = ran
		}
	}
	return nil
}

// passed is what happened while the digest was where it soaks, and what is not
// over.
func (t *turn) passed(p *promotion.Promotion, f *policy.Facts) (err error) {
	var since *time.Time
	if len(f.Presence) > 0 {
		since = &f.Presence[0].From
	}
	if f.Incidents, err = t.Incidents(p.App, since); err != nil {
		return err
	}
	f.Incidents = slices.DeleteFunc(f.Incidents, func(i promotion.Incident) bool { return !i.Concerns(p.App, p.From, p.To) })
	if f.Unhealthy, err = t.Unhealth(p.App, p.From, since); err != nil {
		return err
	}
	sources, err := t.Exposure(p.App, p.From, p.Digest)
	for _, e := range sources {
		f.Exposure = f.Exposure.Plus(e)
	}
	return err
}

// stopped is what people have stopped. What is frozen for everything is asked of
// a train once, and not of each ride.
func (t *turn) stopped(p *promotion.Promotion, f *policy.Facts) (err error) {
	if f.Freezes, err = t.Freezes(p.App, t.now); err != nil {
		return err
	}
	if p.Purpose == promotion.Ride {
		f.Freezes = slices.DeleteFunc(f.Freezes, func(z promotion.Freeze) bool { return z.App == "" })
	} else {
		f.Freezes = slices.Concat(t.catalog.Freezes, f.Freezes)
	}
	f.Holds, err = t.Holds(p.App)
	f.Holds = slices.DeleteFunc(f.Holds, func(h promotion.Hold) bool { return !h.Keeps(p.Digest) })
	return err
}

// involved adds to the people of the facts those who have stopped it.
func (t *turn) involved(f *policy.Facts) error {
	var ids []promotion.PersonID
	for _, of := range append([]policy.Facts{*f}, f.Rides...) {
		for _, h := range of.Holds {
			ids = append(ids, h.By)
		}
		for _, z := range of.Freezes {
			ids = append(ids, z.By)
		}
		if of.Withdrawn != nil {
			ids = append(ids, of.Withdrawn.By)
		}
		if of.Undone != nil {
			ids = append(ids, of.Undone.Requester)
		}
		for _, i := range of.Incidents {
			ids = append(ids, promotion.PersonOf(i.ReportedBy))
		}
	}
	people, err := t.People(ids)
	maps.Copy(f.People, people)
	return err
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

func (t *turn) people(d policy.Document, votes []promotion.Vote, delegations []promotion.Delegation) (map[string]promotion.Roster, map[promotion.PersonID]promotion.Person, error) {
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
	for _, g := range delegations {
		ids = append(ids, g.By, g.To)
	}
	slices.Sort(ids)
	people, err := t.People(slices.Compact(ids))
	return rosters, people, err
}

// acquaint adds to the facts what is known of somebody who may be neither a
// voter nor hold a role.
func (t *turn) acquaint(f *policy.Facts, id promotion.PersonID) error {
	if _, known := f.People[id]; known {
		return nil
	}
	some, err := t.People([]promotion.PersonID{id})
	if who, known := some[id]; known {
		f.People[id] = who
	}
	return err
}

func (t *turn) roster(role string) (promotion.Roster, error) {
	_, groups := t.catalog.members(role)
	if len(groups) == 0 {
		return t.catalog.Roster(role, nil), nil
	}
	read, err := t.Groups(groups)
	return t.catalog.Roster(role, read), err
}

func (t *turn) rivals(p *promotion.Promotion, f *policy.Facts) error {
	others, err := t.Promotions(Query{App: p.App, To: p.To, States: []promotion.State{promotion.Executing, promotion.Deploying, promotion.Watching, promotion.Failing}})
	if err != nil {
		return err
	}
	for i, other := range others {
		switch {
		case other.ID == p.ID:
		case other.State.Moves():
			f.Executing = other.ID
		case p.Repairs(): // tags are put right any time
		default:
			under, err := t.underWay(other.ID)
			if err != nil {
				return err
			}
			if under {
				f.Executing = other.ID
			} else if p.Purpose != promotion.Rollback { // the way back is for then
				f.OnTrial = &others[i]
			}
		}
	}
	if env, _ := t.catalog.Environment(p.To); beside(p, env) {
		return nil // a newer build is no hindrance: it stays where it is
	}
	// What was promoted before something was gone back to is not there any more.
	q := Query{App: p.App, To: p.To, States: []promotion.State{promotion.Promoted}, ObservedAfter: &p.ObservedAt, Limit: 1}
	back, err := t.Promotions(Query{App: p.App, To: p.To, Rollbacks: true, States: []promotion.State{promotion.Promoted}, Limit: 1})
	if err != nil {
		return err
	}
	if len(back) > 0 {
		q.FinishedSince = back[0].FinishedAt
	}
	newer, err := t.Promotions(q)
	if err != nil {
		return err
	}
	if len(newer) > 0 && newer[0].ID != p.ID {
		f.Newer = &newer[0]
	}
	return nil
}
