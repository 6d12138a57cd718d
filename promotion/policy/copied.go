package policy

import (
	"fmt"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// copied is asked only when nothing else is missing: what is never approved is
// never sent. So what follows the copy, the intent to execute, is decided on
// facts as they are after it, however long it took.
func copied(p promotion.Promotion, now time.Time) Finding {
	finding := Finding{Rule: RuleCopy, Outcome: Waiting}
	c := p.Copy
	switch {
	case c == nil:
		finding.Reason = fmt.Sprintf("the digest is being brought to %s", p.Destination)
	case c.Fault != "" && c.Stuck:
		finding.Outcome = Blocked
		finding.Reason = fmt.Sprintf("the digest can't be brought to %s: %s", p.Destination, c.Fault)
	case c.Fault != "":
		finding.Reason = fmt.Sprintf("the digest has not come to %s so far: %s", p.Destination, c.Fault)
	case c.DoneAt == nil:
		finding.Reason = fmt.Sprintf("the digest is being brought to %s", p.Destination)
	case now.Sub(*c.DoneAt) >= CopiedFor:
		finding.Reason = fmt.Sprintf("what is attached in %s is compared once more", p.Destination)
	default:
		until := c.DoneAt.Add(CopiedFor)
		finding.Outcome, finding.ChangesAt = Met, &until
		finding.Reason = fmt.Sprintf("the digest is in %s, with %d attachments", p.Destination, len(c.Attached))
	}
	return finding
}
