package promotion

import "time"

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

// Undone tells whether what the promotion brought was taken back.
func (p *Promotion) Undone() bool { return p.UndoneBy != 0 }

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
