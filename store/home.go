package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

const homeColumns = `person, opened_at, shown_at, hash, print`

func scanHome(r row) (promotion.Home, error) {
	var h promotion.Home
	var opened int64
	var shown *int64
	err := r.Scan(&h.Person, &opened, &shown, &h.Hash, &h.Print)
	h.OpenedAt, h.ShownAt = at(opened), atOrNil(shown)
	return h, err
}

func (t *tx) Home(of promotion.PersonID) (promotion.Home, error) {
	h, err := scanHome(t.row(`SELECT `+homeColumns+` FROM home WHERE person = $1`, string(of)))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return h, promotion.Errorf(promotion.NotFound, "this home was never opened")
	case err != nil:
		return h, broken("read a home", err)
	}
	return h, nil
}

func (t *tx) Homes(since time.Time, limit int) ([]promotion.Home, error) {
	return scan(t, "read homes", scanHome, fmt.Sprintf(`SELECT `+homeColumns+` FROM home WHERE opened_at >= $1 ORDER BY opened_at DESC, person LIMIT %d`, limit), micros(since))
}

func (t *tx) SaveHome(h promotion.Home) error {
	_, err := t.exec("record a home", `INSERT INTO home (`+homeColumns+`) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (person) DO UPDATE SET opened_at = EXCLUDED.opened_at, shown_at = EXCLUDED.shown_at, hash = EXCLUDED.hash, print = EXCLUDED.print`,
		string(h.Person), micros(h.OpenedAt), microsOrNull(h.ShownAt), h.Hash, h.Print)
	return err
}

func (t *tx) Decided(by promotion.PersonID, limit int) ([]promotion.Decided, error) {
	return scan(t, "read what somebody has done", func(r row) (promotion.Decided, error) {
		var d promotion.Decided
		var body, answer string
		if err := r.Scan(&body, &answer); err != nil {
			return d, err
		}
		return d, errors.Join(json.Unmarshal([]byte(body), &d.Gesture), json.Unmarshal([]byte(answer), &d.Answer))
	}, fmt.Sprintf(`SELECT body, answer FROM gesture WHERE person = $1 AND answer IS NOT NULL ORDER BY taken_at DESC, key LIMIT %d`, limit), string(by))
}
