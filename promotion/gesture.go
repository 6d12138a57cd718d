package promotion

import "time"

// GestureKind names what a person did.
type GestureKind string

// The gestures that decide something.
const (
	GestureVote    GestureKind = "vote"
	GestureRequest GestureKind = "request"
	GestureSign    GestureKind = "sign" // sign off a check of Promotion's digest, or say that it failed

	GestureIncident GestureKind = "incident" // something is wrong with an app
	GestureResolve  GestureKind = "resolve"  // it is not any more
	GestureFreeze   GestureKind = "freeze"   // nothing of an app, or nothing at all, is promoted for now
	GestureUnfreeze GestureKind = "unfreeze"
	GestureHold     GestureKind = "hold" // an app, or one candidate, is not promoted until it is lifted
	GestureUnhold   GestureKind = "unhold"
	GestureSnooze   GestureKind = "snooze" // not to be reminded directly before Until

	GestureRollback   GestureKind = "rollback"  // go back to what was in an environment before
	GestureWithdraw   GestureKind = "withdraw"  // a digest is known to be bad
	GestureReinstate  GestureKind = "reinstate" // it is not, after all
	GestureDelegate   GestureKind = "delegate"  // have Whom approve in one's place, until an end
	GestureUndelegate GestureKind = "undelegate"
	GestureRemind     GestureKind = "remind" // ask for the approvals that are missing

	GestureAsk GestureKind = "ask" // whose answer was given from rows and changes nothing
)

// Gesture is something that a person did in Slack, as it was received. It is
// recorded before it is acknowledged, and it is decided exactly once, however
// often it is delivered.
type Gesture struct {
	Key         string // the same for every delivery of one gesture
	Kind        GestureKind
	Person      PersonID
	At          time.Time // when it was first taken
	Channel     string    // where it was made, and where it is answered
	ResponseURL string
	Reply       bool // the answer has to be sent; else whoever took it can give it at once

	// Written in a message, which has no acknowledgement that could carry the
	// answer and can be read by whoever reads it.
	Message string `json:",omitempty"` // its timestamp; empty for a command or a click
	Thread  string `json:",omitempty"` // in which it is answered; empty for where it stands
	Direct  bool   `json:",omitempty"` // to the bot alone, so that there is nobody to keep the answer from

	// A vote.
	Promotion ID
	Decision  Decision
	Ground    Ground // of a rejection; empty when none was named
	Reason    string
	Terms     string // hash of the terms that were shown or, when typed, that held; empty for whatever holds when it is decided
	CardTS    string // the message that was clicked; empty when typed
	Skips     string `json:",omitempty"` // of a broken glass: hash of what was shown to be skipped

	// A sign-off, with Reason for a summary.
	Check  string      `json:",omitempty"`
	Status CheckStatus `json:",omitempty"`

	// A request.
	App string
	Ref string // tag, digest, or empty for what is in the environment now; of a hold, a rollback or a withdrawal, the first digits of a digest

	// An incident, or a freeze.
	Incident IncidentID `json:",omitempty"` // which one is resolved; 0 for the one of the app
	Severity Severity   `json:",omitempty"`
	Until    string     `json:",omitempty"` // as ReadUntil understood it; empty until it is lifted

	Whom PersonID `json:",omitempty"` // it is delegated to, or whose delegation ends

	Token string `json:",omitempty"` // the name of the token, when a machine asks and no person
}

// Actor is how the log calls whoever made the gesture.
func (g Gesture) Actor() string {
	if g.Token != "" {
		return TokenActor(g.Token)
	}
	return string(g.Person)
}

// Verb says what came of a gesture.
type Verb string

// The outcomes of a gesture.
const (
	Counted   Verb = "counted"   // recorded, and it helps
	Repeated  Verb = "repeated"  // this person had said so already
	Refused   Verb = "refused"   // may not, or makes no sense; Reason says why
	Outdated  Verb = "outdated"  // what was shown is no longer so
	Closed    Verb = "closed"    // the promotion has ended or is being executed
	Checking  Verb = "checking"  // recorded; decided when it is known who this is or what the tag means
	Noted     Verb = "noted"     // what was said is with the promotion now
	Requested Verb = "requested" // a promotion was opened
	Existing  Verb = "existing"  // there is one open already
	Missing   Verb = "missing"   // no such promotion, app or digest
	Differs   Verb = "differs"   // the key was used before, for something else
	Answered  Verb = "answered"  // what was asked has been said
)

// Answer is what the person is told. It holds facts, not sentences.
type Answer struct {
	Verb      Verb
	Decision  Decision
	Ground    Ground `json:",omitempty"`
	Promotion ID
	App       string
	Digest    Digest
	Role      string   // the role that the approval fills
	Reason    string   // why not
	Could     []string // which roles could
	Missing   []string // what is still missing, in words
	Check     string   `json:",omitempty"` // that was to be signed off
	Late      bool     // decided after the gesture was acknowledged

	Deed     GestureKind `json:",omitempty"` // what was done, unless it was a vote or a request
	Incident IncidentID  `json:",omitempty"`
	Severity Severity    `json:",omitempty"`
	Until    *time.Time  `json:",omitempty"` // when the freeze ends by itself
	Whose    []PersonID  `json:",omitempty"` // whose holds were lifted
	Others   int         `json:",omitempty"` // how many holds are left
	Bad      Digest      `json:",omitempty"` // what a rollback takes back
	In       []string    `json:",omitempty"` // in which environments
	By       PersonID    `json:",omitempty"` // who delegates
	Whom     PersonID    `json:",omitempty"` // to whom
	Next     *time.Time  `json:",omitempty"` // when it can be done again
	Targets  []string    `json:",omitempty"` // that are told again, or run what is withdrawn
	Typed    string      `json:",omitempty"` // what came to nothing, so that it need not be typed again
}

// Public tells whether everybody is to read it, because it changes something.
func (a Answer) Public() bool {
	return a.Deed != GestureRemind && a.changes()
}

func (a Answer) changes() bool { return a.Verb == Counted || a.Verb == Noted || a.Verb == Requested }

// Lasts tells whether something stays of what was said: it changes something, or it
// will be decided whether it does.
func (a Answer) Lasts() bool { return a.changes() || a.Verb == Checking }

// Sighting is one complete look at the watched tags of an app in an
// environment. A failed look has a Fault and no Tags: it says nothing about
// what is there.
type Sighting struct {
	App         string
	Environment string
	Side        Side
	At          time.Time // when the look began: what it shows was so then or later
	Tags        []TaggedDigest
	Fault       string
}

// Side tells what is looked at: the tags that bring candidates into the
// environment's soak, or those that promotions into it set.
type Side string

// The two sides of an environment.
const (
	Source Side = "source"
	Held   Side = "held"
)

// TaggedDigest is a tag and what it pointed at.
type TaggedDigest struct {
	Tag      string
	Digest   Digest
	Captures map[string]string // what the placeholders of a tag pattern matched
}
