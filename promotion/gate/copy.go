package gate

import (
	"context"
	"errors"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// bringAll has what the verdict asks for brought to where it goes.
func (t *turn) bringAll(p *promotion.Promotion, ids []promotion.ID) error {
	for _, id := range ids {
		if id == p.ID {
			if err := t.bring(p); err != nil {
				return err
			}
			continue
		}
		ride, err := t.load(id)
		if err != nil {
			return err
		}
		if err := errors.Join(t.bring(ride), t.save(ride)); err != nil {
			return err
		}
	}
	return nil
}

// bring has the digest of a promotion copied into the repository that it goes
// to. The promotion stays open: no tag moves by it, it can be rejected all the
// while, and when it has arrived the policy is asked again.
func (t *turn) bring(p *promotion.Promotion) error {
	if p.Copy == nil {
		p.Copy = &promotion.Copy{StartedAt: t.now}
		p.Touch()
		if err := t.record(audit.Copying, p, map[string]any{"repository": p.Repository, "destination": p.Destination}); err != nil {
			return err
		}
	}
	return t.copy(p)
}

// Progress notes how far a copy has come. The error is Stale when nobody waits
// for it any more: then it is to be given up.
func (g *Gate) Progress(ctx context.Context, e promotion.Effect, c promotion.Copy) error {
	return g.update(ctx, audit.Self, func(t *turn) error {
		p, err := t.awaited(e)
		if err != nil {
			return err
		}
		c.StartedAt = p.Copy.StartedAt
		p.Copy = &c
		p.Touch()
		return t.save(p)
	})
}

// awaited is the promotion that a copy is made for. The error is Stale when it
// has ended or goes elsewhere by now.
func (t *turn) awaited(e promotion.Effect) (*promotion.Promotion, error) {
	w, err := promotion.Work[promotion.CopyWork](e)
	if err != nil {
		return nil, err
	}
	p, err := t.load(e.Promotion)
	if err != nil {
		return nil, err
	}
	if p.State != promotion.Open || p.Copy == nil || p.Destination != w.To || p.Repository != w.From {
		return nil, promotion.Errorf(promotion.Stale, "promotion #%d does not wait for a copy to %s any more", p.ID, w.To)
	}
	return p, nil
}

func unwanted(err error) bool { return errors.Is(err, promotion.Stale) }

// brought notes that everything is there. A promotion that does not wait for
// it any more is left alone.
func (t *turn) brought(e promotion.Effect, c promotion.Copy) error {
	p, err := t.awaited(e)
	if unwanted(err) {
		return t.elsewhere(e)
	}
	if err != nil {
		return err
	}
	now := t.now
	c.StartedAt, c.DoneAt = p.Copy.StartedAt, &now
	p.Copy = &c
	p.Touch()
	if err := t.record(audit.Copied, p, map[string]any{"destination": p.Destination, "attached": c.Attached, "sent": c.Sent}); err != nil {
		return err
	}
	_, err = t.settle(p)
	return err
}

// elsewhere settles a promotion whose copy went to where it does not go any
// more; it is the moment to ask for the other one.
func (t *turn) elsewhere(e promotion.Effect) error {
	p, err := t.load(e.Promotion)
	if err != nil || p.State != promotion.Open {
		return err
	}
	_, err = t.settle(p)
	return err
}

// delayed lets the card say why a copy does not get on.
func (t *turn) delayed(e promotion.Effect, f promotion.Failure) error {
	p, err := t.awaited(e)
	if err != nil {
		return err
	}
	stuck := f.Kind != promotion.Unavailable
	if p.Copy.Fault == f.Text && p.Copy.Stuck == stuck {
		return nil
	}
	c := *p.Copy
	c.Fault, c.Stuck, c.DoneAt = f.Text, stuck, nil
	p.Copy = &c
	p.Touch()
	return t.save(p)
}
