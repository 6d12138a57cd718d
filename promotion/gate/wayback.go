package gate

import (
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// eachOf does something with the promotions that the verdict on p names: p itself,
// or its rides.
func (t *turn) eachOf(p *promotion.Promotion, ids []promotion.ID, do func(*promotion.Promotion) error) error {
	for _, id := range ids {
		of := p
		if id != p.ID {
			ride, err := t.load(id)
			if err != nil {
				return err
			}
			of = ride
		}
		if err := do(of); err != nil {
			return err
		}
	}
	return nil
}

// proved notes what was found of the way back. When it has become another one
// meanwhile, the policy asks for that.
func (t *turn) proved(e promotion.Effect, proof promotion.Proof) error {
	w, err := promotion.Work[promotion.ProveWork](e)
	if err != nil {
		return err
	}
	p, err := t.load(e.Promotion)
	if err != nil || p.State != promotion.Open {
		return err
	}
	now := t.now
	p.WayBack = &promotion.WayBack{Repository: w.Repository, Digests: w.Digests, ReadAt: &now, Proof: proof}
	p.Touch()
	if err := t.record(audit.Proved, p, map[string]any{"repository": w.Repository, "way_back": w.Digests, "proof": proof}); err != nil {
		return err
	}
	_, err = t.settle(p)
	return err
}

// unproved lets the card say why the way back could not be looked for so far.
func (t *turn) unproved(e promotion.Effect, f promotion.Failure) error {
	w, err := promotion.Work[promotion.ProveWork](e)
	if err != nil {
		return err
	}
	p, err := t.load(e.Promotion)
	if err != nil || p.State != promotion.Open {
		return err
	}
	was := promotion.WayBack{Repository: w.Repository, Digests: w.Digests}
	if p.WayBack.Covers(p) {
		was = *p.WayBack
	}
	if was.Fault == f.Text {
		return nil
	}
	was.Fault = f.Text
	p.WayBack = &was
	p.Touch()
	_, err = t.settle(p)
	return err
}
