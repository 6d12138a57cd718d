package store

import (
	"database/sql"
	"errors"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

const incidentColumns = `id, key, app, environment, severity, summary, from_at, reported_at, reported_by, resolved_at, resolved_by`

func (t *tx) AddIncident(i *promotion.Incident) error {
	id, err := t.sequence("incident")
	if err != nil {
		return err
	}
	i.ID = promotion.IncidentID(id)
	_, err = t.exec("record an incident", `INSERT INTO incident (`+incidentColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		id, i.Key, i.App, i.Environment, string(i.Severity), i.Summary, micros(i.From), micros(i.ReportedAt), i.ReportedBy, microsOrNull(i.ResolvedAt), i.ResolvedBy)
	return err
}

func (t *tx) ResolveIncident(id promotion.IncidentID, when time.Time, by string) error {
	return t.changed("resolve an incident", `UPDATE incident SET resolved_at = $1, resolved_by = $2 WHERE id = $3 AND resolved_at IS NULL`, micros(when), by, int64(id))
}

func scanIncident(r row) (promotion.Incident, error) {
	var i promotion.Incident
	var from, reported int64
	var resolved *int64
	err := r.Scan(&i.ID, &i.Key, &i.App, &i.Environment, &i.Severity, &i.Summary, &from, &reported, &i.ReportedBy, &resolved, &i.ResolvedBy)
	i.From, i.ReportedAt, i.ResolvedAt = at(from), at(reported), atOrNil(resolved)
	return i, err
}

func (t *tx) Incident(id promotion.IncidentID) (promotion.Incident, error) {
	i, err := scanIncident(t.q.QueryRowContext(t.ctx, `SELECT `+incidentColumns+` FROM incident WHERE id = $1`, int64(id)))
	return i, oneIncident(err)
}

func (t *tx) IncidentByKey(key string) (promotion.Incident, error) {
	i, err := scanIncident(t.q.QueryRowContext(t.ctx, `SELECT `+incidentColumns+` FROM incident WHERE key = $1 AND key <> '' ORDER BY id DESC LIMIT 1`, key))
	return i, oneIncident(err)
}

func oneIncident(err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return promotion.Errorf(promotion.NotFound, "there is no such incident")
	case err != nil:
		return broken("read an incident", err)
	}
	return nil
}

func (t *tx) Incidents(app string, since *time.Time) ([]promotion.Incident, error) {
	open, err := scan(t, "read incidents", scanIncident,
		`SELECT `+incidentColumns+` FROM incident WHERE app IN ('', $1) AND resolved_at IS NULL ORDER BY id`, app)
	if err != nil || since == nil {
		return open, err
	}
	over, err := scan(t, "read incidents", scanIncident,
		`SELECT `+incidentColumns+` FROM incident WHERE app IN ('', $1) AND resolved_at >= $2 ORDER BY id`, app, micros(*since))
	return append(over, open...), err
}

const unhealthColumns = `app, environment, reason, from_at, until_at`

func (t *tx) Unhealth(app, environment string, since *time.Time) ([]promotion.Unhealth, error) {
	query, args := `SELECT `+unhealthColumns+` FROM unhealth WHERE app IN ('', $1) AND environment = $2 AND (until_at IS NULL`, []any{app, environment}
	if since != nil {
		query, args = query+` OR until_at >= $3`, append(args, micros(*since))
	}
	return scan(t, "read the health of "+environment, func(r row) (promotion.Unhealth, error) {
		var u promotion.Unhealth
		var from int64
		var until *int64
		err := r.Scan(&u.App, &u.Environment, &u.Reason, &from, &until)
		u.From, u.Until = at(from), atOrNil(until)
		return u, err
	}, query+`) ORDER BY from_at, app`, args...)
}

func (t *tx) OpenUnhealth(u promotion.Unhealth) error {
	_, err := t.exec("record ill health", `INSERT INTO unhealth (`+unhealthColumns+`) VALUES ($1, $2, $3, $4, $5)`,
		u.App, u.Environment, u.Reason, micros(u.From), microsOrNull(u.Until))
	return err
}

func (t *tx) CloseUnhealth(app, environment string, when time.Time) error {
	return t.changed("record good health", `UPDATE unhealth SET until_at = $1 WHERE app = $2 AND environment = $3 AND until_at IS NULL`, micros(when), app, environment)
}

func (t *tx) Exposure(app, environment string, d promotion.Digest) (map[string]promotion.Exposure, error) {
	type reading struct {
		source string
		promotion.Exposure
	}
	all, err := scan(t, "read how much an image was used", func(r row) (reading, error) {
		var one reading
		var us int64
		err := r.Scan(&one.source, &one.Requests, &us)
		one.PodTime = time.Duration(us) * time.Microsecond
		return one, err
	}, `SELECT source, requests, pod_time FROM exposure WHERE app = $1 AND environment = $2 AND digest = $3`, app, environment, string(d))
	by := map[string]promotion.Exposure{}
	for _, one := range all {
		by[one.source] = one.Exposure
	}
	return by, err
}

func (t *tx) SaveExposure(r promotion.ExposureReport) error {
	_, err := t.exec("record how much an image was used", `INSERT INTO exposure (app, environment, digest, source, requests, pod_time) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (app, environment, digest, source) DO UPDATE SET requests = EXCLUDED.requests, pod_time = EXCLUDED.pod_time`,
		r.App, r.Environment, string(r.Digest), r.Source, r.Requests, r.PodTime.Microseconds())
	return err
}

func (t *tx) AddFreeze(f *promotion.Freeze) (err error) {
	if f.ID, err = t.sequence("freeze"); err != nil {
		return err
	}
	_, err = t.exec("record a freeze", `INSERT INTO freeze (id, app, from_at, until_at, reason, frozen_by, lifted_at, lifted_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		f.ID, f.App, micros(f.From), microsOrNull(f.Until), f.Reason, string(f.By), microsOrNull(f.LiftedAt), string(f.LiftedBy))
	return err
}

func (t *tx) Freezes(app string, now time.Time) ([]promotion.Freeze, error) {
	return scan(t, "read freezes", func(r row) (promotion.Freeze, error) {
		var f promotion.Freeze
		var from int64
		var until *int64
		err := r.Scan(&f.ID, &f.App, &from, &until, &f.Reason, &f.By)
		f.From, f.Until = at(from), atOrNil(until)
		return f, err
	}, `SELECT id, app, from_at, until_at, reason, frozen_by FROM freeze
		WHERE app IN ('', $1) AND lifted_at IS NULL AND (until_at IS NULL OR until_at > $2) ORDER BY id`, app, micros(now))
}

func (t *tx) LiftFreeze(id int64, when time.Time, by promotion.PersonID) error {
	return t.changed("lift a freeze", `UPDATE freeze SET lifted_at = $1, lifted_by = $2 WHERE id = $3 AND lifted_at IS NULL`, micros(when), string(by), id)
}

func (t *tx) AddHold(h *promotion.Hold) (err error) {
	if h.ID, err = t.sequence("hold"); err != nil {
		return err
	}
	_, err = t.exec("record a hold", `INSERT INTO hold (id, app, digest, held_by, rollback, reason, held_at, lifted_at, lifted_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		h.ID, h.App, string(h.Digest), string(h.By), orNull(h.Rollback), h.Reason, micros(h.At), microsOrNull(h.LiftedAt), string(h.LiftedBy))
	return err
}

func (t *tx) Holds(app string) ([]promotion.Hold, error) {
	return scan(t, "read holds", func(r row) (promotion.Hold, error) {
		var h promotion.Hold
		var us int64
		var of *int64
		err := r.Scan(&h.ID, &h.App, &h.Digest, &h.By, &of, &h.Reason, &us)
		h.At, h.Rollback = at(us), idOrNone(of)
		return h, err
	}, `SELECT id, app, digest, held_by, rollback, reason, held_at FROM hold WHERE app = $1 AND lifted_at IS NULL ORDER BY id`, app)
}

func (t *tx) LiftHold(id int64, when time.Time, by promotion.PersonID) error {
	return t.changed("lift a hold", `UPDATE hold SET lifted_at = $1, lifted_by = $2 WHERE id = $3 AND lifted_at IS NULL`, micros(when), string(by), id)
}
