package promotion

import "time"

// Freeze is a stretch of time during which nothing is promoted.
type Freeze struct {
	ID       int64  // 0 for one that stands in the configuration
	App      string // an app or a train; empty for everything
	From     time.Time
	Until    *time.Time // nil until somebody lifts it
	Reason   string
	By       PersonID // empty for one that stands in the configuration
	LiftedAt *time.Time
	LiftedBy PersonID
}

// At tells whether it is in force at the instant.
func (f Freeze) At(now time.Time) bool {
	return !now.Before(f.From) && (f.Until == nil || now.Before(*f.Until))
}

// Hold keeps an app, or one candidate of it, from being promoted until it is
// lifted. Several people can hold the same; all of them have to be lifted.
type Hold struct {
	ID       int64
	App      string   // an app or a train
	Digest   Digest   // empty for every candidate, also those that come later
	By       PersonID // empty when it was nobody's decision
	Rollback ID       // the rollback after which it is held, so that nothing brings it again by itself; 0 when it is held for its own sake
	Reason   string
	At       time.Time
	LiftedAt *time.Time
	LiftedBy PersonID
}

// Keeps tells whether the hold keeps the digest from going on.
func (h Hold) Keeps(d Digest) bool { return h.Digest == "" || h.Digest == d }

// Stops tells whether the hold keeps a promotion that is under way from going to
// another target. What was held when it began was gone past with a broken glass, and
// is gone past to the end.
func (h Hold) Stops(p *Promotion) bool {
	return h.Keeps(p.Digest) && p.StartedAt != nil && !h.At.Before(*p.StartedAt)
}
