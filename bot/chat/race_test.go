//go:build race

package chat_test

import (
	"testing"

	"github.com/promotebot/promotebot/store/memory"
	"github.com/promotebot/promotebot/store/storetest"
)

const raceEnabled = true

// database is in memory: the race detector looks at the conversation here, and
// would spend nine tenths of its time in SQLite, which store/sqlite has it look
// at.
func database(t testing.TB, _ string) (db storetest.Store, shut func() error) {
	t.Helper()
	return memory.New(), func() error { return nil }
}
