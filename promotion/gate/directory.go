package gate

import (
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

func (t *turn) personRead(who promotion.Person) error {
	who.ReadAt = t.now
	had, err := t.People([]promotion.PersonID{who.ID})
	if err != nil {
		return err
	}
	if err := t.SavePerson(who); err != nil {
		return err
	}
	if err := t.undecided(unknown{}, anyone); err != nil { // what another does can wait for who.ID too, by a delegation
		return err
	}
	if t.catalog.Direct != nil {
		if err := t.nudgeIn(t.catalog.Direct.zone(who)); err != nil {
			return err
		}
	}
	if was := had[who.ID]; was.Standing != who.Standing {
		if err := t.showOpen(who.ID); err != nil {
			return err
		}
	}
	// Whoever was not known was given the benefit of the doubt among those who
	// could approve.
	was, known := had[who.ID]
	if known && was.Standing != who.Standing || !known && who.Standing != promotion.Member {
		return t.settleAll(Query{States: []promotion.State{promotion.Open}}, true)
	}
	if err := t.settleAll(Query{ApprovedBy: who.ID, States: []promotion.State{promotion.Open}}, false); err != nil {
		return err
	}
	if err := t.settleDelegated(who.ID); err != nil {
		return err
	}
	if err := t.settleAll(Query{SignedBy: who.ID, States: []promotion.State{promotion.Open}}, false); err != nil {
		return err
	}
	return t.settleBroken(who.ID)
}

func (t *turn) groupRead(g promotion.Group) error {
	g.ReadAt = t.now
	slices.Sort(g.Members)
	had, err := t.Groups([]promotion.GroupID{g.ID})
	if err != nil {
		return err
	}
	was, known := had[g.ID]
	changed := !known || was.Fault != g.Fault || !slices.Equal(was.Members, g.Members)
	if changed {
		if err := t.record(audit.Regrouped, nil, map[string]any{"group": g.ID, "members": g.Members, "fault": g.Fault}); err != nil {
			return err
		}
	}
	if err := t.SaveGroup(g); err != nil {
		return err
	}
	if err := t.undecided(unknown{}, anyone); err != nil {
		return err
	}
	open, err := t.query(Query{States: []promotion.State{promotion.Open}})
	if err != nil {
		return err
	}
	for _, p := range open {
		d, err := t.document(p)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(d.Roles(), func(role string) bool {
			_, groups := t.catalog.members(role)
			return slices.Contains(groups, g.ID)
		}) {
			continue
		}
		if changed {
			p.Touch()
		}
		if _, err := t.settle(p); err != nil {
			return err
		}
	}
	return nil
}

// refresh has everybody read again whom a role names. It is due again whatever
// comes of it.
func (t *turn) refresh() error {
	people, groups := t.catalog.Directory()
	known, err := t.Groups(groups)
	if err != nil {
		return err
	}
	var members []promotion.PersonID
	for _, id := range groups {
		members = append(members, known[id].Members...)
	}
	slices.Sort(members)
	members = slices.Compact(members)
	people = append(people, members[:min(refreshMost, len(members))]...)
	slices.Sort(people)
	var subjects []policy.Subject
	for _, id := range slices.Compact(people) {
		subjects = append(subjects, policy.Subject{Person: id})
	}
	for _, id := range groups {
		subjects = append(subjects, policy.Subject{Group: id})
	}
	if err := t.lookUp(subjects); err != nil {
		return err
	}
	return t.refreshAt(t.now.Add(refreshEvery))
}
