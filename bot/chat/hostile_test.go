package chat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/promotebot/promotebot/bot/chat"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// hostile is a Slack that sends on its sockets what Slack never would.
type hostile struct {
	frames []string
	more   chan string // frames that follow; whichever socket is there takes them
	acked  chan string // envelope ids
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/api/auth.test":
		var scopes []string
		for _, s := range chat.Scopes {
			scopes = append(scopes, s.Name)
		}
		w.Header().Set("X-OAuth-Scopes", strings.Join(scopes, ","))
		_, _ = fmt.Fprint(w, `{"ok":true,"team_id":"T0"}`) // the client may have gone
	case "/api/apps.connections.open":
		_, _ = fmt.Fprintf(w, `{"ok":true,"url":"ws://%s/link"}`, r.Host) // the client may have gone
	case "/link":
		h.serve(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (h *hostile) serve(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	defer func() { _ = conn.Close() }() // the bot has gone
	for _, frame := range append([]string{`{"type":"hello"}`}, h.frames...) {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
			return
		}
	}
	gone := make(chan struct{})
	defer close(gone)
	go func() {
		for {
			select {
			case frame := <-h.more:
				if conn.WriteMessage(websocket.TextMessage, []byte(frame)) != nil {
					return
				}
			case <-gone:
				return
			}
		}
	}()
	for {
		var ack struct {
			ID string `json:"envelope_id"`
		}
		_, frame, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if json.Unmarshal(frame, &ack) == nil {
			h.acked <- ack.ID
		}
	}
}

// What can't be understood is acknowledged, so that it does not come again and
// again, and keeps nothing that follows from being handled.
func TestNoPayloadStopsTheBot(t *testing.T) {
	clicked := func(id, rest string) string {
		return `{"envelope_id":"` + id + `","type":"interactive","payload":{"type":"block_actions","team":{"id":"T0"},"user":{"id":"U0ANN"},"channel":{"id":"C1"},` + rest + `}}`
	}
	frames := []string{
		`{`, `null`, `[]`, `"hello"`, `{"envelope_id":7}`, `{"envelope_id":"unknown","type":"surprise","payload":{}}`,
		`{"envelope_id":"shape","type":"slash_commands","payload":[]}`,
		`{"envelope_id":"no payload","type":"interactive"}`,
		`{"envelope_id":"null payload","type":"interactive","payload":null}`,
		clicked("no actions", `"actions":[]`),
		clicked("null action", `"actions":[null]`),
		clicked("number", `"actions":[{"type":"button","action_id":"promotebot_approve","value":12}]`),
		clicked("no value", `"actions":[{"type":"button","action_id":"promotebot_approve"}]`),
		clicked("no such promotion", `"actions":[{"type":"button","action_id":"promotebot_approve","value":"9223372036854775807.x"}]`),
		clicked("overflow", `"actions":[{"type":"button","action_id":"promotebot_approve","value":"99999999999999999999.x"}]`),
		clicked("another button", `"actions":[{"type":"button","action_id":"foreign","value":"1.x"}]`),
		clicked("select", `"actions":[{"type":"static_select","action_id":"promotebot_approve"}]`),
		`{"envelope_id":"empty submission","type":"interactive","payload":{"type":"view_submission","view":{"callback_id":"promotebot_reject"}}}`,
		`{"envelope_id":"foreign submission","type":"interactive","payload":{"type":"view_submission","view":{"callback_id":"x"}}}`,
		`{"envelope_id":"empty command","type":"slash_commands","payload":{}}`,
		`{"envelope_id":"long command","type":"slash_commands","payload":{"command":"/promote","text":"reject shop ` + strings.Repeat(`\u202e<!channel>`, 5000) + `"}}`,
		`{"envelope_id":"event","type":"events_api","payload":{"type":"event_callback","event":{"type":"app_mention"}}}`,
		`{"envelope_id":"last","type":"slash_commands","payload":{"command":"/promote","text":"help"}}`,
	}
	acknowledges(t, frames, strings.Split("unknown, shape, no actions, number, no value, no such promotion, overflow, another button, select, "+
		"empty submission, foreign submission, empty command, long command, event, last", ", "))
}

// acknowledges fails unless a bot that is sent the frames acknowledges the
// envelopes that are named.
func acknowledges(t *testing.T, frames, missing []string) {
	t.Helper()
	h := &hostile{frames: frames, acked: make(chan string, 4*len(frames))}
	log := h.listens(t)
	for enough := time.After(10 * time.Second); len(missing) > 0; {
		select {
		case id := <-h.acked:
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == id })
		case <-enough:
			t.Fatalf("not acknowledged: %q; the log: %s", missing, log.String())
		}
	}
}

// listens has a bot listen to it until the test ends, and returns what that logs.
func (h *hostile) listens(t testing.TB) *diary {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	db, shut := database(t, filepath.Join(t.TempDir(), "bot.db"))
	t.Cleanup(func() { _ = shut() }) // nothing of it is looked at
	log := &diary{}
	c, err := chat.Dial(t.Context(), chat.Options{
		AppToken: promotion.NewSecret("xapp-1"), BotToken: promotion.NewSecret("xoxb-1"), APIURL: server.URL + "/api/", Log: slog.New(slog.NewTextHandler(log, nil)),
	}, gate.New(db, catalog(t), time.Now, func() {}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
	return log
}

// Whatever a payload holds, handling it does not panic, and what follows is handled.
func FuzzPayloads(f *testing.F) {
	const who = `"team":{"id":"T0"},"user":{"id":"U0ANN"},"channel":{"id":"C1"}`
	for _, seed := range [][2]string{
		{"slash_commands", `{"command":"/promote","text":"reject shop “because”","user_id":"U0ANN","channel_id":"C1","team_id":"T0","trigger_id":"1.2","response_url":"https://hooks.slack.com/x"}`},
		{"interactive", `{"type":"block_actions",` + who + `,"actions":[{"type":"button","action_id":"promotebot_approve","value":"1.x","action_ts":"1.1"}],"container":{"message_ts":"1.1"},"message":{"ts":"1.1"}}`},
		{"interactive", `{"type":"block_actions",` + who + `,"actions":[{"type":"overflow","action_id":"promotebot_more","selected_option":{"value":"promotebot_hold 1.x"}}]}`},
		{"interactive", `{"type":"block_actions",` + who + `,"actions":[{"type":"static_select","action_id":"promotebot_snooze","selected_option":{"value":"4h"}}]}`},
		{"interactive", `{"type":"block_actions",` + who + `,"actions":[{"type":"button","action_id":"promotebot_next","value":"history shop 2"}],"response_url":"https://hooks.slack.com/x"}`},
		{"interactive", `{"type":"view_submission",` + who + `,"view":{"id":"V1","hash":"h","callback_id":"promotebot_reject","private_metadata":"{\"value\":\"1.x\",\"channel\":\"C1\"}","state":{"values":{"reason":{"reason":{"value":"broken"}}}}}}`},
		{"interactive", `{"type":"message_action","callback_id":"promotebot_what","trigger_id":"1.2",` + who + `,"message":{"ts":"1.1","metadata":{"event_type":"promotebot_card","event_payload":{"promotion":1}}}}`},
		{"events_api", `{"type":"event_callback","team_id":"T0","event_id":"E1","event":{"type":"app_mention","user":"U0ANN","text":"<@U0BOT> why shop","channel":"C1","ts":"1.1"}}`},
		{"events_api", `{"type":"event_callback","team_id":"T0","event":{"type":"app_home_opened","user":"U0ANN","tab":"home"}}`},
		{"events_api", `{"type":"event_callback","team_id":"T0","event":{"type":"user_change","user":{"id":"U0ANN","deleted":true}}}`},
	} {
		f.Add(seed[0], seed[1])
	}
	h := &hostile{more: make(chan string), acked: make(chan string, 1000)}
	log := h.listens(f)
	var n int
	f.Fuzz(func(t *testing.T, kind, payload string) {
		if kind == "disconnect" {
			return // which is about the socket: what follows on it may be lost
		}
		n++
		next := fmt.Sprintf("after %d", n)
		send := func(envelope map[string]any) {
			frame, err := json.Marshal(envelope)
			if err != nil {
				t.Fatal(err)
			}
			select {
			case h.more <- string(frame):
			case <-time.After(20 * time.Second):
				t.Fatalf("nobody listens any more; the log: %s", log.String())
			}
		}
		var body any = payload // what is no JSON comes as a text
		if json.Valid([]byte(payload)) {
			body = json.RawMessage(payload)
		}
		send(map[string]any{"envelope_id": fmt.Sprint(n), "type": kind, "payload": body})
		send(map[string]any{"envelope_id": next, "type": "slash_commands", "payload": map[string]string{"command": "/promote", "text": "help"}})
		for enough := time.After(20 * time.Second); ; {
			select {
			case id := <-h.acked:
				if id != next {
					continue
				}
			case <-enough:
				t.Fatalf("%s %s: what followed was not acknowledged; the log: %s", kind, payload, log.String())
			}
			break
		}
		if log.count("panicked") > 0 {
			t.Fatalf("%s %s: %s", kind, payload, log.String())
		}
	})
}
