//go:build !race

package chat_test

import (
	"testing"

	"github.com/promotebot/promotebot/store/sqlite"
	"github.com/promotebot/promotebot/store/storetest"
)

const raceEnabled = false

// database opens the rows at the path; shut closes it.
func database(t testing.TB, path string) (db storetest.Store, shut func() error) {
	t.Helper()
	real, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return real, real.Close
}
