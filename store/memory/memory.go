// Package memory is a store without a disk. It exists for tests, and for the
// simulator above all, which needs a hundred thousand of them; nothing that
// runs in earnest may import it, because what it has committed is gone with the
// process.
//
// It refuses what the SQL schema refuses (checks, foreign keys, unique partial
// indexes, an audit log that can only grow), which package storetest holds both
// to. A row goes in and comes out as a copy, as it does through SQL: whoever
// changes what was read has not changed the table.
//
// A transaction works on its own version of the tables. A table is copied when
// it is first written, and a commit swaps one pointer; that costs microseconds
// while tables are as small as in tests, lets a View keep what it saw while an
// Update goes on beside it, and makes a rollback the dropping of a version.
// Updates exclude each other by a channel and not by a mutex: waiting for one is
// then durable blocking, which a testing/synctest bubble has to see.
package memory

import (
	"context"
	"maps"
	"sync/atomic"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
)

// Store is a gate.Store and a queue of effects. Use New; in a bubble, inside.
type Store struct {
	turn chan struct{} // holds the one token of whoever may write
	now  atomic.Pointer[tables]
}

// New makes an empty store.
func New() *Store {
	s := &Store{turn: make(chan struct{}, 1)}
	s.now.Store(&tables{})
	return s
}

// tables is one version of everything. A committed version is never changed.
type tables struct {
	promotions table[promotion.ID, promotion.Promotion]
	votes      table[voteKey, promotion.Vote]
	holdings   table[int, holding] // by the order in which they were opened
	watches    table[watchKey, gate.Watch]
	pins       table[pinKey, gate.Pin]
	people     table[promotion.PersonID, promotion.Person]
	groups     table[promotion.GroupID, promotion.Group]
	channels   table[string, promotion.Channel]
	gestures   table[string, gesture]
	homes      table[promotion.PersonID, promotion.Home]
	reminded   table[promotion.PersonID, promotion.Reminded]
	awaited    table[promotion.ID, promotion.Awaited]
	incidents  table[promotion.IncidentID, promotion.Incident]
	unhealth   table[int, promotion.Unhealth] // in the order in which it was reported
	exposure   table[exposureKey, promotion.Exposure]
	freezes    table[int64, promotion.Freeze]
	holds      table[int64, promotion.Hold]
	deployed   table[deploymentKey, promotion.Deployment]
	stocks     table[stockKey, promotion.Stock]
	measured   table[measurementKey, promotion.Measurement]
	withdrawn  table[int64, promotion.Withdrawal]

	delegations table[int64, promotion.Delegation]

	effects    table[string, promotion.Effect] // by key
	checks     table[int64, promotion.Check]
	authors    table[authorKey, promotion.Authorship]
	tokens     table[string, promotion.Token]
	receipts   table[receiptKey, promotion.Kept]
	lastEffect int64
	entries    [][]byte     // of the audit log
	nodes      []audit.Hash // of its tree
}

type voteKey struct {
	of     promotion.ID
	person promotion.PersonID
}

type watchKey struct {
	app, environment string
	side             promotion.Side
}

type pinKey struct{ app, environment, tag string }

type deploymentKey struct {
	of     promotion.ID
	target string
}

type stockKey struct{ app, environment, target string }

type measurementKey struct {
	of   promotion.ID
	name string
}

type holding struct {
	watchKey
	gate.Holding
	interval promotion.Interval
}

type gesture struct {
	taken  promotion.Gesture
	answer *promotion.Answer
}

// table is a map that is copied before its first change in a transaction.
type table[K comparable, V any] struct {
	rows map[K]V
	mine bool
}

func (t *table[K, V]) set(k K, v V) {
	if !t.mine {
		rows := make(map[K]V, len(t.rows)+1)
		maps.Copy(rows, t.rows)
		t.rows, t.mine = rows, true
	}
	t.rows[k] = v
}

func (t *table[K, V]) drop(k K) {
	if !t.mine {
		t.rows, t.mine = maps.Clone(t.rows), true
	}
	delete(t.rows, k)
}

// settled is the version as others may see it: its next writer has to copy.
func (t tables) settled() *tables {
	t.promotions.mine, t.votes.mine, t.holdings.mine, t.watches.mine = false, false, false, false
	t.pins.mine, t.homes.mine, t.reminded.mine, t.awaited.mine = false, false, false, false
	t.checks.mine, t.tokens.mine, t.receipts.mine = false, false, false
	t.incidents.mine, t.unhealth.mine, t.exposure.mine, t.freezes.mine, t.holds.mine, t.withdrawn.mine = false, false, false, false, false, false
	t.deployed.mine, t.measured.mine, t.stocks.mine, t.authors.mine, t.delegations.mine = false, false, false, false, false
	t.people.mine, t.groups.mine, t.channels.mine, t.gestures.mine, t.effects.mine = false, false, false, false, false
	return &t
}

// Update implements gate.Store.
func (s *Store) Update(ctx context.Context, f func(gate.Tx) error) error {
	return s.update(ctx, func(t *tx) error { return f(t) })
}

func (s *Store) update(ctx context.Context, f func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return broken("begin", err)
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return broken("begin", ctx.Err())
	}
	defer func() { <-s.turn }()
	t := &tx{tables: *s.now.Load()}
	if err := f(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return broken("commit", err)
	}
	s.now.Store(t.settled())
	return nil
}

// View implements gate.Store.
func (s *Store) View(ctx context.Context, f func(gate.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return broken("begin", err)
	}
	return f(s.look())
}

func (s *Store) look() *tx { return &tx{tables: *s.now.Load(), readOnly: true} }

// tx is a transaction: a version of the tables that nobody else sees yet.
type tx struct {
	tables
	readOnly bool
}

func (t *tx) writable() error {
	if t.readOnly {
		return promotion.Errorf(promotion.Unavailable, "the database could not be used: a view can't write")
	}
	return nil
}

func broken(what string, err error) error {
	return promotion.Errorf(promotion.Unavailable, "the database could not be used (%s): %w", what, err)
}

// forbidden is what a CHECK or a foreign key says in SQL.
func forbidden(what, rule string) error {
	return promotion.Errorf(promotion.Unavailable, "the database could not be used (%s): constraint failed: %s", what, rule)
}

func twice(what string) error {
	return promotion.Errorf(promotion.Conflict, "%s: there is one already", what)
}

func tooLate(what string) error {
	return promotion.Errorf(promotion.Stale, "%s: somebody else was faster", what)
}
