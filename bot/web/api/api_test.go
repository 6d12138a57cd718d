package api_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/web/api"
	"github.com/promotebot/promotebot/bot/web/hook"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
	"github.com/promotebot/promotebot/store/memory"
)

// station is the API in front of a real gate. Whatever it answers is held to
// the document.
type station struct {
	t        testing.TB
	gate     *gate.Gate
	store    *memory.Store
	now      time.Time
	hints    []string
	log      bytes.Buffer
	contract *contract
	handler  http.Handler
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func digest(c string) promotion.Digest { return promotion.Digest("sha256:" + strings.Repeat(c, 64)) }

func newStation(t testing.TB) *station {
	t.Helper()
	watch, err := promotion.ParseTagPattern("staging-passed")
	if err != nil {
		t.Fatal(err)
	}
	s := &station{t: t, now: noon, contract: readContract(t), store: memory.New()}
	d := map[string]policy.Document{"production": {Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, Checks: []policy.Check{{Name: "perf", MaxAge: time.Hour}, {Name: "review", ReviewedBy: "leads"}}}}
	s.gate = gate.New(s.store, &gate.Catalog{
		Apps: []gate.App{
			{Name: "shop", Repository: "registry.example.com/shop/api", Channel: "C0SHOP", Policies: d},
			{Name: "wiki", Repository: "registry.example.com/wiki", Channel: "C0WIKI", Policies: d},
		},
		Environments: []gate.Environment{{Name: "staging", Watch: watch}, {Name: "production", Tags: []promotion.TagTemplate{"production"}}},
		Roles:        map[string]gate.Role{"leads": {People: []promotion.PersonID{"U0ANN"}}},
	}, func() time.Time { return s.now }, func() {})
	if err := s.gate.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.handler = api.Handler(api.Options{
		Gate: s.gate, Hint: func(app, env string) { s.hints = append(s.hints, app+" in "+env) },
		GitHub: promotion.NewSecret("between us"), PagerDuty: promotion.NewSecret("pager"), Log: slog.New(slog.NewTextHandler(&s.log, nil)),
	})
	return s
}

// token makes a token, as its machine shows it.
func (s *station) token(name string, apps []string, scopes ...promotion.Scope) string {
	s.t.Helper()
	sum := sha256.Sum256([]byte(name))
	secret := hex.EncodeToString(sum[:])
	id := secret[:12]
	if err := s.gate.AddToken(s.t.Context(), "cli:root", promotion.Token{ID: id, Name: name, Hash: api.Hash(secret), Scopes: scopes, Apps: apps}); err != nil {
		s.t.Fatal(err)
	}
	return api.Format(id, secret)
}

// stage has a build arrive in staging.
func (s *station) stage(c string) {
	s.t.Helper()
	err := s.gate.Sight(s.t.Context(), []promotion.Sighting{
		{App: "shop", Environment: "production", Side: promotion.Held, At: s.now, Tags: []promotion.TaggedDigest{{Tag: "production", Digest: digest("0")}}},
		{App: "shop", Environment: "staging", Side: promotion.Source, At: s.now, Tags: []promotion.TaggedDigest{{Tag: "staging-passed", Digest: digest(c)}}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// ask sends a request and holds the answer to the document.
func (s *station) ask(method, path, token string, body any, change ...func(*http.Request)) (int, string) {
	s.t.Helper()
	var raw []byte
	switch body := body.(type) {
	case nil:
	case string:
		raw = []byte(body)
	default:
		var err error
		if raw, err = json.Marshal(body); err != nil {
			s.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(raw))
	if raw != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	s.holds(r, raw, w)
	return w.Code, w.Body.String()
}

func (s *station) holds(r *http.Request, sent []byte, w *httptest.ResponseRecorder) {
	s.t.Helper()
	operations, exact := s.contract.Paths[r.URL.Path]
	for path, others := range s.contract.Paths {
		if !exact && matches(path, r.URL.Path) {
			operations = others
		}
	}
	operation, found := operations[strings.ToLower(r.Method)]
	if !found {
		return // what is not there is not in the document
	}
	response, ok := operation.Responses[fmt.Sprint(w.Code)]
	content, ok2 := response.Content[w.Header().Get("Content-Type")]
	if !ok || !ok2 {
		s.t.Errorf("%s %s: %d of %s is not in the document: %s", r.Method, r.URL.Path, w.Code, w.Header().Get("Content-Type"), w.Body)
		return
	}
	var answer any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		s.t.Errorf("%s %s: %v in %s", r.Method, r.URL.Path, err, w.Body)
	}
	if wrong := s.contract.problems(content.Schema, answer, "answer"); len(wrong) > 0 {
		s.t.Errorf("%s %s: %d %q\n%s", r.Method, r.URL.Path, w.Code, wrong, w.Body)
	}
	if in, ok := operation.RequestBody.Content["application/json"]; ok && w.Code < 300 {
		var body any
		_ = json.Unmarshal(sent, &body) // it was accepted
		if wrong := s.contract.problems(in.Schema, body, "request"); len(wrong) > 0 {
			s.t.Errorf("%s %s accepted what the document does not allow: %q\n%s", r.Method, r.URL.Path, wrong, sent)
		}
	}
}

func matches(template, path string) bool {
	a, b := strings.Split(template, "/"), strings.Split(path, "/")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] && !strings.HasPrefix(a[i], "{") {
			return false
		}
	}
	return len(a) == len(b)
}

func report() map[string]any {
	return map[string]any{"app": "shop", "digest": string(digest("a")), "name": "perf", "status": "passed", "url": "https://ci.example.com/7", "summary": "p99 is fine", "numbers": map[string]any{"p99_ms": 240.5}}
}

func TestACheckIsReported(t *testing.T) {
	s := newStation(t)
	ci, reads := s.token("ci", nil, promotion.ScopeChecks), s.token("reads", nil, promotion.ScopeRead)
	s.stage("a")
	status, body := s.ask(http.MethodPost, "/v1/checks", ci, report())
	if status != http.StatusCreated || !strings.Contains(body, `"promotions":[1]`) || !strings.Contains(body, `"asked_by":["production"]`) {
		t.Errorf("%d %s", status, body)
	}
	v, err := s.gate.View(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	status, body = s.ask(http.MethodGet, "/v1/apps/shop/promotions/1", reads, nil)
	var shown struct {
		Checks  []map[string]any
		Verdict struct {
			Outcome  string
			Findings []struct{ Rule, Outcome, Reason string }
		}
	}
	if err := json.Unmarshal([]byte(body), &shown); err != nil || status != http.StatusOK || len(shown.Checks) != 1 || shown.Checks[0]["by"] != "token:ci" {
		t.Fatalf("%d %s (%v)", status, body, err)
	}
	// The card, the list and the API say the same.
	if shown.Verdict.Outcome != string(v.Verdict.Outcome) || len(shown.Verdict.Findings) != len(v.Verdict.Findings) {
		t.Errorf("the verdict is %s, and shown as %s", v.Verdict.Outcome, body)
	}
	for i, f := range v.Verdict.Findings {
		if is := shown.Verdict.Findings[i]; is.Rule != string(f.Rule) || is.Outcome != string(f.Outcome) || is.Reason != f.Reason {
			t.Errorf("%s is shown as %+v", f.Reason, is)
		}
	}
	if status, body := s.ask(http.MethodGet, "/v1/apps/shop", reads, nil); status != http.StatusOK || !strings.Contains(body, `"open":[1]`) || !strings.Contains(body, "perf passed") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.ask(http.MethodGet, "/v1/apps", reads, nil); status != http.StatusOK || !strings.Contains(body, `"name":"wiki"`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestWhatIsWrongWithABodyIsSaid(t *testing.T) {
	s := newStation(t)
	ci := s.token("ci", nil, promotion.ScopeChecks, promotion.ScopeCandidates)
	with := func(key string, value any) map[string]any {
		r := report()
		r[key] = value
		return r
	}
	for _, c := range []struct {
		name, path string
		body       any
		status     int
		says       string
	}{
		{"a field that there is not", "/v1/checks", with("verdict", "x"), 422, `no field \"verdict\"`},
		{"a number that is a text", "/v1/checks", with("numbers", map[string]any{"p99_ms": "fast"}), 422, `can't be a string`},
		{"a number that is infinite", "/v1/checks", `{"app":"shop","numbers":{"p":1e999}}`, 422, "can't be a number"},
		{"no JSON", "/v1/checks", `{"app"`, 400, "not a JSON object"},
		{"nothing", "/v1/checks", ``, 400, "not a JSON object"},
		{"two objects", "/v1/checks", `{}{}`, 400, "something more"},
		{"no digest", "/v1/checks", with("digest", "latest"), 422, "is not a digest"},
		{"a status that is none", "/v1/checks", with("status", "ok"), 422, "send running, passed or failed"},
		{"an address without encryption", "/v1/checks", with("url", "http://ci"), 422, "https://host/path"},
		{"an address with a password", "/v1/checks", with("url", "https://u:p@ci/1"), 422, "password"},
		{"a summary that is a novel", "/v1/checks", with("summary", strings.Repeat("ä", 301)), 422, "has 301 characters"},
		{"a name that is none", "/v1/checks", with("name", "Perf Test"), 422, "is not a name"},
		{"too much", "/v1/checks", `{"app":"` + strings.Repeat("a", 1<<20), 413, "1 MiB"},
		{"what people sign off", "/v1/checks", with("name", "review"), 409, "people sign this check off"},
		{"an app that is not there", "/v1/checks", with("app", "blog"), 404, "nothing here"},
		{"authors of no digest", "/v1/authors", map[string]any{"app": "shop", "digest": "latest", "authors": []string{"a@example.com"}}, 422, "is not a digest"},
		{"authors without anybody", "/v1/authors", map[string]any{"app": "shop", "digest": string(digest("a")), "authors": []string{}}, 422, "may be 1 to 200"},
		{"an author without a name", "/v1/authors", map[string]any{"app": "shop", "digest": string(digest("a")), "authors": []string{"a@example.com", "\u202e "}}, 422, "author 2 has 0 characters"},
		{"a range that is none", "/v1/authors", map[string]any{"app": "shop", "digest": string(digest("a")), "authors": []string{"a@example.com"}, "range": "main..HEAD"}, 422, "not a range of commits"},
		{"authors of an app that is not there", "/v1/authors", map[string]any{"app": "blog", "digest": string(digest("a")), "authors": []string{"a@example.com"}}, 404, "nothing here"},
		{"a candidate by nothing", "/v1/candidates", map[string]any{"app": "shop"}, 422, "exactly one"},
		{"a candidate by both", "/v1/candidates", map[string]any{"app": "shop", "tag": "v1", "digest": string(digest("a"))}, 422, "exactly one"},
		{"a digest that is a tag", "/v1/candidates", map[string]any{"app": "shop", "digest": "v1"}, 422, "is not a digest"},
		{"a tag that is none", "/v1/candidates", map[string]any{"app": "shop", "tag": "v 1"}, 422, "is not a tag"},
	} {
		status, body := s.ask(http.MethodPost, c.path, ci, c.body)
		if status != c.status || !strings.Contains(body, c.says) || !strings.Contains(body, `"remedy":"`) {
			t.Errorf("%s: %d %s, want %d and %q", c.name, status, body, c.status, c.says)
		}
	}
	if status, body := s.ask(http.MethodPost, "/v1/checks", ci, report(), func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }); status != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %d %s", status, body)
	}
}

func TestWhoIsLetIn(t *testing.T) {
	s := newStation(t)
	ci, wiki := s.token("ci", nil, promotion.ScopeChecks), s.token("wiki", []string{"wiki"}, promotion.ScopeChecks, promotion.ScopeRead)
	s.stage("a")
	half := ci[:len(ci)-1] + "x"
	other := ci[:len(ci)-1] + map[bool]string{true: "0", false: "1"}[!strings.HasSuffix(ci, "0")]
	var said []string
	for name, token := range map[string]string{"nobody": "", "a word": "open sesame", "half a token": half, "another secret": other, "a token that never was": "pb_000000000000_" + strings.Repeat("0", 64)} {
		status, body := s.ask(http.MethodPost, "/v1/checks", token, report())
		if status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, status, body)
		}
		said = append(said, body)
	}
	if slices.Sort(said); said[0] != said[len(said)-1] {
		t.Errorf("who is not let in learns why: %q", said)
	}
	if status, body := s.ask(http.MethodGet, "/v1/apps", ci, nil); status != http.StatusForbidden {
		t.Errorf("a token without the scope: %d %s", status, body)
	}
	_, missing := s.ask(http.MethodGet, "/v1/apps/nothing", wiki, nil)
	for _, path := range []string{"/v1/apps/shop", "/v1/apps/shop/promotions/1", "/v1/apps/wiki/promotions/1", "/v1/apps/wiki/promotions/99", "/v1/apps/wiki/promotions/x"} {
		if status, body := s.ask(http.MethodGet, path, wiki, nil); status != http.StatusNotFound || body != missing {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := s.ask(http.MethodPost, "/v1/checks", wiki, report()); status != http.StatusNotFound || body != missing {
		t.Errorf("a check of another app: %d %s", status, body)
	}
	if _, body := s.ask(http.MethodGet, "/v1/apps", wiki, nil); strings.Contains(body, "shop") || !strings.Contains(body, "wiki") {
		t.Errorf("the apps of a token about one: %s", body)
	}
	if _, err := s.gate.RevokeToken(t.Context(), "cli:root", "ci"); err != nil {
		t.Fatal(err)
	}
	if status, _ := s.ask(http.MethodPost, "/v1/checks", ci, report()); status != http.StatusUnauthorized {
		t.Errorf("a token that was revoked: %d", status)
	}
	if status, body := s.ask(http.MethodDelete, "/v1/checks", ci, nil); status != http.StatusMethodNotAllowed || !strings.Contains(body, "use POST") {
		t.Errorf("another method: %d %s", status, body)
	}
	if status, _ := s.ask(http.MethodGet, "/v2", "", nil); status != http.StatusNotFound {
		t.Errorf("another path: %d", status)
	}
}

func TestATokenIsInNoLog(t *testing.T) {
	s := newStation(t)
	ci := s.token("ci", nil, promotion.ScopeCandidates)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the database can't be asked any more
	status, body := s.ask(http.MethodPost, "/v1/hooks/quay?token="+ci, "", `{"repository":"shop/api"}`, func(r *http.Request) { *r = *r.WithContext(ctx) })
	if status != http.StatusServiceUnavailable || s.log.Len() == 0 {
		t.Errorf("%d %s, and the log says %q", status, body, s.log.String())
	}
	if strings.Contains(s.log.String()+body, ci[len(ci)-64:]) {
		t.Errorf("the secret stands in %s %s", s.log.String(), body)
	}
}

func TestWhatIsSentAgainIsAnsweredAsItWas(t *testing.T) {
	s := newStation(t)
	ci := s.token("ci", nil, promotion.ScopeChecks)
	key := func(k string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Idempotency-Key", k) }
	}
	status, first := s.ask(http.MethodPost, "/v1/checks", ci, report(), key("build-7"))
	s.now = s.now.Add(time.Minute)
	again, second := s.ask(http.MethodPost, "/v1/checks", ci, report(), key("build-7"))
	if status != again || first != second {
		t.Errorf("at first %d %s, then %d %s", status, first, again, second)
	}
	changed := report()
	changed["status"] = "failed"
	if status, body := s.ask(http.MethodPost, "/v1/checks", ci, changed, key("build-7")); status != http.StatusUnprocessableEntity || !strings.Contains(body, "used for another") {
		t.Errorf("another body: %d %s", status, body)
	}
	if _, third := s.ask(http.MethodPost, "/v1/checks", ci, report(), key("build-8")); third == first {
		t.Errorf("another key: %s", third)
	}
	for _, k := range []string{strings.Repeat("k", 256), "a\x00b", "ä"} {
		if status, body := s.ask(http.MethodPost, "/v1/checks", ci, report(), key(k)); status != http.StatusBadRequest {
			t.Errorf("the key %.10q: %d %s", k, status, body)
		}
	}
}

func TestATokenThatAsksTooOftenWaits(t *testing.T) {
	s := newStation(t)
	ci, other := s.token("ci", nil, promotion.ScopeChecks), s.token("other", nil, promotion.ScopeChecks)
	busy := 0
	for range 200 {
		if status, _ := s.ask(http.MethodPost, "/v1/checks", ci, report()); status == http.StatusTooManyRequests {
			busy++
		}
	}
	if busy == 0 {
		t.Error("200 requests at once were answered")
	}
	if status, _ := s.ask(http.MethodPost, "/v1/checks", other, report()); status != http.StatusCreated {
		t.Errorf("another token: %d", status)
	}
}

func TestACandidateHasItLookedAt(t *testing.T) {
	s := newStation(t)
	ci := s.token("ci", nil, promotion.ScopeCandidates)
	status, body := s.ask(http.MethodPost, "/v1/candidates", ci, map[string]any{"app": "shop", "tag": "staging-passed"})
	if status != http.StatusAccepted || !strings.Contains(body, `"looking_at":["staging"]`) || !slices.Equal(s.hints, []string{"shop in staging"}) {
		t.Errorf("%d %s, hints %v", status, body, s.hints)
	}
	s.stage("a")
	if status, body := s.ask(http.MethodPost, "/v1/candidates", ci, map[string]any{"app": "shop", "digest": string(digest("a"))}); status != http.StatusOK || !strings.Contains(body, `"outcome":"existing"`) {
		t.Errorf("what is open: %d %s", status, body)
	}
}

func TestWebhooksHint(t *testing.T) {
	s := newStation(t)
	narrow, wide := s.token("narrow", nil, promotion.ScopeCandidates), s.token("wide", nil, promotion.ScopeCandidates, promotion.ScopeChecks)
	quay := `{"repository":"shop/api","updated_tags":["staging-passed"]}`
	bearer := func(r *http.Request) { r.Header.Set("Authorization", narrow) } // as Harbor sends what it is given
	basic := func(r *http.Request) { r.SetBasicAuth("promotebot", narrow) }
	for _, c := range []struct {
		name, path string
		change     func(*http.Request)
		status     int
		hints      int
	}{
		{"the token in the address", "/v1/hooks/quay?token=" + narrow, func(*http.Request) {}, 202, 1},
		{"the token in the header", "/v1/hooks/quay", bearer, 202, 1},
		{"the token as a password", "/v1/hooks/quay", basic, 202, 1},
		{"a token in the address that could do more", "/v1/hooks/quay?token=" + wide, func(*http.Request) {}, 403, 0},
		{"no token", "/v1/hooks/quay", func(*http.Request) {}, 401, 0},
		{"a sender that is not understood", "/v1/hooks/artifactory?token=" + narrow, func(*http.Request) {}, 404, 0},
	} {
		s.hints = nil
		if status, body := s.ask(http.MethodPost, c.path, "", quay, c.change); status != c.status || len(s.hints) != c.hints {
			t.Errorf("%s: %d %s, hints %v", c.name, status, body, s.hints)
		}
	}
	if status, body := s.ask(http.MethodPost, "/v1/candidates?token="+narrow, "", map[string]any{"app": "shop", "tag": "v1"}); status != http.StatusUnauthorized {
		t.Errorf("a token in the address of something else: %d %s", status, body)
	}
	if status, body := s.ask(http.MethodPost, "/v1/hooks/quay", narrow, `nonsense`); status != http.StatusUnprocessableEntity {
		t.Errorf("nonsense: %d %s", status, body)
	}
	if n := len(s.everything()); n != 0 {
		t.Errorf("%d promotions were opened", n)
	}
}

func (s *station) everything() []policy.View {
	s.t.Helper()
	all, err := s.gate.Views(s.t.Context(), gate.Query{})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func TestGitHubSigns(t *testing.T) {
	s := newStation(t)
	body := `{"action":"published","package":{"name":"api","owner":{"login":"Shop"}}}`
	sign := func(secret string) func(*http.Request) {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		return func(r *http.Request) { r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil))) }
	}
	if status, answer := s.ask(http.MethodPost, "/v1/hooks/github", "", body, sign("between us")); status != http.StatusAccepted || len(s.hints) != 1 {
		t.Errorf("%d %s, hints %v", status, answer, s.hints)
	}
	if status, _ := s.ask(http.MethodPost, "/v1/hooks/github", "", body, sign("a guess")); status != http.StatusUnauthorized {
		t.Errorf("signed by somebody else: %d", status)
	}
	if status, _ := s.ask(http.MethodPost, "/v1/hooks/github", "", body+" ", sign("between us")); status != http.StatusUnauthorized {
		t.Errorf("another body: %d", status)
	}
	if status, _ := s.ask(http.MethodPost, "/v1/hooks/quay", "", body, sign("between us")); status != http.StatusUnauthorized {
		t.Errorf("the webhook of another: %d", status)
	}
}

func TestIncidentsAreReportedAndResolved(t *testing.T) {
	s := newStation(t)
	all, shop := s.token("all", nil, promotion.ScopeIncidents), s.token("shop", []string{"shop"}, promotion.ScopeIncidents)
	s.stage("a")
	fire := map[string]any{"key": "fire-1", "app": "shop", "environment": "staging", "severity": "critical", "summary": "the checkout\nfails", "since": noon.Add(-time.Hour)}
	with := func(key string, value any) map[string]any {
		changed := maps.Clone(fire)
		changed[key] = value
		return changed
	}
	for _, c := range []struct {
		name, path, token string
		body              any
		status            int
		says              string
	}{
		{"one is opened", "/v1/incidents", shop, fire, 200, `"incident":1`},
		{"the same is opened again", "/v1/incidents", shop, fire, 200, `"incident":1`},
		{"the key of another token", "/v1/incidents", all, fire, 200, `"incident":2`},
		{"of another app", "/v1/incidents", shop, with("app", "wiki"), 404, "nothing here"},
		{"of all apps, by a token about one", "/v1/incidents", shop, with("app", ""), 404, "nothing here"},
		{"of all apps", "/v1/incidents", all, map[string]any{"key": "flood", "severity": "critical", "summary": "everything"}, 200, `"incident":3`},
		{"of an environment that is not there", "/v1/incidents", shop, with("environment", "moon"), 404, "nothing here"},
		{"without a key", "/v1/incidents", shop, with("key", ""), 422, "no key"},
		{"without a summary", "/v1/incidents", shop, with("summary", " "), 422, "needs a summary"},
		{"of a severity that is none", "/v1/incidents", shop, with("severity", "Very Bad"), 422, "is not a name"},
		{"it is over", "/v1/incidents/resolve", shop, map[string]any{"key": "fire-1"}, 200, `"incident":1`},
		{"it is over still", "/v1/incidents/resolve", shop, map[string]any{"key": "fire-1"}, 200, `"incident":1`},
		{"one that never was is over", "/v1/incidents/resolve", shop, map[string]any{"key": "flood"}, 404, "nothing here"},
	} {
		if status, body := s.ask(http.MethodPost, c.path, c.token, c.body); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s, want %d and %q", c.name, status, body, c.status, c.says)
		}
	}
}

func TestHealthAndExposureAreReported(t *testing.T) {
	s := newStation(t)
	k8s := s.token("k8s", []string{"shop"}, promotion.ScopeHealth)
	s.stage("a")
	used := map[string]any{"app": "shop", "environment": "staging", "digest": string(digest("a")), "source": "cluster-1", "requests": 100, "pod_hours": 1.5}
	fewer := maps.Clone(used)
	fewer["requests"] = 99
	for _, c := range []struct {
		name, path string
		body       any
		status     int
		says       string
	}{
		{"it is ill", "/v1/health", map[string]any{"app": "shop", "environment": "staging", "healthy": false, "reason": "pods crash"}, 200, "recorded"},
		{"it is well", "/v1/health", map[string]any{"app": "shop", "environment": "staging", "healthy": true}, 200, "recorded"},
		{"it does not say", "/v1/health", map[string]any{"app": "shop", "environment": "staging"}, 422, "healthy: true or false"},
		{"nowhere", "/v1/health", map[string]any{"app": "shop", "healthy": true}, 422, "names no environment"},
		{"all of an environment, by a token about one app", "/v1/health", map[string]any{"environment": "staging", "healthy": false}, 404, "nothing here"},
		{"it is used", "/v1/exposure", used, 200, "recorded"},
		{"it was used less", "/v1/exposure", fewer, 409, "only grows"},
		{"it has run for ever", "/v1/exposure", map[string]any{"app": "shop", "environment": "staging", "digest": string(digest("a")), "pod_hours": 1e12}, 422, "so many pod_hours"},
		{"no digest", "/v1/exposure", map[string]any{"app": "shop", "environment": "staging", "digest": "v1"}, 422, "digest"},
	} {
		if status, body := s.ask(http.MethodPost, c.path, k8s, c.body); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s, want %d and %q", c.name, status, body, c.status, c.says)
		}
	}
}

const (
	firing   = `{"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"High","severity":"Critical","app":"shop","environment":"staging"},"annotations":{"summary":"too many errors"},"startsAt":"2026-03-02T11:59:00Z","fingerprint":"f1"},{"status":"firing","labels":{"app":"unknown","severity":"critical"},"startsAt":"2026-03-02T11:59:00Z","fingerprint":"f2"}]}`
	paged    = `{"event":{"id":"1","event_type":"incident.triggered","occurred_at":"2026-03-02T11:59:00Z","data":{"id":"PGR0VU2","title":"it is down","urgency":"high","service":{"summary":"Shop"},"priority":{"summary":"P1"},"created_at":"2026-03-02T11:58:00Z"}}}`
	resolved = `{"event":{"event_type":"incident.resolved","data":{"id":"PGR0VU2","service":{"summary":"Shop"}}}}`
)

func TestAlertsAreIncidents(t *testing.T) {
	s := newStation(t)
	k := s.token("alerts", nil, promotion.ScopeIncidents)
	s.stage("a")
	sign := func(body string) func(*http.Request) {
		mac := hmac.New(sha256.New, []byte("pager"))
		mac.Write([]byte(body))
		return func(r *http.Request) {
			r.Header.Set("X-PagerDuty-Signature", "v1=0123, v1="+hex.EncodeToString(mac.Sum(nil)))
		}
	}
	unsigned := func(*http.Request) {}
	for _, c := range []struct {
		name, path, body string
		change           func(*http.Request)
		status           int
		says             string
	}{
		{"one that is known and one that is not", "/v1/hooks/alertmanager", firing, unsigned, 200, `{"opened":1,"resolved":0,"ignored":1}`},
		{"the same again", "/v1/hooks/alertmanager", firing, unsigned, 200, `{"opened":1,"resolved":0,"ignored":1}`},
		{"it is over", "/v1/hooks/alertmanager", strings.ReplaceAll(firing, `"status":"firing"`, `"status":"resolved"`), unsigned, 200, `{"opened":0,"resolved":1,"ignored":1}`},
		{"what began then stays over when it is replayed", "/v1/hooks/alertmanager", firing, unsigned, 200, `{"opened":1,"resolved":0,"ignored":1}`},
		{"somebody is paged", "/v1/hooks/pagerduty", paged, sign(paged), 200, `{"opened":1,"resolved":0,"ignored":0}`},
		{"somebody is paged by somebody else", "/v1/hooks/pagerduty", paged, unsigned, 401, "token"},
		{"it is over", "/v1/hooks/pagerduty", resolved, sign(resolved), 200, `{"opened":0,"resolved":1,"ignored":0}`},
		{"no webhook", "/v1/hooks/alertmanager", `{"a":1}`, unsigned, 422, "not a webhook"},
	} {
		if status, body := s.ask(http.MethodPost, c.path, k, c.body, c.change); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s, want %d and %q", c.name, status, body, c.status, c.says)
		}
	}
	v, err := s.gate.View(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range v.Facts.Incidents {
		if i.ResolvedAt == nil {
			t.Errorf("still open: %+v", i)
		}
	}
	if status, _ := s.ask(http.MethodPost, "/v1/hooks/alertmanager?token="+k, "", firing); status != http.StatusUnauthorized {
		t.Errorf("an alert with the token in the address: %d", status)
	}
}

// posted are addresses that take a body: of every route one, of webhooks one for each
// sender.
func posted() (all []string) {
	for template, methods := range api.Paths() {
		if !slices.Contains(methods, http.MethodPost) {
			continue
		}
		path := strings.NewReplacer("{id}", "1", "{target}", "eu").Replace(template)
		if base, ok := strings.CutSuffix(path, "{kind}"); ok {
			for _, k := range hook.Kinds() {
				all = append(all, base+string(k))
			}
			continue
		}
		all = append(all, path)
	}
	slices.Sort(all)
	return all
}

// Whatever is sent, the answer is in the document, nothing panics, and nothing
// is opened or approved by it.
func FuzzBodies(f *testing.F) {
	for _, path := range posted() {
		for _, body := range []string{"", "{}", "null", "[]", `{"app":"shop"}`, `{"events":[{"action":"push","target":{"repository":"shop/api"}}]}`, `{"repository":{"repo_name":"shop/api"}}`, `{"package":null}`, firing, paged, `{"key":"k","severity":"critical","summary":"s","since":"0001-01-01T00:00:00Z"}`, `{"environment":"staging","healthy":false}`, `{"app":"shop","environment":"staging","digest":"sha256:0","pod_hours":1e300}`, `{"state":"ready","ready":-1}`, `{"app":"shop","digest":"` + string(digest("a")) + `","authors":["a@example.com",""]}`} {
			f.Add(path, body)
		}
	}
	raw, err := json.Marshal(report())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/v1/checks", string(raw))
	s := newStation(f)
	all := s.token("all", nil, promotion.Scopes()...)
	f.Fuzz(func(t *testing.T, path, body string) {
		known := slices.ContainsFunc(slices.Collect(maps.Keys(api.Paths())), func(template string) bool { return matches(template, path) })
		if !known || strings.ContainsAny(path, " ?#%\x7f") || !strings.HasPrefix(path, "/") {
			return
		}
		for _, b := range []byte(path) {
			if b <= ' ' || b > '~' {
				return
			}
		}
		one := *s
		one.t = t
		one.handler = api.Handler(api.Options{Gate: s.gate, Hint: func(string, string) {}, Log: slog.New(slog.DiscardHandler)}) // with limits of its own
		if status, answer := one.ask(http.MethodPost, path, all, body); status >= 500 {
			t.Errorf("%s %q: %d %s", path, body, status, answer)
		}
		if n := len(one.everything()); n != 0 {
			t.Fatalf("%s %q opened %d promotions", path, body, n)
		}
	})
}
