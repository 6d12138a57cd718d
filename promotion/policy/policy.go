// Package policy decides whether a promotion may go ahead.
//
// It is one pure function: Evaluate(document, facts, now) returns a Verdict, a
// tree of findings that says for every rule whether it is met, what is missing,
// who could change that, and when it changes by itself. The card, "why", the
// click and the executor all ask the same function, so they can't disagree.
// "No" is a value, never an error.
//
// What a finding says holds until the next instant that the verdict announces
// (NextChange) or until a fact changes. Texts therefore name instants, never
// "three hours left". And absence of knowledge denies: a fact that could not be
// read is a reason to wait, never a reason to go on.
package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Document is what a team has written down for one step of the chain.
type Document struct {
	Name string        // for people; renaming a policy does not change it
	Soak time.Duration // at least this long in the environment; 0 means none

	Approvals []Requirement // all of them, by distinct people
	// Tree is who has to approve instead of Approvals, where it is not just all
	// of a list.
	Tree *Tree `json:",omitempty"`
	// Automatic says that nobody has to approve. It is said outright: a policy
	// that is not there asks for nobody's approval either.
	Automatic            bool `json:",omitempty"`
	RequesterMayApprove  bool
	AuthorsCannotApprove bool `json:",omitempty"` // who wrote what is in the image, as its labels and reports say
	// Provenance is where else those authors are looked for.
	Provenance Provenance `json:",omitzero"`
	Reject     Veto       `json:",omitzero"`
	Expires    Expiry     `json:",omitzero"`

	// Supersede is what becomes of what is open when a newer build comes.
	// RideOldest keeps the oldest open one of those that would give way.
	Supersede  Supersede `json:",omitempty"`
	RideOldest bool      `json:",omitempty"`
	// NoWayBack is for steps whose way back need not be proved to be there.
	NoWayBack bool `json:",omitempty"`
	// Plan says that somebody has to have written how it would be taken back.
	Plan bool `json:",omitempty"`
	// OnFailure is what becomes of a train of which a part has failed. It is
	// agreed to like everything else here.
	OnFailure promotion.OnFailure `json:",omitempty"`

	Checks    []Check              `json:",omitempty"` // the evidence that is asked for
	Since     Since                `json:",omitempty"` // what the soak is counted from
	Incidents Interruptions        `json:",omitzero"`  // what incidents do to the soak
	Exposure  promotion.Exposure   `json:",omitzero"`  // one of these at least, in the environment
	Windows   Windows              `json:",omitzero"`  // when it may go ahead
	Freezes   []promotion.Freeze   `json:",omitempty"` // when it may not
	FreezeOn  []promotion.Severity `json:",omitempty"` // nor while such an incident is open

	// RefuseShared has nothing go ahead whose card is where another organisation
	// sees it.
	RefuseShared bool `json:",omitempty"`

	// Deploys are the targets that are told to run it, once its tags are moved, and
	// After is what counts from then on; nil for nothing.
	Deploys  []string `json:",omitempty"`
	How      string   `json:",omitempty"` // identifies where and how they are told
	Together bool     `json:",omitempty"` // all of them at once
	After    *After   `json:",omitempty"`

	BreakGlass *BreakGlass `json:",omitempty"` // who can have it go ahead all the same; nil for nobody

	Rollback *Return `json:",omitempty"` // what is asked of a rollback; nil for the usual
	Returns  bool    `json:",omitempty"` // this is what is asked of a rollback
}

// Requirement is a number of approvals by holders of a role.
type Requirement struct {
	Role  string
	Count int
}

// Hash identifies what the document demands. Votes are bound to it.
func (d Document) Hash() string {
	d.Name = ""
	b, err := json.Marshal(d)
	if err != nil {
		panic("policy: a document always marshals: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Roles are all roles that the document rests on.
func (d Document) Roles() []string {
	roles := d.Approvers()
	for _, role := range slices.Concat(d.Reject.By, d.Reject.Lift, d.Reviewers(), d.BreakGlass.roles(), d.returners()) {
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

// How old a reading of Slack's directory may be. People leave and groups
// change; a click is decided on what was read within KnownFor (the directory
// is read again every ten minutes, so this outlives two failed rounds), and
// execution starts only on what was read within SureFor.
const (
	KnownFor = 30 * time.Minute
	SureFor  = time.Minute
)

// CopiedFor is how long it is taken for granted that the destination has all
// that is attached to the digest. Attachments can be added and removed at any
// time; looking again costs little, since nothing is sent twice.
const CopiedFor = 10 * time.Minute

// ProvedFor is how long it is taken for granted that what a rollback would go back
// to is whole: registries are cleaned up at any time.
const ProvedFor = 10 * time.Minute

// Facts is everything a verdict rests on, as it stood in one transaction.
type Facts struct {
	Promotion promotion.Promotion
	Votes     []promotion.Vote     // oldest first
	Presence  []promotion.Interval // of the digest in the From environment, oldest first
	Brought   *promotion.Promotion // that brings the digest to the From environment, while what it began there is not over
	Authors   []string             // of what is in the digest, as they were reported; its label may name more
	Source    Look                 // at the From environment
	Target    Look                 // at the tags in the To environment

	Rosters    map[string]promotion.Roster
	People     map[promotion.PersonID]promotion.Person
	Identities promotion.Identities // which accounts and addresses are one person's

	Executing promotion.ID         // another promotion that is moving the same target; 0 when none is
	OnTrial   *promotion.Promotion // another one that is watched there, or waits for a decision
	Newer     *promotion.Promotion // a promotion into the target of a digest that was observed later
	Ahead     *promotion.Promotion // what goes before it, where one goes after the other
	Rides     []Facts              // what each ride of a train rests on; they have no votes of their own

	Checks    []promotion.Check    // oldest first: of each name the last counts
	Incidents []promotion.Incident // of the app or of all: the open ones, and those that ended while the digest was there
	Unhealthy []promotion.Unhealth // of the app or of all, in the From environment while the digest was there
	Exposure  promotion.Exposure   // of the digest in the From environment
	Freezes   []promotion.Freeze   // that have not been lifted and are not over
	Holds     []promotion.Hold     // that have not been lifted, oldest first

	Channel       *promotion.Channel     // of the card; nil when Slack has said nothing about it, or nobody wants to know
	SuccessorLink string                 // where the card is of what took its place; shown, and nothing rests on it
	Deployments   []promotion.Deployment // what has become of its orders, in their order
	Stocks        []promotion.Stock      // what runs in its targets, where it was what they were told last
	Since         Aftermath              // what has happened since its tags were moved
	Withdrawn     *promotion.Withdrawal  // of the digest; nil unless it is known to be bad
	Undone        *promotion.Promotion   // the rollback that took back what the promotion brought
	Back          []Earlier              // of what is in its environment now because of it: what could be gone back to
	Choosers      []promotion.PersonID   // of what is failing: who could keep it
	Delegations   []promotion.Delegation // that concern it and were not over when it was opened
}

// Look is how well the registry could be seen. Nothing is concluded from a
// failed look but that it failed.
type Look struct {
	Fault string // empty when the last look succeeded
	Since time.Time
}

// Subject is a person, a group or a channel that has to be read again.
type Subject struct {
	Person  promotion.PersonID
	Group   promotion.GroupID
	Channel string
}

// Evaluate is the verdict on the promotion.
func Evaluate(d Document, f Facts, now time.Time) Verdict {
	approvals, assigned, discounted := approvals(d, f, decided(f, now))
	v := Verdict{
		Findings:   append(slices.Concat(needs(d, f, now), expiry(d, f, now), wayOut(d, f), among(d, f)), approvals, turn(f)),
		Assigned:   assigned,
		Discounted: discounted,
	}
	broken := Breaks(d, f)
	if f.Promotion.Broken != nil {
		v.Findings = append(v.Findings, glass(d, f))
	}
	if broken {
		skip(v.Findings)
	}
	v.Attest = sought(d, f)
	v.sum()
	if v.Outcome == Met && !broken {
		again, attest := anew(d, f, now)
		v.Findings, v.Attest = append(v.Findings, again...), append(v.Attest, attest...)
		v.sum()
	}
	if v.Outcome == Met {
		brought, bring := there(f, now)
		v.Findings, v.Bring = append(v.Findings, brought...), bring
		v.sum()
	}
	if v.Outcome == Met {
		back, prove := wayBack(d, f, now)
		if broken && f.Promotion.Purpose != promotion.Rollback { // what is not whole is nothing to go back to
			prove = nil
			skip(back)
		}
		v.Findings, v.Prove = append(v.Findings, back...), prove
		v.sum()
	}
	if v.Outcome == Met {
		who, lookups := identity(d, f, assigned, now)
		if broken {
			who, lookups = breaker(d, f, now)
		}
		v.Findings, v.Lookups = append(v.Findings, who...), lookups
		if !broken {
			v.Lookups = append(v.Lookups, rehoused(v.Findings, d, f, now)...)
		}
		v.sum()
	}
	return v
}

// decided is the instant at which approvals count: once it was decided or has ended,
// that of the decision. What has lapsed since had not then.
func decided(f Facts, now time.Time) time.Time {
	switch p := f.Promotion; {
	case p.State == promotion.Open:
	case p.StartedAt != nil:
		return *p.StartedAt
	case p.FinishedAt != nil:
		return *p.FinishedAt
	}
	return now
}
