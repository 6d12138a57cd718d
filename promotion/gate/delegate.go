package gate

import (
	"fmt"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// delegations are those that concern the promotion and were not over when it was
// opened, with the people in them. Whether one is in force, the policy asks.
func (t *turn) delegations(p *promotion.Promotion) ([]promotion.Delegation, error) {
	all, err := t.Delegations(p.OpenedAt)
	return slices.DeleteFunc(all, func(d promotion.Delegation) bool { return !d.Concerns(p.App) }), err
}

// settleDelegated settles what others may have approved for somebody.
func (t *turn) settleDelegated(by promotion.PersonID) error {
	all, err := t.Delegations(t.now)
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.By != by {
			continue
		}
		if err := t.settleAll(Query{ApprovedBy: d.To, States: []promotion.State{promotion.Open}}, false); err != nil {
			return err
		}
	}
	return nil
}

// delegate has another person approve in the place of whoever made the gesture.
// What they delegated before for the same ends with it.
func (t *turn) delegate(g promotion.Gesture, u unknown, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	stale, err := t.strange(&f, g.Whom)
	switch {
	case err != nil:
		return answer, err
	case slices.Contains(stale, u.subject):
		return t.refuseDeed(g, answer, policy.Document{}, "it could not be read in Slack who "+string(g.Whom)+" is ("+u.why+"); try again later")
	case len(stale) > 0:
		answer.Verb = promotion.Checking
		return answer, t.lookUp(stale)
	}
	if refusal := policy.MayDelegate(d, f, g.Person, g.Whom); refusal != "" {
		return t.refuseDeed(g, answer, d, refusal)
	}
	until, err := t.untilOf(g, f)
	if err != nil {
		return t.refuseDeed(g, answer, policy.Document{}, err.Error())
	}
	before := func(had promotion.Delegation) bool { return had.By == g.Person && had.App == g.App }
	if _, err := t.endDelegations(g, before); err != nil {
		return answer, err
	}
	one := promotion.Delegation{App: g.App, By: g.Person, To: g.Whom, From: t.now, Until: until}
	if err := t.AddDelegation(&one); err != nil {
		return answer, err
	}
	if err := t.record(audit.Delegated, nil, map[string]any{"delegation": one.ID, "app": one.App, "to": one.To, "until": one.Until}); err != nil {
		return answer, err
	}
	answer.Verb, answer.By, answer.Until = promotion.Counted, g.Person, &until
	if err := t.tellPerson(g, answer); err != nil {
		return answer, err
	}
	w := promotion.NoticeWork{Kind: promotion.NoticeDelegated, Person: g.Person, By: one.By, Whom: one.To, Until: &until}
	return answer, t.stir(g.App, t.delegated(w, one), fmt.Sprintf("delegated/%d", one.ID))
}

// strange adds what is known of somebody to the facts, and says what has to be
// read of them first.
func (t *turn) strange(f *policy.Facts, id promotion.PersonID) ([]policy.Subject, error) {
	if err := t.acquaint(f, id); err != nil {
		return nil, err
	}
	if known, ok := f.People[id]; ok && t.now.Sub(known.ReadAt) <= policy.KnownFor {
		return nil, nil
	}
	return []policy.Subject{{Person: id}}, nil
}

// undelegate ends what the person has delegated or, where that is nothing, what
// was delegated to them: nobody has to stand for another.
func (t *turn) undelegate(g promotion.Gesture, answer promotion.Answer) (promotion.Answer, error) {
	about := func(had promotion.Delegation, other promotion.PersonID) bool {
		return (g.App == "" || had.App == g.App) && (g.Whom == "" || g.Whom == other)
	}
	ended, err := t.endDelegations(g, func(had promotion.Delegation) bool { return had.By == g.Person && about(had, had.To) })
	if err == nil && len(ended) == 0 {
		ended, err = t.endDelegations(g, func(had promotion.Delegation) bool { return had.To == g.Person && about(had, had.By) })
	}
	if err != nil {
		return answer, err
	}
	if len(ended) == 0 {
		return t.refuseDeed(g, answer, policy.Document{}, "nothing of that is delegated, neither by you nor to you")
	}
	answer.Verb, answer.By, answer.Whom = promotion.Counted, ended[0].By, ended[0].To
	if answer.Others = len(ended) - 1; answer.Others == 0 {
		answer.App = ended[0].App
	}
	for _, one := range ended {
		w := promotion.NoticeWork{Kind: promotion.NoticeUndelegated, Person: g.Person, By: one.By, Whom: one.To}
		if err := t.stir(one.App, t.delegated(w, one), fmt.Sprintf("undelegated/%d", one.ID)); err != nil {
			return answer, err
		}
	}
	return answer, nil
}

// endDelegations ends those that match, and returns those of them that were in
// force: what is over by itself is only put away.
func (t *turn) endDelegations(g promotion.Gesture, match func(promotion.Delegation) bool) (ended []promotion.Delegation, err error) {
	all, err := t.Delegations(time.Time{})
	if err != nil {
		return nil, err
	}
	for _, had := range all {
		if had.EndedAt != nil || !match(had) {
			continue
		}
		if err := t.EndDelegation(had.ID, t.now, g.Person); err != nil {
			return nil, err
		}
		if !had.At(t.now) {
			continue
		}
		if err := t.record(audit.Undelegated, nil, map[string]any{"delegation": had.ID, "app": had.App, "by": had.By, "to": had.To}); err != nil {
			return nil, err
		}
		ended = append(ended, had)
	}
	return ended, nil
}

// delegated concerns what asks for a role of the delegator.
func (t *turn) delegated(w promotion.NoticeWork, one promotion.Delegation) func(*promotion.Promotion) (bool, *promotion.NoticeWork, error) {
	return func(p *promotion.Promotion) (bool, *promotion.NoticeWork, error) {
		d, err := t.document(p)
		if err != nil {
			return false, nil, err
		}
		for _, role := range d.Approvers() {
			roster, err := t.roster(role)
			if err != nil || roster.Has(one.By) {
				return err == nil, &w, err
			}
		}
		return false, nil, nil
	}
}
