package promotion

import "time"

// Delegation has one person approve in the place of another, for a while. It
// lends the roles that the delegator holds when it is decided, and nothing else:
// no veto, no sign-off, no breaking of the glass.
type Delegation struct {
	ID      int64
	App     string   // an app or a train; empty for everything
	By      PersonID // whose roles they are
	To      PersonID
	From    time.Time
	Until   time.Time
	EndedAt *time.Time // before that, by somebody
	EndedBy PersonID
}

// At tells whether it is in force at the instant.
func (d Delegation) At(now time.Time) bool {
	return !now.Before(d.From) && now.Before(d.Until) && (d.EndedAt == nil || now.Before(*d.EndedAt))
}

// Concerns tells whether it is about the app or train.
func (d Delegation) Concerns(app string) bool { return d.App == "" || d.App == app }
