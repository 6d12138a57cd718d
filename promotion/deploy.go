package promotion

import "time"

// Order asks a target of an environment to run exactly one digest. It is
// written down before the target hears of it and never changes afterwards, but
// for the Handle that the target gave it. One that failed and is tried again is
// another order.
type Order struct {
	Promotion   ID
	Purpose     Purpose
	App         string
	Environment string
	Target      string // its name in the configuration, unique in the environment
	Repository  Repository
	Digest      Digest
	Manifests   []Digest  // of the platforms of an index: what a machine says it runs may be one of these
	Previous    Digest    // what was promoted there before; empty when nothing was
	Tags        []string  // that the digest carries there, in the order in which they were put
	Approvers   []string  // as people know them
	OrderedAt   time.Time // when the target was first to be asked
	Deadline    time.Time // when it counts as failed
	Attempt     int       // how often this was begun, with this time; whoever performs it says so
	Retries     int       `json:",omitempty"` // how often somebody had it tried again after it had failed: each is an order of its own
	Handle      string    // what the target calls it: a commit, the id of a job; empty before it has answered
}

// Image is the reference that a target is given: pinned, never a tag.
func (o Order) Image() string { return string(o.Repository) + "@" + string(o.Digest) }

// Rollout is how far a target has come with an order, as it was read there.
type Rollout struct {
	Phase        RolloutPhase
	Handle       string
	Ready, Total int       // of what there is to bring up: pods, workloads; 0 of 0 when the target does not count
	Detail       string    // one line for people
	Lines        []string  // what failed says of itself: the reasons of pods, the last lines of a log; foreign text
	URL          string    // where more is to be seen; empty when the target names nothing
	Running      []Running // what was seen running, where the target can tell
	ReadAt       time.Time
}

// Running is what was seen running in a target.
type Running struct {
	Where  string // for people: a workload and its container
	Digest Digest // as it was reported there; of one platform, it may be
	Count  int    // of machines, pods; 0 of what is only set to run there
	Set    string `json:",omitempty"` // what it is set to, where that is not what was ordered: foreign text
}

// RolloutPhase says how an order stands.
type RolloutPhase string

// The phases. A target speaks only of those from "asked" on.
const (
	RolloutPlanned RolloutPhase = "planned" // its turn has not come
	RolloutOrdered RolloutPhase = "ordered" // the order is written down, and whether the target has heard of it is not known

	RolloutAsked  RolloutPhase = "asked"   // the target knows of it, and nothing is to be seen yet
	RolloutUnder  RolloutPhase = "rolling" // it is under way
	RolloutDone   RolloutPhase = "done"    // the target runs the digest everywhere and nothing else
	RolloutFailed RolloutPhase = "failed"  // it says that it does not come to that
)

// Ended tells whether nothing follows by itself.
func (p RolloutPhase) Ended() bool { return p == RolloutDone || p == RolloutFailed }

// Deployment is what has become of the order for one target. It is planned with
// the intent to execute: a target that the configuration gets afterwards is not
// among those that were agreed to.
type Deployment struct {
	Place   int // among the targets of the promotion, from 0
	Order   Order
	Rollout Rollout    // as it was last read; before that only its phase says something
	Fault   string     // why the target could not be asked or read since; empty when it could
	EndedAt *time.Time // when it was done or had failed
}

// Under tells whether the target may still hear of the order, or do what it has
// heard.
func (d Deployment) Under() bool {
	return d.Rollout.Phase != RolloutPlanned && !d.Rollout.Phase.Ended()
}

// Untold are the deployments that are ordered again when what is failing is tried
// again: those of the targets that do not run it.
func Untold(all []Deployment) (again []Deployment) {
	for _, d := range all {
		if d.Rollout.Phase != RolloutDone {
			again = append(again, d)
		}
	}
	return again
}

// Deploys tells whether targets are told to run the digest. What puts tags right,
// or accepts them, leaves alone what runs.
func (p *Promotion) Deploys() bool { return p.Purpose == Forward || p.Purpose == Rollback }
