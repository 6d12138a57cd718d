package chat_test

import (
	"os"
	"testing"

	"github.com/promotebot/promotebot/store/memory"
	"github.com/promotebot/promotebot/store/sqlite"
	"github.com/promotebot/promotebot/store/storetest"
)

// database is in memory, held to the same suite as SQLite: these tests live through
// days, and would spend most of their time in the database. With PROMOTEBOT_SQLITE
// it is a file at the path, as in CI, where all of this holds on both, and as in
// benchmarks.
func database(t testing.TB, path string) (db storetest.Store, shut func() error) {
	t.Helper()
	if _, measured := t.(*testing.B); !measured && os.Getenv("PROMOTEBOT_SQLITE") == "" {
		return memory.New(), func() error { return nil }
	}
	real, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return real, real.Close
}
