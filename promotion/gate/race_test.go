//go:build race

package gate_test

import (
	"testing"

	"github.com/promotebot/promotebot/store/memory"
	"github.com/promotebot/promotebot/store/storetest"
)

// database is the former one, or a new one, in memory: the race detector looks
// at the gate here, and would spend nine tenths of its time in SQLite, which
// store/sqlite has it look at.
func database(t *testing.T, _ string, former storetest.Store) (db storetest.Store, shut func() error) {
	t.Helper()
	if former == nil {
		former = memory.New()
	}
	return former, func() error { return nil }
}
