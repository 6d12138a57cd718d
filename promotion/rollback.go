package promotion

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Back is what a rollback takes back, and why.
type Back struct {
	Bad    Digest    // what is in the environment, and is not to come there again by itself
	Of     ID        // the promotion that brought it
	Since  time.Time // when it came
	Reason string    // in somebody's words
}

// Stays tells whether the promotion is about nothing but its environment: the
// digest comes from nowhere, because it has been there before or is there now.
func (p *Promotion) Stays() bool { return p.Repairs() || p.Purpose == Rollback }

// HasSet tells whether the promotion has set some tag, or found it so.
func (p *Promotion) HasSet() bool {
	return slices.ContainsFunc(p.Moves, func(m Move) bool { return m.Outcome == MoveDone || m.Outcome == MoveAlready })
}

// Undone tells whether what the promotion brought was taken back.
func (p *Promotion) Undone() bool { return p.UndoneBy != 0 }

// Outdid is why something ended that this rollback took the place of.
func (p *Promotion) Outdid() string {
	return fmt.Sprintf("%s%s in #%d", outdid, p.Digest.Short(), p.ID)
}

const outdid = "it was rolled back to "

// Cause is the Reason without the rollback by which it ended: whoever is told of that
// with more to it need not be told twice. It is empty where there is nothing else.
func (p *Promotion) Cause() string {
	at := strings.LastIndex(p.Reason, outdid)
	if !p.Undone() || at < 0 || !strings.HasSuffix(p.Reason, fmt.Sprintf(" in #%d", p.UndoneBy)) {
		return p.Reason
	}
	return strings.TrimSuffix(p.Reason[:at], "; ")
}

// Withdrawal says that a digest is known to be bad: whatever is asked for, it is
// not promoted and not gone back to, in any environment.
type Withdrawal struct {
	ID           int64
	App          string
	Digest       Digest
	By           PersonID
	Reason       string
	At           time.Time
	ReinstatedAt *time.Time // when another person said that it may be promoted after all
	ReinstatedBy PersonID
}
