//go:build !race

package gate_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/promotebot/promotebot/store/sqlite"
	"github.com/promotebot/promotebot/store/storetest"
)

// blank is a database without rows. Making its tables is a seventh of what the
// tests of the gate take.
var blank = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "promotebot-blank-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	path := filepath.Join(dir, "bot.db")
	db, err := sqlite.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// database opens the rows at the path; shut closes it.
func database(t *testing.T, path string, former storetest.Store) (db storetest.Store, shut func() error) {
	t.Helper()
	if former == nil {
		file, err := blank()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	real, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return real, real.Close
}
