package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/store/sqlite"
	"github.com/promotebot/promotebot/store/storetest"
)

func open(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func shut(t *testing.T, db *sqlite.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		db := open(t, filepath.Join(t.TempDir(), "bot.db"))
		t.Cleanup(func() { shut(t, db) })
		return db
	})
}

func TestTwoBotsOnOneFileAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	first := open(t, path)
	_, err := sqlite.Open(t.Context(), path)
	if !errors.Is(err, promotion.Conflict) || !strings.Contains(err.Error(), "another promotebot") {
		t.Errorf("a second bot got: %v", err)
	}
	shut(t, first)
	shut(t, open(t, path))
}

func TestTheFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	shut(t, open(t, path))
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
}

func TestNothingIsRecordedWhereNobodyWillLookForIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	db := open(t, path)
	defer shut(t, db)
	for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		away := func() error { return os.Rename(name, name+".away") }
		if err := away(); err != nil {
			t.Fatal(err)
		}
		for what, try := range map[string]func() error{
			"a decision": func() error { return db.Update(t.Context(), func(gate.Tx) error { return nil }) },
			"a look":     func() error { return db.View(t.Context(), func(gate.Tx) error { return nil }) },
			"a claim": func() error {
				_, err := db.Claim(t.Context(), nil, "me", time.Unix(0, 0), time.Unix(1, 0), 1)
				return err
			},
			"a probe": func() error { return db.Writable(t.Context()) },
		} {
			if err := try(); !errors.Is(err, promotion.Unavailable) || !strings.Contains(err.Error(), name+" was moved, replaced or deleted") {
				t.Errorf("%s without %s: %v", what, name, err)
			}
		}
		if err := os.Rename(name+".away", name); err != nil {
			t.Fatal(err)
		}
		if err := db.Writable(t.Context()); err != nil {
			t.Errorf("with %s put back: %v", name, err)
		}
		if err := db.Update(t.Context(), func(gate.Tx) error { return away() }); !errors.Is(err, promotion.Unavailable) {
			t.Errorf("%s went away before the commit: %v", name, err)
		}
		if err := os.Rename(name+".away", name); err != nil {
			t.Fatal(err)
		}
	}
}

// raw changes the file behind the program's back, as an intruder would.
func raw(t *testing.T, path string, statements ...string) error {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // the statements' errors are what is looked at
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			return err
		}
	}
	return nil
}

func filled(t *testing.T, entries int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "bot.db")
	db := open(t, path)
	for i := range entries {
		err := db.Update(t.Context(), func(tx gate.Tx) error {
			return tx.AppendAudit(audit.Entry{At: time.Unix(int64(i), 0), Actor: "U0ANN", Kind: audit.Voted})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	shut(t, db)
	return path
}

func TestTheAuditLogIsAppendOnly(t *testing.T) {
	path := filled(t, 3)
	for _, s := range []string{
		`UPDATE audit_entry SET body = x'00' WHERE seq = 1`, `DELETE FROM audit_entry`,
		`UPDATE audit_node SET hash = x'00' WHERE id = 1`, `DELETE FROM audit_node`,
	} {
		if err := raw(t, path, s); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestTamperingWithTheAuditLogIsFound(t *testing.T) {
	disarm := []string{`DROP TRIGGER audit_entry_keep`, `DROP TRIGGER audit_entry_freeze`, `DROP TRIGGER audit_node_keep`, `DROP TRIGGER audit_node_freeze`}
	for name, attack := range map[string][]string{
		"an entry was edited":       {`UPDATE audit_entry SET body = CAST(replace(CAST(body AS TEXT), 'U0ANN', 'U0EVE') AS BLOB) WHERE seq = 5`},
		"an entry was deleted":      {`DELETE FROM audit_entry WHERE seq = 5`},
		"the rest was renumbered":   {`DELETE FROM audit_entry WHERE seq = 5`, `UPDATE audit_entry SET seq = seq - 1 WHERE seq > 5`},
		"two entries were swapped":  {`UPDATE audit_entry SET seq = 99 WHERE seq = 3`, `UPDATE audit_entry SET seq = 3 WHERE seq = 4`, `UPDATE audit_entry SET seq = 4 WHERE seq = 99`},
		"the last ones were cut":    {`DELETE FROM audit_entry WHERE seq > 7`},
		"the last ones and numbers": {`DELETE FROM audit_entry WHERE seq > 7`, `UPDATE sequence SET last = 8 WHERE name = 'audit'`},
		"a node was changed":        {`UPDATE audit_node SET hash = zeroblob(32) WHERE id = 4`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t, 10)
			if err := raw(t, path, append(disarm, attack...)...); err != nil {
				t.Fatal(err)
			}
			db := open(t, path)
			defer shut(t, db)
			if n, _, err := db.VerifyAudit(t.Context()); !errors.Is(err, promotion.Conflict) {
				t.Errorf("%d entries verified: %v", n, err)
			}
		})
	}
	db := open(t, filled(t, 10))
	defer shut(t, db)
	if n, _, err := db.VerifyAudit(t.Context()); n != 10 || err != nil {
		t.Errorf("left alone: %d, %v", n, err)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	path := filled(t, 1)
	if err := raw(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), path)
	if !errors.Is(err, promotion.Invalid) || !strings.Contains(err.Error(), "newer promotebot") {
		t.Errorf("got %v", err)
	}
}

// What is read beside the bot, or copied, has to be the bot's: an empty file has
// no fault that a check would find.
func TestWhatIsNoDatabaseOfOursIsNeitherReadNorCopied(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ contents, says string }{
		"junk.db":  {strings.Repeat("no database ", 1000), "restore a backup"},
		"empty.db": {"", "promotebot serve has written"},
		"none.db":  {"-", "promotebot serve makes it"},
	} {
		path := filepath.Join(dir, name)
		if c.contents != "-" {
			if err := os.WriteFile(path, []byte(c.contents), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := sqlite.OpenReadOnly(t.Context(), path)
		_, beside := sqlite.OpenBeside(t.Context(), path)
		for what, err := range map[string]error{"read": err, "written to": beside, "copied": sqlite.Backup(t.Context(), path, path+".copy")} {
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s is %s: %v", name, what, err)
			}
		}
		if _, err := os.Stat(path + ".copy"); err == nil {
			t.Errorf("%s was copied", name)
		}
		if left, err := os.ReadFile(path); err == nil && string(left) != c.contents {
			t.Errorf("%s was changed", name)
		}
	}
}

// An old log is still verified by a new program, and a new one by no old program.
func TestALogIsReadUnderAnOlderSchemaAndNotUnderANewerOne(t *testing.T) {
	path := filled(t, 3)
	for i, statement := range []string{
		`DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`,
		`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`,
	} {
		readable := i == 0
		if err := raw(t, path, statement); err != nil {
			t.Fatal(err)
		}
		db, err := sqlite.OpenReadOnly(t.Context(), path)
		if readable != (err == nil) || !readable && !errors.Is(err, promotion.Invalid) {
			t.Errorf("%s: %v", statement, err)
		}
		if err == nil {
			if n, _, err := db.VerifyAudit(t.Context()); n != 3 || err != nil {
				t.Errorf("%d entries: %v", n, err)
			}
			if err := db.Current(t.Context()); !errors.Is(err, promotion.Conflict) {
				t.Errorf("its schema counts as this program's: %v", err)
			}
			shut(t, db)
		}
	}
}

func TestADamagedFileIsRefused(t *testing.T) {
	path := filled(t, 200)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(b); i += 7 {
		b[i] ^= 0x5a
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path); !errors.Is(err, promotion.Conflict) || !strings.Contains(err.Error(), "backup") {
		t.Errorf("got %v", err)
	}
}

func TestBackupWhileABotRuns(t *testing.T) {
	path := filled(t, 5)
	db := open(t, path)
	defer shut(t, db)
	to := filepath.Join(t.TempDir(), "copy.db")
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := db.Update(t.Context(), func(tx gate.Tx) error {
				return tx.AppendAudit(audit.Entry{At: time.Unix(int64(i), 0), Kind: audit.Voted})
			}); err != nil {
				stopped <- err
				return
			}
		}
	}()
	err := sqlite.Backup(t.Context(), path, to)
	close(stop)
	if err := errors.Join(err, <-stopped); err != nil {
		t.Fatal(err)
	}
	copied := open(t, to)
	defer shut(t, copied)
	if n, _, err := copied.VerifyAudit(t.Context()); n < 5 || err != nil {
		t.Errorf("the copy: %d entries, %v", n, err)
	}
	if err := sqlite.Backup(t.Context(), path, to); !errors.Is(err, promotion.Conflict) {
		t.Errorf("over an existing file: %v", err)
	}
	left, err := filepath.Glob(to + ".*.part*")
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %q (%v)", left, err)
	}
}

func TestTwoBotsOnOneFileAreRefusedWhateverTheyCallIt(t *testing.T) {
	path := filled(t, 1)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	db := open(t, path)
	defer shut(t, db)
	if second, err := sqlite.Open(t.Context(), link); !errors.Is(err, promotion.Conflict) {
		t.Errorf("got %v", err)
		if err == nil {
			shut(t, second)
		}
	}
}
