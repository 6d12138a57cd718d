package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/bot/web"
	"github.com/promotebot/promotebot/bot/web/api"
	"github.com/promotebot/promotebot/fixtures/pipenet"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/store/memory"
)

// operations are the methods and addresses of the document, with something that is
// there for what stands in braces.
func (c *contract) operations(t testing.TB) (all [][2]string) {
	t.Helper()
	fill := strings.NewReplacer("{app}", "shop", "{id}", "1", "{target}", "eu")
	for _, path := range slices.Sorted(maps.Keys(c.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(c.Paths[path])) {
			for _, kind := range c.kinds(path, method) {
				to := strings.ReplaceAll(fill.Replace(path), "{kind}", kind)
				if strings.Contains(to, "{") {
					t.Fatalf("it is not said what stands for the braces of %s", path)
				}
				all = append(all, [2]string{strings.ToUpper(method), to})
			}
		}
	}
	if len(all) < 20 {
		t.Fatalf("the document has only %q", all)
	}
	return all
}

// kinds are what {kind} can be, or one empty text where there is none.
func (c *contract) kinds(path, method string) []string {
	for _, p := range c.Paths[path][method].Parameters {
		if p.Name == "kind" {
			return p.Schema.Enum
		}
	}
	return []string{""}
}

// almighty is a token that may do everything.
func (s *station) almighty() string {
	return s.token("almighty", nil, promotion.ScopeCandidates, promotion.ScopeChecks, promotion.ScopeIncidents, promotion.ScopeHealth, promotion.ScopeRead, promotion.ScopeDeploy)
}

// flood is a body without an end. It counts what was taken of it.
type flood struct{ taken int }

func (f *flood) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	f.taken += len(p)
	return len(p), nil
}

// Whatever is asked for, a body of more than 1 MiB is refused, and not taken any
// further than that; not at all where it says how large it is, or where nobody is
// known to have sent it.
func TestNoBodyIsLargerThanOneMebibyte(t *testing.T) {
	const most = 1 << 20
	s := newStation(t)
	k := s.almighty()
	signed := func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha256=00") }
	for i, operation := range s.contract.operations(t) {
		for _, c := range []struct {
			name     string
			length   int64 // that it says to have; -1: it does not say
			token    string
			change   func(*http.Request)
			status   int
			mostRead int
		}{
			{"a large one", -1, k, nil, http.StatusRequestEntityTooLarge, most + 64<<10},
			{"one that says so", most + 1, k, nil, http.StatusRequestEntityTooLarge, 0},
			{"one of a stranger", -1, "", nil, http.StatusUnauthorized, 0},
			{"one that is signed", -1, "", signed, http.StatusRequestEntityTooLarge, most + 64<<10},
			{"one that is signed and says so", most + 1, "", signed, http.StatusRequestEntityTooLarge, 0},
		} {
			hook := strings.HasPrefix(operation[1], "/v1/hooks/") && !strings.HasSuffix(operation[1], "alertmanager") && !strings.HasSuffix(operation[1], "pagerduty")
			switch {
			case c.change != nil && !hook:
				continue // GitHub signs nothing else
			case c.status == http.StatusUnauthorized && operation[1] == "/v1/openapi.json":
				c.status, c.mostRead = http.StatusRequestEntityTooLarge, most+64<<10 // it is for strangers
			}
			body := &flood{}
			r := httptest.NewRequestWithContext(t.Context(), operation[0], operation[1], body)
			r.ContentLength = c.length
			r.Header.Set("Content-Type", "application/json")
			if c.token != "" {
				r.Header.Set("Authorization", "Bearer "+c.token)
			}
			if c.change != nil {
				c.change(r)
			}
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			s.holds(r, nil, w)
			if w.Code != c.status || body.taken > c.mostRead {
				t.Errorf("%s to %q: %d, after %d bytes: %s", c.name, operation, w.Code, body.taken, w.Body)
			}
		}
		if i%10 == 0 {
			s.handler = api.Handler(api.Options{Gate: s.gate, Log: slog.New(slog.DiscardHandler), GitHub: promotion.NewSecret("between us")}) // which has not counted how often it was asked
		}
		fits := httptest.NewRequestWithContext(t.Context(), operation[0], operation[1], strings.NewReader(strings.Repeat(" ", most)))
		fits.Header.Set("Authorization", "Bearer "+k)
		w := httptest.NewRecorder()
		if s.handler.ServeHTTP(w, fits); w.Code == http.StatusRequestEntityTooLarge {
			t.Errorf("%q refuses a body of 1 MiB", operation)
		}
	}
}

const host = "bot.test:80"

// wire is the API behind a server that listens, in a bubble.
type wire struct {
	*station
	network *pipenet.Network
	client  *http.Client
}

// served runs the test with one. What is changed is what the API rests on.
func served(t *testing.T, change func(*station, *api.Options), test func(*wire)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{station: newStation(t), network: pipenet.New()}
		o := api.Options{Gate: w.gate, Hint: func(string, string) {}, Log: slog.New(slog.NewTextHandler(&w.log, nil))}
		if change != nil {
			change(w.station, &o)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		l := w.network.Listen(host)
		go func() { ended <- web.Serve(ctx, l, api.Handler(o), o.Log) }()
		transport := &http.Transport{DialContext: w.network.DialContext}
		w.client = &http.Client{Transport: transport}
		test(w)
		transport.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
		l.Cut()
		time.Sleep(time.Minute) // whoever was in the middle of something notices
	})
}

// send sends a request, and says how long the answer took.
func (w *wire) send(method, path, token, body string) (status int, said string, took time.Duration) {
	w.t.Helper()
	began := time.Now()
	r, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+host+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := w.client.Do(r)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	answer := httptest.NewRecorder()
	maps.Copy(answer.Header(), resp.Header)
	answer.WriteHeader(resp.StatusCode)
	_, _ = answer.Write(text) // a recorder takes everything
	w.holds(r, []byte(body), answer)
	return resp.StatusCode, string(text), time.Since(began)
}

// stuck is a database that answers some questions, and then none until whoever asks
// has lost patience.
type stuck struct {
	*memory.Store
	answers *atomic.Int64
}

func (s stuck) wait(ctx context.Context) error {
	if s.answers.Add(-1) >= 0 {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s stuck) View(ctx context.Context, f func(gate.Tx) error) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.View(ctx, f)
}

func (s stuck) Update(ctx context.Context, f func(gate.Tx) error) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.Update(ctx, f)
}

// A request takes five seconds and no longer, whatever it waits for, and its sender
// learns that nothing came of it.
func TestARequestIsGivenUpInTime(t *testing.T) {
	const limit = 5 * time.Second
	var answers atomic.Int64
	served(t, func(s *station, o *api.Options) {
		o.Gate = gate.New(stuck{s.store, &answers}, s.gate.Catalog(), func() time.Time { return s.now }, func() {})
	}, func(w *wire) {
		t, k := w.t, w.almighty()
		w.stage("a")
		for _, operation := range w.contract.operations(t) {
			answers.Store(0) // not even who sends it can be found out
			status, said, took := w.send(operation[0], operation[1], k, "{}")
			if operation[1] == "/v1/openapi.json" {
				if status != http.StatusOK || took != 0 {
					t.Errorf("%q: %d after %s", operation, status, took)
				}
			} else if status != http.StatusServiceUnavailable || took != limit || !strings.Contains(said, "nothing was changed") || strings.Contains(said, "deadline") {
				t.Errorf("%q: %d %s after %s", operation, status, said, took)
			}
		}
		check := fmt.Sprintf(`{"app": "shop", "digest": %q, "name": "perf", "status": "passed"}`, digest("a"))
		for _, c := range [][3]string{{http.MethodPost, "/v1/checks", check}, {http.MethodGet, "/v1/apps/shop", ""}, {http.MethodPost, "/v1/hooks/alertmanager", firing}} {
			answers.Store(1) // that much is known, and then it hangs
			if status, said, took := w.send(c[0], c[1], k, c[2]); status != http.StatusServiceUnavailable || took != limit || !strings.Contains(said, "nothing was changed") {
				t.Errorf("%s %s: %d %s after %s", c[0], c[1], status, said, took)
			}
			answers.Store(1000)
			if status, said, took := w.send(c[0], c[1], k, c[2]); status >= 300 || took != 0 {
				t.Errorf("when it answers again, %s %s: %d %s after %s", c[0], c[1], status, said, took)
			}
		}
	})
}

// What goes wrong in one request is told to nobody but the log, and everything else
// goes on.
func TestARequestThatPanicsIsAnswered(t *testing.T) {
	served(t, func(_ *station, o *api.Options) {
		o.Hint = func(string, string) { panic("canary in a handler") }
	}, func(w *wire) {
		t, k := w.t, w.almighty()
		w.stage("a")
		for path, body := range map[string]string{"/v1/hooks/quay": `{"repository":"shop/api","updated_tags":["staging-passed"]}`, "/v1/candidates": `{"app": "shop", "tag": "staging-passed"}`} {
			w.log.Reset()
			status, said, _ := w.send(http.MethodPost, path, k, body)
			if status != http.StatusInternalServerError || strings.Contains(said, "canary") || strings.Contains(said, ".go") || !strings.Contains(said, "its log says what") {
				t.Errorf("%s: %d %s", path, status, said)
			}
			if log := w.log.String(); !strings.Contains(log, "a request panicked") || !strings.Contains(log, "canary in a handler") || !strings.Contains(log, strings.TrimSuffix(path, "quay")) || !strings.Contains(log, "serve_test.go") {
				t.Errorf("%s: the log says %s", path, log)
			}
			if status, said, _ := w.send(http.MethodGet, "/v1/apps/shop", k, ""); status != http.StatusOK {
				t.Errorf("afterwards: %d %s", status, said)
			}
		}
	})
}

// Whoever is slow, or has gone silent, is hung up on, with or without a token.
func TestASlowSenderIsHungUpOn(t *testing.T) {
	k := strings.Repeat("0", 12)
	head := "POST /v1/checks HTTP/1.1\r\nHost: bot\r\nContent-Type: application/json\r\nAuthorization: Bearer TOKEN\r\n"
	for _, c := range []struct {
		name   string
		words  []string // said one a second
		within time.Duration
		told   string // the beginning of the answer; empty where there need not be one
	}{
		{"says nothing", nil, 5 * time.Second, ""},
		{"sends its headers byte for byte", strings.Split(head, ""), 5 * time.Second, ""},
		{"sends its body byte for byte", append([]string{head + "Content-Length: 100\r\n\r\n"}, strings.Split(strings.Repeat(" ", 100), "")...), 5 * time.Second, "HTTP/1.1 400 "},
		{"sends its body in pieces of which none is large", append([]string{head + "Transfer-Encoding: chunked\r\n\r\n"}, slices.Repeat([]string{"1\r\n \r\n"}, 100)...), 5 * time.Second, "HTTP/1.1 400 "},
		{"stops in the middle of its body", []string{head + "Content-Length: 100\r\n\r\n{"}, 5 * time.Second, "HTTP/1.1 400 "},
		{"has a body that is too large, and sends nothing of it", []string{head + "Content-Length: 1048577\r\n\r\n"}, 6 * time.Second, "HTTP/1.1 413 "},
		{"keeps its connection and asks no more", []string{"GET /v1/openapi.json HTTP/1.1\r\nHost: bot\r\n\r\n"}, time.Minute, "HTTP/1.1 200 "},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			served(t, nil, func(w *wire) {
				t := w.t // that of the bubble
				token := w.token(k, nil, promotion.ScopeChecks)
				conn, err := w.network.DialContext(t.Context(), "tcp", host)
				if err == nil {
					err = conn.SetDeadline(time.Now().Add(time.Hour)) // far beyond every patience of the server
				}
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				go talk(conn, token, c.words)
				from := bufio.NewReader(conn)
				first, err := from.ReadString('\n')
				if answered := time.Since(began); answered > c.within || !strings.HasPrefix(first, c.told) {
					t.Errorf("answered %q after %s (%v)", first, answered, err)
				}
				if _, err := io.Copy(io.Discard, from); err != nil {
					t.Errorf("nobody hung up: %v", err)
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("it was borne for %s", took)
				}
			})
		})
	}
}

// talk says the words, one a second, until nobody listens any more.
func talk(conn net.Conn, token string, words []string) {
	for _, word := range words {
		if _, err := io.WriteString(conn, strings.ReplaceAll(word, "TOKEN", token)); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}
