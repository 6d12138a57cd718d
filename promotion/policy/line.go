package policy

import (
	"fmt"

	"github.com/promotebot/promotebot/promotion"
)

// Supersede says what becomes of an open promotion when a newer build comes.
type Supersede string

// The ways.
const (
	Replace Supersede = ""      // it gives way
	Keep    Supersede = "keep"  // it stays beside the newer one
	Queue   Supersede = "queue" // it stays, and the newer one waits until it has ended
)

// InLine tells whether one build goes after the other, the oldest first.
func (d Document) InLine() bool { return d.Supersede == Queue || d.RideOldest }

// line holds back what came later. What has left its environment holds up
// nothing: it may never come back.
func line(d Document, f Facts) []Finding {
	if !d.InLine() || f.Promotion.Purpose != promotion.Forward {
		return nil
	}
	finding := Finding{Rule: RuleLine, Outcome: Met, Reason: "nothing is before it"}
	switch {
	case f.Ahead == nil:
	case d.RideOldest:
		finding.Outcome = Waiting
		finding.Reason = fmt.Sprintf("waits for #%d, which came first and keeps maturing; of the builds that wait for it, the newest is next", f.Ahead.ID)
	default:
		finding.Outcome = Waiting
		finding.Reason = fmt.Sprintf("waits for #%d, which is before it", f.Ahead.ID)
	}
	return []Finding{finding}
}

// lined is what becomes of older builds, where that is not what is usual.
func (d Document) lined() []string {
	switch {
	case d.RideOldest:
		return []string{"The oldest build keeps maturing when newer ones come; of those, the newest waits until it has ended."}
	case d.Supersede == Queue:
		return []string{"Builds go one after the other, the oldest first."}
	case d.Supersede == Keep:
		return []string{"A newer build does not replace it, but once a newer one has been promoted it can't go ahead."}
	case !d.Returns:
		return []string{"When something newer comes, that takes its place."}
	}
	return nil
}
