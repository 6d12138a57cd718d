// Package sqlite opens a SQLite file as a store: the embedded default, for one
// process.
//
// The settings were chosen for one thing: a decision that was acknowledged is
// on the disk. synchronous=FULL costs a fraction of a millisecond per commit,
// and without it WAL loses acknowledged commits on power loss. Transactions
// begin IMMEDIATE on the only writer connection, because a deferred one that
// upgrades its lock fails with SQLITE_BUSY in spite of any timeout. All of it
// is read back after opening: a file on which it did not take is refused.
//
// What is open stays writable when its name is gone, and what is written then
// is gone as well with the next restart. So before and after every commit the
// names are looked at: four calls of stat, some microseconds beside a commit.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/store"
)

var dialect = store.Dialect{
	Name:   "sqlite",
	Goose:  goose.DialectSQLite3,
	Schema: strings.NewReplacer("BIGINT", "INTEGER", "BYTEA", "BLOB"),
	Unique: func(err error) bool {
		var e *sqlite.Error
		return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
	},
}

// DB is an open SQLite file, and the lock that keeps a second bot off it.
type DB struct {
	*store.DB
	lock *os.File // nil when it is open for reading only, or beside a bot
}

// readers is the size of the read-only pool: enough for commands to be
// answered beside each other, few enough that their caches stay small.
const readers = 4

// Open opens or makes the file, brings its schema up to date and checks it. It
// refuses a file that another process has open (Conflict), one that is damaged
// (Conflict) and one that a newer program has written (Invalid).
func Open(ctx context.Context, path string) (*DB, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the lock has to lie beside the file, whatever it is called
	}
	lock, err := acquire(path)
	if err != nil {
		return nil, err
	}
	db, err := open(ctx, path)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &DB{DB: db, lock: lock}, nil
}

// Close closes the file and then gives up the lock.
func (db *DB) Close() error {
	err := db.DB.Close()
	if db.lock != nil {
		err = errors.Join(err, db.lock.Close())
	}
	return err
}

// OpenReadOnly opens an existing file for reading, also while a bot runs on it.
// Nothing can be written through it. Its schema may be an older one: a log is
// verified also when the bot has gone on.
func OpenReadOnly(ctx context.Context, path string) (*DB, error) {
	if err := there(path); err != nil {
		return nil, err
	}
	read, err := pool(path, readers, "mode=ro", "_txlock=deferred")
	if err != nil {
		return nil, err
	}
	db := store.New(read, read, dialect)
	if err := ours(ctx, db, read); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", path, err), db.Close())
	}
	return &DB{DB: db}, nil
}

func there(path string) error {
	if _, err := os.Stat(path); err != nil {
		return promotion.Errorf(promotion.NotFound, "there is no database %s: %w; promotebot serve makes it", path, err)
	}
	return nil
}

// ours refuses a file that was not written by promotebot, or by a later one.
func ours(ctx context.Context, db *store.DB, read *sql.DB) error {
	if err := filled(ctx, read); err != nil {
		return err
	}
	has, knows, err := db.Schema(ctx)
	if err == nil && has > knows {
		return promotion.Errorf(promotion.Invalid, "the database has schema %d and this program knows %d: use the program that the bot runs", has, knows)
	}
	return err
}

// OpenBeside opens an existing file for a short piece of work, also while a bot
// runs on it: transactions of the two exclude each other. It takes no lock and
// changes no schema.
func OpenBeside(ctx context.Context, path string) (*DB, error) {
	if err := there(path); err != nil {
		return nil, err
	}
	write, err := pool(path, 1, "mode=rw", "_txlock=immediate")
	if err != nil {
		return nil, err
	}
	read, err := pool(path, 1, "mode=ro", "_txlock=deferred")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	db := store.New(write, read, dialect)
	err = filled(ctx, read) // first: to ask for the schema of an empty file is to write into it
	if err == nil {
		err = db.Current(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", path, err), db.Close())
	}
	return &DB{DB: db}, nil
}

// filled refuses a file that holds nothing of promotebot.
func filled(ctx context.Context, read *sql.DB) error {
	var tables int
	if err := read.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name IN ('audit_entry', 'goose_db_version')").Scan(&tables); err != nil {
		return promotion.Errorf(promotion.Conflict, "it can't be read as a database: %w; restore a backup", err)
	}
	if tables != 2 {
		return promotion.Errorf(promotion.NotFound, "there is nothing of promotebot in it: name the file that promotebot serve has written")
	}
	return nil
}

// acquire takes the lock beside the file. The kernel gives it back when the
// process ends, however it ends.
func acquire(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, promotion.Errorf(promotion.Invalid, "database %s: its lock file can't be made: %w; the directory must exist and be writable", path, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(promotion.Errorf(promotion.Conflict, "database %s is in use by another promotebot: two of them on one file would both act; stop the other one", path), lock.Close())
	}
	return lock, nil
}

func open(ctx context.Context, path string) (*store.DB, error) {
	if err := private(path); err != nil {
		return nil, err
	}
	write, err := pool(path, 1, "mode=rw", "_txlock=immediate", "_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	read, err := pool(path, readers, "mode=ro", "_txlock=deferred")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	here := place{}
	d := dialect
	d.Intact = here.intact
	db := store.New(write, read, d)
	err = prepare(ctx, db, write)
	if err == nil {
		err = here.remember(path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", path, err), db.Close())
	}
	return db, nil
}

// place is the files that make up an open database, by name.
type place map[string]os.FileInfo

func (p place) remember(path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		info, err := os.Stat(name)
		if err != nil {
			return promotion.Errorf(promotion.Conflict, "a part of it is missing: %w; was it opened by something else?", err)
		}
		p[name] = info
	}
	return nil
}

// intact tells whether the names still stand for the files that are open.
func (p place) intact() error {
	for name, opened := range p {
		if info, err := os.Stat(name); err != nil || !os.SameFile(info, opened) {
			return promotion.Errorf(promotion.Unavailable, "%s was moved, replaced or deleted while promotebot has it open, and what is recorded now would be lost: put it back, or restart promotebot on what is there now", name)
		}
	}
	return nil
}

// private makes the file, if need be, so that only its owner can read it.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return promotion.Errorf(promotion.Invalid, "database %s can't be opened for writing: %w", path, err)
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

func pool(path string, size int, options ...string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	query := strings.Join(append(options,
		"_pragma=busy_timeout(5000)", "_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(1)", "_pragma=trusted_schema(0)"), "&")
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: absolute, RawQuery: query}).String())
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

func prepare(ctx context.Context, db *store.DB, write *sql.DB) error {
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "trusted_schema": "0"} {
		var got string
		if err := write.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil {
			return promotion.Errorf(promotion.Conflict, "it can't be read as a database: %w; restore a backup", err)
		}
		if got != want {
			return promotion.Errorf(promotion.Invalid, "%s is %s and must be %s: the file system does not support it; use a local disk", pragma, got, want)
		}
	}
	if err := sound(ctx, write, "quick_check"); err != nil {
		return err
	}
	return db.Migrate(ctx)
}

func sound(ctx context.Context, db *sql.DB, check string) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA "+check).Scan(&verdict); err != nil {
		return promotion.Errorf(promotion.Conflict, "it can't be checked: %w; restore a backup", err)
	}
	if verdict != "ok" {
		return promotion.Errorf(promotion.Conflict, "it is damaged (%s): restore a backup", verdict)
	}
	return nil
}

// Backup writes a consistent copy of the database, also while a bot runs on
// it, checks the copy, and only then gives it its name. An existing file is
// never overwritten.
func Backup(ctx context.Context, path, to string) error {
	if err := there(path); err != nil {
		return err
	}
	if _, err := os.Stat(to); err == nil {
		return promotion.Errorf(promotion.Conflict, "%s exists: a backup is never written over another file", to)
	}
	from, err := pool(path, 1, "mode=ro", "_txlock=deferred")
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // it was only read
	if err := filled(ctx, from); err != nil {
		return fmt.Errorf("database %s: %w", path, err)
	}
	// Made for its owner alone, under a name that nobody has.
	f, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".*.part")
	if err != nil {
		return promotion.Errorf(promotion.Invalid, "a backup can't be written there: %w", err)
	}
	part := f.Name()
	defer os.Remove(part) //nolint:errcheck // its contents live on under their name
	if err := f.Close(); err != nil {
		return err
	}
	if _, err := from.ExecContext(ctx, "VACUUM INTO $1", part); err != nil {
		return promotion.Errorf(promotion.Unavailable, "back up %s: %w", path, err)
	}
	copied, err := pool(part, 1, "mode=ro", "_txlock=deferred")
	if err != nil {
		return err
	}
	if err := errors.Join(sound(ctx, copied, "integrity_check"), copied.Close()); err != nil {
		return fmt.Errorf("the copy of %s: %w", path, err)
	}
	if err := os.Link(part, to); err != nil {
		return fmt.Errorf("back up %s: %w", path, err)
	}
	return nil
}
