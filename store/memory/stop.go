package memory

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

type exposureKey struct {
	app, environment string
	digest           promotion.Digest
	source           string
}

func (t *tx) AddIncident(i *promotion.Incident) error {
	const what = "record an incident"
	if err := t.writable(); err != nil {
		return err
	}
	for _, had := range t.incidents.rows {
		if had.Key == i.Key && i.Key != "" && had.ResolvedAt == nil && i.ResolvedAt == nil {
			return twice(what)
		}
	}
	switch {
	case i.Severity == "":
		return forbidden(what, "severity")
	case i.From.After(i.ReportedAt):
		return forbidden(what, "from_at")
	case i.ReportedBy == "":
		return forbidden(what, "reported_by")
	case (i.ResolvedAt == nil) != (i.ResolvedBy == ""):
		return forbidden(what, "resolved_by")
	}
	i.ID = promotion.IncidentID(len(t.incidents.rows) + 1)
	t.incidents.set(i.ID, ownIncident(*i))
	return nil
}

func ownIncident(i promotion.Incident) promotion.Incident {
	i.From, i.ReportedAt, i.ResolvedAt = instant(i.From), instant(i.ReportedAt), instantOrNil(i.ResolvedAt)
	return i
}

func (t *tx) ResolveIncident(id promotion.IncidentID, when time.Time, by string) error {
	if err := t.writable(); err != nil {
		return err
	}
	i, ok := t.incidents.rows[id]
	switch {
	case !ok || i.ResolvedAt != nil:
		return tooLate("resolve an incident")
	case by == "":
		return forbidden("resolve an incident", "resolved_by")
	}
	i.ResolvedAt, i.ResolvedBy = instantOrNil(&when), by
	t.incidents.set(id, i)
	return nil
}

func (t *tx) Incident(id promotion.IncidentID) (promotion.Incident, error) {
	i, ok := t.incidents.rows[id]
	if !ok {
		return i, promotion.Errorf(promotion.NotFound, "there is no such incident")
	}
	return ownIncident(i), nil
}

func (t *tx) IncidentByKey(key string) (promotion.Incident, error) {
	var newest promotion.Incident
	for _, i := range t.incidents.rows {
		if i.Key == key && key != "" && i.ID > newest.ID {
			newest = i
		}
	}
	return t.Incident(newest.ID)
}

func (t *tx) Incidents(app string, since *time.Time) ([]promotion.Incident, error) {
	var open, over []promotion.Incident
	for _, id := range slices.Sorted(maps.Keys(t.incidents.rows)) {
		switch i := t.incidents.rows[id]; {
		case i.App != "" && i.App != app:
		case i.ResolvedAt == nil:
			open = append(open, ownIncident(i))
		case since != nil && !i.ResolvedAt.Before(*since):
			over = append(over, ownIncident(i))
		}
	}
	return append(over, open...), nil
}

func (t *tx) Unhealth(app, environment string, since *time.Time) ([]promotion.Unhealth, error) {
	var all []promotion.Unhealth
	for i := range len(t.unhealth.rows) {
		u := t.unhealth.rows[i]
		if (u.App == "" || u.App == app) && u.Environment == environment && (u.Until == nil || since != nil && !u.Until.Before(*since)) {
			u.Until = pointee(u.Until)
			all = append(all, u)
		}
	}
	slices.SortStableFunc(all, func(a, b promotion.Unhealth) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.App, b.App)) })
	return all, nil
}

func (t *tx) lasting(app, environment string) (int, bool) {
	for i, u := range t.unhealth.rows {
		if u.App == app && u.Environment == environment && u.Until == nil {
			return i, true
		}
	}
	return 0, false
}

func (t *tx) OpenUnhealth(u promotion.Unhealth) error {
	if err := t.writable(); err != nil {
		return err
	}
	if u.Environment == "" {
		return forbidden("record ill health", "environment")
	}
	if _, taken := t.lasting(u.App, u.Environment); taken && u.Until == nil {
		return twice("record ill health")
	}
	u.From, u.Until = instant(u.From), instantOrNil(u.Until)
	t.unhealth.set(len(t.unhealth.rows), u)
	return nil
}

func (t *tx) CloseUnhealth(app, environment string, when time.Time) error {
	if err := t.writable(); err != nil {
		return err
	}
	i, ok := t.lasting(app, environment)
	if !ok {
		return tooLate("record good health")
	}
	u := t.unhealth.rows[i]
	u.Until = instantOrNil(&when)
	t.unhealth.set(i, u)
	return nil
}

func (t *tx) Exposure(app, environment string, d promotion.Digest) (map[string]promotion.Exposure, error) {
	by := map[string]promotion.Exposure{}
	for k, e := range t.exposure.rows {
		if k.app == app && k.environment == environment && k.digest == d {
			by[k.source] = e
		}
	}
	return by, nil
}

func (t *tx) SaveExposure(r promotion.ExposureReport) error {
	const what = "record how much an image was used"
	if err := t.writable(); err != nil {
		return err
	}
	switch {
	case !isDigest(r.Digest):
		return forbidden(what, "digest")
	case r.Requests < 0 || r.PodTime < 0:
		return forbidden(what, "requests")
	}
	r.PodTime = r.PodTime.Truncate(time.Microsecond)
	t.exposure.set(exposureKey{r.App, r.Environment, r.Digest, r.Source}, r.Exposure)
	return nil
}

func (t *tx) AddFreeze(f *promotion.Freeze) error {
	const what = "record a freeze"
	if err := t.writable(); err != nil {
		return err
	}
	switch {
	case f.Until != nil && !f.Until.After(f.From):
		return forbidden(what, "until_at")
	case f.By == "":
		return forbidden(what, "frozen_by")
	case (f.LiftedAt == nil) != (f.LiftedBy == ""):
		return forbidden(what, "lifted_by")
	}
	f.ID = int64(len(t.freezes.rows) + 1)
	own := *f
	own.From, own.Until, own.LiftedAt = instant(f.From), instantOrNil(f.Until), instantOrNil(f.LiftedAt)
	t.freezes.set(f.ID, own)
	return nil
}

func (t *tx) Freezes(app string, now time.Time) ([]promotion.Freeze, error) {
	var all []promotion.Freeze
	for _, id := range slices.Sorted(maps.Keys(t.freezes.rows)) {
		f := t.freezes.rows[id]
		if (f.App == "" || f.App == app) && f.LiftedAt == nil && (f.Until == nil || f.Until.After(now)) {
			f.Until = pointee(f.Until)
			all = append(all, f)
		}
	}
	return all, nil
}

func (t *tx) LiftFreeze(id int64, when time.Time, by promotion.PersonID) error {
	if err := t.writable(); err != nil {
		return err
	}
	f, ok := t.freezes.rows[id]
	switch {
	case !ok || f.LiftedAt != nil:
		return tooLate("lift a freeze")
	case by == "":
		return forbidden("lift a freeze", "lifted_by")
	}
	f.LiftedAt, f.LiftedBy = instantOrNil(&when), by
	t.freezes.set(id, f)
	return nil
}

func (t *tx) AddHold(h *promotion.Hold) error {
	const what = "record a hold"
	if err := t.writable(); err != nil {
		return err
	}
	for _, had := range t.holds.rows {
		if had.App == h.App && had.Digest == h.Digest && had.By == h.By && had.Rollback == h.Rollback && had.LiftedAt == nil && h.LiftedAt == nil {
			return twice(what)
		}
	}
	switch {
	case h.App == "":
		return forbidden(what, "app")
	case h.By == "" && h.Rollback == 0:
		return forbidden(what, "held_by")
	case h.Rollback != 0 && h.Digest == "":
		return forbidden(what, "digest")
	case (h.LiftedAt == nil) != (h.LiftedBy == ""):
		return forbidden(what, "lifted_by")
	}
	h.ID = int64(len(t.holds.rows) + 1)
	own := *h
	own.At, own.LiftedAt = instant(h.At), instantOrNil(h.LiftedAt)
	t.holds.set(h.ID, own)
	return nil
}

func (t *tx) Holds(app string) ([]promotion.Hold, error) {
	var all []promotion.Hold
	for _, id := range slices.Sorted(maps.Keys(t.holds.rows)) {
		if h := t.holds.rows[id]; h.App == app && h.LiftedAt == nil {
			all = append(all, h)
		}
	}
	return all, nil
}

func (t *tx) LiftHold(id int64, when time.Time, by promotion.PersonID) error {
	if err := t.writable(); err != nil {
		return err
	}
	h, ok := t.holds.rows[id]
	switch {
	case !ok || h.LiftedAt != nil:
		return tooLate("lift a hold")
	case by == "":
		return forbidden("lift a hold", "lifted_by")
	}
	h.LiftedAt, h.LiftedBy = instantOrNil(&when), by
	t.holds.set(id, h)
	return nil
}
