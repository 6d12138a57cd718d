package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) Gesture(key string) (promotion.Gesture, *promotion.Answer, error) {
	g, ok := t.gestures.rows[key]
	if !ok {
		return promotion.Gesture{}, nil, promotion.Errorf(promotion.NotFound, "this gesture was not taken before")
	}
	return g.taken, copiedAnswer(g.answer), nil
}

func copiedAnswer(a *promotion.Answer) *promotion.Answer {
	if a = pointee(a); a != nil {
		a.Could, a.Missing = slices.Clone(a.Could), slices.Clone(a.Missing)
	}
	return a
}

func (t *tx) AddGesture(g promotion.Gesture, a *promotion.Answer) error {
	if err := t.writable(); err != nil {
		return err
	}
	if _, taken := t.gestures.rows[g.Key]; taken {
		return twice("record a gesture")
	}
	if a != nil {
		g.ResponseURL = "" // a secret, and of no more use
	}
	t.gestures.set(g.Key, gesture{g, copiedAnswer(a)})
	return nil
}

func (t *tx) DecideGesture(key string, a promotion.Answer, _ time.Time) error {
	g, ok := t.gestures.rows[key]
	if err := t.writable(); err != nil {
		return err
	}
	switch {
	case !ok:
		return promotion.Errorf(promotion.NotFound, "this gesture was not taken before")
	case g.answer != nil:
		return tooLate("decide a gesture")
	}
	g.taken.ResponseURL, g.answer = "", copiedAnswer(&a)
	t.gestures.set(key, g)
	return nil
}

func (t *tx) UndecidedGestures() ([]promotion.Gesture, error) {
	var waiting []promotion.Gesture
	for _, g := range t.gestures.rows {
		if g.answer == nil {
			waiting = append(waiting, g.taken)
		}
	}
	slices.SortFunc(waiting, func(a, b promotion.Gesture) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Key, b.Key))
	})
	return waiting, nil
}

func (t *tx) AddEffect(e promotion.Effect) error {
	if err := t.writable(); err != nil {
		return err
	}
	t.lastEffect++
	if _, unfinished := t.effects.rows[e.Key]; unfinished {
		return nil
	}
	e.ID, e.DueAt, e.Attempt, e.Owner, e.LeaseUntil = t.lastEffect, instant(e.DueAt), 0, "", time.Time{}
	t.effects.set(e.Key, e)
	return nil
}

func (t *tx) claimed(what string, e promotion.Effect) (promotion.Effect, error) {
	if err := t.writable(); err != nil {
		return e, err
	}
	had, ok := t.effects.rows[e.Key]
	if !ok || had.ID != e.ID || had.Owner != e.Owner || had.Attempt != e.Attempt {
		return e, tooLate(what)
	}
	return had, nil
}

func (t *tx) FinishEffect(e promotion.Effect, _ time.Time) error {
	if _, err := t.claimed("finish an effect", e); err != nil {
		return err
	}
	t.effects.drop(e.Key)
	return nil
}

func (t *tx) PostponeEffect(e promotion.Effect, due time.Time, _ string) error {
	had, err := t.claimed("postpone an effect", e)
	if err != nil {
		return err
	}
	had.DueAt, had.Owner, had.LeaseUntil = instant(due), "", time.Time{}
	t.effects.set(e.Key, had)
	return nil
}

// Claim takes up to limit effects of the kinds that are due, for owner, until
// the lease ends. An effect whose lease has ended is due again.
func (s *Store) Claim(ctx context.Context, kinds []promotion.EffectKind, owner string, now, until time.Time, limit int) (claimed []promotion.Effect, err error) {
	now, until = instant(now), instant(until)
	err = s.update(ctx, func(t *tx) error {
		for _, e := range t.effects.rows {
			if slices.Contains(kinds, e.Kind) && !e.DueAt.After(now) {
				claimed = append(claimed, e)
			}
		}
		slices.SortFunc(claimed, func(a, b promotion.Effect) int { return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID)) })
		claimed = claimed[:min(limit, len(claimed))]
		for i := range claimed {
			e := &claimed[i]
			e.Owner, e.LeaseUntil, e.DueAt = owner, until, until
			e.Attempt++
			t.effects.set(e.Key, *e)
			e.Payload = slices.Clone(e.Payload)
		}
		return nil
	})
	return claimed, err
}

// Extend moves the end of a claim. An effect whose lease has ended and that
// nobody else has claimed is taken to be held still.
func (s *Store) Extend(ctx context.Context, e promotion.Effect, until time.Time) error {
	return s.update(ctx, func(t *tx) error {
		had, err := t.claimed("extend a lease", e)
		if err != nil {
			return err
		}
		had.LeaseUntil, had.DueAt = instant(until), instant(until)
		t.effects.set(e.Key, had)
		return nil
	})
}

// NextDue is when the next effect of the kinds is due, or false when there is
// none.
func (s *Store) NextDue(ctx context.Context, kinds []promotion.EffectKind) (due time.Time, any bool, err error) {
	if err := ctx.Err(); err != nil {
		return due, false, broken("read what is due", err)
	}
	for _, e := range s.look().effects.rows {
		if slices.Contains(kinds, e.Kind) && (!any || e.DueAt.Before(due)) {
			due, any = e.DueAt, true
		}
	}
	return due, any, nil
}

// ReleaseLeases makes every claimed effect due now. It may be called only by a
// process that knows itself to be alone on the database.
func (s *Store) ReleaseLeases(ctx context.Context, now time.Time) error {
	return s.update(ctx, func(t *tx) error {
		for key, e := range t.effects.rows {
			if e.Owner != "" {
				e.DueAt, e.Owner, e.LeaseUntil = instant(now), "", time.Time{}
				t.effects.set(key, e)
			}
		}
		return nil
	})
}
