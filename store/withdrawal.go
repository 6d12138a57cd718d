package store

import (
	"time"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) AddWithdrawal(w *promotion.Withdrawal) (err error) {
	if w.ID, err = t.sequence("withdrawal"); err != nil {
		return err
	}
	_, err = t.exec("withdraw a digest", `INSERT INTO withdrawal (id, app, digest, withdrawn_by, reason, at, reinstated_at, reinstated_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		w.ID, w.App, string(w.Digest), string(w.By), w.Reason, micros(w.At), microsOrNull(w.ReinstatedAt), string(w.ReinstatedBy))
	return err
}

func (t *tx) Withdrawals(app string) ([]promotion.Withdrawal, error) {
	return scan(t, "read withdrawn digests", func(r row) (promotion.Withdrawal, error) {
		var w promotion.Withdrawal
		var us int64
		var ended *int64
		err := r.Scan(&w.ID, &w.App, &w.Digest, &w.By, &w.Reason, &us, &ended, &w.ReinstatedBy)
		w.At, w.ReinstatedAt = at(us), atOrNil(ended)
		return w, err
	}, `SELECT id, app, digest, withdrawn_by, reason, at, reinstated_at, reinstated_by FROM withdrawal WHERE app = $1 ORDER BY id`, app)
}

func (t *tx) Reinstate(id int64, when time.Time, by promotion.PersonID) error {
	return t.changed("reinstate a digest", `UPDATE withdrawal SET reinstated_at = $1, reinstated_by = $2 WHERE id = $3 AND reinstated_at IS NULL`, micros(when), string(by), id)
}
