package policy

import (
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// View is a promotion with everything that can be shown of it: the document
// and the facts, and the verdict that follows from them at an instant.
type View struct {
	Document Document
	Facts    Facts
	Verdict  Verdict
	At       time.Time
}

// ViewAt evaluates the document on the facts.
func ViewAt(d Document, f Facts, now time.Time) View {
	return View{Document: d, Facts: f, Verdict: Evaluate(d, f, now), At: now}
}

// AppStatus is what is where for one app, environment by environment.
type AppStatus struct {
	App          string
	Repository   promotion.Repository
	Environments []EnvironmentStatus
	Open         []promotion.ID
	Incidents    []promotion.Incident // that are open
	Freezes      []promotion.Freeze   // in force
	Holds        []promotion.Hold
	Channel      promotion.Channel      // of its cards, as far as something is known of it
	Unreviewed   []promotion.Promotion  // whose glass was broken, and nobody has said yet whether that was right
	Withdrawn    []promotion.Withdrawal // in force, oldest first
	Following    []Following            // whose tags were moved, and that have not ended
}

// Following is a promotion between its tags and its end.
type Following struct {
	Promotion   promotion.Promotion
	Deployments []promotion.Deployment
}

// EnvironmentStatus is what was last seen in one environment.
type EnvironmentStatus struct {
	Name   string
	Images promotion.Repository // where else its images are; empty when they are with the app's
	Holds  []Holding
	Watch  string // the tag or pattern that is looked at; empty when nothing is
	Fault  string // why it can't be seen; empty when it can
	Since  *time.Time
	Target bool              // promotions lead here
	Strays []promotion.Stock // targets that run something else than was promoted, or can't be read
}

// Holding is a digest in an environment.
type Holding struct {
	Digest promotion.Digest
	Tag    string
	Since  time.Time
}
