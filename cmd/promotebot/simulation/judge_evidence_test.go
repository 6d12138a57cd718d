package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What has to be true of the evidence that policies ask for, and of the time at
// which they let something go ahead.

// evidence is what the judge knows of that: what machines have sent, and what has
// been taken of it, and of what people have said.
type evidence struct {
	stated  []promotion.Check
	proofs  map[build]map[string]proof // the last of each name
	counted map[string]map[string]promotion.Exposure
}

// proof is a report of a check that was taken.
type proof struct {
	passed bool
	number map[string]float64
	by     promotion.PersonID // nobody, when a machine has said so
	at     time.Time
}

func newEvidence() evidence {
	return evidence{proofs: map[build]map[string]proof{}, counted: map[string]map[string]promotion.Exposure{}}
}

// reported is told that a report is in the rows: somebody has to have said that.
func (j *judge) reported(c promotion.Check) {
	by := func(g promotion.Gesture) bool {
		p := j.promotions[g.Promotion]
		return g.Kind == promotion.GestureSign && g.Person == c.Person && g.Check == c.Name && g.Status == c.Status && p.App == c.App && p.Digest == c.Digest
	}
	sent := func(was promotion.Check) bool {
		return was.App == c.App && was.Digest == c.Digest && was.Name == c.Name && was.Status == c.Status && maps.Equal(was.Numbers, c.Numbers)
	}
	if c.Person != "" && !slices.ContainsFunc(j.w.sent, by) || c.Person == "" && !slices.ContainsFunc(j.stated, sent) {
		j.w.violated("%s of %s is taken to be %s, and nobody has said so", c.Name, c.Digest.Short(), c.Status)
	}
	of := build{c.App, c.Digest}
	if j.proofs[of] == nil {
		j.proofs[of] = map[string]proof{}
	}
	j.proofs[of][c.Name] = proof{c.Status == promotion.CheckPassed, c.Numbers, c.Person, instant()}
}

// used is told that a counter is in the rows: it stands no higher than it was said
// to.
func (j *judge) used(r promotion.ExposureReport) {
	key := fmt.Sprint(r.App, " ", r.Environment, " ", r.Digest)
	if j.counted[key] == nil {
		j.counted[key] = map[string]promotion.Exposure{}
	}
	j.counted[key][r.Source] = r.Exposure
	if said := j.w.counters[counter(r.Environment, strings.TrimPrefix(r.Source, "ci/"), r.Digest)]; r.Requests > said.Requests || r.PodTime > said.PodTime {
		j.w.violated("%s of %s is taken to have been used %v by %s, which has said %v", r.Digest.Short(), r.App, r.Exposure, r.Source, said)
	}
}

// askedFor is who has asked for a promotion, or for the train that it goes with.
func (j *judge) askedFor(p promotion.Promotion) promotion.PersonID {
	if p.Purpose == promotion.Ride {
		return j.promotions[p.Train].Requester
	}
	return p.Requester
}

// unproved says which check that the policy asks for a promotion lacks, or "".
// Whoever has signed one off has to have held the role at some instant within the
// time or, when it has to be sure, ever since.
func (j *judge) unproved(r *replica, p promotion.Promotion, d policy.Document, within time.Duration, sure bool) string {
	if p.Purpose == promotion.Train || p.Purpose == promotion.Restore || !heeds(p, d, policy.RuleChecks) {
		return ""
	}
	for _, c := range d.Checks {
		said, ok := j.proofs[build{p.App, p.Digest}][c.Name]
		switch {
		case c.Advisory:
		case !ok || !said.passed:
			return c.Name + " has not passed"
		case c.MaxAge > 0 && !instant().Before(said.at.Add(c.MaxAge)):
			return c.Name + " is too old"
		case said.exceeds(c):
			return c.Name + " says too much"
		case c.ReviewedBy != "" && !j.signs(r, p, d, c.ReviewedBy, said.by, within, sure):
			return c.Name + " was not signed off by somebody who can"
		}
	}
	return ""
}

func (j *judge) signs(r *replica, p promotion.Promotion, d policy.Document, role string, who promotion.PersonID, within time.Duration, sure bool) bool {
	if asked := j.askedFor(p); who == "" || asked != "" && personOf(who) == personOf(asked) && !d.RequesterMayApprove {
		return false
	}
	yes, no := j.held(r.gate.Catalog(), who, role, time.Now().Add(-within))
	return yes > 0 && (no == 0 || !sure)
}

// verified is when the last of the checks passed that machines report and the soak
// is counted from, if all of them have.
func (j *judge) verified(p promotion.Promotion, d policy.Document) (last time.Time, ok bool) {
	if d.Since == policy.SinceArrival {
		return last, true
	}
	for _, c := range d.Checks {
		if c.Advisory || c.ReviewedBy != "" {
			continue
		}
		said := j.proofs[build{p.App, p.Digest}][c.Name]
		if !said.passed || said.exceeds(c) {
			return last, false
		}
		if said.at.After(last) {
			last = said.at
		}
	}
	return last, true
}

// exceeds tells whether a number is not what the policy wants it to be, or not
// there.
func (is proof) exceeds(c policy.Check) bool {
	return slices.ContainsFunc(c.Numbers, func(t policy.Threshold) bool {
		n, there := is.number[t.Number]
		return !there || n > t.Limit
	})
}

// unused tells whether a build was not used as much as the policy asks.
func (j *judge) unused(p promotion.Promotion, d policy.Document) bool {
	if p.Purpose == promotion.Train || p.Stays() || d.Exposure.IsZero() {
		return false
	}
	var requests int64
	var pods time.Duration
	for _, e := range j.counted[fmt.Sprint(p.App, " ", source, " ", p.Digest)] {
		requests, pods = requests+e.Requests, pods+e.PodTime
	}
	enough := d.Exposure.Requests > 0 && requests >= d.Exposure.Requests || d.Exposure.PodTime > 0 && pods >= d.Exposure.PodTime
	return !enough
}

// shut tells whether it is not the time of day for a promotion.
func (j *judge) shut(p promotion.Promotion, d policy.Document) bool {
	if !heeds(p, d, policy.RuleWindow) {
		return false
	}
	now := instant()
	in := func(w policy.Window) bool {
		var minute int
		if _, err := fmt.Sscanf(w.Spec, "CRON_TZ=UTC %d 0 * * *", &minute); err != nil {
			panic(err)
		}
		begins := now.Truncate(24 * time.Hour).Add(time.Duration(minute) * time.Minute)
		return !now.Before(begins) && now.Before(begins.Add(w.For))
	}
	return len(d.Windows.Allow) > 0 && !slices.ContainsFunc(d.Windows.Allow, in) || slices.ContainsFunc(d.Windows.Deny, in)
}
