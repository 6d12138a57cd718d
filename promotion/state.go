package promotion

import (
	"slices"
	"time"
)

// State is where a promotion stands.
//
//	open ──▶ executing ──▶ promoted
//	  │          ├───────▶ conflict
//	  │          ├───────▶ failed
//	  │          └───────▶ deploying ──▶ watching ──▶ promoted
//	  │                        └──▶ failing ◀─┘
//	  │                             └──▶ deploying, when it is tried again
//	  ├──▶ rejected ──▶ open, when the rejection is lifted
//	  ├──▶ expired
//	  └──▶ superseded
//
// Without targets it goes from executing to watching, and without a watch to
// promoted. What is failing is deployed again when somebody has it tried again,
// promoted all the same when somebody keeps it, and has failed when something else
// has taken its place.
//
// Soaking, waiting for approvals and ready are not states: they are what the
// policy says about an open promotion at an instant.
type State string

// The states.
const (
	Open       State = "open"
	Executing  State = "executing" // its tags are being moved
	Deploying  State = "deploying" // its tags have been moved; the targets are being told to run it
	Watching   State = "watching"  // it runs everywhere, and what happens now still counts
	Failing    State = "failing"   // it did not come to run, or something went wrong after that: a person decides
	Promoted   State = "promoted"
	Conflicted State = "conflict"
	Failed     State = "failed"
	Rejected   State = "rejected"
	Superseded State = "superseded"
	Expired    State = "expired"
)

var next = map[State][]State{
	Open:      {Executing, Rejected, Superseded, Expired},
	Executing: {Promoted, Conflicted, Failed, Deploying, Watching},
	Deploying: {Watching, Promoted, Failing},
	Watching:  {Promoted, Failing, Failed},
	Failing:   {Promoted, Failed, Deploying},
	Rejected:  {Open},
}

// Final tells whether the promotion has come to its end: nothing follows by
// itself. That of a rejection can be taken back.
func (s State) Final() bool { return !slices.Contains(Unfinished(), s) }

// Unfinished are the states that are not final.
func Unfinished() []State { return []State{Open, Executing, Deploying, Watching, Failing} }

// Moves tells whether the promotion changes what runs in its environment: nothing
// else does that to the same app meanwhile.
func (s State) Moves() bool { return s == Executing || s == Deploying }

// Step moves the promotion to another state. It is the only way: it keeps
// "finished exactly when final", and it bumps the revision so that the card is
// redrawn. The error is Conflict when the step does not exist.
func (p *Promotion) Step(to State, reason string, now time.Time) error {
	if !slices.Contains(next[p.State], to) {
		return Errorf(Conflict, "promotion %d is %s: it can't become %s", p.ID, p.State, to)
	}
	p.State, p.Reason, p.EndedBy = to, reason, ""
	switch {
	case to == Open:
		p.FinishedAt = nil
	case to.Final():
		p.FinishedAt = &now
	case to == Executing:
		p.StartedAt = &now
	}
	p.Touch()
	return nil
}

// Touch notes that something the card shows has changed.
func (p *Promotion) Touch() { p.Revision++ }
