package gate_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/promotebot/promotebot/store/memory"
	"github.com/promotebot/promotebot/store/sqlite"
	"github.com/promotebot/promotebot/store/storetest"
)

// database is the one that a test had before, or a new one. It is in memory, held
// to the same suite as SQLite: a test lives through days, and would spend nine
// tenths of its time in the database. With PROMOTEBOT_SQLITE it is a file at the
// path, as in CI, where all of this holds on both.
func database(t *testing.T, path string, former storetest.Store) (db storetest.Store, shut func() error) {
	t.Helper()
	if os.Getenv("PROMOTEBOT_SQLITE") == "" {
		if former == nil {
			former = memory.New()
		}
		return former, func() error { return nil }
	}
	if former == nil {
		file, err := blank()
		if err == nil {
			err = os.WriteFile(path, file, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	real, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return real, real.Close
}

// blank is a database without rows. Making its tables would be a seventh of what
// these tests take.
var blank = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "promotebot-blank-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	path := filepath.Join(dir, "bot.db")
	db, err := sqlite.Open(context.Background(), path)
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})
