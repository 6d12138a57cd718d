package memory

import (
	"maps"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) AddWithdrawal(w *promotion.Withdrawal) error {
	const what = "withdraw a digest"
	if err := t.writable(); err != nil {
		return err
	}
	for _, had := range t.withdrawn.rows {
		if had.App == w.App && had.Digest == w.Digest && had.ReinstatedAt == nil && w.ReinstatedAt == nil {
			return twice(what)
		}
	}
	switch {
	case w.App == "":
		return forbidden(what, "app")
	case !isDigest(w.Digest):
		return forbidden(what, "digest")
	case w.By == "":
		return forbidden(what, "withdrawn_by")
	case w.Reason == "":
		return forbidden(what, "reason")
	case (w.ReinstatedAt == nil) != (w.ReinstatedBy == ""), w.ReinstatedBy == w.By:
		return forbidden(what, "reinstated_by")
	}
	w.ID = int64(len(t.withdrawn.rows) + 1)
	own := *w
	own.At, own.ReinstatedAt = instant(w.At), instantOrNil(w.ReinstatedAt)
	t.withdrawn.set(w.ID, own)
	return nil
}

func (t *tx) Withdrawals(app string) ([]promotion.Withdrawal, error) {
	var all []promotion.Withdrawal
	for _, id := range slices.Sorted(maps.Keys(t.withdrawn.rows)) {
		if w := t.withdrawn.rows[id]; w.App == app {
			w.ReinstatedAt = pointee(w.ReinstatedAt)
			all = append(all, w)
		}
	}
	return all, nil
}

func (t *tx) Reinstate(id int64, when time.Time, by promotion.PersonID) error {
	if err := t.writable(); err != nil {
		return err
	}
	w, ok := t.withdrawn.rows[id]
	switch {
	case !ok || w.ReinstatedAt != nil:
		return tooLate("reinstate a digest")
	case by == "" || by == w.By:
		return forbidden("reinstate a digest", "reinstated_by")
	}
	w.ReinstatedAt, w.ReinstatedBy = instantOrNil(&when), by
	t.withdrawn.set(id, w)
	return nil
}
