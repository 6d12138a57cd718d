package memory

import (
	"cmp"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) Home(of promotion.PersonID) (promotion.Home, error) {
	h, ok := t.homes.rows[of]
	if !ok {
		return h, promotion.Errorf(promotion.NotFound, "this home was never opened")
	}
	h.ShownAt = pointee(h.ShownAt)
	return h, nil
}

func (t *tx) Homes(since time.Time, limit int) ([]promotion.Home, error) {
	var open []promotion.Home
	for _, h := range t.homes.rows {
		if !h.OpenedAt.Before(instant(since)) {
			h.ShownAt = pointee(h.ShownAt)
			open = append(open, h)
		}
	}
	slices.SortFunc(open, func(a, b promotion.Home) int {
		return cmp.Or(b.OpenedAt.Compare(a.OpenedAt), cmp.Compare(a.Person, b.Person))
	})
	return open[:min(limit, len(open))], nil
}

func (t *tx) SaveHome(h promotion.Home) error {
	if err := t.writable(); err != nil {
		return err
	}
	if h.Person == "" || (h.ShownAt == nil) != (h.Hash == "") {
		return forbidden("record a home", "home")
	}
	h.OpenedAt, h.ShownAt = instant(h.OpenedAt), instantOrNil(h.ShownAt)
	t.homes.set(h.Person, h)
	return nil
}

func (t *tx) Decided(by promotion.PersonID, limit int) ([]promotion.Decided, error) {
	var all []promotion.Decided
	for _, g := range t.gestures.rows {
		if g.taken.Person == by && g.answer != nil {
			all = append(all, promotion.Decided{Gesture: g.taken, Answer: *copiedAnswer(g.answer)})
		}
	}
	slices.SortFunc(all, func(a, b promotion.Decided) int {
		return cmp.Or(b.Gesture.At.Compare(a.Gesture.At), cmp.Compare(a.Gesture.Key, b.Gesture.Key))
	})
	return all[:min(limit, len(all))], nil
}
