package main_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/promotebot/promotebot/fixtures/registry"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/fixtures/weather"
)

// city is a town with many apps, in which people do things by themselves and
// every tag that the bot moves is written down. Everything random in it comes
// from one seed, which a failure names; the instants at which it happens do not.
type city struct {
	*town
	apps   []string
	ci     *httptest.Server // the registry, past the door
	ledger *ledger
	random *rand.Rand
	seen   []fakeslack.Message // cards as they once were
	builds int
	file   string            // the database, in the town's directory
	newest map[string]string // digest of the last build, by app
	done   map[string]*fakeslack.Delivery

	between atomic.Pointer[weather.Fault]
}

// cross takes the bot's requests to both far sides past whatever stands between
// at the moment.
func (c *city) cross(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if between := c.between.Load(); between != nil {
			(*between)(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// newCity has apps with the policies given, in turn.
func newCity(t *testing.T, seed uint64, apps int, policies ...string) *city {
	t.Helper()
	c := &city{town: newTown(t, oneLead), file: "bot.db", ledger: &ledger{}, newest: map[string]string{}, done: map[string]*fakeslack.Delivery{}, random: rand.New(rand.NewPCG(seed, 0))}
	if seed%2 == 1 && os.Getenv("PROMOTEBOT_DISTRIBUTION") == "" {
		c.door.backend = registry.New(registry.Options{}) // refuses what others let pass
	}
	c.door.set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		c.cross(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.ledger.pass(w, r, next) })).ServeHTTP(w, r)
	})
	c.serveSlack(c.cross(c.slack))
	c.patience = time.Minute
	c.ci = httptest.NewServer(c.door.backend)
	t.Cleanup(c.ci.Close)
	var listed strings.Builder
	for i := range apps {
		app := fmt.Sprintf("app-%d", i)
		c.apps = append(c.apps, app)
		fmt.Fprintf(&listed, "  - {name: %s, image: %s/%s, policy: {production: %s}}\n", app, c.repo.RegistryStr(), app, policies[i%len(policies)])
	}
	text, err := os.ReadFile(c.config)
	if err != nil {
		t.Fatal(err)
	}
	head, tail, _ := strings.Cut(string(text), "apps:\n")
	_, roles, _ := strings.Cut(tail, "roles:\n")
	if err := os.WriteFile(c.config, []byte(head+"apps:\n"+listed.String()+"roles:\n"+roles), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.keep(seed) })
	return c
}

// keep saves what a failure left on the disk, for whoever looks into it.
func (c *city) keep(seed uint64) {
	if !c.t.Failed() {
		return
	}
	dir, err := os.MkdirTemp("", "promotebot-harm-")
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(c.dir))
	}
	c.t.Logf("seed %d; the database and the configuration were kept in %s (%v)", seed, dir, err)
}

// push has CI push a new build of an app and tag it.
func (c *city) push(app string) {
	c.t.Helper()
	c.builds++
	past, err := name.NewRepository(strings.TrimPrefix(c.ci.URL, "http://") + "/" + app)
	if err != nil {
		c.t.Fatal(err)
	}
	direct := *c.town
	direct.repo = past
	c.newest[app] = direct.stage(fmt.Sprintf("1.0.%d", c.builds)).String()
}

// ledger writes down every manifest that is put through the door under a tag,
// with what the tag pointed at before and after.
type ledger struct {
	mu   sync.Mutex
	puts []put
}

type put struct{ repository, tag, before, after string }

func (l *ledger) pass(w http.ResponseWriter, r *http.Request, next http.Handler) {
	repository, tag, manifest := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/")
	if r.Method != http.MethodPut || !manifest {
		next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the bot was killed in the middle of the request
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	l.mu.Lock()
	defer l.mu.Unlock()
	before := pointsAt(next, r)
	defer func() { l.puts = append(l.puts, put{repository, tag, before, pointsAt(next, r)}) }()
	next.ServeHTTP(w, r)
}

// pointsAt is the digest behind the tag that is being put, or "".
func pointsAt(registry http.Handler, r *http.Request) string {
	ask := httptest.NewRequest(http.MethodHead, r.URL.Path, nil)
	ask.Host = r.Host
	ask.Header.Set("Accept", r.Header.Get("Content-Type"))
	answer := httptest.NewRecorder()
	registry.ServeHTTP(answer, ask)
	if answer.Code != http.StatusOK {
		return ""
	}
	return answer.Header().Get("Docker-Content-Digest")
}

func (l *ledger) all() []put {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]put(nil), l.puts...)
}

func (c *city) database() string { return filepath.Join(c.dir, c.file) }

// live are the cards that ask for an approval.
func (c *city) live() []fakeslack.Message {
	var live []fakeslack.Message
	for _, m := range c.slack.Messages(shopChannel) {
		if strings.Contains(string(m.Blocks), approve) {
			live = append(live, m)
		}
	}
	return live
}

// act has somebody do something, mostly what they are asked to do. That a
// button has just vanished, or that nobody listens, is part of the game.
func (c *city) act() {
	live := c.live()
	if len(live) == 0 || c.slack.Sockets() == 0 {
		return
	}
	card := live[c.random.IntN(len(live))]
	who := []string{ann, bob}[c.random.IntN(2)]
	switch c.random.IntN(40) {
	default:
		c.agree()
	case 0:
		_, _ = c.slack.Click(eve, shopChannel, card.TS, approve)
	case 1:
		_, _ = c.slack.Click(who, shopChannel, card.TS, approve)
	case 2:
		_, _ = c.slack.Click(who, shopChannel, card.TS, reject)
	case 3:
		c.seen = append(c.seen, card)
		_, _ = c.slack.ClickStale(who, c.seen[c.random.IntN(len(c.seen))], approve)
	case 4:
		_ = c.slack.Redeliver()
	case 5:
		_ = c.slack.RedeliverAnew()
	}
	for _, who := range []string{ann, bob} {
		if view, open := c.slack.View(who); open && strings.Contains(string(view.Raw), `"submit"`) {
			c.once(view.ID, func() (*fakeslack.Delivery, error) {
				return c.slack.Submit(view.ID, fakeslack.Values{inputOf(c.t, view): {"it leaks memory"}})
			})
		}
	}
}

// agree has somebody approve everything as it stands.
func (c *city) agree() {
	if c.slack.Sockets() == 0 {
		return
	}
	who := []string{ann, bob}[c.random.IntN(2)]
	for _, card := range c.live() {
		c.once(who+card.TS+string(card.Blocks), func() (*fakeslack.Delivery, error) { return c.slack.Click(who, shopChannel, card.TS, approve) })
	}
}

// once does something again only when it is known to have failed, as people do
// who are not in a hurry.
func (c *city) once(what string, do func() (*fakeslack.Delivery, error)) {
	if before := c.done[what]; before != nil && before.Err() == nil {
		return
	}
	if d, err := do(); err == nil {
		c.done[what] = d
	}
}

// settle has everybody agree until the newest build of every app is promoted and
// the bot has nothing more to do. What does not get there is a failure.
func (c *city) settle() {
	c.t.Helper()
	db := c.read()
	for _, app := range c.apps {
		c.eventually("the newest build of "+app+" is promoted", func() bool {
			c.agree()
			return c.count(db, `SELECT count(*) FROM promotion WHERE state = 'promoted' AND app = $1 AND digest = $2`, app, c.newest[app]) == 1
		})
	}
	c.eventually("everything has ended, and everything that was to be said is said", func() bool {
		return c.count(db, `SELECT count(*) FROM promotion WHERE state IN ('open', 'executing')`) == 0 &&
			c.count(db, `SELECT count(*) FROM effect WHERE kind NOT IN ('wake', 'refresh', 'remind', 'compare')`) == 0 &&
			c.count(db, `SELECT count(*) FROM gesture WHERE answer IS NULL`) == 0
	})
}

// read opens the database beside the bot, or after it, for reading.
func (c *city) read() *sql.DB { return c.open("ro") }

func (c *city) open(mode string) *sql.DB {
	c.t.Helper()
	db, err := sql.Open("sqlite", "file:"+c.database()+"?mode="+mode+"&_pragma=busy_timeout(5000)")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = db.Close() }) // what went wrong with it has been said
	return db
}

func (c *city) count(db *sql.DB, query string, args ...any) (n int) {
	c.t.Helper()
	if err := db.QueryRowContext(c.t.Context(), query, args...).Scan(&n); err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// rows reads a query of text columns.
func (c *city) rows(db *sql.DB, query string) [][]string {
	c.t.Helper()
	rows, err := db.QueryContext(c.t.Context(), query)
	if err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what went wrong
	columns, err := rows.Columns()
	if err != nil {
		c.t.Fatal(err)
	}
	var all [][]string
	for rows.Next() {
		row, into := make([]string, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			c.t.Fatalf("%s: %v", query, err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
	return all
}

// whole compares what three sides know: Slack, the registry and the database.
// Everything must have ended.
func (c *city) whole() {
	c.t.Helper()
	db := c.read()
	c.nothingLost(db)
	c.nothingMovedTwice(db)
	c.cardsTellTheTruth(db)
	if verdict := c.rows(db, `PRAGMA integrity_check`); len(verdict) != 1 || verdict[0][0] != "ok" {
		c.t.Errorf("integrity_check: %q", verdict)
	}
	if out, err := c.run("audit", "verify", "-config", c.config); err != nil || !strings.Contains(out, "whole") {
		c.t.Errorf("audit verify: %v\n%s", err, out)
	}
	if v := c.slack.Violations(); len(v) > 0 {
		c.t.Errorf("Slack's rules were broken: %q", v)
	}
	c.t.Logf("%d promotions, %d promoted, %d manifests put, %d decisions, %d deliveries from Slack", c.count(db, `SELECT count(*) FROM promotion`),
		c.count(db, `SELECT count(*) FROM promotion WHERE state = 'promoted'`), len(c.ledger.all()), c.count(db, `SELECT count(*) FROM gesture`), len(c.slack.Deliveries()))
}

// nothingLost: what Slack holds an acknowledgement for was recorded, and what
// was counted or refused is in the audit log as that, once.
func (c *city) nothingLost(db *sql.DB) {
	c.t.Helper()
	answers := map[string]string{}
	for _, r := range c.rows(db, `SELECT key, answer FROM gesture`) {
		answers[r[0]] = r[1]
	}
	for _, d := range c.slack.Deliveries() {
		select {
		case <-d.Acked():
		default:
			if d.LateAcks() == 0 {
				continue
			}
		}
		if key, decides := gestureKey(c.t, d); decides && answers[key] == "" {
			c.t.Errorf("a %s by %s was acknowledged and is not in the database: %s", d.Type, d.User, key)
		}
	}
	said := map[string]int{}
	for _, text := range answers {
		var a struct{ Verb string }
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			c.t.Fatal(err)
		}
		said[a.Verb]++
	}
	logged := map[string]int{}
	for _, r := range c.rows(db, `SELECT json_extract(CAST(body AS TEXT), '$.kind'), count(*) FROM audit_entry GROUP BY 1`) {
		logged[r[0]], _ = strconv.Atoi(r[1])
	}
	if said["counted"] != logged["voted"] || said["refused"] != logged["denied"] {
		c.t.Errorf("people were told %v; the audit log has %v", said, logged)
	}
}

// gestureKey is the name that a decision has in the database, by what Slack
// says of it.
func gestureKey(t testing.TB, d *fakeslack.Delivery) (string, bool) {
	t.Helper()
	var p struct {
		Team, User, Channel struct{ ID string }
		Message             struct{ TS string }
		View                struct{ ID, Hash string }
		Actions             []struct {
			ID string `json:"action_id"`
			TS string `json:"action_ts"`
		}
	}
	if err := json.Unmarshal(d.Payload, &p); err != nil {
		t.Fatalf("%s: %v", d.Payload, err)
	}
	switch {
	case d.Type == "view_submission":
		return strings.Join([]string{"submit", p.Team.ID, p.User.ID, p.View.ID, p.View.Hash}, "/"), !strings.Contains(string(d.Ack()), "errors")
	case d.Type == "block_actions" && p.Actions[0].ID == approve:
		return strings.Join([]string{"click", p.Team.ID, p.User.ID, p.Channel.ID, p.Message.TS, approve, p.Actions[0].TS}, "/"), true
	}
	return "", false
}

// nothingMovedTwice: every change of a tag belongs to a promotion that was
// approved, happened once, and the last one is what the tag points at.
func (c *city) nothingMovedTwice(db *sql.DB) {
	c.t.Helper()
	promoted := map[string]int{}
	for _, r := range c.rows(db, `SELECT app || '@' || digest FROM promotion WHERE state = 'promoted'`) {
		promoted[r[0]]++
	}
	changes, at := map[string]int{}, map[string]string{}
	for _, p := range c.ledger.all() {
		if p.before == p.after {
			continue
		}
		changes[p.repository+":"+p.tag+"@"+p.after]++
		at[p.repository+":"+p.tag] = p.after
		if promoted[p.repository+"@"+p.after] != 1 {
			c.t.Errorf("%s of %s was set to %s, and %d promotions say so", p.tag, p.repository, p.after, promoted[p.repository+"@"+p.after])
		}
	}
	for move, n := range changes {
		if n != 1 {
			c.t.Errorf("%s was set %d times", move, n)
		}
	}
	for _, app := range c.apps {
		last := c.rows(db, `SELECT digest FROM promotion WHERE state = 'promoted' AND app = '`+app+`' ORDER BY finished_at DESC LIMIT 1`)
		if len(last) > 0 && at[app+":production"] != last[0][0] {
			c.t.Errorf("production of %s is %s; what was promoted last is %s", app, at[app+":production"], last[0][0])
		}
	}
	if moves := c.count(db, `SELECT count(*) * 2 FROM promotion WHERE state = 'promoted'`); moves != len(changes) {
		c.t.Errorf("%d moves belong to what was promoted; the registry saw %d", moves, len(changes))
	}
}

// cardsTellTheTruth: each promotion has one card, which shows its last state and
// offers nothing more, and nothing was said twice in its thread.
func (c *city) cardsTellTheTruth(db *sql.DB) {
	c.t.Helper()
	cards := map[string][]fakeslack.Message{}
	for _, m := range c.slack.Messages(shopChannel) {
		id := metadataKey(c.t, m)
		cards[id] = append(cards[id], m)
	}
	for _, r := range c.rows(db, `SELECT id, state, revision, card_ts FROM promotion`) {
		id, state, revision, ts := r[0], r[1], r[2], r[3]
		if len(cards[id]) != 1 {
			c.t.Errorf("promotion %s (%s) has %d cards", id, state, len(cards[id]))
			continue
		}
		m := cards[id][0]
		if shown := string(m.Blocks); m.TS != ts || !strings.Contains(shown, state) || !strings.Contains(shown, "card revision "+revision+`"`) {
			c.t.Errorf("promotion %s is %s at revision %s, its card %s; Slack shows %s: %s", id, state, revision, ts, m.TS, shown)
		} else if strings.Contains(shown, approve) || strings.Contains(shown, reject) {
			c.t.Errorf("promotion %s is %s and can still be clicked: %s", id, state, shown)
		}
		replies := map[string]int{}
		for _, reply := range c.slack.Thread(shopChannel, m.TS)[1:] {
			replies[metadataKey(c.t, reply)]++
		}
		for key, n := range replies {
			if n != 1 {
				c.t.Errorf("%s was said %d times", key, n)
			}
		}
	}
	if n := c.count(db, `SELECT count(*) FROM promotion`); n != len(cards) {
		c.t.Errorf("%d promotions and %d cards", n, len(cards))
	}
}

// metadataKey is what a message says that it stands for.
func metadataKey(t testing.TB, m fakeslack.Message) string {
	t.Helper()
	var metadata struct {
		Payload struct{ Key string } `json:"event_payload"`
	}
	if err := json.Unmarshal(m.Metadata, &metadata); err != nil {
		t.Fatalf("metadata %s: %v", m.Metadata, err)
	}
	return metadata.Payload.Key
}
