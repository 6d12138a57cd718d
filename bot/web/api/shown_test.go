package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/bot/web/api"
	"github.com/promotebot/promotebot/promotion"
)

// Whoever reads sees what is where, who could help, and the whole
// tree of the verdict below that.
func TestWhatIsShownIsAllThatThereIs(t *testing.T) {
	s := newStation(t)
	reads := s.token("reads", nil, promotion.ScopeRead)
	s.stage("a")
	_, body := s.ask(http.MethodGet, "/v1/apps/shop", reads, nil)
	var app api.App
	if err := json.Unmarshal([]byte(body), &app); err != nil || len(app.Environments) != 2 {
		t.Fatalf("%s (%v)", body, err)
	}
	for i, want := range []struct{ name, digest, tag string }{{"staging", string(digest("a")), "staging-passed"}, {"production", string(digest("0")), "production"}} {
		env := app.Environments[i]
		if env.Name != want.name || len(env.Holds) != 1 || env.Holds[0].Digest != want.digest || env.Holds[0].Tag != want.tag || !env.Holds[0].Since.Equal(noon) {
			t.Errorf("%+v is not %+v", env, want)
		}
	}
	_, body = s.ask(http.MethodGet, "/v1/apps/shop/promotions/1", reads, nil)
	var p api.Promotion
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Verdict == nil {
		t.Fatalf("%s (%v)", body, err)
	}
	v, err := s.gate.View(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range v.Verdict.Findings {
		is := p.Verdict.Findings[i]
		if len(is.Findings) != len(f.Children) || len(is.Who) != len(f.Who) {
			t.Errorf("%s has %d below it and %d who could help, and is shown with %+v", f.Rule, len(f.Children), len(f.Who), is)
		}
	}
	approvals := slices.IndexFunc(p.Verdict.Findings, func(f api.Finding) bool { return f.Rule == "approvals" })
	if approvals < 0 || !slices.Equal(p.Verdict.Findings[approvals].Who, []string{"U0ANN"}) || len(p.Verdict.Findings[approvals].Findings) != 1 {
		t.Errorf("who could approve is not said: %s", body)
	}
}

// answer sends a request and keeps the headers of what comes back.
func (s *station) answer(method, path, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func TestARefusalSaysInItsHeadersWhatToDo(t *testing.T) {
	s := newStation(t)
	ci := s.token("ci", nil, promotion.ScopeRead)
	unknown := s.answer(http.MethodGet, "/v1/apps", "", "")
	if h := unknown.Header(); h.Get("WWW-Authenticate") == "" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("nobody: %d %v", unknown.Code, h)
	}
	if w := s.answer(http.MethodPost, "/v1/checks", ci, "{}"); w.Code != http.StatusForbidden || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("somebody who may not: %d %v", w.Code, w.Header())
	}
	if w := s.answer(http.MethodDelete, "/v1/checks", ci, ""); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("another method: %d %v", w.Code, w.Header())
	}
	if w := s.answer(http.MethodGet, "/elsewhere", ci, ""); w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("another path: %d %v", w.Code, w.Header())
	}
	var busy *httptest.ResponseRecorder
	for range 100 {
		if busy = s.answer(http.MethodGet, "/v1/apps", ci, ""); busy.Code == http.StatusTooManyRequests {
			break
		}
	}
	if busy.Code != http.StatusTooManyRequests || busy.Header().Get("Retry-After") == "" {
		t.Errorf("too often: %d %v", busy.Code, busy.Header())
	}
}

// A database that can't be asked is not taken for one without the app, and the sender
// learns that it can try again.
func TestWhatCanNotBeAskedIsTriedAgain(t *testing.T) {
	s := newStation(t)
	k := s.token("alerts", nil, promotion.ScopeIncidents)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for path, body := range map[string]string{"/v1/hooks/alertmanager": firing, "/v1/incidents": `{"key":"k","severity":"critical","summary":"s"}`} {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+k)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
	}
}

// A webhook has looked at what it names and the token is about, and nothing else.
func TestAWebhookHasNothingElseLookedAt(t *testing.T) {
	s := newStation(t)
	wiki, both := s.token("wiki", []string{"wiki"}, promotion.ScopeCandidates), s.token("both", nil, promotion.ScopeCandidates)
	const quay = `{"repository":"shop/api","updated_tags":["staging-passed"]}`
	for _, c := range []struct {
		name, token, body string
		want              []string
	}{
		{"of another app than its token is about", wiki, quay, nil},
		{"of this app", both, quay, []string{"shop in staging"}},
		{"of the other", both, `{"repository":"wiki"}`, []string{"wiki in staging"}},
		{"of no app", both, `{"repository":"blog"}`, nil},
	} {
		s.hints = nil
		status, body := s.ask(http.MethodPost, "/v1/hooks/quay", c.token, c.body)
		if status != http.StatusAccepted || !slices.Equal(s.hints, c.want) || strings.Count(body, `"environment":"staging"`) != len(c.want) {
			t.Errorf("%s: %d %s, looked at %v", c.name, status, body, s.hints)
		}
	}
}
