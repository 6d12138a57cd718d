package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/store/sqlite"
)

func says(t *testing.T, path string, condition promotion.Condition, text string) {
	t.Helper()
	all := sqlite.Examine(t.Context(), path)
	if !slices.ContainsFunc(all, func(d promotion.Diagnosis) bool {
		return d.Condition == condition && strings.Contains(d.Says, text)
	}) {
		t.Errorf("no %q that says %q in %+v", condition, text, all)
	}
}

func TestADatabaseIsExaminedWhileABotRunsOnIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	db := open(t, path)
	says(t, path, promotion.Well, "whole and can be written to")
	says(t, path, promotion.Well, "as this program has it")
	says(t, path, promotion.Well, "MiB are free")
	if _, err := os.Stat("/proc/locks"); err == nil {
		says(t, path, promotion.Remarked, "runs on this database")
	}
	if err := db.Update(t.Context(), func(gate.Tx) error { return nil }); err != nil {
		t.Errorf("the bot can't go on: %v", err)
	}
	shut(t, db)
	says(t, path, promotion.Remarked, "no promotebot has the database")
	shut(t, open(t, path))
}

func TestADatabaseThatIsNotThereIsNotMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	says(t, path, promotion.Remarked, "promotebot serve makes it")
	says(t, filepath.Join(path, "elsewhere", "bot.db"), promotion.Ill, "can't be made")
	if _, err := os.Stat(path); err == nil {
		t.Error("it was made")
	}
}

func TestAnExaminationFindsWhatIsWrongWithADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	shut(t, open(t, path))
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	says(t, path, promotion.Remarked, "others on this machine")
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)"); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	says(t, path, promotion.Ill, "a newer program")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, path, promotion.Ill, "restore a backup")
}
