package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// TestHoldsOutliveTheTableThatTheyWereIn: migration 17 makes theirs anew.
func TestHoldsOutliveTheTableThatTheyWereIn(t *testing.T) {
	const anew = 17
	path := filepath.Join(t.TempDir(), "bot.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("..", "schema", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{`CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
		INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)`}
	for _, file := range files {
		var version int
		if _, err := fmt.Sscanf(filepath.Base(file), "%d_", &version); err != nil || version >= anew || strings.HasSuffix(file, ".postgres.sql") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, strings.NewReplacer("BIGINT", "INTEGER", "BYTEA", "BLOB").Replace(string(text)))
		if strings.Count(filepath.Base(file), ".") == 1 {
			statements = append(statements, fmt.Sprintf(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, 1)`, version))
		}
	}
	statements = append(statements,
		`INSERT INTO hold (id, app, digest, held_by, reason, held_at, lifted_at, lifted_by) VALUES (1, 'shop', '', 'U1', 'tests', 5, NULL, ''), (2, 'shop', '', 'U1', 'before', 1, 2, 'U2')`,
		`INSERT INTO sequence (name, last) VALUES ('hold', 2)`)
	if err := raw(t, path, statements...); err != nil {
		t.Fatal(err)
	}
	db := open(t, path)
	defer shut(t, db)
	if err := db.Update(t.Context(), func(tx gate.Tx) error {
		next := promotion.Hold{App: "cart", By: "U1", At: time.UnixMicro(7)}
		if err := tx.AddHold(&next); err != nil || next.ID != 3 {
			t.Errorf("%+v, %v", next, err)
		}
		got, err := tx.Holds("shop")
		if want := (promotion.Hold{ID: 1, App: "shop", By: "U1", Reason: "tests", At: time.UnixMicro(5).UTC()}); len(got) != 1 || got[0] != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
