package main_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/promotebot/promotebot/fixtures/production"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

const (
	registryPassword = "canary-registry-password"
	githubSecret     = "canary-github-webhook-secret"
	pagerdutySecret  = "canary-pagerduty-webhook-secret"
)

// aviary is a town in which everything secret is a canary, and what came out of
// the bot by any door.
type aviary struct {
	*town
	cage    *cage
	env     []string          // of the bot, with what is secret in it
	secrets map[string]string // what each would be, by its name
	out     map[string]string // what was said, by where
	asked   atomic.Int64      // requests that showed the registry's password
}

// locked has the registry ask for a password, and repeat what it was shown
// whenever it is in trouble, as a careless proxy might.
func (a *aviary) locked(trouble func(*http.Request) bool) {
	shown := "Basic " + base64.StdEncoding.EncodeToString([]byte("ci:"+registryPassword))
	a.door.set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case r.Header.Get("Authorization") != shown:
			w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
			http.Error(w, "who is there?", http.StatusUnauthorized)
			return
		case trouble(r):
			http.Error(w, fmt.Sprintf("internal error: %v %s", r.Header, registryPassword), http.StatusInternalServerError)
		default:
			next.ServeHTTP(w, r)
		}
		a.asked.Add(1)
	})
}

// deploys has production be a service that takes signed orders, and that repeats, when
// it is in trouble, what it was told and what it knows. It counts the orders.
func (a *aviary) deploys() *atomic.Int64 {
	service, orders := production.New(deploySecret), &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && orders.Add(1) == 1 {
			http.Error(w, fmt.Sprintf("internal error: %v %s", r.Header, deploySecret), http.StatusBadGateway)
			return
		}
		service.ServeHTTP(w, r)
	}))
	a.t.Cleanup(server.Close)
	a.targets(fmt.Sprintf(`{deadline: 1m, targets: [{name: eu, webhook: {url: "%s/orders/{app}", signed_with: DEPLOY_SECRET}}]}`, server.URL))
	return orders
}

// hatch is a canary with its name, which is that of a kind of secret.
func (a *aviary) hatch(name, secret string) string {
	a.t.Helper()
	if _, known := canaries[name]; !known {
		a.t.Fatalf("there is no canary %q", name)
	}
	if len(secret) < 8 {
		a.t.Fatalf("%q is too short to be found", secret)
	}
	a.secrets[name] = secret
	return secret
}

// file is a canary in a file.
func (a *aviary) file(name, secret string) string {
	a.t.Helper()
	path := filepath.Join(a.dir, strings.NewReplacer(" ", "-", "'", "").Replace(name))
	if err := os.WriteFile(path, []byte(a.hatch(name, secret)+"\n"), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// bearer answers a request that shows a canary, with what it was shown, and refuses
// others.
func (a *aviary) bearer(name string, answer func(w http.ResponseWriter, shown string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := r.Header.Get("Authorization")
		if !strings.Contains(shown, a.secrets[name]) {
			http.Error(w, "who is there?", http.StatusUnauthorized)
			return
		}
		a.cage.flies(name)
		answer(w, shown)
	})
}

// heard keeps something that was said.
func (a *aviary) heard(where string, text ...any) { a.out[where] += fmt.Sprint(text...) }

// get asks over HTTP and keeps the answer with its headers.
func (a *aviary) get(method, url, token string, header http.Header, body string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	path := strings.TrimPrefix(url, "http://")
	a.heard(method+" "+path[strings.Index(path, "/"):strings.IndexAny(path+"?", "?")], resp.Header, string(said))
}

// workspace keeps everything that Slack was shown.
func (a *aviary) workspace() {
	for _, m := range a.slack.Messages(shopChannel) {
		a.heard("Slack messages", m.Text, string(m.Blocks))
		for _, reply := range a.slack.Thread(shopChannel, m.TS) {
			a.heard("Slack messages", reply.Text, string(reply.Blocks))
		}
	}
	for _, who := range []string{ann, bob, eve} {
		for _, m := range a.slack.Ephemerals(who) {
			a.heard("Slack whispers", m.Text, string(m.Blocks))
		}
	}
	for _, d := range a.slack.Deliveries() {
		a.heard("Slack acknowledgements", string(d.Ack()))
	}
	for _, c := range a.slack.Calls() { // what is opened, published, said directly or by a response URL, too
		a.heard("Slack calls", c.Args)
	}
}

func newAviary(w *town, all *cage) *aviary {
	a := &aviary{town: w, cage: all, out: map[string]string{}, secrets: map[string]string{}}
	a.hatch("the app token", appToken)
	a.hatch("the bot token", botToken)
	a.env = []string{"GITHUB_TOKEN=" + a.hatch("GITHUB_TOKEN", "canary-github-token")}
	a.cage.flies("GITHUB_TOKEN") // ghcr.io alone is shown it
	return a
}

func slackAndTheRegistry(t *testing.T, all *cage) {
	a := newAviary(newTown(t, ""), all)
	a.hatch("the registry's", registryPassword)
	a.hatch("the key of orders", deploySecret)
	a.secrets["the registry's password, encoded"] = base64.StdEncoding.EncodeToString([]byte("ci:" + registryPassword))
	a.env = append(a.env, "GITHUB_WEBHOOK_SECRET="+a.hatch("GitHub's", githubSecret), "PAGERDUTY_WEBHOOK_SECRET="+a.hatch("PagerDuty's", pagerdutySecret), "DEPLOY_SECRET="+deploySecret)
	a.write("{approvals: {leads: 1}, checks: [perf], after: {watch: 1m, promql: [" + a.queries() + "]}}")
	d := a.stage("1.4.2")
	a.locked(func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/")
	})
	login := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, a.repo.RegistryStr(), base64.StdEncoding.EncodeToString([]byte("ci:"+registryPassword)))
	if err := os.WriteFile(filepath.Join(a.dir, "config.json"), []byte(login), 0o600); err != nil {
		t.Fatal(err)
	}
	a.configure("poll: {every: 1s}", "poll: {every: 1s}\napi: 127.0.0.1:0")
	ordered := a.deploys()
	bot := a.connected(a.env...)
	hook, ci := a.token("a token for hooks", "candidates"), a.token("a token for checks", "checks,read")

	a.eventually("a card names the digest", a.cardSays(d.Hex[:12]))
	a.eventually("it says why the image can't be read", a.cardSays("in trouble"))
	a.workspace()
	a.locked(func(*http.Request) bool { return false })
	a.eventually("the image is read", a.cardSays(approve))
	a.machines(bot, hook, ci, d.String())
	a.people(bot)
	a.operators(bot)
	a.pipelines(ci, d.String())
	if a.asked.Load() == 0 || a.slack.Counts()["auth.test"] == 0 || ordered.Load() < 2 {
		t.Error("a secret was never used, so nothing was tested")
	}
	for _, name := range []string{"the app token", "the bot token", "the registry's", "GitHub's", "PagerDuty's", "a token for hooks", "the key of orders"} {
		a.cage.flies(name)
	}
	a.search(bot)
}

// token makes a token for a machine.
func (a *aviary) token(name, scopes string) string {
	a.t.Helper()
	made, err := a.run("token", "create", "-config", a.config, "-scopes", scopes, strings.ReplaceAll(scopes, ",", "-"))
	if err != nil {
		a.t.Fatalf("token create: %v %s", err, made)
	}
	lines := strings.Split(strings.TrimSpace(made), "\n")
	return a.hatch(name, lines[len(lines)-1])
}

// search looks for all that is secret in all that was said, and on the disk.
func (a *aviary) search(bot *process) {
	a.t.Helper()
	a.workspace()
	a.heard("the log", bot.out.String())
	for where, said := range a.out {
		for what, secret := range a.secrets {
			if strings.Contains(said, secret) {
				a.t.Errorf("%s is in %s:\n%.2000s", what, where, around(said, secret))
			}
		}
	}
	for _, file := range []string{"bot.db", "bot.db-wal"} {
		rows, err := os.ReadFile(filepath.Join(a.dir, file))
		if err != nil {
			a.t.Fatal(err)
		}
		for what, secret := range a.secrets {
			if bytes.Contains(rows, []byte(secret)) {
				a.t.Errorf("%s is in %s: %q", what, file, around(string(rows), secret))
			}
		}
	}
}

// around is where it stands.
func around(text, what string) string {
	at := strings.Index(text, what)
	return text[max(0, at-500):min(len(text), at+500)]
}

// machines talk to the bot, rightly and wrongly.
func (a *aviary) machines(bot *process, hook, ci, digest string) {
	a.t.Helper()
	json := http.Header{"Content-Type": {"application/json"}}
	check := fmt.Sprintf(`{"app": "shop", "digest": %q, "name": "perf", "status": "passed"}`, digest)
	a.get(http.MethodPost, bot.api()+"/v1/checks", ci, json, check)
	a.get(http.MethodPost, bot.api()+"/v1/checks", ci, json, fmt.Sprintf(`{"app": "shop", "digest": %q, "name": "perf", "status": "passed", "summary": "after curl with %s", "url": "https://ci.example.com/?%[2]s"}`, digest, ci))
	a.get(http.MethodPost, bot.api()+"/v1/checks", ci, json, fmt.Sprintf(`{%q: 1}`, ci))
	a.get(http.MethodPost, bot.api()+"/v1/checks", hook, json, check)
	a.get(http.MethodPost, bot.api()+"/v1/checks", ci+"x", json, check)
	a.get(http.MethodPost, bot.api()+"/v1/checks", ci, json, `{"app": `)
	a.get(http.MethodGet, bot.api()+"/v1/apps/shop", ci, nil, "")
	a.get(http.MethodGet, bot.api()+"/v1/openapi.json", "", nil, "")
	a.get(http.MethodPost, bot.api()+"/v1/hooks/distribution?token="+hook, "", json, `{"events": []}`)
	a.get(http.MethodPost, bot.api()+"/v1/hooks/distribution?token="+ci, "", json, `{"events": []}`)
	a.get(http.MethodPost, bot.api()+"/v1/hooks/github", hook, http.Header{"X-Hub-Signature-256": {"sha256=00"}, "Content-Type": {"application/json"}}, `{}`)
	a.get(http.MethodPost, bot.api()+"/v1/hooks/pagerduty", ci, http.Header{"X-PagerDuty-Signature": {"v1=00"}, "Content-Type": {"application/json"}}, `{}`)
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/", "/debug/vars", "/"} {
		a.get(http.MethodGet, "http://"+bot.http+path, "", nil, "")
	}
}

// people use the bot while Slack and the registry are in trouble.
func (a *aviary) people(bot *process) {
	a.t.Helper()
	for _, text := range []string{"status", "show shop", "why shop", "history", "nonsense", "request shop v9"} {
		a.heard("Slack acknowledgements", a.command(ann, text))
	}
	a.click(eve, approve)
	a.eventually("Eve is told privately that she may not", a.whispered(eve, "role"))
	a.slack.Fail("chat.update", 2, fakeslack.Fault{Status: http.StatusBadGateway})
	a.slack.Fail("chat.postMessage", 1, fakeslack.Fault{Code: "invalid_auth"})
	a.locked(func(*http.Request) bool { return true })
	a.eventually("the registry's trouble is noticed", func() bool {
		return strings.Contains(a.command(ann, "status shop"), "in trouble")
	})
	a.get(http.MethodGet, "http://"+bot.http+"/metrics", "", nil, "")
	a.locked(func(r *http.Request) bool { return r.Method == http.MethodPut && a.asked.Load()%2 == 0 })
	a.click(ann, approve)
	a.eventually("what one Prometheus answers is on the card", a.cardSays("one says"))
	a.eventually("and what the other does", a.cardSays("the other warns"))
}

// operators use the command line beside the bot.
func (a *aviary) operators(bot *process) {
	a.t.Helper()
	for _, args := range [][]string{a.env, append(slices.Clone(a.env), "-json")} {
		said, _ := a.doctor(args...)
		a.heard("doctor", said)
	}
	for _, args := range [][]string{
		{"config", "check", a.config}, {"audit", "list", "-config", a.config}, {"audit", "verify", "-config", a.config}, {"token", "list", "-config", a.config},
		{"policy", "explain", "-config", a.config, "shop"}, {"manifest"}, {"version"}, {"health", "-url", "http://" + bot.http + "/healthz"},
	} {
		said, err := a.run(args...)
		if err != nil {
			a.t.Errorf("promotebot %v: %v\n%s", args, err, said)
		}
		a.heard(strings.Join(args[:1], " "), said)
	}
	// Whoever writes a secret into the configuration is told where, and not what.
	a.configure("database:", "slack_bot_token: "+botToken+"\ndatabase:")
	if said, err := a.run("config", "check", a.config); err == nil {
		a.t.Errorf("a token in the configuration is fine: %s", said)
	} else {
		a.heard("config check", said)
	}
	said, _ := a.doctor(append(slices.Clone(a.env), "-json")...)
	a.heard("doctor", said)
}

// pipelines report to something that is not the bot, and that says what it was shown.
func (a *aviary) pipelines(ci, digest string) {
	a.t.Helper()
	code := http.StatusOK
	far := httptest.NewServer(a.bearer("a token for checks", func(w http.ResponseWriter, shown string) {
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"detail": "not to %s", "remedy": "it knows %[1]s"}`, shown)
	}))
	a.t.Cleanup(far.Close)
	for _, code = range []int{http.StatusOK, http.StatusForbidden} {
		said, _ := a.pipeline(ci, "check", "report", "-url", far.URL, "-app", "shop", "-digest", digest, "-name", "perf", "-status", "passed")
		if !strings.Contains(said, "not to Bearer") {
			a.t.Errorf("with %d it says %s", code, said)
		}
		a.heard("check report", said)
	}
}

// configure changes the configuration.
func (w *town) configure(old, text string) {
	w.t.Helper()
	doc, err := os.ReadFile(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	changed := strings.Replace(string(doc), old, text, 1)
	if changed == string(doc) {
		w.t.Fatalf("the configuration has no %q", old)
	}
	if err := os.WriteFile(w.config, []byte(changed), 0o600); err != nil {
		w.t.Fatal(err)
	}
}
