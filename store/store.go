// Package store keeps the rows. It holds the one SQL text, in the dialect that
// SQLite and PostgreSQL share ($1 placeholders, ON CONFLICT, RETURNING, partial
// indexes); opening a database (driver, pragmas, error classes) is the business
// of the packages below it.
//
// A DB is a gate.Store and a queue of effects. Everything that decides happens
// in Update, one at a time. Nothing here decides: the store does not know what
// a state means, only which ones the schema allows.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// Dialect is what differs between the databases.
type Dialect struct {
	Name   string // suffix of the files in schema that only this database reads
	Goose  goose.Dialect
	Schema *strings.Replacer // adapts the common schema
	Claim  string            // appended to the select that claims effects
	Unique func(error) bool  // a UNIQUE or PRIMARY KEY constraint was violated
	Intact func() error      // what was opened is still what stands there; nil: nobody can take it away
}

// DB is an open database. Its two pools may be the same.
type DB struct {
	write, read *sql.DB
	texts       struct{ write, read *statements }
	dialect     Dialect
}

// New makes a DB of two open pools: write must let only one transaction in at
// a time.
func New(write, read *sql.DB, d Dialect) *DB {
	db := &DB{write: write, read: read, dialect: d}
	db.texts.write, db.texts.read = prepares(write), prepares(read)
	return db
}

// Close closes both pools.
func (db *DB) Close() error { return errors.Join(db.read.Close(), db.write.Close()) }

// Update implements gate.Store.
func (db *DB) Update(ctx context.Context, f func(gate.Tx) error) error {
	return db.change(ctx, func(t *tx) error { return f(t) })
}

// change is the one place where something is committed. Whether it went where
// the next process will look for it is asked before, so that nothing is begun
// in vain, and after, because only then does it count.
func (db *DB) change(ctx context.Context, f func(*tx) error) error {
	if err := db.intact(); err != nil {
		return err
	}
	q, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return broken("begin", err)
	}
	defer q.Rollback() //nolint:errcheck // after a commit it says that it was committed; before, the cause is already on its way
	t := &tx{ctx: ctx, q: q, d: db.dialect, s: db.texts.write}
	if err := f(t); err != nil {
		return err
	}
	if err := q.Commit(); err != nil {
		return broken("commit", err)
	}
	t.s.learn(ctx, t.missed)
	return db.intact()
}

func (db *DB) intact() error {
	if db.dialect.Intact == nil {
		return nil
	}
	return db.dialect.Intact()
}

// Writable commits something that means nothing: an error says that a decision
// could not be recorded now.
func (db *DB) Writable(ctx context.Context) error {
	return db.change(ctx, func(t *tx) error {
		_, err := t.sequence("health")
		return err
	})
}

// View implements gate.Store.
func (db *DB) View(ctx context.Context, f func(gate.Tx) error) error {
	if err := db.intact(); err != nil {
		return err
	}
	q, err := db.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return broken("begin", err)
	}
	t := &tx{ctx: ctx, q: q, d: db.dialect, s: db.texts.read}
	defer func() {
		_ = q.Rollback() // nothing was written
		t.s.learn(ctx, t.missed)
	}()
	return f(t)
}

type tx struct {
	ctx context.Context
	q   *sql.Tx
	d   Dialect

	s      *statements
	missed []string // texts that were not prepared
}

func (t *tx) exec(what, query string, args ...any) (sql.Result, error) {
	r, err := t.execute(query, args)
	if err != nil {
		return nil, t.classify(what, err)
	}
	return r, nil
}

// changed runs a statement that must hit exactly one row, else Stale.
func (t *tx) changed(what, query string, args ...any) error {
	r, err := t.exec(what, query, args...)
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err != nil {
		return broken(what, err)
	}
	if n != 1 {
		return promotion.Errorf(promotion.Stale, "%s: somebody else was faster", what)
	}
	return nil
}

func (t *tx) classify(what string, err error) error {
	if t.d.Unique(err) {
		return promotion.Errorf(promotion.Conflict, "%s: there is one already: %w", what, err)
	}
	return broken(what, err)
}

// scan reads all rows of a query through one function.
func scan[T any](t *tx, what string, one func(row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := t.query(query, args)
	if err != nil {
		return nil, broken(what, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	var all []T
	for rows.Next() {
		v, err := one(rows)
		if err != nil {
			return nil, broken(what, err)
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, broken(what, err)
	}
	return all, nil
}

type row interface{ Scan(...any) error }

func broken(what string, err error) error {
	return promotion.Errorf(promotion.Unavailable, "the database could not be used (%s): %w", what, err)
}

// sequence numbers rows from 1 and never gives a number twice, not even after
// the row is gone.
func (t *tx) sequence(name string) (int64, error) {
	var n int64
	err := t.row(`INSERT INTO sequence (name, last) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET last = sequence.last + 1 RETURNING last`, name).Scan(&n)
	if err != nil {
		return 0, broken("number a "+name, err)
	}
	return n, nil
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func microsOrNull(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	us := t.UnixMicro()
	return &us
}

func at(us int64) time.Time { return time.UnixMicro(us).UTC() }

func atOrNil(us *int64) *time.Time {
	if us == nil {
		return nil
	}
	t := at(*us)
	return &t
}

// in makes "$n, $n+1, …" for the values and appends them to the arguments.
func in[T any](args *[]any, values []T) string {
	var marks []string
	for _, v := range values {
		*args = append(*args, v)
		marks = append(marks, fmt.Sprintf("$%d", len(*args)))
	}
	return strings.Join(marks, ", ")
}

//go:embed schema
var schema embed.FS

// Migrate brings the schema up to what this program knows. A schema that is
// newer is refused and left alone.
func (db *DB) Migrate(ctx context.Context) error {
	migrations, err := db.migrations()
	if err != nil {
		return err
	}
	return db.migrate(ctx, migrations)
}

func (db *DB) migrations() ([]*goose.Migration, error) {
	names, err := fs.Glob(schema, "schema/[0-9][0-9][0-9][0-9]_*.sql")
	if err != nil {
		return nil, err
	}
	var migrations []*goose.Migration
	for _, name := range names {
		if strings.Count(name, ".") > 1 {
			continue // the part of a migration for one dialect
		}
		var version int64
		if _, err := fmt.Sscanf(name, "schema/%d_", &version); err != nil {
			return nil, fmt.Errorf("migration %s: its name does not begin with a number: %w", name, err)
		}
		text, err := schema.ReadFile(name)
		if err != nil {
			return nil, err
		}
		own, err := schema.ReadFile(strings.TrimSuffix(name, ".sql") + "." + db.dialect.Name + ".sql")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		statements := db.dialect.Schema.Replace(string(text)) + "\n" + string(own) //nolint:gosec // both are embedded files
		migrations = append(migrations, goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, q *sql.Tx) error {
			_, err := q.ExecContext(ctx, statements)
			return err
		}}, nil))
	}
	return migrations, nil
}

func newest(migrations []*goose.Migration) int64 {
	version := int64(0)
	for _, m := range migrations {
		version = max(version, m.Version)
	}
	return version
}

// Current refuses a schema that is not exactly what this program knows: whoever
// works on a database beside the bot must not change it under the bot.
func (db *DB) Current(ctx context.Context) error {
	has, knows, err := db.Schema(ctx)
	if err == nil && has != knows {
		return promotion.Errorf(promotion.Conflict, "the database has schema %d and this program knows %d: use the program that the bot runs", has, knows)
	}
	return err
}

// Schema is the version that the database has, and the one that this program
// knows.
func (db *DB) Schema(ctx context.Context) (has, knows int64, err error) {
	migrations, err := db.migrations()
	if err != nil {
		return 0, 0, err
	}
	p, err := goose.NewProvider(db.dialect.Goose, db.write, nil, goose.WithGoMigrations(migrations...), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, 0, fmt.Errorf("prepare migrations: %w", err)
	}
	if has, err = p.GetDBVersion(ctx); err != nil {
		return 0, 0, broken("read the schema version", err)
	}
	return has, newest(migrations), nil
}

func (db *DB) migrate(ctx context.Context, migrations []*goose.Migration) error {
	p, err := goose.NewProvider(db.dialect.Goose, db.write, nil, goose.WithGoMigrations(migrations...), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	has, err := p.GetDBVersion(ctx)
	if err != nil {
		return broken("read the schema version", err)
	}
	if knows := newest(migrations); has > knows {
		return promotion.Errorf(promotion.Invalid, "the database has schema %d and this program knows %d: it was written by a newer promotebot; run that one, or restore a backup", has, knows)
	}
	if _, err := p.Up(ctx); err != nil {
		return broken("migrate", err)
	}
	return nil
}
