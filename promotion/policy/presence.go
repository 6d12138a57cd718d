package policy

import (
	"fmt"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// origin is what is asked of where the digest comes from. What puts right what
// somebody else did to the tags of an environment comes from nowhere, and so does
// what was there before.
func origin(d Document, f Facts, now time.Time) []Finding {
	if f.Promotion.Stays() {
		return nil
	}
	return append([]Finding{source(f), soak(d, f, now)}, exposed(d, f)...)
}

func source(f Facts) Finding {
	p := f.Promotion
	if f.Source.Fault != "" {
		return Finding{Rule: RuleSource, Outcome: Waiting, Reason: fmt.Sprintf("%s can't be read since %s: %s", p.From, instant(f.Source.Since), f.Source.Fault)}
	}
	if !f.present() {
		return Finding{Rule: RuleSource, Outcome: Waiting, Reason: fmt.Sprintf("%s is not in %s any more; it can continue when it is back", p.Digest.Short(), p.From)}
	}
	if b := f.Brought; b != nil {
		how := map[promotion.State]string{promotion.Deploying: "being deployed", promotion.Watching: "being watched", promotion.Failing: "failing"}[b.State]
		return Finding{Rule: RuleSource, Outcome: Waiting, Reason: fmt.Sprintf("%s is %s in %s (#%d), and goes on when that has ended well", p.Digest.Short(), how, p.From, b.ID)}
	}
	return Finding{Rule: RuleSource, Outcome: Met, Reason: fmt.Sprintf("%s is in %s", p.Digest.Short(), p.From)}
}

func (f Facts) present() bool {
	n := len(f.Presence)
	return n > 0 && f.Presence[n-1].Until == nil
}

// instant is how reasons name a time: to the second, in UTC, so that a verdict
// reads the same wherever it is rendered.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// span drops the zero units that time.Duration prints: 48h, not 48h0m0s.
func span(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if n := len(s) - len(zero); n > 0 && s[n:] == zero {
			s = s[:n+1]
		}
	}
	return s
}
