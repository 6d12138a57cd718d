package store_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/store"
	"github.com/promotebot/promotebot/store/sqlite"
)

// Every click asks about the present several times over, so no question about
// it may read through the past. The database says which index it would use.
func TestQuestionsAboutThePresentDoNotReadThePast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	made, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it was only read

	const app, staging, production, d = "shop", "staging", "production", promotion.Digest("sha256:a")
	open, live := []promotion.State{promotion.Open}, []promotion.State{promotion.Open, promotion.Executing}
	now := time.Now()
	for _, c := range []struct {
		asked string
		query gate.Query
		plan  string
	}{
		{"list, metrics", gate.Query{States: live}, "promotion_live (state=?)"},
		{"reminders, a configuration, a group", gate.Query{States: open}, "promotion_live (state=?)"},
		{"a person", gate.Query{ApprovedBy: "U0ANN", States: open}, "promotion_live (state=?) | sqlite_autoindex_vote_1 (promotion=? AND person=?)"},
		{"status", gate.Query{App: app, States: live}, "promotion_live (state=? AND app=?)"},
		{"what leaves or comes back", gate.Query{App: app, From: staging, States: live}, "promotion_live (state=? AND app=?)"},
		{"what gives way", gate.Query{App: app, To: production, States: open}, "promotion_live (state=? AND app=? AND to_env=?)"},
		{"what is in the way", gate.Query{App: app, To: production, States: []promotion.State{promotion.Executing}, Limit: 2}, "promotion_live (state=? AND app=? AND to_env=?)"},
		{"what would be overwritten", gate.Query{App: app, To: production, States: []promotion.State{promotion.Promoted}, ObservedAfter: &now, Limit: 1}, "promotion_promoted (app=? AND to_env=? AND observed_at>?)"},
		{"what was gone back to last", gate.Query{App: app, To: production, Rollbacks: true, States: []promotion.State{promotion.Promoted}, Limit: 1}, "promotion_went_back (app=? AND to_env=?)"},
		{"what would be overwritten since", gate.Query{App: app, To: production, States: []promotion.State{promotion.Promoted}, ObservedAfter: &now, FinishedSince: &now, Limit: 1}, "promotion_promoted (app=? AND to_env=? AND observed_at>?)"},
		{"what was promoted before", gate.Query{App: app, To: production, States: []promotion.State{promotion.Promoted}, Limit: 100}, "promotion_arrived (app=? AND to_env=?)"},
		{"who brought what is there", gate.Query{App: app, To: production, Digest: d, States: []promotion.State{promotion.Promoted}, Standing: true, Limit: 1}, "promotion_by_digest (app=? AND to_env=? AND digest=?)"},
		{"what was promoted lately", gate.Query{States: []promotion.State{promotion.Promoted, promotion.Failed}, FinishedSince: &now}, "promotion_finished (finished_at>?)"},
		{"what of an app was promoted lately", gate.Query{App: app, States: []promotion.State{promotion.Promoted, promotion.Failed}, FinishedSince: &now}, "promotion_finished (finished_at>?)"},
		{"whether it is open", gate.Query{App: app, To: production, Digest: d, States: live, Limit: 1}, "promotion_one_open (app=? AND to_env=? AND digest=?)"},
		{"whether it was decided", gate.Query{App: app, To: production, Digest: d, States: []promotion.State{promotion.Open, promotion.Promoted, promotion.Rejected}, Limit: 1}, "promotion_by_digest (app=? AND to_env=? AND digest=?)"},
		{"whether it was put back", gate.Query{App: app, To: production, Digest: d, Purposes: []promotion.Purpose{promotion.Restore}, Limit: 1}, "promotion_by_digest (app=? AND to_env=? AND digest=?)"},
		{"what was rejected and can still be lifted", gate.Query{App: app, To: production, States: []promotion.State{promotion.Rejected}, NotSucceeded: true}, "promotion_liftable (app=? AND to_env=?)"},
		{"what has not been reviewed", gate.Query{Unreviewed: true}, "promotion_unreviewed"},
		{"what of an app has not been reviewed", gate.Query{App: "shop", Unreviewed: true}, "promotion_unreviewed"},
		{"what goes with a train", gate.Query{Train: 7}, "promotion_by_train (train=?)"},
		{"what a card leads to this one", gate.Query{Successor: 7}, "promotion_by_successor (successor=?)"},
		{"what was read before", gate.Query{App: app, Limit: 10}, "promotion_by_app (app=?)"},
		{"what is decided by itself", gate.Query{Apart: true, States: live}, "promotion_live (state=?)"},
		{"what has ended lately", gate.Query{Apart: true, FinishedSince: &now}, "promotion_finished (finished_at>?)"},
		{"a vote that was typed", gate.Query{App: app, DigestPrefix: "abcd", States: open}, "promotion_live (state=? AND app=?)"},
		{"the history of an app, a page at a time", gate.Query{App: app, Before: 7, Limit: 20}, "promotion_by_app (app=? AND id<?)"},
		{"the page before that", gate.Query{App: app, After: 7, Limit: 20}, "promotion_by_app (app=? AND id>?)"},
		{"a message that may be a card", gate.Query{CardChannel: "C1", CardTS: "1.000001"}, "promotion_by_card (card_ts=?)"},
	} {
		query, args := store.Selection(c.query)
		if plan := explain(t, db, query, args); plan != c.plan {
			t.Errorf("%s is found by %s, want %s\n%s", c.asked, plan, c.plan, query)
		}
	}
}

// explain returns the indexes that the database would use, in order.
func explain(t *testing.T, db *sql.DB, query string, args []any) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says what went wrong
	var used []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		if _, index, ok := strings.Cut(detail, " USING INDEX "); ok {
			used = append(used, index)
		} else if strings.HasPrefix(detail, "SCAN") || strings.HasPrefix(detail, "SEARCH") {
			used = append(used, detail)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(used, " | ")
}
