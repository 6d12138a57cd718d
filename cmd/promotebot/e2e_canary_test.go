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
	secrets map[string]string // what each would be
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

// Everything secret is used in earnest, much goes wrong, and wherever the bot
// says anything none of it is found.
func TestNoSecretComesOutByAnyDoor(t *testing.T) {
	a := &aviary{town: newTown(t, "{approvals: {leads: 1}, checks: [perf]}"), out: map[string]string{}}
	a.secrets = map[string]string{
		"the app token": appToken, "the bot token": botToken, "the registry's password": registryPassword,
		"GitHub's secret": githubSecret, "PagerDuty's secret": pagerdutySecret, "the key of orders": deploySecret,
		"the registry's password, encoded": base64.StdEncoding.EncodeToString([]byte("ci:" + registryPassword)),
	}
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
	bot := a.launch("GITHUB_WEBHOOK_SECRET="+githubSecret, "PAGERDUTY_WEBHOOK_SECRET="+pagerdutySecret, "DEPLOY_SECRET="+deploySecret)
	a.eventually("the bot is connected", func() bool { return a.slack.Sockets() == 2 && bot.ready() })
	made, err := a.run("token", "create", "-config", a.config, "-scopes", "candidates", "hooks")
	if err != nil {
		t.Fatalf("token create: %v %s", err, made)
	}
	hook := made[strings.LastIndex(strings.TrimSpace(made), "\n")+1:]
	if made, err = a.run("token", "create", "-config", a.config, "-scopes", "checks,read", "ci"); err != nil {
		t.Fatalf("token create: %v %s", err, made)
	}
	hook, ci := strings.TrimSpace(hook), strings.TrimSpace(made[strings.LastIndex(strings.TrimSpace(made), "\n")+1:])
	a.secrets["a token for hooks"], a.secrets["a token for checks"] = hook, ci

	a.eventually("a card names the digest", a.cardSays(d.Hex[:12]))
	a.eventually("it says why the image can't be read", a.cardSays("in trouble"))
	a.workspace()
	a.locked(func(*http.Request) bool { return false })
	a.eventually("the image is read", a.cardSays(approve))
	a.machines(bot, hook, ci, d.String())
	a.people(bot)
	a.operators(bot)
	a.workspace()
	a.heard("the log", bot.out.String())
	if a.asked.Load() == 0 || a.slack.Counts()["auth.test"] == 0 || ordered.Load() < 2 {
		t.Error("a secret was never used, so nothing was tested")
	}
	for where, said := range a.out {
		for what, secret := range a.secrets {
			if strings.Contains(said, secret) {
				t.Errorf("%s is in %s:\n%.2000s", what, where, said)
			}
		}
	}
	for _, file := range []string{"bot.db", "bot.db-wal"} {
		rows, err := os.ReadFile(filepath.Join(a.dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for what, secret := range a.secrets {
			if bytes.Contains(rows, []byte(secret)) {
				t.Errorf("%s is in %s", what, file)
			}
		}
	}
}

// machines talk to the bot, rightly and wrongly.
func (a *aviary) machines(bot *process, hook, ci, digest string) {
	a.t.Helper()
	json := http.Header{"Content-Type": {"application/json"}}
	check := fmt.Sprintf(`{"app": "shop", "digest": %q, "name": "perf", "status": "passed"}`, digest)
	a.get(http.MethodPost, bot.api()+"/v1/checks", ci, json, check)
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
	a.eventually("the card is finished", a.cardSays("romoted"))
}

// operators use the command line beside the bot.
func (a *aviary) operators(bot *process) {
	a.t.Helper()
	for _, args := range [][]string{{}, {"-json"}} {
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
	said, _ := a.doctor("-json")
	a.heard("doctor", said)
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
