package gate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What becomes of what is open when a newer build comes is for the policy of the
// step to say. Where one goes after the other, whatever ends, comes or leaves can
// let another one go on: the line is marked, and settled at the end of the turn,
// when all that happens in it has happened.

// line is what is open of an app on its way into an environment.
type line struct{ app, to string }

// stirred marks the line, if there is one.
func (t *turn) stirred(app, to string) {
	a, _ := t.catalog.App(app)
	if a.Policies[to].InLine() {
		t.lines[line{app, to}] = true
	}
}

// moveUp settles the lines that were marked.
func (t *turn) moveUp() error {
	marked := t.lines
	t.lines = map[line]bool{}
	order := func(a, b line) int { return cmp.Or(cmp.Compare(a.app, b.app), cmp.Compare(a.to, b.to)) }
	for _, l := range slices.SortedFunc(maps.Keys(marked), order) {
		q := Query{App: l.app, To: l.to, Purposes: []promotion.Purpose{promotion.Forward}, States: []promotion.State{promotion.Open}}
		if err := t.settleAll(q, true); err != nil {
			return err
		}
	}
	return nil
}

// ahead is the first in the line of p, if p is not. What is not in its
// environment is in no line.
func (t *turn) ahead(p *promotion.Promotion, d policy.Document) (*promotion.Promotion, error) {
	if !d.InLine() || p.Purpose != promotion.Forward {
		return nil, nil
	}
	found, err := t.older(p)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if here, err := t.stays(&found[i]); err != nil || here {
			return &found[i], err
		}
	}
	return nil, nil
}

// older is what was on its way into the same environment before p, the oldest
// first.
func (t *turn) older(p *promotion.Promotion) ([]promotion.Promotion, error) {
	found, err := t.Promotions(Query{App: p.App, To: p.To, Purposes: []promotion.Purpose{promotion.Forward}, States: live})
	age := func(a, b promotion.Promotion) int {
		return cmp.Or(a.ObservedAt.Compare(b.ObservedAt), cmp.Compare(a.ID, b.ID))
	}
	slices.SortFunc(found, age)
	return slices.DeleteFunc(found, func(other promotion.Promotion) bool { return age(other, *p) >= 0 }), err
}

// stays tells whether the digest is in the environment that it comes from.
func (t *turn) stays(p *promotion.Promotion) (bool, error) {
	presence, err := t.Presence(p.App, p.From, promotion.Source, p.Digest)
	n := len(presence)
	return n > 0 && presence[n-1].Until == nil, err
}

// replace has what is open give way to p, a newer build, as far as it has to.
func (t *turn) replace(p *promotion.Promotion, d policy.Document) error {
	if d.Supersede != policy.Replace {
		return nil
	}
	if !d.RideOldest {
		return t.supersede(p, 0, "", promotion.Forward)
	}
	rider, err := t.rider(p)
	if err != nil {
		return err
	}
	reason := ""
	if rider != 0 {
		reason = fmt.Sprintf("#%d keeps maturing, and of the builds that wait for it only the newest does", rider)
	}
	return t.supersede(p, rider, reason, promotion.Forward)
}

// rider is the oldest open promotion before p that can still get on; 0 when there
// is nothing to be kept from starting over.
func (t *turn) rider(p *promotion.Promotion) (promotion.ID, error) {
	found, err := t.older(p)
	if err != nil {
		return 0, err
	}
	for i := range found {
		here, err := t.stays(&found[i])
		if err != nil {
			return 0, err
		}
		v, err := t.view(&found[i])
		if err != nil {
			return 0, err
		}
		if here && (v.Verdict.Outcome != policy.Blocked || found[i].State == promotion.Executing) {
			return found[i].ID, nil
		}
	}
	return 0, nil
}

// overtaken ends what a promoted build has made pointless. Where older builds are
// kept they are kept from going ahead, too: that would go back unasked.
func (t *turn) overtaken(p *promotion.Promotion) error {
	if p.Purpose == promotion.Rollback {
		return nil // what is open goes on from what is there now
	}
	purposes := []promotion.Purpose{promotion.Restore, promotion.Adopt}
	if app, _ := t.catalog.App(p.App); app.Policies[p.To].Supersede != policy.Keep {
		purposes = append(purposes, promotion.Forward)
	}
	return t.supersede(p, 0, "", purposes...)
}
