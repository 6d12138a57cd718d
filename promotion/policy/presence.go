package policy

import (
	"fmt"
	"time"
)

// origin is what is asked of where the digest comes from. What puts right what
// somebody else did to the tags of an environment comes from nowhere.
func origin(d Document, f Facts, now time.Time) []Finding {
	if f.Promotion.Repairs() {
		return nil
	}
	return []Finding{source(f), soak(d, f, now)}
}

func source(f Facts) Finding {
	p := f.Promotion
	if f.Source.Fault != "" {
		return Finding{Rule: RuleSource, Outcome: Waiting, Reason: fmt.Sprintf("%s can't be read since %s: %s", p.From, instant(f.Source.Since), f.Source.Fault)}
	}
	if !f.present() {
		return Finding{Rule: RuleSource, Outcome: Waiting, Reason: fmt.Sprintf("%s is not in %s any more; it can continue when it is back", p.Digest.Short(), p.From)}
	}
	return Finding{Rule: RuleSource, Outcome: Met, Reason: fmt.Sprintf("%s is in %s", p.Digest.Short(), p.From)}
}

func (f Facts) present() bool {
	n := len(f.Presence)
	return n > 0 && f.Presence[n-1].Until == nil
}

// Soaked is how long the digest has been in its environment. Time during
// which it was not there does not count.
func (f Facts) Soaked(now time.Time) time.Duration {
	var soaked time.Duration
	for _, i := range f.Presence {
		soaked += i.Within(now)
	}
	return soaked
}

// SoakEnds is the instant at which the soak is complete if the digest stays
// where it is. It is absent while the digest is elsewhere.
func (f Facts) SoakEnds(d Document, now time.Time) (time.Time, bool) {
	if len(f.Rides) > 0 {
		return f.lastSoakEnds(d, now)
	}
	if !f.present() {
		return time.Time{}, false
	}
	last := f.Presence[len(f.Presence)-1]
	before := f.Soaked(now) - last.Within(now)
	return last.From.Add(d.Soak - before), true
}

// lastSoakEnds is when the last ride of a train will have soaked.
func (f Facts) lastSoakEnds(d Document, now time.Time) (last time.Time, running bool) {
	for _, r := range f.Rides {
		ends, running := r.SoakEnds(d, now)
		if !running {
			return time.Time{}, false
		}
		if ends.After(last) {
			last = ends
		}
	}
	return last, true
}

func soak(d Document, f Facts, now time.Time) Finding {
	env := f.Promotion.From
	if d.Soak == 0 {
		return Finding{Rule: RuleSoak, Outcome: Met, Reason: "no soak is asked for"}
	}
	if f.Soaked(now) >= d.Soak {
		return Finding{Rule: RuleSoak, Outcome: Met, Reason: fmt.Sprintf("soaked %s in %s", span(d.Soak), env)}
	}
	ends, running := f.SoakEnds(d, now)
	if !running {
		return Finding{Rule: RuleSoak, Outcome: Waiting, Reason: fmt.Sprintf("the soak of %s in %s stands still while the digest is not there", span(d.Soak), env)}
	}
	return Finding{Rule: RuleSoak, Outcome: Waiting, ChangesAt: &ends, Reason: fmt.Sprintf("soaks %s in %s, until %s", span(d.Soak), env, instant(ends))}
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
