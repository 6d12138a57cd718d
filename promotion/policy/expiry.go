package policy

import (
	"fmt"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Expiry is how long things hold. What has expired counts for nothing from that
// instant on, whether or not anybody has noticed.
type Expiry struct {
	Request  time.Duration `json:",omitempty"` // since it was opened; 0 means for ever
	Approval time.Duration `json:",omitempty"` // since it was given; 0 means for ever
}

// Expired is when the request expired, if it has.
func Expired(d Document, p *promotion.Promotion, now time.Time) (at time.Time, yes bool) {
	at = p.OpenedAt.Add(d.Expires.Request)
	return at, d.Expires.Request > 0 && !now.Before(at)
}

func expiry(d Document, f Facts, now time.Time) []Finding {
	if d.Expires.Request == 0 {
		return nil
	}
	at, yes := Expired(d, &f.Promotion, now)
	if yes {
		return []Finding{{Rule: RuleExpiry, Outcome: Blocked, Reason: Expiration(at)}}
	}
	return []Finding{{Rule: RuleExpiry, Outcome: Met, ChangesAt: &at, Reason: "the request can be met until " + instant(at)}}
}

// Expiration is why a request that has expired does not go ahead.
func Expiration(at time.Time) string {
	return fmt.Sprintf("the request expired %s", instant(at))
}

// lapse is when the approval stops counting by itself, if it does.
func (e Expiry) lapse(v *promotion.Vote) (time.Time, bool) {
	return v.At.Add(e.Approval), e.Approval > 0
}

// lapsed says that the approval has stopped counting by itself, or "".
func (e Expiry) lapsed(v *promotion.Vote, now time.Time) string {
	if at, some := e.lapse(v); some && !now.Before(at) {
		return "it expired " + instant(at) + "; it has to be given again"
	}
	return ""
}
