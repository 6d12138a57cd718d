package store

import (
	"encoding/json"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) Stocks(app string) ([]promotion.Stock, error) {
	return scan(t, "read stocks", func(r row) (promotion.Stock, error) {
		var s promotion.Stock
		var others string
		var since, read, blind *int64
		if err := r.Scan(&s.App, &s.Environment, &s.Target, &s.Promotion, &others, &since, &read, &s.Fault, &blind); err != nil {
			return s, err
		}
		s.Since, s.ReadAt, s.Blind = atOrNil(since), atOrNil(read), atOrNil(blind)
		return s, json.Unmarshal([]byte(others), &s.Others)
	}, `SELECT app, environment, target, promotion, others, since, read_at, fault, blind FROM stock WHERE app = $1 ORDER BY environment, target`, app)
}

func (t *tx) SaveStock(s promotion.Stock) error {
	others, err := marshal(s.Others)
	if err != nil {
		return err
	}
	_, err = t.exec("save a stock", `INSERT INTO stock (app, environment, target, promotion, others, since, read_at, fault, blind) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (app, environment, target) DO UPDATE SET promotion = $4, others = $5, since = $6, read_at = $7, fault = $8, blind = $9`,
		s.App, s.Environment, s.Target, int64(s.Promotion), others, microsOrNull(s.Since), microsOrNull(s.ReadAt), s.Fault, microsOrNull(s.Blind))
	return err
}
