package promotion

import (
	"slices"
	"time"
)

// Figures are how deliveries to one environment went in a stretch of time, from our
// own records: the four by which DORA measures them (how often, how long it takes,
// how often it has to be taken back, how long that takes), and how long people were
// waited for.
type Figures struct {
	Environment string
	From, Until time.Time
	Promoted    int    // what was brought there
	TakenBack   int    // of that, what a rollback has taken back, whenever
	Rollbacks   int    // that were made
	Lead        Spread // from when a build was there until it was promoted
	Wait        Spread // from when it had soaked until it went ahead
	Restore     Spread // from when something bad came until it was taken back
}

// Spread is how long something took that happened several times.
type Spread struct {
	Count         int
	Median, Worst time.Duration // 0 when Count is
}

// Failed is the share of what was promoted that was taken back, from 0 to 1.
func (f Figures) Failed() float64 {
	if f.Promoted == 0 {
		return 0
	}
	return float64(f.TakenBack) / float64(f.Promoted)
}

// Measure makes the figures of what came to the environment from one instant to
// another, which does not count itself. What was put back or adopted after somebody
// had moved a tag is no delivery.
func Measure(all []Promotion, environment string, from, until time.Time) Figures {
	f := Figures{Environment: environment, From: from, Until: until}
	var lead, wait, restore []time.Duration
	for i := range all {
		p := &all[i]
		if p.State != Promoted || p.To != environment || p.FinishedAt.Before(from) || !p.FinishedAt.Before(until) {
			continue
		}
		switch p.Purpose {
		case Rollback:
			f.Rollbacks++
			restore = append(restore, p.Restored())
		case Forward, Ride:
			f.Promoted++
			if p.Undone() {
				f.TakenBack++
			}
			lead = append(lead, p.Lead())
			if p.Purpose == Forward { // a ride soaks and waits with its train
				wait = append(wait, p.Waited())
			}
		}
	}
	f.Lead, f.Wait, f.Restore = spread(lead), spread(wait), spread(restore)
	return f
}

// reproducible is before any image was built: a build that is to come out the same
// every time says that it was made in 1970 or 1980.
var reproducible = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Lead is how long it took from when the build was there until it was promoted: from
// when its image says that it was made or, where that makes no sense, from when it was
// noticed; 0 before that.
func (p *Promotion) Lead() time.Duration {
	if p.FinishedAt == nil {
		return 0
	}
	since := p.ObservedAt
	if p.Image != nil && p.Image.Created != nil && p.Image.Created.After(reproducible) && p.Image.Created.Before(since) {
		since = *p.Image.Created
	}
	return max(0, p.FinishedAt.Sub(since))
}

// Waited is how long it took from when it had soaked, or was asked for, until it went
// ahead; 0 before that.
func (p *Promotion) Waited() time.Duration {
	if p.StartedAt == nil {
		return 0
	}
	since := p.OpenedAt
	if p.SoakedAt != nil {
		since = *p.SoakedAt
	}
	return max(0, p.StartedAt.Sub(since))
}

// Restored is how long what a rollback took back had been there; 0 before that.
func (p *Promotion) Restored() time.Duration {
	if p.FinishedAt == nil || p.Back == nil {
		return 0
	}
	return max(0, p.FinishedAt.Sub(p.Back.Since))
}

// spread takes the upper of the two in the middle for the median.
func spread(all []time.Duration) Spread {
	if len(all) == 0 {
		return Spread{}
	}
	slices.Sort(all)
	return Spread{Count: len(all), Median: all[len(all)/2], Worst: all[len(all)-1]}
}
