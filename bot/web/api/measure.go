package api

import (
	"fmt"
	"time"

	"github.com/promotebot/promotebot/promotion/policy"
)

// Measurement is what a query has come to that is asked while it is watched. Without
// a value it was never answered, which is neither good nor bad.
type Measurement struct {
	Name       string     `json:"name"`
	Query      string     `json:"query"` // as it is asked
	Is         string     `json:"is"`    // what the answer has to be
	Value      *float64   `json:"value,omitempty"`
	At         *time.Time `json:"at,omitempty"`
	Holds      *bool      `json:"holds,omitempty"` // whether the value is what it has to be
	OffSince   *time.Time `json:"off_since,omitempty"`
	Fault      string     `json:"fault,omitempty"` // why there is no newer answer
	FaultSince *time.Time `json:"fault_since,omitempty"`
}

// measurements are those of what is, or was, watched.
func measurements(v policy.View) (all []Measurement) {
	a := v.Document.After
	if a == nil || v.Facts.Promotion.WatchUntil == nil {
		return nil
	}
	for _, q := range a.Queries {
		m, _ := v.Facts.Measurement(q)
		shown := Measurement{Name: q.Number, Query: m.Asked.Query, Is: fmt.Sprintf("%s %g", q.Is, q.Limit), OffSince: m.Wrong, Fault: m.Fault, FaultSince: m.Since}
		if m.Last != nil {
			holds := q.Holds(m.Last.Value)
			shown.Value, shown.At, shown.Holds = &m.Last.Value, &m.Last.At, &holds
		}
		all = append(all, shown)
	}
	return all
}
