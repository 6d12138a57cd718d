package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// TestRowsOutliveTheTablesThatTheyWereIn: migration 5 makes tables anew that
// point at each other and at themselves.
func TestRowsOutliveTheTablesThatTheyWereIn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	statements := []string{`CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
		INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1), (3, 1), (4, 1)`}
	for _, name := range []string{"0001_start", "0001_start.sqlite", "0002_copy", "0003_drift", "0004_live"} {
		text, err := os.ReadFile(filepath.Join("..", "schema", name+".sql"))
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, strings.NewReplacer("BIGINT", "INTEGER", "BYTEA", "BLOB").Replace(string(text)))
	}
	row := func(id, state, successor, finished, train, digest string) string {
		return `INSERT INTO promotion (id, app, from_env, to_env, repository, digest, source_tag, requester, captures, state, reason, successor, revision, policy_hash, targets, plan_fault, read_fault, moves,
			observed_at, opened_at, finished_at, card_channel, card_ts, card_revision, destination, purpose, train, on_failure)
			VALUES (` + id + `, 'shop', 'staging', 'production', 'r', 'sha256:` + strings.Repeat(digest, 64) + `', '', '', '{}', '` + state + `', 'why', ` + successor + `, 3, 'p', '[]', '', '', '[]', 1, 1, ` + finished + `, 'C1', '1.1', 2, 'r', 'promote', ` + train + `, '')`
	}
	statements = append(statements, `PRAGMA foreign_keys = OFF`,
		row("1", "superseded", "2", "5", "NULL", "a"), row("2", "rejected", "NULL", "6", "NULL", "b"), row("3", "open", "NULL", "NULL", "1", "c"),
		`INSERT INTO vote (promotion, person, decision, reason, terms, at) VALUES (2, 'U1', 'reject', 'no', '{}', 4), (2, 'U2', 'approve', '', '{}', 5)`,
		`INSERT INTO pin (app, environment, tag, digest, promotion, set_at) VALUES ('shop', 'production', 'production', 'sha256:`+strings.Repeat("a", 64)+`', 1, 7)`)
	if err := raw(t, path, statements...); err != nil {
		t.Fatal(err)
	}
	db := open(t, path)
	defer shut(t, db)
	err := db.Update(t.Context(), func(tx gate.Tx) error {
		found, err := tx.Promotions(gate.Query{})
		if err != nil || len(found) != 3 || found[2].Successor != 2 || found[1].EndedBy != "U1" || found[1].Successor != 3 || found[0].Train != 1 || found[2].EndedBy != "" {
			t.Errorf("%v: %+v", err, found)
		}
		votes, err := tx.Votes(2)
		if err != nil || len(votes) != 2 || votes[0].Reason != "no" || votes[1].Decision != promotion.Approve {
			t.Errorf("%v: %+v", err, votes)
		}
		pins, err := tx.Pins("shop", "production")
		if err != nil || len(pins) != 1 || pins[0].Promotion != 1 {
			t.Errorf("%v: %+v", err, pins)
		}
		p := found[0]
		p.State, p.Revision, p.FinishedAt = promotion.Expired, 4, &p.OpenedAt
		return tx.SavePromotion(p, 3)
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, write := range map[string]func(gate.Tx) error{
		"a vote on nothing": func(tx gate.Tx) error {
			return tx.SaveVote(promotion.Vote{Promotion: 9, Person: "U1", Decision: promotion.Approve, At: time.Unix(1, 0)})
		},
		"a pin by nothing": func(tx gate.Tx) error {
			return tx.SavePin(gate.Pin{App: "shop", Environment: "production", Tag: "t", Digest: promotion.Digest("sha256:" + strings.Repeat("a", 64)), Promotion: 9, At: time.Unix(1, 0)})
		},
	} {
		if err := db.Update(t.Context(), write); err == nil {
			t.Errorf("%s was stored: the new tables don't point at each other", what)
		}
	}
}
