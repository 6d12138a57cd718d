package promotion

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// EffectKind names something that has to happen outside a transaction.
type EffectKind string

// The kinds of effect and who performs them.
const (
	// Performed by the registry client.
	EffectInspect  EffectKind = "inspect"   // InspectWork → Result.Image
	EffectReadTags EffectKind = "read-tags" // ReadTagsWork → Result.Tags
	EffectResolve  EffectKind = "resolve"   // ResolveWork → Result.Digest
	EffectCompare  EffectKind = "compare"   // CompareWork → Result.Tags
	EffectProve    EffectKind = "prove"     // ProveWork → Result.Proof
	EffectAttested EffectKind = "attested"  // ProvenanceWork → Result.Attested
	EffectCopy     EffectKind = "copy"      // CopyWork → Result.Copy
	EffectMove     EffectKind = "move"      // MoveWork → Result.Moves
	EffectUndo     EffectKind = "undo"      // UndoWork → Result.Moves

	// Performed by the deployer of a target.
	EffectDeploy  EffectKind = "deploy"  // DeployWork → Result.Rollout
	EffectObserve EffectKind = "observe" // DeployWork → Result.Rollout
	EffectStock   EffectKind = "stock"   // DeployWork: what runs there now → Result.Running

	// Performed by a Prometheus.
	EffectMeasure EffectKind = "measure" // MeasureWork → Result.Sample

	// Performed in Slack.
	EffectCard   EffectKind = "card"   // draw the card of Effect.Promotion → Result.Card
	EffectNotice EffectKind = "notice" // NoticeWork
	EffectTell   EffectKind = "tell"   // TellWork
	EffectSay    EffectKind = "say"    // SayWork
	EffectPerson EffectKind = "person" // PersonWork → Result.Person
	EffectGroup  EffectKind = "group"  // GroupWork → Result.Group
	EffectHome   EffectKind = "home"   // HomeWork → Result.Home
	EffectDigest EffectKind = "digest" // DigestWork: tell a channel what has happened and what waits
	EffectDirect EffectKind = "direct" // DirectWork: remind one person of everything that waits for them

	EffectChannel EffectKind = "channel" // ChannelWork → Result.Channel

	// Wakes: nothing is performed, their time has come.
	EffectWake    EffectKind = "wake"    // evaluate Effect.Promotion again
	EffectRemind  EffectKind = "remind"  // RemindWork: a reminder schedule is due
	EffectRefresh EffectKind = "refresh" // read again who holds the roles
	EffectStirred EffectKind = "stirred" // what homes show may have changed
	EffectNudge   EffectKind = "nudge"   // NudgeWork: those who live in a time zone are to be reminded
	EffectAgain   EffectKind = "again"   // AgainWork: somebody wanted to be reminded now
	EffectSum     EffectKind = "sum"     // SumWork: a digest is due
	EffectCallOn  EffectKind = "call-on" // Effect.Promotion has waited long enough for others to be told
)

// Effect is a row of the outbox: what to do, when, and under which key it may
// be asked for only once while it is unfinished.
type Effect struct {
	ID        int64
	Kind      EffectKind
	Key       string
	Promotion ID // 0 when it belongs to none
	Payload   json.RawMessage
	DueAt     time.Time

	// Set by a claim. Attempt counts claims, so that an effect whose first
	// performer was killed can tell that it may already have happened, and
	// together with Owner it fences the report of a performer that was too slow.
	Attempt    int
	Owner      string
	LeaseUntil time.Time
}

// NewEffect describes an effect; the payload must marshal to JSON.
func NewEffect(kind EffectKind, key string, of ID, payload any, due time.Time) Effect {
	b, err := json.Marshal(payload)
	if err != nil {
		panic(fmt.Sprintf("promotion: payload of effect %s: %v", kind, err))
	}
	return Effect{Kind: kind, Key: key, Promotion: of, Payload: b, DueAt: due}
}

// Work decodes the payload of an effect. A payload that does not decode was
// written by another version of the program; the error is Invalid.
func Work[T any](e Effect) (T, error) {
	var w T
	if err := json.Unmarshal(e.Payload, &w); err != nil {
		return w, Errorf(Invalid, "effect %d (%s): payload: %w", e.ID, e.Kind, err)
	}
	return w, nil
}

// InspectWork asks for what the manifest and config of a digest say.
type InspectWork struct {
	Repository Repository
	Digest     Digest
}

// ReadTagsWork asks what tags point at.
type ReadTagsWork struct {
	Repository Repository
	Tags       []string
}

// CompareWork asks what tags point at that were set once, to be compared with
// what was set.
type CompareWork struct {
	App, Environment string
	Repository       Repository
	Tags             []string
}

// ResolveWork asks what one tag points at, or whether a digest exists, for the
// gesture that named it: in the first of the repositories that has it.
type ResolveWork struct {
	Repositories []Repository
	Tag          string // or the digest
	Gesture      string
}

// MoveWork is the plan of an execution: it is written down with the intent and
// never changes afterwards.
type MoveWork struct {
	Repository Repository
	Digest     Digest
	Targets    []Target
}

// UndoWork moves tags of one ride back, when its train takes back what it did.
// There is a move for each digest that some of the tags pointed at before.
type UndoWork struct{ Moves []MoveWork }

// DeployWork is an order to one target, or asks how far it is with it.
type DeployWork struct{ Order Order }

// NoticeKind names a reply in the thread of a card.
type NoticeKind string

// The notices.
const (
	NoticeSoaked     NoticeKind = "soaked"
	NoticeVote       NoticeKind = "vote"
	NoticeExecuting  NoticeKind = "executing"
	NoticeEnded      NoticeKind = "ended"
	NoticeReminder   NoticeKind = "reminder"
	NoticeSuperseded NoticeKind = "superseded"
	NoticeSigned     NoticeKind = "signed"
	NoticeIncident   NoticeKind = "incident"
	NoticeResolved   NoticeKind = "resolved"
	NoticeFrozen     NoticeKind = "frozen"
	NoticeUnfrozen   NoticeKind = "unfrozen"
	NoticeHeld       NoticeKind = "held"
	NoticeUnheld     NoticeKind = "unheld"
	NoticeBroken     NoticeKind = "broken"   // shown in the channel too
	NoticeReviewed   NoticeKind = "reviewed" // of a broken glass
	NoticeReview     NoticeKind = "review"   // it is still due
	NoticeFailing    NoticeKind = "failing"  // shown in the channel too
	NoticeRetried    NoticeKind = "retried"
	NoticeRolledBack NoticeKind = "rolled-back"
	NoticeWithdrawn  NoticeKind = "withdrawn" // of a digest that is there; shown in the channel too
	NoticeReinstated NoticeKind = "reinstated"
	NoticeStrayed    NoticeKind = "strayed" // a target runs something else; shown in the channel too

	NoticeDelegated   NoticeKind = "delegated"
	NoticeUndelegated NoticeKind = "undelegated"
)

// NoticeWork is a reply in the thread of the card of Effect.Promotion.
type NoticeWork struct {
	Kind     NoticeKind
	Person   PersonID // who did it; empty when it was no person
	Decision Decision
	Reason   string
	App      string      `json:",omitempty"` // whose check was signed off
	Check    string      `json:",omitempty"`
	Status   CheckStatus `json:",omitempty"`

	Incident IncidentID `json:",omitempty"`
	Severity Severity   `json:",omitempty"`
	Until    *time.Time `json:",omitempty"` // of a freeze or a delegation that ends by itself
	Whose    []PersonID `json:",omitempty"` // whose holds were lifted
	Rollback ID         `json:",omitempty"`
	By       PersonID   `json:",omitempty"` // who has delegated
	Whom     PersonID   `json:",omitempty"` // to whom

	Target  string    `json:",omitempty"` // that runs something else, or is told again
	Running []Running `json:",omitempty"` // what runs instead; nothing: not any more

	Named bool `json:",omitempty"` // of a reminder: those who could are named, because each is reminded directly
}

// Reply is where an answer goes to.
type Reply struct {
	Channel     string // empty for the conversation of the person with the bot
	Person      PersonID
	ResponseURL string // used when the bot is not in the channel; lives 30 minutes
	Message     string `json:",omitempty"` // the timestamp of what is answered; empty for a command or a click
	Thread      string `json:",omitempty"`
	Aloud       bool   `json:",omitempty"` // for whoever reads the channel; else for the person alone
}

// TellWork is an answer to what somebody did, private unless it is Aloud.
type TellWork struct {
	Reply
	Answer Answer
	While  string `json:",omitempty"` // said only while the gesture with this key is undecided
}

// SayWork is an answer to what somebody asked, as it was made when they did.
type SayWork struct {
	Reply
	Replace bool            // what the response URL belongs to is replaced
	Text    string          // complete by itself
	Blocks  json.RawMessage // Block Kit
}

// PersonWork asks who a user is.
type PersonWork struct{ ID PersonID }

// GroupWork asks who is in a user group.
type GroupWork struct{ ID GroupID }

// ChannelWork asks how a channel is.
type ChannelWork struct{ ID string }

// RemindWork names the schedule whose instant has come.
type RemindWork struct {
	Schedule string // the cron expression as configured
	Tick     time.Time
}

// Result is what performing an effect brought to light; the field that
// belongs to the kind is set, or Failure.
type Result struct {
	Image    *Image
	Tags     []TagReading
	Digest   Digest
	Copy     *Copy
	Proof    *Proof
	Attested *Attested
	Moves    []Move
	Rollout  *Rollout
	Running  []Running
	Sample   *Sample
	Card     *Card
	Person   *Person
	Group    *Group
	Channel  *Channel
	Home     *Home
	Failure  *Failure
}

// TagReading is what a tag pointed at.
type TagReading struct {
	Tag    string
	Digest Digest // empty when the tag does not exist
	ReadAt time.Time
}

// Failure says that an effect could not be performed. Nothing may be concluded
// from it but that.
type Failure struct {
	Kind       Kind
	Text       string        // fit for people
	RetryAfter time.Duration // asked for by the other side; 0 when it did not
}

// FailureOf makes the failure of an error. Only a text that was written for
// people gets out; the rest is for the log.
func FailureOf(err error) *Failure {
	f := &Failure{Kind: KindOf(err), Text: "it failed inside promotebot; its log says why"}
	if e, ok := errors.AsType[*Error](err); ok {
		f.Text, f.RetryAfter = e.Text, e.RetryAfter
	}
	return f
}
