package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/bot/web"
	"github.com/promotebot/promotebot/fixtures/pipenet"
	"github.com/promotebot/promotebot/fixtures/transcript"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
	"github.com/promotebot/promotebot/store/sqlite"
)

// person would stick out anywhere: nothing that is served may contain it.
const person = "U0CANARY"

// station is the handler in front of a real gate on a real file.
type station struct {
	t       *testing.T
	gate    *gate.Gate
	db      *sqlite.DB
	slack   web.Slack
	options web.Options
	handler http.Handler
}

func newStation(t *testing.T, path string) *station {
	t.Helper()
	watch, err := promotion.ParseTagPattern("staging-passed")
	if err != nil {
		t.Fatal(err)
	}
	s := &station{t: t, slack: web.Slack{Connections: 2}}
	if s.db, err = sqlite.Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() }) // closed before where its absence is the test
	s.gate = gate.New(s.db, &gate.Catalog{
		Apps: []gate.App{{Name: "shop", Repository: "registry.example.com/shop", Channel: "C0SHOP", Policies: map[string]policy.Document{
			"production": {Approvals: []policy.Requirement{{Role: "leads", Count: 1}}}}}},
		Environments: []gate.Environment{{Name: "staging", Watch: watch}, {
			Name: "production", Tags: []promotion.TagTemplate{"production"}, Deploy: gate.Deploy{Targets: []gate.Target{{Name: "eu", Reads: true}}, Deadline: time.Hour}}},
		Roles: map[string]gate.Role{"leads": {People: []promotion.PersonID{person}}},
	}, time.Now, func() {})
	s.options = web.Options{Gate: s.gate, Writable: s.db.Writable, Slack: func() web.Slack { return s.slack }, Log: slog.New(slog.DiscardHandler)}
	s.handler = web.Handler(s.options)
	return s
}

func (s *station) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *station) ask(method, path string) (int, string) {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String()
}

// sees reports a look at a tag, or that there was nothing to be seen.
func (s *station) sees(environment string, side promotion.Side, tag, fault string) {
	s.t.Helper()
	look := promotion.Sighting{App: "shop", Environment: environment, Side: side, At: s.gate.Now(), Fault: fault}
	if fault == "" {
		look.Tags = []promotion.TaggedDigest{{Tag: tag, Digest: promotion.Digest("sha256:" + strings.Repeat("a", 64))}}
	}
	s.must(s.gate.Sight(s.t.Context(), []promotion.Sighting{look}))
}

func TestHealthIsThatOfTheDatabase(t *testing.T) {
	s := newStation(t, filepath.Join(t.TempDir(), "bot.db"))
	s.slack.Connections = 0 // a restart would not help, so it does not count
	s.sees("staging", promotion.Source, "", "registry.example.com can't be reached")
	if code, body := s.ask(http.MethodGet, "/healthz"); code != http.StatusOK || body != "ok\n" {
		t.Errorf("with a database: %d %q", code, body)
	}
	s.must(s.db.Close())
	if code, body := s.ask(http.MethodGet, "/healthz"); code != http.StatusServiceUnavailable || body != "the database can't be written to; the log says why\n" {
		t.Errorf("without a database: %d %q", code, body)
	}
}

func TestReadyIsConnectedAndHealthy(t *testing.T) {
	s := newStation(t, filepath.Join(t.TempDir(), "bot.db"))
	s.slack.Connections = 0
	if code, body := s.ask(http.MethodGet, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "not connected to Slack") {
		t.Errorf("without a connection: %d %q", code, body)
	}
	s.slack.Connections = 1
	if code, body := s.ask(http.MethodGet, "/readyz"); code != http.StatusOK {
		t.Errorf("with one of two connections: %d %q", code, body)
	}
	s.must(s.db.Close())
	if code, body := s.ask(http.MethodGet, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "database") {
		t.Errorf("without a database: %d %q", code, body)
	}
}

// ours are the lines of a scrape that promotebot itself is the source of.
func (s *station) ours() []string {
	s.t.Helper()
	code, body := s.ask(http.MethodGet, "/metrics")
	if code != http.StatusOK {
		s.t.Fatalf("/metrics answers %d %s", code, body)
	}
	if !strings.Contains(body, "process_resident_memory_bytes") || !strings.Contains(body, "go_goroutines") {
		s.t.Errorf("the process does not say how it is doing:\n%s", body)
	}
	var lines []string
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "promotebot_") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestMetrics(t *testing.T) {
	s := newStation(t, filepath.Join(t.TempDir(), "bot.db"))
	s.must(s.gate.Begin(t.Context()))
	s.slack = web.Slack{Connections: 2, Reconnects: 7, Dropped: 3}
	s.sees("production", promotion.Held, "production", "registry.example.com can't be reached")
	s.sees("staging", promotion.Source, "staging-passed", "")
	now := s.gate.Now()
	s.must(s.db.Update(t.Context(), func(tx gate.Tx) error {
		return tx.SaveChannel(promotion.Channel{ID: "C0SHOP", Fault: "the channel is archived", Since: &now})
	}))
	want := []string{
		`promotebot_promotions{state="deploying"} 0`,
		`promotebot_promotions{state="executing"} 0`,
		`promotebot_promotions{state="failing"} 0`,
		`promotebot_promotions{state="open"} 1`,
		`promotebot_promotions{state="watching"} 0`,
		`promotebot_scrape_errors 0`,
		`promotebot_slack_channel_fault{channel="C0SHOP"} 1`,
		`promotebot_slack_connections 2`,
		`promotebot_slack_envelopes_dropped_total 3`,
		`promotebot_slack_reconnects_total 7`,
		`promotebot_watch_blind{app="shop",environment="production",side="held"} 1`,
	}
	if got := s.ours(); !slices.Equal(got, want) {
		t.Errorf("metrics:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	s.sees("production", promotion.Held, "production", "")
	if got := s.ours(); slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, "promotebot_watch_blind") }) {
		t.Errorf("a watch that can be seen again is still said to be blind: %q", got)
	}
	s.must(s.db.Update(t.Context(), func(tx gate.Tx) error {
		p, err := tx.Promotion(1)
		if err != nil {
			return err
		}
		was := p.Revision
		if err := p.Step(promotion.Executing, "", time.Now()); err != nil {
			return err
		}
		return tx.SavePromotion(p, was)
	}))
	if got := s.ours(); !slices.Contains(got, `promotebot_promotions{state="executing"} 1`) || !slices.Contains(got, `promotebot_promotions{state="open"} 0`) {
		t.Errorf("while it is executed: %q", got)
	}
	s.must(s.db.Close())
	want = []string{`promotebot_scrape_errors 1`, `promotebot_slack_connections 2`, `promotebot_slack_envelopes_dropped_total 3`, `promotebot_slack_reconnects_total 7`}
	if got := s.ours(); !slices.Equal(got, want) {
		t.Errorf("without a database nothing is known of what is in it: %q, want %q", got, want)
	}
}

func TestNothingNamesAPerson(t *testing.T) {
	s := newStation(t, filepath.Join(t.TempDir(), "bot.db"))
	s.must(s.gate.Begin(t.Context()))
	s.must(s.db.Update(t.Context(), func(tx gate.Tx) error {
		return tx.SavePerson(promotion.Person{ID: person, Name: "Canary " + person, Standing: promotion.Member, ReadAt: time.Now()})
	}))
	s.sees("staging", promotion.Source, "staging-passed", "")
	for i, g := range []promotion.Gesture{
		{Kind: promotion.GestureVote, Promotion: 1, Decision: promotion.Reject, Reason: "says " + person},
		{Kind: promotion.GestureRequest, App: "shop"},
	} {
		g.Key, g.Person, g.Channel = fmt.Sprint(i), person, "C0SHOP"
		if a, err := s.gate.Take(t.Context(), g); err != nil || a.Verb != promotion.Counted && a.Verb != promotion.Requested {
			t.Fatalf("%+v: %+v %v", g, a, err)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if _, body := s.ask(http.MethodGet, path); strings.Contains(strings.ToUpper(body), "CANARY") {
			t.Errorf("%s names a person:\n%s", path, body)
		}
	}
}

func TestWhatIsNotServed(t *testing.T) {
	s := newStation(t, filepath.Join(t.TempDir(), "bot.db"))
	for _, path := range []string{"/", "/healthz/", "/healthz/x", "/metrics/x", "/debug/pprof/", "/promotions", "/..%2fhealthz"} {
		if code, body := s.ask(http.MethodGet, path); code != http.StatusNotFound {
			t.Errorf("GET %s: %d %.100q", path, code, body)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace} {
			if code, _ := s.ask(method, path); code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, code)
			}
		}
		if code, _ := s.ask(http.MethodHead, path); code != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, code)
		}
	}
}

// What goes wrong in one answer is told to nobody but the log, and the process goes on.
func TestAnAnswerThatPanicsIsOneThatFailed(t *testing.T) {
	s := newStation(t, filepath.Join(t.TempDir(), "bot.db"))
	said, ill := &transcript.Transcript{}, true
	s.options.Log = slog.New(slog.NewTextHandler(said, nil))
	s.options.Writable = func(context.Context) error {
		if ill {
			panic("canary of the database")
		}
		return nil
	}
	s.options.Slack = func() web.Slack {
		if ill {
			panic("canary of Slack")
		}
		return s.slack
	}
	s.handler = web.Handler(s.options)
	for path, of := range map[string]string{"/healthz": "canary of the database", "/readyz": "canary of Slack", "/metrics": "canary of Slack"} {
		ill = true
		if code, body := s.ask(http.MethodGet, path); code != http.StatusInternalServerError || strings.Contains(body, "canary") || !strings.Contains(body, "the log says what") {
			t.Errorf("%s: %d %s", path, code, body)
		}
		if log := said.String(); !strings.Contains(log, of) || !strings.Contains(log, "panicked") || !strings.Contains(log, "web_test.go") {
			t.Errorf("%s: the log says %s", path, log)
		}
		ill = false
		if code, body := s.ask(http.MethodGet, path); code != http.StatusOK {
			t.Errorf("%s afterwards: %d %s", path, code, body)
		}
	}
}

// An answer that was begun is cut off: it must not look as if it were whole.
func TestAnAnswerThatPanicsInTheMiddleIsCutOff(t *testing.T) {
	s := newStation(t, filepath.Join(t.TempDir(), "bot.db"))
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // it is compared by net/http, too
			t.Errorf("it ends with %v", p)
		}
	}()
	s.handler.ServeHTTP(broken{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
}

// broken panics when it has taken something.
type broken struct{ http.ResponseWriter }

func (broken) Write([]byte) (int, error) { panic("canary of a connection") }

const host = "bot.test:80"

// served runs the test with a server that is listening, in a bubble: what
// takes a minute there takes no time here.
func served(t *testing.T, test func(t *testing.T, dial func() net.Conn, stop func() error)) {
	path := filepath.Join(t.TempDir(), "bot.db")
	synctest.Test(t, func(t *testing.T) {
		s := newStation(t, path)
		network := pipenet.New()
		l := network.Listen(host)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- web.Serve(ctx, l, web.Handler(s.options), s.options.Log) }()
		var conns []net.Conn
		test(t, func() net.Conn {
			c, err := network.DialContext(t.Context(), "tcp", host)
			s.must(err)
			s.must(c.SetDeadline(time.Now().Add(time.Hour))) // far beyond every patience of the server
			conns = append(conns, c)
			return c
		}, func() error { cancel(); return <-ended })
		cancel()
		for _, c := range conns {
			_ = c.Close() // most have been closed by the server
		}
		time.Sleep(time.Minute) // whoever was in the middle of something notices
		s.must(s.db.Close())
	})
}

const request = "GET /healthz HTTP/1.1\r\nHost: bot\r\n\r\n"

// talk says the words, one a second, until nobody listens any more.
func talk(c net.Conn, words ...string) {
	for _, w := range words {
		if _, err := io.WriteString(c, w); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func TestASlowClientIsHungUpOn(t *testing.T) {
	for _, c := range []struct {
		name   string
		words  []string
		within time.Duration
	}{
		{"says nothing", nil, 10 * time.Second},
		{"stops in the middle of the headers", []string{"GET /healthz HTTP/1.1\r\nHost: b"}, 10 * time.Second},
		{"sends a byte a second", strings.Split(request, ""), 10 * time.Second},
		{"announces a body and does not send it", []string{"GET /healthz HTTP/1.1\r\nHost: bot\r\nContent-Length: 9\r\n\r\n"}, 15 * time.Second},
		{"keeps its connection and asks no more", []string{request}, 90 * time.Second},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			served(t, func(t *testing.T, dial func() net.Conn, _ func() error) {
				began := time.Now()
				conn := dial()
				go talk(conn, c.words...)
				if _, err := io.Copy(io.Discard, conn); err != nil {
					t.Fatalf("nobody hung up: %v", err)
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("it was borne for %v", took)
				}
			})
		})
	}
}

func TestAClientThatDoesNotReadIsGivenUp(t *testing.T) {
	served(t, func(t *testing.T, dial func() net.Conn, _ func() error) {
		conn := dial()
		talk(conn, request)
		time.Sleep(time.Minute)
		if n, err := io.Copy(io.Discard, conn); n != 0 || err != nil {
			t.Errorf("a minute later %d bytes were still waiting to be read (%v)", n, err)
		}
	})
}

func TestHugeHeadersAreRefused(t *testing.T) {
	served(t, func(t *testing.T, dial func() net.Conn, _ func() error) {
		c := dial()
		go talk(c, "GET /healthz HTTP/1.1\r\nHost: bot\r\nX-Long: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
		answer := make([]byte, len("HTTP/1.1 431"))
		if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "HTTP/1.1 431" {
			t.Errorf("answered %q (%v)", answer, err)
		}
	})
}

// Nobody who is connected, whatever they do or don't, keeps the program from
// ending, or makes its end look like a failure.
func TestItEndsPromptly(t *testing.T) {
	for _, c := range []struct {
		name  string
		words []string
		deaf  bool
	}{
		{name: "with a client that has been answered", words: []string{request}},
		{name: "with a client that says nothing"},
		{name: "with a client in the middle of a word", words: []string{"GET /hea"}},
		{name: "with a client that does not read", words: []string{request}, deaf: true},
		{name: "with a client that owes half a body", words: []string{"GET /healthz HTTP/1.1\r\nHost: bot\r\nContent-Length: 9\r\n\r\nhalf"}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			served(t, func(t *testing.T, dial func() net.Conn, stop func() error) {
				conn := dial()
				hungUp := make(chan error, 1)
				listen := func() { _, err := io.Copy(io.Discard, conn); hungUp <- err }
				if !c.deaf {
					go listen()
				}
				talk(conn, c.words...)
				began := time.Now()
				if err := stop(); err != nil {
					t.Errorf("ended with %v", err)
				}
				took := time.Since(began)
				if took > 3*time.Second {
					t.Errorf("it took %v to end", took)
				}
				if c.deaf {
					go listen()
				}
				if err := <-hungUp; err != nil || time.Since(began) > took {
					t.Errorf("it had ended, and the client was still being served (%v)", err)
				}
			})
		})
	}
}

func TestAListenerThatBreaksIsAnError(t *testing.T) {
	s := newStation(t, filepath.Join(t.TempDir(), "bot.db"))
	l := pipenet.New().Listen(host)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := web.Serve(ctx, l, web.Handler(s.options), s.options.Log); err == nil {
		t.Error("nobody is listening, and nobody was told")
	}
}

func TestATargetThatRunsSomethingElseIsAMetric(t *testing.T) {
	s := newStation(t, filepath.Join(t.TempDir(), "bot.db"))
	s.must(s.gate.Begin(t.Context()))
	s.sees("staging", promotion.Source, "staging-passed", "")
	now := s.gate.Now()
	stock := promotion.Stock{App: "shop", Environment: "production", Target: "eu", Promotion: 1}
	s.must(s.db.Update(t.Context(), func(tx gate.Tx) error {
		p, err := tx.Promotion(1)
		if err != nil {
			return err
		}
		before := p.Revision
		p.State, p.StartedAt, p.MovedAt, p.FinishedAt, p.Revision = promotion.Promoted, &now, &now, &now, before+1
		done := promotion.Deployment{
			Order:   promotion.Order{Promotion: 1, App: "shop", Environment: "production", Target: "eu", Repository: p.Repository, Digest: p.Digest, OrderedAt: now, Deadline: now.Add(time.Hour)},
			Rollout: promotion.Rollout{Phase: promotion.RolloutDone}, EndedAt: &now,
		}
		return errors.Join(tx.SavePromotion(p, before), tx.SaveDeployment(done))
	}))
	strays, blind := `promotebot_target_strays{app="shop",environment="production",target="eu"} 1`, `promotebot_target_blind{app="shop",environment="production",target="eu"} 1`
	for _, c := range []struct {
		others []promotion.Running
		fault  string
		want   []string
	}{
		{},
		{others: []promotion.Running{{Where: "Deployment shop", Set: "shop:latest"}}, want: []string{strays}},
		{fault: "it can't be reached", want: []string{blind}},
	} {
		stock.Others, stock.Since, stock.Fault, stock.Blind = c.others, nil, c.fault, nil
		if c.others != nil {
			stock.Since = &now
		}
		if c.fault != "" {
			stock.Blind = &now
		}
		s.must(s.db.Update(t.Context(), func(tx gate.Tx) error { return tx.SaveStock(stock) }))
		got := slices.DeleteFunc(s.ours(), func(line string) bool { return !strings.HasPrefix(line, "promotebot_target_") })
		if !slices.Equal(got, c.want) {
			t.Errorf("with %+v: %q", stock, got)
		}
	}
}
