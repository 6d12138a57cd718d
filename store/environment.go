package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func (t *tx) Holdings(app, environment string, side promotion.Side) ([]gate.Holding, error) {
	return scan(t, "read what is in "+environment, func(r row) (gate.Holding, error) {
		var h gate.Holding
		var captures string
		var us int64
		if err := r.Scan(&h.Tag, &h.Digest, &captures, &us); err != nil {
			return h, err
		}
		h.Since = at(us)
		return h, json.Unmarshal([]byte(captures), &h.Captures)
	}, `SELECT tag, digest, captures, from_at FROM holding WHERE app = $1 AND environment = $2 AND side = $3 AND until_at IS NULL ORDER BY tag`,
		app, environment, string(side))
}

// Presence joins the stretches of all tags that pointed at the digest.
func (t *tx) Presence(app, environment string, side promotion.Side, d promotion.Digest) ([]promotion.Interval, error) {
	all, err := scan(t, "read how long an image was in "+environment, func(r row) (promotion.Interval, error) {
		var from int64
		var until *int64
		err := r.Scan(&from, &until)
		return promotion.Interval{From: at(from), Until: atOrNil(until)}, err
	}, `SELECT from_at, until_at FROM holding WHERE app = $1 AND environment = $2 AND side = $3 AND digest = $4 ORDER BY from_at`,
		app, environment, string(side), string(d))
	if err != nil {
		return nil, err
	}
	return promotion.Join(all), nil
}

func (t *tx) OpenHolding(app, environment string, side promotion.Side, h gate.Holding) error {
	captures, err := marshal(h.Captures)
	if err != nil {
		return err
	}
	_, err = t.exec("record an arrival", `INSERT INTO holding (app, environment, side, tag, digest, captures, from_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		app, environment, string(side), h.Tag, string(h.Digest), captures, micros(h.Since))
	return err
}

func (t *tx) CloseHolding(app, environment string, side promotion.Side, tag string, when time.Time) error {
	return t.changed("record a departure", `UPDATE holding SET until_at = $1 WHERE app = $2 AND environment = $3 AND side = $4 AND tag = $5 AND until_at IS NULL`,
		micros(when), app, environment, string(side), tag)
}

const watchColumns = `app, environment, side, fault, since, looked_at`

func scanWatch(r row) (gate.Watch, error) {
	var w gate.Watch
	var us int64
	var looked *int64
	err := r.Scan(&w.App, &w.Environment, &w.Side, &w.Fault, &us, &looked)
	w.Since, w.LookedAt = at(us), atOrNil(looked)
	return w, err
}

func (t *tx) Watches() ([]gate.Watch, error) {
	return scan(t, "read watches", scanWatch, `SELECT `+watchColumns+` FROM watch ORDER BY app, environment, side`)
}

func (t *tx) Watch(app, environment string, side promotion.Side) (gate.Watch, error) {
	w, err := scanWatch(t.row(`SELECT `+watchColumns+` FROM watch WHERE app = $1 AND environment = $2 AND side = $3`, app, environment, string(side)))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return w, promotion.Errorf(promotion.NotFound, "%s of %s has never been looked at", environment, app)
	case err != nil:
		return w, broken("read a watch", err)
	}
	return w, nil
}

func (t *tx) SaveWatch(w gate.Watch) error {
	_, err := t.exec("record a look", `INSERT INTO watch (`+watchColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (app, environment, side) DO UPDATE SET fault = EXCLUDED.fault, since = EXCLUDED.since, looked_at = EXCLUDED.looked_at`,
		w.App, w.Environment, string(w.Side), w.Fault, micros(w.Since), microsOrNull(w.LookedAt))
	return err
}

func (t *tx) Pins(app, environment string) ([]gate.Pin, error) {
	return scan(t, "read what was set in "+environment, func(r row) (gate.Pin, error) {
		p := gate.Pin{App: app, Environment: environment}
		var us int64
		err := r.Scan(&p.Tag, &p.Digest, &p.Promotion, &us)
		p.At = at(us)
		return p, err
	}, `SELECT tag, digest, promotion, set_at FROM pin WHERE app = $1 AND environment = $2 ORDER BY set_at DESC, tag`, app, environment)
}

func (t *tx) SavePin(p gate.Pin) error {
	_, err := t.exec("record what was set", `INSERT INTO pin (app, environment, tag, digest, promotion, set_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (app, environment, tag) DO UPDATE SET digest = EXCLUDED.digest, promotion = EXCLUDED.promotion, set_at = EXCLUDED.set_at`,
		p.App, p.Environment, p.Tag, string(p.Digest), int64(p.Promotion), micros(p.At))
	return err
}

func (t *tx) People(ids []promotion.PersonID) (map[promotion.PersonID]promotion.Person, error) {
	people := map[promotion.PersonID]promotion.Person{}
	if len(ids) == 0 {
		return people, nil
	}
	var args []any
	list, err := scan(t, "read people", func(r row) (promotion.Person, error) {
		var p promotion.Person
		var us int64
		err := r.Scan(&p.ID, &p.Name, &p.TimeZone, &p.Standing, &us)
		p.ReadAt = at(us)
		return p, err
	}, `SELECT id, name, time_zone, standing, read_at FROM person WHERE id IN (`+in(&args, ids)+`)`, args...)
	for _, p := range list {
		people[p.ID] = p
	}
	return people, err
}

func (t *tx) SavePerson(p promotion.Person) error {
	_, err := t.exec("record a person", `INSERT INTO person (id, name, time_zone, standing, read_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, time_zone = EXCLUDED.time_zone, standing = EXCLUDED.standing, read_at = EXCLUDED.read_at`,
		string(p.ID), p.Name, p.TimeZone, string(p.Standing), micros(p.ReadAt))
	return err
}

func (t *tx) Groups(ids []promotion.GroupID) (map[promotion.GroupID]promotion.Group, error) {
	groups := map[promotion.GroupID]promotion.Group{}
	if len(ids) == 0 {
		return groups, nil
	}
	var args []any
	list, err := scan(t, "read user groups", func(r row) (promotion.Group, error) {
		var g promotion.Group
		var members string
		var us int64
		if err := r.Scan(&g.ID, &g.Handle, &members, &us, &g.Fault); err != nil {
			return g, err
		}
		g.ReadAt = at(us)
		return g, json.Unmarshal([]byte(members), &g.Members)
	}, `SELECT id, handle, members, read_at, fault FROM user_group WHERE id IN (`+in(&args, ids)+`)`, args...)
	for _, g := range list {
		groups[g.ID] = g
	}
	return groups, err
}

func (t *tx) SaveGroup(g promotion.Group) error {
	members, err := marshal(g.Members)
	if err != nil {
		return err
	}
	_, err = t.exec("record a user group", `INSERT INTO user_group (id, handle, members, read_at, fault) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET handle = EXCLUDED.handle, members = EXCLUDED.members, read_at = EXCLUDED.read_at, fault = EXCLUDED.fault`,
		string(g.ID), g.Handle, members, micros(g.ReadAt), g.Fault)
	return err
}
