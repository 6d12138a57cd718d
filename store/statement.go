package store

import (
	"context"
	"database/sql"
	"sync"
)

// statements are what a pool has prepared. Reading the SQL is nearly half of what
// a short transaction costs SQLite, and the same few texts come again and again.
type statements struct {
	pool *sql.DB

	mu sync.Mutex
	by map[string]*sql.Stmt
}

// mostStatements bounds what is kept. There are about a hundred texts; those with
// lists in them differ in the number of placeholders.
const mostStatements = 500

func prepares(pool *sql.DB) *statements {
	return &statements{pool: pool, by: map[string]*sql.Stmt{}}
}

func (s *statements) of(text string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[text]
}

// learn prepares texts for the next time. It is called when no transaction holds
// a connection: there may be only one. What can't be prepared now is met again.
func (s *statements) learn(ctx context.Context, texts []string) {
	for _, text := range texts {
		s.mu.Lock()
		_, known := s.by[text]
		full := len(s.by) >= mostStatements
		s.mu.Unlock()
		if known || full {
			continue
		}
		stmt, err := s.pool.PrepareContext(ctx, text)
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.by[text] != nil {
			_ = stmt.Close() //nolint:sqlclosecheck // somebody else was faster, and theirs stays open
		} else {
			s.by[text] = stmt
		}
		s.mu.Unlock()
	}
}

// query, row and execute run a text in the transaction, prepared if it has been.

func (t *tx) query(text string, args []any) (*sql.Rows, error) {
	if s := t.prepared(text); s != nil { //nolint:sqlclosecheck // it is closed with the transaction
		return s.QueryContext(t.ctx, args...)
	}
	return t.q.QueryContext(t.ctx, text, args...)
}

func (t *tx) row(text string, args ...any) *sql.Row {
	if s := t.prepared(text); s != nil { //nolint:sqlclosecheck // it is closed with the transaction
		return s.QueryRowContext(t.ctx, args...)
	}
	return t.q.QueryRowContext(t.ctx, text, args...)
}

func (t *tx) execute(text string, args []any) (sql.Result, error) {
	if s := t.prepared(text); s != nil { //nolint:sqlclosecheck // it is closed with the transaction
		return s.ExecContext(t.ctx, args...)
	}
	return t.q.ExecContext(t.ctx, text, args...)
}

// glance reads one row outside of a transaction.
func (db *DB) glance(ctx context.Context, text string, args ...any) *sql.Row {
	if db.texts.read.of(text) == nil {
		db.texts.read.learn(ctx, []string{text})
	}
	if s := db.texts.read.of(text); s != nil { //nolint:sqlclosecheck // it stays open for the next time
		return s.QueryRowContext(ctx, args...)
	}
	return db.read.QueryRowContext(ctx, text, args...)
}

func (t *tx) prepared(text string) *sql.Stmt {
	if s := t.s.of(text); s != nil {
		return t.q.StmtContext(t.ctx, s)
	}
	t.missed = append(t.missed, text)
	return nil
}
