package gate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// A train is several apps that are decided as one. It is a promotion like any
// other for whoever votes on it: it has the card, the terms and the verdict. For
// whoever looks at one app, each of its rides is a promotion like any other: it
// has a digest, tags, and an end of its own, and while it is executed nothing
// else moves the tags of its app.
//
// A ride is never settled by itself. Whatever concerns it marks its train, and
// the trains that were marked are settled at the end of the turn, when all that
// happens in it has happened to all of their rides.

// pull settles the trains of the rides that this turn was about.
func (t *turn) pull() error {
	for len(t.trains) > 0 {
		marked := t.trains
		t.trains = map[promotion.ID]bool{}
		for _, id := range slices.Sorted(maps.Keys(marked)) {
			p, err := t.load(id)
			if err != nil {
				return err
			}
			if marked[id] { // its card shows them, also when it has ended
				p.Touch()
			}
			if p.State == promotion.Executing {
				err = t.underway(p)
			} else {
				_, err = t.settle(p)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// rides are the parts of a train, in the order in which the configuration named
// their apps.
func (t *turn) rides(of promotion.ID) ([]*promotion.Promotion, error) {
	rides, err := t.query(Query{Train: of})
	slices.Reverse(rides)
	return rides, err
}

// couple has a train say what its rides would set.
func (t *turn) couple(p *promotion.Promotion) error {
	if p.Purpose != promotion.Train {
		return nil
	}
	rides, err := t.rides(p.ID)
	if err != nil {
		return err
	}
	targets := promotion.Coupled(rides)
	if !slices.EqualFunc(p.Targets, targets, func(a, b promotion.Target) bool {
		return a.Tag == b.Tag && a.Floating == b.Floating && a.Now == b.Now && (a.ReadAt == nil) == (b.ReadAt == nil)
	}) {
		p.Targets = targets
		p.Touch()
	}
	return nil
}

// uncouple ends what a train carries when the train ends before it departs.
func (t *turn) uncouple(p *promotion.Promotion, to promotion.State, reason string) error {
	if p.Purpose != promotion.Train {
		return nil
	}
	rides, err := t.rides(p.ID)
	if err != nil {
		return err
	}
	for _, r := range rides {
		if r.State != promotion.Open {
			continue
		}
		if err := t.end(r, to, reason, map[string]any{"train": p.ID}); err != nil {
			return err
		}
	}
	return nil
}

// shownAs is the promotion on whose card p is found.
func shownAs(p *promotion.Promotion) promotion.ID {
	if p.Purpose == promotion.Ride {
		return p.Train
	}
	return p.ID
}

// derailed says why the catalog has no place for a train, or "". An app that has
// been added to it since does no harm to what was asked for.
func (t *turn) derailed(p *promotion.Promotion) (string, error) {
	train, ok := t.catalog.Train(p.App)
	if !ok {
		return fmt.Sprintf("the configuration has no train %s any more", p.App), nil
	}
	rides, err := t.rides(p.ID)
	if err != nil {
		return "", err
	}
	for _, r := range rides {
		if !slices.Contains(train.Apps, r.App) {
			return fmt.Sprintf("the configuration does not have %s in the train %s any more", r.App, p.App), nil
		}
		if why := t.catalog.displaced(r); why != "" {
			return why, nil
		}
	}
	return "", nil
}

// requestTrain opens a train of what is in the environment that is nearest to
// production and has something to bring.
func (t *turn) requestTrain(train Train, g promotion.Gesture, answer promotion.Answer, refuse func(string) (promotion.Answer, error)) (promotion.Answer, error) {
	if g.Ref != "" {
		return refuse("a train takes what is in the environment now: ask for it without a tag or digest")
	}
	if err := t.expireAll(); err != nil { // what has expired is not open already
		return answer, err
	}
	var why []string
	for i := len(t.catalog.Environments) - 2; i >= 0; i-- {
		rides, stays, err := t.board(train, t.catalog.Environments[i], t.catalog.Environments[i+1], g.Person)
		if err != nil {
			return answer, err
		}
		if len(rides) > 0 {
			return t.assemble(train, rides, g, answer, refuse)
		}
		why = append(why, stays...)
	}
	return refuse("there is nothing to bring: " + strings.Join(why, "; "))
}

// board finds what is in an environment of the apps of a train and is not in
// the next one, and says why the others stay.
func (t *turn) board(train Train, from, to Environment, by promotion.PersonID) (rides []*promotion.Promotion, stays []string, err error) {
	for _, name := range train.Apps {
		app, ok := t.catalog.App(name)
		if !ok {
			continue
		}
		td, err := t.newest(app, from.Name)
		if err != nil {
			return nil, nil, err
		}
		runs, err := t.Holdings(name, to.Name, promotion.Held)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case td.Digest == "":
			stays = append(stays, fmt.Sprintf("no image of %s is in %s", name, from.Name))
		case holds(runs, td.Digest):
			stays = append(stays, fmt.Sprintf("%s %s is in %s already", name, td.Digest.Short(), to.Name))
		default:
			r, err := t.noticed(app, from.Name, to.Name, td, by)
			if err != nil {
				return nil, nil, err
			}
			r.Purpose, r.PolicyHash, r.Card = promotion.Ride, train.Policies[to.Name].Hash(), promotion.Card{}
			rides = append(rides, r)
		}
	}
	return rides, stays, nil
}

// assemble opens the train, unless there is one like it, or something else is
// about to decide on one of its digests.
func (t *turn) assemble(train Train, rides []*promotion.Promotion, g promotion.Gesture, answer promotion.Answer, refuse func(string) (promotion.Answer, error)) (promotion.Answer, error) {
	to, digest := rides[0].To, promotion.Consist(rides)
	answer.Digest = digest
	had, err := t.Promotions(Query{App: train.Name, To: to, Digest: digest, States: live, Limit: 1})
	if err != nil {
		return answer, err
	}
	if len(had) > 0 {
		answer.Verb, answer.Promotion = promotion.Existing, had[0].ID
		return answer, nil
	}
	var alone []*promotion.Promotion
	for _, r := range rides {
		other, refusal, err := t.claimed(train, r)
		if err != nil {
			return answer, err
		}
		if refusal != "" {
			return refuse(refusal)
		}
		if other != nil {
			alone = append(alone, other)
		}
	}
	p := &promotion.Promotion{
		Purpose: promotion.Train, App: train.Name, From: rides[0].From, To: to, Digest: digest, Requester: g.Person,
		State: promotion.Open, Revision: 1, PolicyHash: train.Policies[to].Hash(), ObservedAt: t.now, OpenedAt: t.now, Card: promotion.Card{Channel: train.Channel},
	}
	answer.Verb = promotion.Requested
	err = t.enterTrain(p, rides, alone)
	answer.Promotion = p.ID
	return answer, err
}

// claimed finds what is decided about the digest of a ride already. An open
// promotion of it gives way; whatever else there is comes first.
func (t *turn) claimed(train Train, r *promotion.Promotion) (alone *promotion.Promotion, refusal string, err error) {
	found, err := t.query(Query{App: r.App, To: r.To, Digest: r.Digest, States: live, Limit: 1})
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	had := found[0]
	it := fmt.Sprintf("%s %s", r.App, r.Digest.Short())
	switch {
	case had.State == promotion.Executing:
		return nil, fmt.Sprintf("#%d is bringing %s to %s right now", shownAs(had), it, r.To), nil
	case had.Purpose == promotion.Forward:
		return had, "", nil
	case had.Purpose != promotion.Ride:
		return nil, fmt.Sprintf("#%d asks already whether %s is to be in %s; decide that first", had.ID, it, r.To), nil
	}
	other, err := t.Promotion(had.Train)
	if err != nil || other.App == train.Name { // an earlier one, which ends now
		return nil, "", err
	}
	return nil, fmt.Sprintf("%s goes with #%d, the train %s, already", it, other.ID, other.App), nil
}

func (t *turn) enterTrain(p *promotion.Promotion, rides, alone []*promotion.Promotion) error {
	if err := t.AddPromotion(p); err != nil {
		return err
	}
	t.loaded[p.ID] = p.Revision
	carries := []map[string]any{}
	for _, r := range rides {
		carries = append(carries, map[string]any{"app": r.App, "digest": r.Digest})
	}
	if err := t.record(audit.Opened, p, map[string]any{"carries": carries}); err != nil {
		return err
	}
	if err := t.supersede(p, 0, "", promotion.Train); err != nil {
		return err
	}
	for _, old := range alone {
		old.Successor = p.ID
		if err := t.end(old, promotion.Superseded, "it goes with the train "+p.App, map[string]any{"successor": p.ID}); err != nil {
			return err
		}
	}
	for _, r := range rides {
		r.Train = p.ID
		if err := t.AddPromotion(r); err != nil {
			return err
		}
		t.loaded[r.ID] = r.Revision
		if err := t.overtake(r, "", promotion.Forward, promotion.Ride); err != nil {
			return err
		}
		detail := origin(r)
		detail["train"] = p.ID
		if err := t.record(audit.Opened, r, detail); err != nil {
			return err
		}
		if err := t.inspect(r); err != nil {
			return err
		}
	}
	_, err := t.settle(p)
	return err
}
