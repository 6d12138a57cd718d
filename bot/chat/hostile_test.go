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
	server := httptest.NewServer(h)
	defer server.Close()
	db, shut := database(t, filepath.Join(t.TempDir(), "bot.db"))
	defer func() { _ = shut() }() // nothing of it is looked at
	var log diary
	c, err := chat.Dial(t.Context(), chat.Options{
		AppToken: promotion.NewSecret("xapp-1"), BotToken: promotion.NewSecret("xoxb-1"), APIURL: server.URL + "/api/", Log: slog.New(slog.NewTextHandler(&log, nil)),
	}, gate.New(db, catalog(t), time.Now, func() {}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	for enough := time.After(10 * time.Second); len(missing) > 0; {
		select {
		case id := <-h.acked:
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == id })
		case <-enough:
			t.Fatalf("not acknowledged: %q; the log: %s", missing, log.text.String())
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}
