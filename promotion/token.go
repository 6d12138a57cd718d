package promotion

import (
	"slices"
	"time"
)

// Token is what a machine shows to be let in over HTTP. Its secret is known to
// the machine alone; here is only what tells whether it is the right one.
type Token struct {
	ID        string // stands in the token, before its secret
	Name      string // for people and for the log
	Hash      string // SHA-256 of the secret, in hexadecimal
	Scopes    []Scope
	Apps      []string // what it is about; empty for every app
	CreatedAt time.Time
	ExpiresAt *time.Time // nil for never
	RevokedAt *time.Time
}

// Scope is something that a token allows.
type Scope string

// The scopes.
const (
	ScopeCandidates Scope = "candidates" // have the registry looked at
	ScopeChecks     Scope = "checks"     // report checks
	ScopeIncidents  Scope = "incidents"  // open and resolve incidents
	ScopeHealth     Scope = "health"     // report the health and the use of environments
	ScopeDeploy     Scope = "deploy"     // say how far an order to a target is
	ScopeRead       Scope = "read"       // see what is where, and why it is not further
)

// Scopes are all of them.
func Scopes() []Scope {
	return []Scope{ScopeCandidates, ScopeChecks, ScopeIncidents, ScopeHealth, ScopeDeploy, ScopeRead}
}

// ParseScope accepts one of the scopes. Its error is Invalid.
func ParseScope(s string) (Scope, error) {
	if !slices.Contains(Scopes(), Scope(s)) {
		return "", Errorf(Invalid, "%q is not a scope: there are candidates, checks, incidents, health, deploy and read", clip(s))
	}
	return Scope(s), nil
}

// Live tells whether the token lets anybody in at all.
func (t Token) Live(now time.Time) bool {
	return t.RevokedAt == nil && (t.ExpiresAt == nil || now.Before(*t.ExpiresAt))
}

// Allows tells whether the token is for that.
func (t Token) Allows(s Scope) bool { return slices.Contains(t.Scopes, s) }

// About tells whether the token may speak of the app.
func (t Token) About(app string) bool { return len(t.Apps) == 0 || slices.Contains(t.Apps, app) }

// Actor is how the log calls whoever shows the token.
func (t Token) Actor() string { return TokenActor(t.Name) }

// TokenActor is how the log calls a token of the name. No person's id has a
// colon.
func TokenActor(name string) string { return "token:" + name }

// Receipt is what came of something that a machine has sent. It is kept for
// a while, so that what is sent again is answered as it was and not done twice.
type Receipt struct {
	Verb       Verb
	App        string     `json:",omitempty"`
	Digest     Digest     `json:",omitempty"`
	Promotions []ID       `json:",omitempty"` // those it is about
	Reason     string     `json:",omitempty"` // why not
	Report     int64      `json:",omitempty"` // the number of the check
	Steps      []string   `json:",omitempty"` // the environments whose policy asks for the check
	Look       []string   `json:",omitempty"` // the environments that are to be looked at now
	Incident   IncidentID `json:",omitempty"`
}

// Kept is a receipt with what it was given for.
type Kept struct {
	Token   string // id
	Key     string // chosen by the sender
	Sum     string // SHA-256 of what was sent, in hexadecimal
	Receipt Receipt
	At      time.Time
}
