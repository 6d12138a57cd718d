package store

import (
	"database/sql"
	"errors"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) Reminded(ids []promotion.PersonID) (map[promotion.PersonID]promotion.Reminded, error) {
	all := map[promotion.PersonID]promotion.Reminded{}
	if len(ids) == 0 {
		return all, nil
	}
	var args []any
	list, err := scan(t, "read who was reminded", func(r row) (promotion.Reminded, error) {
		var p promotion.Reminded
		var snoozed *int64
		err := r.Scan(&p.Person, &p.Clock, &snoozed)
		p.SnoozedUntil = atOrNil(snoozed)
		return p, err
	}, `SELECT person, clock, snoozed_until FROM reminded WHERE person IN (`+in(&args, ids)+`)`, args...)
	for _, p := range list {
		all[p.Person] = p
	}
	return all, err
}

func (t *tx) SaveReminded(r promotion.Reminded) error {
	_, err := t.exec("record a reminder", `INSERT INTO reminded (person, clock, snoozed_until) VALUES ($1, $2, $3)
		ON CONFLICT (person) DO UPDATE SET clock = EXCLUDED.clock, snoozed_until = EXCLUDED.snoozed_until`, string(r.Person), r.Clock, microsOrNull(r.SnoozedUntil))
	return err
}

func (t *tx) Awaited(id promotion.ID) (promotion.Awaited, error) {
	a := promotion.Awaited{Promotion: id}
	var since int64
	var told *int64
	err := t.row(`SELECT since, told_at FROM awaited WHERE promotion = $1`, int64(id)).Scan(&since, &told)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return a, promotion.Errorf(promotion.NotFound, "promotion #%d has not waited for approvals alone", id)
	case err != nil:
		return a, broken("read since when a promotion waits", err)
	}
	a.Since, a.ToldAt = at(since), atOrNil(told)
	return a, nil
}

func (t *tx) SaveAwaited(a promotion.Awaited) error {
	_, err := t.exec("record since when a promotion waits", `INSERT INTO awaited (promotion, since, told_at) VALUES ($1, $2, $3)
		ON CONFLICT (promotion) DO UPDATE SET since = EXCLUDED.since, told_at = EXCLUDED.told_at`, int64(a.Promotion), micros(a.Since), microsOrNull(a.ToldAt))
	return err
}

func (t *tx) DropAwaited(id promotion.ID) error {
	_, err := t.exec("forget since when a promotion waited", `DELETE FROM awaited WHERE promotion = $1`, int64(id))
	return err
}
