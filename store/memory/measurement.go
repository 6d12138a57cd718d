package memory

import (
	"cmp"
	"slices"

	"github.com/promotebot/promotebot/promotion"
)

func copiedMeasurement(m promotion.Measurement) promotion.Measurement {
	if m.Last != nil {
		last := *m.Last
		m.Last = &last
	}
	m.Wrong, m.Since = instantOrNil(m.Wrong), instantOrNil(m.Since)
	return m
}

func (t *tx) Measurements(of promotion.ID) (found []promotion.Measurement, err error) {
	for k, m := range t.measured.rows {
		if k.of == of {
			found = append(found, copiedMeasurement(m))
		}
	}
	slices.SortFunc(found, func(a, b promotion.Measurement) int { return cmp.Compare(a.Asked.Name, b.Asked.Name) })
	return found, nil
}

func (t *tx) SaveMeasurement(m promotion.Measurement) error {
	const what = "save a measurement"
	if err := t.writable(); err != nil {
		return err
	}
	_, exists := t.promotions.rows[m.Promotion]
	switch {
	case !exists:
		return forbidden(what, "promotion")
	case m.Asked.Name == "":
		return forbidden(what, "name")
	case (m.Since == nil) != (m.Fault == ""):
		return forbidden(what, "since exactly when there is a fault")
	}
	t.measured.set(measurementKey{m.Promotion, m.Asked.Name}, copiedMeasurement(m))
	return nil
}
