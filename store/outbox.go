package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) Gesture(key string) (promotion.Gesture, *promotion.Answer, error) {
	var body string
	var answer sql.NullString
	err := t.row(`SELECT body, answer FROM gesture WHERE key = $1`, key).Scan(&body, &answer)
	var g promotion.Gesture
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return g, nil, promotion.Errorf(promotion.NotFound, "this gesture was not taken before")
	case err != nil:
		return g, nil, broken("read a gesture", err)
	}
	if err := json.Unmarshal([]byte(body), &g); err != nil {
		return g, nil, broken("read a gesture", err)
	}
	if !answer.Valid {
		return g, nil, nil
	}
	a := &promotion.Answer{}
	if err := json.Unmarshal([]byte(answer.String), a); err != nil {
		return g, nil, broken("read an answer", err)
	}
	return g, a, nil
}

func (t *tx) AddGesture(g promotion.Gesture, a *promotion.Answer) error {
	var answer *string
	var decided *int64
	if a != nil {
		text, err := marshal(a)
		if err != nil {
			return err
		}
		us := micros(g.At)
		answer, decided = &text, &us
		g.ResponseURL = "" // a secret, and of no more use
	}
	body, err := marshal(g)
	if err != nil {
		return err
	}
	_, err = t.exec("record a gesture", `INSERT INTO gesture (key, person, body, taken_at, answer, decided_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		g.Key, string(g.Person), body, micros(g.At), answer, decided)
	return err
}

func (t *tx) DecideGesture(key string, a promotion.Answer, when time.Time) error {
	g, _, err := t.Gesture(key)
	if err != nil {
		return err
	}
	g.ResponseURL = ""
	body, err := marshal(g)
	if err != nil {
		return err
	}
	answer, err := marshal(a)
	if err != nil {
		return err
	}
	return t.changed("decide a gesture", `UPDATE gesture SET body = $1, answer = $2, decided_at = $3 WHERE key = $4 AND answer IS NULL`, body, answer, micros(when), key)
}

func (t *tx) UndecidedGestures() ([]promotion.Gesture, error) {
	return scan(t, "read undecided gestures", func(r row) (promotion.Gesture, error) {
		var g promotion.Gesture
		var body string
		if err := r.Scan(&body); err != nil {
			return g, err
		}
		return g, json.Unmarshal([]byte(body), &g)
	}, `SELECT body FROM gesture WHERE answer IS NULL ORDER BY taken_at, key`)
}

func (t *tx) AddEffect(e promotion.Effect) error {
	id, err := t.sequence("effect")
	if err != nil {
		return err
	}
	_, err = t.exec("ask for an effect", `INSERT INTO effect (id, kind, key, promotion, payload, due_at, attempt, owner, last_error) VALUES ($1, $2, $3, $4, $5, $6, 0, '', '')
		ON CONFLICT (key) DO NOTHING`, id, string(e.Kind), e.Key, int64(e.Promotion), string(e.Payload), micros(e.DueAt))
	return err
}

func (t *tx) FinishEffect(e promotion.Effect, _ time.Time) error {
	return t.changed(fmt.Sprintf("finish effect %d (%s)", e.ID, e.Key), `DELETE FROM effect WHERE id = $1 AND owner = $2 AND attempt = $3`, e.ID, e.Owner, e.Attempt)
}

func (t *tx) PostponeEffect(e promotion.Effect, due time.Time, why string) error {
	return t.changed(fmt.Sprintf("postpone effect %d (%s)", e.ID, e.Key),
		`UPDATE effect SET due_at = $1, last_error = $2, owner = '', lease_until = NULL WHERE id = $3 AND owner = $4 AND attempt = $5`,
		micros(due), why, e.ID, e.Owner, e.Attempt)
}

// Claim takes up to limit effects of the kinds that are due, for owner, until
// the lease ends. An effect whose lease has ended is due again.
func (db *DB) Claim(ctx context.Context, kinds []promotion.EffectKind, owner string, now, until time.Time, limit int) ([]promotion.Effect, error) {
	var claimed []promotion.Effect
	err := db.change(ctx, func(t *tx) (err error) {
		args := []any{owner, micros(until), micros(now), limit}
		claimed, err = scan(t, "claim effects", scanEffect, `WITH due AS MATERIALIZED (
			SELECT id FROM effect WHERE kind IN (`+in(&args, kinds)+`) AND due_at <= $3 ORDER BY due_at, id LIMIT $4 `+db.dialect.Claim+`
		) UPDATE effect SET owner = $1, lease_until = $2, due_at = $2, attempt = attempt + 1 WHERE id IN (SELECT id FROM due)
		RETURNING id, kind, key, promotion, payload, due_at, attempt, owner, lease_until`, args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// Extend moves the end of a claim. An effect whose lease has ended and that
// nobody else has claimed is taken to be held still.
func (db *DB) Extend(ctx context.Context, e promotion.Effect, until time.Time) error {
	return db.change(ctx, func(t *tx) error {
		return t.changed(fmt.Sprintf("extend the lease of effect %d (%s)", e.ID, e.Key),
			`UPDATE effect SET lease_until = $1, due_at = $1 WHERE id = $2 AND owner = $3 AND attempt = $4`, micros(until), e.ID, e.Owner, e.Attempt)
	})
}

func scanEffect(r row) (promotion.Effect, error) {
	var e promotion.Effect
	var payload string
	var due, lease int64
	err := r.Scan(&e.ID, &e.Kind, &e.Key, &e.Promotion, &payload, &due, &e.Attempt, &e.Owner, &lease)
	e.Payload, e.DueAt, e.LeaseUntil = json.RawMessage(payload), at(due), at(lease)
	return e, err
}

// NextDue is when the next effect of the kinds is due, or false when there is
// none.
func (db *DB) NextDue(ctx context.Context, kinds []promotion.EffectKind) (time.Time, bool, error) {
	var args []any
	var us *int64
	if err := db.glance(ctx, `SELECT MIN(due_at) FROM effect WHERE kind IN (`+in(&args, kinds)+`)`, args...).Scan(&us); err != nil {
		return time.Time{}, false, broken("read what is due", err)
	}
	if us == nil {
		return time.Time{}, false, nil
	}
	return at(*us), true, nil
}

// ReleaseLeases makes every claimed effect due now. It may be called only by a
// process that knows itself to be alone on the database.
func (db *DB) ReleaseLeases(ctx context.Context, now time.Time) error {
	_, err := db.write.ExecContext(ctx, `UPDATE effect SET due_at = $1, owner = '', lease_until = NULL WHERE owner <> ''`, micros(now))
	if err != nil {
		return broken("release leases", err)
	}
	return nil
}
