package store

import (
	"encoding/json"

	"github.com/promotebot/promotebot/promotion"
)

// deployed is the part of a deployment that nobody looks for.
type deployed struct {
	Order   promotion.Order
	Rollout promotion.Rollout
}

func (t *tx) Deployments(of promotion.ID) ([]promotion.Deployment, error) {
	return scan(t, "read deployments", func(r row) (promotion.Deployment, error) {
		var d promotion.Deployment
		var body string
		var ended *int64
		if err := r.Scan(&d.Place, &body, &d.Fault, &ended); err != nil {
			return d, err
		}
		d.EndedAt = atOrNil(ended)
		var is deployed
		err := json.Unmarshal([]byte(body), &is)
		d.Order, d.Rollout = is.Order, is.Rollout
		return d, err
	}, `SELECT place, body, fault, ended_at FROM deployment WHERE promotion = $1 ORDER BY place`, int64(of))
}

func (t *tx) SaveDeployment(d promotion.Deployment) error {
	body, err := marshal(deployed{d.Order, d.Rollout})
	if err != nil {
		return err
	}
	var ordered *int64
	if !d.Order.OrderedAt.IsZero() {
		us := micros(d.Order.OrderedAt)
		ordered = &us
	}
	_, err = t.exec("save a deployment", `INSERT INTO deployment (promotion, target, place, phase, body, fault, ordered_at, ended_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (promotion, target) DO UPDATE SET place = $3, phase = $4, body = $5, fault = $6, ordered_at = $7, ended_at = $8`,
		int64(d.Order.Promotion), d.Order.Target, d.Place, string(d.Rollout.Phase), body, d.Fault, ordered, microsOrNull(d.EndedAt))
	return err
}
