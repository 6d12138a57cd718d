// Package audit is the log of everything that was decided, made so that nobody
// can change it unnoticed.
//
// Every entry is a line of JSON that is stored and hashed as it is and never
// encoded again. The entries are the leaves of a Merkle tree (RFC 6962, as in
// golang.org/x/mod/sumdb/tlog): its root covers all of them, so whoever wrote
// down a root can later tell whether an entry before it was edited, removed,
// inserted or reordered. A hash chain would cost the same and could prove none
// of that without showing every entry.
//
// The package computes; it stores nothing. The nodes and entries are written
// by the store in the transaction of the change that they record, and the
// database refuses to update or delete them.
package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/promotebot/promotebot/promotion"
)

// version is the format of an entry's body; readers must refuse a newer one.
const version = 1

// Kind names what was recorded.
type Kind string

// What is recorded.
const (
	Configured Kind = "configured" // a configuration came into force
	Observed   Kind = "observed"   // a digest came to an environment
	Left       Kind = "left"       // a digest left an environment
	Opened     Kind = "opened"
	Drifted    Kind = "drifted" // a tag that was promoted was moved by somebody else
	Planned    Kind = "planned" // the tags to set and what they point at
	Repoliced  Kind = "policy-changed"
	Soaked     Kind = "soaked"
	Voted      Kind = "voted"
	Withdrawn  Kind = "withdrawn" // an approval was taken back
	Lifted     Kind = "lifted"    // a rejection was taken back
	Denied     Kind = "denied"    // somebody tried and may not
	Copying    Kind = "copying"   // the digest is sent to another repository
	Copied     Kind = "copied"    // it was found there, with what is attached to it
	Proved     Kind = "proved"    // the way back was looked for
	Prepared   Kind = "prepared"  // how it would be taken back was written
	Intended   Kind = "intended"
	Ended      Kind = "ended"
	Regrouped  Kind = "group-changed"
	Rehoused   Kind = "channel-changed" // the channel of cards was shared, or none can be posted there, or that is over
	Checked    Kind = "checked"         // a check was reported or signed off
	Authored   Kind = "authors"         // who wrote what is in a digest was reported
	Tokened    Kind = "token-made"      // a machine may speak over HTTP
	Untokened  Kind = "token-revoked"   // it may not any more

	IncidentOpened   Kind = "incident-opened"
	IncidentResolved Kind = "incident-resolved"
	HealthChanged    Kind = "health-changed" // an environment was reported unhealthy, or healthy again
	Exposed          Kind = "exposed"        // how much a digest has been used
	Frozen           Kind = "frozen"
	Unfrozen         Kind = "unfrozen"
	Held             Kind = "held"
	Unheld           Kind = "unheld"
	Delegated        Kind = "delegated"      // somebody approves in the place of another
	Undelegated      Kind = "undelegated"    // not any more
	Reminded         Kind = "reminded"       // somebody has asked for the approvals that are missing
	Broken           Kind = "glass-broken"   // a promotion goes ahead without what its policy asks for
	Snoozed          Kind = "snoozed"        // somebody wants to be reminded later
	CalledOn         Kind = "called-on"      // others are told that a promotion waits
	Reviewed         Kind = "glass-reviewed" // another person has said what they think of that
	RolledBack       Kind = "rolled-back"    // what a promotion had brought was taken back
	Condemned        Kind = "digest-withdrawn"
	Reinstated       Kind = "digest-reinstated"

	Moved    Kind = "moved"    // the tags are where they were to be, and something follows that
	Rollout  Kind = "rollout"  // how far a target is with its order has changed
	Strayed  Kind = "strayed"  // a target runs something else than it was told, or does not any more
	Watching Kind = "watching" // it runs everywhere
	Failing  Kind = "failing"  // it did not come to run, or something went wrong after that
	Retried  Kind = "retried"  // somebody has its targets told again
)

// Entry is what is written down. It holds ids, digests and our own words; what
// people typed is kept elsewhere and only its hash is here, so that it can be
// erased without breaking the log.
type Entry struct {
	Version   int              `json:"v"`
	Seq       int64            `json:"seq"` // from 0, without gaps
	At        time.Time        `json:"at"`  // the time of the transaction
	Actor     string           `json:"actor"`
	Kind      Kind             `json:"kind"`
	Promotion promotion.ID     `json:"promotion,omitempty"`
	App       string           `json:"app,omitempty"`
	From      string           `json:"from,omitempty"`
	To        string           `json:"to,omitempty"`
	Digest    promotion.Digest `json:"digest,omitempty"`
	Policy    string           `json:"policy,omitempty"`
	Detail    map[string]any   `json:"detail,omitempty"`
}

// Self is the actor of what the program does by itself.
const Self = "promotebot"

// Body is the entry as it is stored and hashed.
func (e Entry) Body() ([]byte, error) {
	e.Version, e.At = version, e.At.UTC()
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("audit entry %d: %w", e.Seq, err)
	}
	return b, nil
}

// Parse reads a stored body.
func Parse(body []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(body, &e); err != nil {
		return e, fmt.Errorf("audit entry: %w", err)
	}
	if e.Version > version {
		return e, promotion.Errorf(promotion.Invalid, "audit entry %d has format %d, and this program knows %d: use a newer one", e.Seq, e.Version, version)
	}
	return e, nil
}

// Hash is a node of the tree.
type Hash = tlog.Hash

// Nodes reads stored nodes by their index.
type Nodes func(indexes []int64) ([]Hash, error)

// ReadHashes makes Nodes what tlog asks for.
func (n Nodes) ReadHashes(indexes []int64) ([]Hash, error) { return n(indexes) }

// Grow returns the nodes that entry seq adds, and the index of the first.
func Grow(seq int64, body []byte, nodes Nodes) (first int64, added []Hash, err error) {
	added, err = tlog.StoredHashes(seq, body, nodes)
	if err != nil {
		return 0, nil, fmt.Errorf("audit entry %d: %w", seq, err)
	}
	return tlog.StoredHashIndex(0, seq), added, nil
}

// Root is the hash over the first size entries.
func Root(size int64, nodes Nodes) (Hash, error) {
	root, err := tlog.TreeHash(size, nodes)
	if err != nil {
		return Hash{}, fmt.Errorf("audit root of %d entries: %w", size, err)
	}
	return root, nil
}

// Verifier recomputes the tree from the bodies alone, in order, and compares
// every node with the stored one.
type Verifier struct {
	nodes []Hash
	size  int64
}

// Add checks the next entry against what is stored for it. The error is
// Conflict and says what does not fit.
func (v *Verifier) Add(body []byte, stored Nodes) error {
	e, err := Parse(body)
	if err != nil {
		return err
	}
	if e.Seq != v.size {
		return promotion.Errorf(promotion.Conflict, "audit entry %d stands where entry %d belongs: entries were removed, inserted or reordered", e.Seq, v.size)
	}
	first, added, err := Grow(e.Seq, body, v.read)
	if err != nil {
		return err
	}
	indexes := make([]int64, len(added))
	for i := range added {
		indexes[i] = first + int64(i)
	}
	had, err := stored(indexes)
	if err != nil {
		return err
	}
	for i := range added {
		if had[i] != added[i] {
			return promotion.Errorf(promotion.Conflict, "audit entry %d (%s, %s) was changed after it was written", e.Seq, e.Kind, e.At.Format(time.RFC3339))
		}
	}
	v.nodes = append(v.nodes, added...)
	v.size++
	return nil
}

func (v *Verifier) read(indexes []int64) ([]Hash, error) {
	hashes := make([]Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(v.nodes)) {
			return nil, promotion.Errorf(promotion.Conflict, "audit node %d is missing", index)
		}
		hashes[i] = v.nodes[index]
	}
	return hashes, nil
}

// Root is the size and the root of what was added.
func (v *Verifier) Root() (int64, Hash, error) {
	if v.size == 0 {
		return 0, Hash{}, nil
	}
	root, err := Root(v.size, v.read)
	return v.size, root, err
}
