package store

import (
	"time"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) AddDelegation(d *promotion.Delegation) (err error) {
	if d.ID, err = t.sequence("delegation"); err != nil {
		return err
	}
	_, err = t.exec("record a delegation", `INSERT INTO delegation (id, app, delegator, delegate, from_at, until_at, ended_at, ended_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		d.ID, d.App, string(d.By), string(d.To), micros(d.From), micros(d.Until), microsOrNull(d.EndedAt), string(d.EndedBy))
	return err
}

func (t *tx) Delegations(since time.Time) ([]promotion.Delegation, error) {
	return scan(t, "read delegations", func(r row) (promotion.Delegation, error) {
		var d promotion.Delegation
		var from, until int64
		var ended *int64
		err := r.Scan(&d.ID, &d.App, &d.By, &d.To, &from, &until, &ended, &d.EndedBy)
		d.From, d.Until, d.EndedAt = at(from), at(until), atOrNil(ended)
		return d, err
	}, `SELECT id, app, delegator, delegate, from_at, until_at, ended_at, ended_by FROM delegation
		WHERE until_at > $1 AND (ended_at IS NULL OR ended_at > $1) ORDER BY id`, micros(since))
}

func (t *tx) EndDelegation(id int64, when time.Time, by promotion.PersonID) error {
	return t.changed("end a delegation", `UPDATE delegation SET ended_at = $1, ended_by = $2 WHERE id = $3 AND ended_at IS NULL`, micros(when), string(by), id)
}
