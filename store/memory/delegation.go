package memory

import (
	"maps"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) AddDelegation(d *promotion.Delegation) error {
	const what = "record a delegation"
	if err := t.writable(); err != nil {
		return err
	}
	for _, had := range t.delegations.rows {
		if had.By == d.By && had.App == d.App && had.EndedAt == nil && d.EndedAt == nil {
			return twice(what)
		}
	}
	switch {
	case d.By == "":
		return forbidden(what, "delegator")
	case d.To == "" || d.To == d.By:
		return forbidden(what, "delegate")
	case !d.Until.After(d.From):
		return forbidden(what, "until_at")
	case (d.EndedAt == nil) != (d.EndedBy == ""):
		return forbidden(what, "ended_by")
	}
	d.ID = int64(len(t.delegations.rows) + 1)
	own := *d
	own.From, own.Until, own.EndedAt = instant(d.From), instant(d.Until), instantOrNil(d.EndedAt)
	t.delegations.set(d.ID, own)
	return nil
}

func (t *tx) Delegations(since time.Time) ([]promotion.Delegation, error) {
	var all []promotion.Delegation
	for _, id := range slices.Sorted(maps.Keys(t.delegations.rows)) {
		d := t.delegations.rows[id]
		if d.Until.After(since) && (d.EndedAt == nil || d.EndedAt.After(since)) {
			d.EndedAt = pointee(d.EndedAt)
			all = append(all, d)
		}
	}
	return all, nil
}

func (t *tx) EndDelegation(id int64, when time.Time, by promotion.PersonID) error {
	if err := t.writable(); err != nil {
		return err
	}
	d, ok := t.delegations.rows[id]
	switch {
	case !ok || d.EndedAt != nil:
		return tooLate("end a delegation")
	case by == "":
		return forbidden("end a delegation", "ended_by")
	}
	d.EndedAt, d.EndedBy = instantOrNil(&when), by
	t.delegations.set(id, d)
	return nil
}
