package promotion

import (
	"slices"
	"time"
)

// PersonID is a Slack user id ("U…" or "W…"). Names and handles can be taken
// over by somebody else; ids can't.
type PersonID string

// Person is what Slack said about a user, and when.
type Person struct {
	ID       PersonID
	Name     string // for display only
	TimeZone string // IANA name
	Standing Standing
	ReadAt   time.Time
}

// Standing says whether a user is a person of this workspace at all. Only
// members can decide anything.
type Standing string

// The standings. Everything but Member is refused.
const (
	Member      Standing = "member"
	Guest       Standing = "guest"       // restricted or single-channel account
	External    Standing = "external"    // another workspace, Slack Connect
	Bot         Standing = "bot"         // bot or workflow
	Deactivated Standing = "deactivated" // left
	Unknown     Standing = "unknown"     // Slack has no such user, or none that we may see
)

// GroupID is a Slack user group id ("S…").
type GroupID string

// Group is the membership of a Slack user group, and when it was read.
type Group struct {
	ID      GroupID
	Handle  string
	Members []PersonID
	ReadAt  time.Time
	Fault   string // why Slack will not tell its members; empty when it did
}

// Roster is a role resolved to people.
type Roster struct {
	Role    string
	Members []PersonID // sorted, without duplicates
	Groups  []GroupID  // the groups that Members were partly read from
	ReadAt  *time.Time // the oldest reading of Groups; nil when the role names people only
	Fault   string     // why a group could not be read; empty when all could
}

// Has tells whether the person is in the roster.
func (r Roster) Has(p PersonID) bool {
	return slices.Contains(r.Members, p)
}

// Identities say which accounts, and which e-mail addresses, belong to one
// person. Whoever is not in them has one account and no address.
type Identities struct {
	Accounts  map[PersonID]PersonID // of each account, the first one of its person
	Addresses map[string]PersonID   // of each address, in lower case, the same; empty when its person has no account
}

// Of is the person to whom the account belongs, named by their first account.
func (i Identities) Of(account PersonID) PersonID {
	if first, ok := i.Accounts[account]; ok {
		return first
	}
	return account
}

// Same tells whether two accounts belong to one person.
func (i Identities) Same(a, b PersonID) bool { return i.Of(a) == i.Of(b) }
