package policy

import (
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Digest is what a channel is told from time to time: what has ended between two
// instants, and what is open at the second one.
type Digest struct {
	Since, Until time.Time

	Failing []View // until somebody rolls it back or keeps it
	Waiting []View // for approvals alone
	Soaking []View
	Open    []View // the others
	Overdue []View // of which a review is

	Promoted []promotion.Promotion
	// RolledBack are the rollbacks, not what they took back.
	RolledBack []promotion.Promotion
	PutBack    []promotion.Promotion // tags that somebody else had moved, put back or accepted
	Ended      []promotion.Promotion // otherwise than asked for
	People     map[promotion.PersonID]promotion.Person

	Figures promotion.Figures // of the apps whose cards are there
}

// Empty tells whether there is nothing to tell.
func (d Digest) Empty() bool {
	return len(d.Failing)+len(d.Waiting)+len(d.Soaking)+len(d.Open)+len(d.Overdue)+len(d.Promoted)+len(d.RolledBack)+len(d.PutBack)+len(d.Ended) == 0
}
