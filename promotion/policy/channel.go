package policy

import (
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// among says whether another organisation sees the card: a channel that is
// shared by Slack Connect lets its people read what is promoted and when, and
// press buttons, though what they press never counts.
func among(d Document, f Facts) []Finding {
	if !d.RefuseShared || f.Promotion.Purpose == promotion.Ride { // whose card is its train's
		return nil
	}
	finding := Finding{Rule: RuleChannel, Outcome: Waiting}
	switch c := f.Channel; {
	case c == nil || c.ReadAt == nil && c.Fault == "":
		finding.Reason = "it has not been read in Slack yet whether another organisation is in the channel of the card, and then it may not go ahead"
	case c.ReadAt == nil:
		finding.Reason = "it is not known whether another organisation is in the channel of the card, and then it may not go ahead: " + c.Fault
	case c.Shared:
		finding.Outcome, finding.Reason = Blocked, "another organisation is in the channel of the card, and the policy refuses that: stop sharing the channel, or name another one for it in the configuration"
	default:
		finding.Outcome, finding.Reason = Met, "no other organisation is in the channel of the card"
	}
	return []Finding{finding}
}

// rehoused has the channel read once more before anything starts, if what is
// known of it is too old for that.
func rehoused(findings []Finding, d Document, f Facts, now time.Time) []Subject {
	if !d.RefuseShared || f.Channel == nil || f.Channel.ReadAt == nil || now.Sub(*f.Channel.ReadAt) <= SureFor {
		return nil
	}
	for i := range findings {
		if findings[i].Rule == RuleChannel {
			findings[i].Outcome, findings[i].Reason = Waiting, "reading in Slack whether another organisation is in the channel of the card, once more"
		}
	}
	return []Subject{{Channel: f.Channel.ID}}
}
