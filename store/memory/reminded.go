package memory

import "github.com/promotebot/promotebot/promotion"

func (t *tx) Reminded(ids []promotion.PersonID) (map[promotion.PersonID]promotion.Reminded, error) {
	all := map[promotion.PersonID]promotion.Reminded{}
	for _, id := range ids {
		if r, ok := t.reminded.rows[id]; ok {
			r.SnoozedUntil = pointee(r.SnoozedUntil)
			all[id] = r
		}
	}
	return all, nil
}

func (t *tx) SaveReminded(r promotion.Reminded) error {
	if err := t.writable(); err != nil {
		return err
	}
	if r.Person == "" {
		return forbidden("record a reminder", "person")
	}
	r.SnoozedUntil = instantOrNil(r.SnoozedUntil)
	t.reminded.set(r.Person, r)
	return nil
}

func (t *tx) Awaited(id promotion.ID) (promotion.Awaited, error) {
	a, ok := t.awaited.rows[id]
	if !ok {
		return a, promotion.Errorf(promotion.NotFound, "promotion #%d has not waited for approvals alone", id)
	}
	a.ToldAt = pointee(a.ToldAt)
	return a, nil
}

func (t *tx) SaveAwaited(a promotion.Awaited) error {
	if err := t.writable(); err != nil {
		return err
	}
	a.Since, a.ToldAt = instant(a.Since), instantOrNil(a.ToldAt)
	if _, there := t.promotions.rows[a.Promotion]; !there || a.ToldAt != nil && a.ToldAt.Before(a.Since) {
		return forbidden("record since when a promotion waits", "awaited")
	}
	t.awaited.set(a.Promotion, a)
	return nil
}

func (t *tx) DropAwaited(id promotion.ID) error {
	if err := t.writable(); err != nil {
		return err
	}
	t.awaited.drop(id)
	return nil
}
