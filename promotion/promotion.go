// Package promotion is the vocabulary of promotebot and its state machine.
//
// A promotion is one attempt to bring one digest of one app from an
// environment to the next. The digest is the truth; a tag is a label that
// happens to point at it. Everything else hangs off that sentence: a vote is
// bound to a digest and to the tags it was shown with (Terms), a state changes
// only through Step, and what has to happen outside the process is an Effect
// that is written down before it is performed.
//
// The package imports nothing else of this module and does no I/O. It never
// asks for the time: it is given it.
package promotion

import (
	"time"
)

// ID numbers promotions in the order in which they were opened, from 1.
type ID int64

// Promotion is one digest of one app on its way from one environment to the
// next. Times are UTC; a nil time has not happened.
type Promotion struct {
	ID          ID
	Purpose     Purpose
	App         string
	From, To    string     // environments
	Repository  Repository // where it was noticed
	Destination Repository // where its tags are set; Repository, unless To has images of its own
	Train       ID         // the promotion that this one is a part of; 0 when it is decided by itself
	Digest      Digest
	SourceTag   string   // the tag it was noticed behind; empty when it was requested by digest
	Requester   PersonID // empty when the watcher noticed it
	Captures    map[string]string

	State     State
	Reason    string   // why it ended; empty while it has not
	EndedBy   PersonID // whose decision that was; empty when it was nobody's
	Successor ID       // the promotion that superseded it, or took its place once it was rejected, if any
	Revision  int64    // grows with every visible change; the card shows one revision

	PolicyHash string
	OnFailure  OnFailure   // of a train, as it stood when the intent to execute was written
	Image      *Image      // nil until it has been read
	Targets    []Target    // the tags it sets, in the order in which they are put
	PlanFault  string      // why the tags can't be named; empty when they can
	ReadFault  string      // why the image or the tags could not be read so far
	Copy       *Copy       // nil until the digest is brought into another repository, if it has to be
	Plan       string      // how it would be taken back, in somebody's words; empty until given
	WayBack    *WayBack    // nil until what it would replace has been looked for
	Provenance *Provenance // nil until it has been looked for
	Former     *Former     // nil until it is known what it would replace
	Moves      []Move      // what became of each target, once executed
	Back       *Back       // nil unless it is a rollback
	UndoneBy   ID          // the rollback that took back what it brought, if any
	Broken     *Broken     // nil unless somebody broke the glass

	ObservedAt time.Time // when the digest was first seen in From
	OpenedAt   time.Time
	SoakedAt   *time.Time // when the completed soak was announced
	RemindedAt *time.Time // when the missing approvals were last asked for
	StartedAt  *time.Time // when the intent to execute was written
	MovedAt    *time.Time // when its tags were read back, where something follows that
	WatchUntil *time.Time // until when what happens still counts; nil before it runs everywhere
	FinishedAt *time.Time // set exactly when State is final

	Card Card
}

// Card is where the promotion is shown in Slack and which revision it shows.
type Card struct {
	Channel  string
	TS       string // message timestamp, Slack's name for a message; empty before the first post
	Revision int64  // set only after Slack has answered
	Link     string // its address in Slack; empty before it is known
}

// Image is what was read from the manifest and the config of a digest.
type Image struct {
	MediaType string
	Of        string  // of an index, the platform whose labels and layers these are
	Layers    []Layer // empty when there are none, or too many to be kept
	Size      int64   // bytes of all layers, compressed
	Platforms []string
	Manifests []Digest `json:",omitempty"` // of the platforms of an index
	Created   *time.Time
	Labels    map[string]string
	ReadAt    time.Time
}

// The OCI annotation keys that promotebot understands
// (github.com/opencontainers/image-spec, annotations.md).
const (
	LabelRevision = "org.opencontainers.image.revision"
	LabelSource   = "org.opencontainers.image.source"
	LabelVersion  = "org.opencontainers.image.version"
	LabelCreated  = "org.opencontainers.image.created"
	LabelAuthors  = "org.opencontainers.image.authors"

	LabelBaseName   = "org.opencontainers.image.base.name"
	LabelBaseDigest = "org.opencontainers.image.base.digest"
)

// Target is one tag that the promotion sets.
type Target struct {
	Tag      string
	Floating bool       // may move from Now to the promoted digest; otherwise it is set once and never moved
	Now      Digest     // what the tag points at; empty when it does not exist
	ReadAt   *time.Time // when Now was read; nil before
}

// Planned tells whether it is known which tags would be set and what they point
// at: before that there is nothing that anybody could agree to.
func (p *Promotion) Planned() bool {
	for _, t := range p.Targets {
		if t.ReadAt == nil {
			return false
		}
	}
	return len(p.Targets) > 0
}

// Move is what became of one target tag when the promotion was executed.
type Move struct {
	Tag     string
	Outcome MoveOutcome
	Found   Digest // what the tag pointed at when it was read back; empty when absent or unread
	Detail  string
}

// MoveOutcome says how the move of one tag ended. It is always the result of
// reading the tag, never of a status code.
type MoveOutcome string

// How a tag move can end.
const (
	MoveDone     MoveOutcome = "moved"    // this promotion put it and read it back
	MoveAlready  MoveOutcome = "already"  // it pointed at the digest before
	MoveConflict MoveOutcome = "conflict" // it points at something that nobody expected
	MoveSkipped  MoveOutcome = "skipped"  // not attempted, because another tag was in conflict
	MoveUndone   MoveOutcome = "undone"   // it was put, and moved back when the train failed
)

// Purpose is what a promotion is for.
//
// Besides the usual one there are two that put right what somebody else did to
// the tags that promotebot had set. They are decided like any promotion, but
// nothing has to come from anywhere: what they are about is in the environment
// already.
//
// A rollback goes back, on purpose, to what was promoted to the environment
// before. It is the one promotion that may put something older in the place of
// something newer.
//
// And there are trains: several apps that are decided as one. The train has the
// card, the votes and the verdict; each of its rides has a digest, tags and what
// became of them. A ride decides nothing and never goes ahead by itself.
type Purpose string

// The purposes.
const (
	Forward Purpose = "promote" // bring a digest from one environment to the next
	Restore Purpose = "restore" // put a tag back that was moved by somebody else
	Adopt   Purpose = "adopt"   // accept what somebody else put behind a tag
	Train   Purpose = "train"   // bring several apps to the next environment, or none
	Ride    Purpose = "ride"    // the part of a train that is about one app

	Rollback Purpose = "rollback" // go back to a digest that was promoted before
)

// Repairs tells whether the promotion is about what somebody else did to the
// tags of its environment.
func (p *Promotion) Repairs() bool { return p.Purpose == Restore || p.Purpose == Adopt }

// Found is the one digest that was found behind all the tags that a Restore
// would put back, if there is one.
func (p *Promotion) Found() (Digest, bool) {
	if p.Purpose != Restore || len(p.Targets) == 0 {
		return "", false
	}
	found := p.Targets[0].Now
	for _, t := range p.Targets {
		if t.Now != found {
			return "", false
		}
	}
	return found, found != ""
}

// Abroad tells whether the digest has to be brought into another repository
// before a tag there can be set.
func (p *Promotion) Abroad() bool { return p.Destination != p.Repository }

// Decision is what a person says about a promotion.
type Decision string

// What can be said.
const (
	Approve Decision = "approve"
	Reject  Decision = "reject"
	PlanFor Decision = "plan"  // how it would be taken back; no vote by itself
	Instead Decision = "adopt" // don't put it back, ask for what was found; no vote by itself

	Withdraw Decision = "withdraw" // take an approval back
	Lift     Decision = "lift"     // take a rejection back, one's own or another's; no vote by itself

	Keep  Decision = "keep"  // leave what is failing as it is; no vote by itself
	Retry Decision = "retry" // have the targets told again that do not run what is failing; no vote by itself

	BreakGlass Decision = "break-glass" // go ahead without what is missing; no vote by itself
	Fine       Decision = "fine"        // a review of that
	NotFine    Decision = "not-fine"    // another
)

// Settles tells whether the decision is what becomes of something that is failing.
func (d Decision) Settles() bool { return d == Keep || d == Retry }

// Reviews tells whether the decision is a review of a broken glass.
func (d Decision) Reviews() bool { return d == Fine || d == NotFine }

// Vote is a decision that was recorded. It counts only while Terms are still
// the promotion's terms.
type Vote struct {
	Promotion ID
	Person    PersonID
	Decision  Decision
	Ground    Ground // of a rejection
	Reason    string
	Terms     Terms
	At        time.Time
	LiftedBy  PersonID // who took the rejection back; empty while it stands
}

// Ground is what kind of reason a rejection has.
type Ground string

// The usual grounds. A policy can have others.
const (
	OnSecurity Ground = "security"
	OnQuality  Ground = "quality"
	OnTiming   Ground = "timing"
	OnOther    Ground = "other"
)

// Interval is a stretch of time during which a digest was behind a watched
// tag of an environment.
type Interval struct {
	From  time.Time
	Until *time.Time // nil while it lasts
}

// Within is how much of the interval lies before now. A clock that was set
// back never makes it negative.
func (i Interval) Within(now time.Time) time.Duration {
	end := now
	if i.Until != nil && i.Until.Before(now) {
		end = *i.Until
	}
	return max(0, end.Sub(i.From))
}

// Join merges intervals that touch or overlap. They must be sorted by From.
func Join(sorted []Interval) []Interval {
	var joined []Interval
	for _, next := range sorted {
		if n := len(joined); n > 0 && (joined[n-1].Until == nil || !joined[n-1].Until.Before(next.From)) {
			last := &joined[n-1]
			if last.Until != nil && (next.Until == nil || next.Until.After(*last.Until)) {
				last.Until = next.Until
			}
			continue
		}
		joined = append(joined, next)
	}
	return joined
}
