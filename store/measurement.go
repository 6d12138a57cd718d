package store

import (
	"encoding/json"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// measured is the part of a measurement that nobody looks for.
type measured struct {
	Server, Query string
	Last          *promotion.Sample
	Wrong         *time.Time
}

func (t *tx) Measurements(of promotion.ID) ([]promotion.Measurement, error) {
	return scan(t, "read measurements", func(r row) (promotion.Measurement, error) {
		m := promotion.Measurement{Promotion: of}
		var body string
		var since *int64
		if err := r.Scan(&m.Asked.Name, &body, &m.Fault, &since); err != nil {
			return m, err
		}
		m.Since = atOrNil(since)
		var is measured
		err := json.Unmarshal([]byte(body), &is)
		m.Asked.Server, m.Asked.Query, m.Last, m.Wrong = is.Server, is.Query, is.Last, is.Wrong
		return m, err
	}, `SELECT name, body, fault, since FROM measurement WHERE promotion = $1 ORDER BY name`, int64(of))
}

func (t *tx) SaveMeasurement(m promotion.Measurement) error {
	body, err := marshal(measured{m.Asked.Server, m.Asked.Query, m.Last, m.Wrong})
	if err != nil {
		return err
	}
	_, err = t.exec("save a measurement", `INSERT INTO measurement (promotion, name, body, fault, since) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (promotion, name) DO UPDATE SET body = $3, fault = $4, since = $5`,
		int64(m.Promotion), m.Asked.Name, body, m.Fault, microsOrNull(m.Since))
	return err
}
