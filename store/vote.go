package store

import (
	"encoding/json"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) Votes(of promotion.ID) ([]promotion.Vote, error) {
	return scan(t, "read votes", func(r row) (promotion.Vote, error) {
		v := promotion.Vote{Promotion: of}
		var terms string
		var us int64
		if err := r.Scan(&v.Person, &v.Decision, &v.Ground, &v.Reason, &terms, &us, &v.LiftedBy); err != nil {
			return v, err
		}
		v.At = at(us)
		return v, json.Unmarshal([]byte(terms), &v.Terms)
	}, `SELECT person, decision, ground, reason, terms, at, lifted_by FROM vote WHERE promotion = $1 ORDER BY at, person`, int64(of))
}

func (t *tx) SaveVote(v promotion.Vote) error {
	terms, err := marshal(v.Terms)
	if err != nil {
		return err
	}
	_, err = t.exec("record a vote", `INSERT INTO vote (promotion, person, decision, ground, reason, terms, at, lifted_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (promotion, person) DO UPDATE SET decision = EXCLUDED.decision, ground = EXCLUDED.ground, reason = EXCLUDED.reason, terms = EXCLUDED.terms, at = EXCLUDED.at, lifted_by = EXCLUDED.lifted_by`,
		int64(v.Promotion), string(v.Person), string(v.Decision), string(v.Ground), v.Reason, terms, micros(v.At), string(v.LiftedBy))
	return err
}
