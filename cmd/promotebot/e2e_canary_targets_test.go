package main_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/git"
	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/fixtures/shell"
)

// secure starts a far side over TLS, which the bot takes for one that it trusts.
func (a *aviary) secure(h http.Handler) string {
	a.t.Helper()
	s := httptest.NewTLSServer(h)
	a.t.Cleanup(s.Close)
	ca := filepath.Join(a.dir, "ca.pem") // they all show the same certificate
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	if variable := "SSL_CERT_FILE=" + ca; !slices.Contains(a.env, variable) {
		a.env = append(a.env, variable)
	}
	return s.URL
}

// queries are of two Prometheus, each of which repeats what it was shown.
func (a *aviary) queries() string {
	a.t.Helper()
	a.env = append(a.env, "PROMETHEUS_TOKEN="+a.hatch("a Prometheus's", "canary-prometheus-token"))
	file := a.file("another Prometheus's", "canary-prometheus-token-in-a-file")
	one := a.secure(a.bearer("a Prometheus's", func(w http.ResponseWriter, shown string) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "errorType": shown, "error": "one says " + shown}) // whoever asked may be gone
	}))
	other := a.secure(a.bearer("another Prometheus's", func(w http.ResponseWriter, shown string) {
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "warnings": []string{"the other warns of " + shown}}) // whoever asked may be gone
	}))
	return fmt.Sprintf(`{name: up, query: up, is: "> 0", prometheus: {server: %q, token_env: PROMETHEUS_TOKEN}}, {name: down, query: up, is: "> 0", prometheus: {server: %q, token_file: %s}}`, one, other, file)
}

// clustered is a cluster behind something that repeats, when it is in trouble, what
// it was shown. The kubeconfig that leads there has the canary for its token.
func (a *aviary) clustered(name, secret string) (kubeconfig string) {
	a.t.Helper()
	cluster := kubeapi.Start(a.t)
	cluster.Refuse(func(r *http.Request) *kubeapi.Status {
		shown := r.Header.Get("Authorization")
		if !strings.Contains(shown, secret) {
			return nil // it asks who is there
		}
		a.cage.flies(name)
		if strings.Contains(r.URL.Path, "selfsubject") {
			return &kubeapi.Status{Code: http.StatusInternalServerError, Reason: "InternalError", Message: "in trouble: " + shown}
		}
		return &kubeapi.Status{Code: http.StatusForbidden, Reason: "Forbidden", Message: "a rule against " + shown}
	})
	had, err := os.ReadFile(cluster.Kubeconfig())
	if err != nil {
		a.t.Fatal(err)
	}
	text := strings.Replace(string(had), kubeapi.Token, a.hatch(name, secret), 1)
	text = strings.Replace(text, `"certificate-authority": "ca.pem"`, fmt.Sprintf(`"certificate-authority": %q`, filepath.Join(a.dir, "ca.pem")), 1)
	a.secure(http.NotFoundHandler()) // for its certificate
	kubeconfig = filepath.Join(a.dir, strings.ReplaceAll(secret, " ", "-")+".kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return kubeconfig
}

// helper is a credential helper for the registry, and a registry that repeats the
// password that it gives.
func (a *aviary) helper() {
	a.t.Helper()
	secret := a.hatch("that of a helper", "canary-password-of-a-helper")
	a.env = append(a.env, "PATH="+a.dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	script := "echo '{\"Username\": \"ci\", \"Secret\": \"" + secret + "\"}'\n"
	shell.Write(a.t, filepath.Join(a.dir, "docker-credential-canary"), script)
	a.configure("apps:\n", fmt.Sprintf("registries: [{host: %q, credentials: canary}]\napps:\n", a.repo.RegistryStr()))
	shown := "Basic " + base64.StdEncoding.EncodeToString([]byte("ci:"+secret))
	a.secrets["that of a helper, encoded"] = strings.TrimPrefix(shown, "Basic ")
	var troubled atomic.Bool
	a.door.set(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case r.Header.Get("Authorization") != shown:
			w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
			http.Error(w, "who is there?", http.StatusUnauthorized)
		case strings.Contains(r.URL.Path, "/manifests/") && troubled.CompareAndSwap(false, true):
			a.cage.flies("that of a helper")
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, `{"errors": [{"code": "DENIED", "message": "not to %s, which is %s"}]}`, shown, secret)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// insists waits, and has the targets told again: one that fails has those called off
// that were not told yet.
func (a *aviary) insists(what string, is func() bool) {
	a.t.Helper()
	const pause = 2 * time.Second
	again := time.Now().Add(pause)
	a.eventually(what, func() bool {
		if is() {
			return true
		}
		if time.Now().After(again) {
			a.heard("Slack acknowledgements", a.command(ann, "retry shop"))
			again = time.Now().Add(pause)
		}
		return false
	})
}

// failsWith approves what is staged, does something meanwhile, waits until all of that is on the card, and looks
// everywhere.
func (a *aviary) failsWith(bot *process, meanwhile func(), words ...string) {
	a.t.Helper()
	a.eventually("it can be approved", a.cardSays(approve))
	a.click(ann, approve)
	meanwhile()
	said := map[string]bool{}
	a.insists("the card says all of it", func() bool {
		card, _ := a.firstCard()
		for _, one := range append(words, "*Failing*") {
			said[one] = said[one] || strings.Contains(card, one)
		}
		return len(said) > len(words) && !slices.Contains(slices.Collect(maps.Values(said)), false)
	})
	for _, text := range []string{"status", "show shop", "why shop", "history"} {
		a.heard("Slack acknowledgements", a.command(ann, text))
	}
	a.get(http.MethodGet, "http://"+bot.http+"/metrics", "", nil, "")
	a.get(http.MethodGet, bot.api()+"/v1/apps/shop/promotions/1", a.token("a token for checks", "read"), nil, "")
	a.operators(bot)
	a.search(bot)
}

// targetsThatTalk are of every kind that takes no program: what they were given is in
// what they answer.
func targetsThatTalk(t *testing.T, all *cage) {
	a := newAviary(newTown(t, oneLead), all)
	a.env = append(a.env, "GIT_PASSWORD="+a.hatch("a password of Git", "canary-git-password"), "DEPLOY_TOKEN="+a.hatch("that of a program", "canary-token-of-a-program"))
	a.env = append(a.env, "DEPLOY_SECRET="+a.hatch("the key of orders", deploySecret))
	encoded := base64.StdEncoding.EncodeToString([]byte("robot:" + a.secrets["a password of Git"]))
	a.secrets["a password of Git, encoded"] = encoded
	repository := a.secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if shown := r.Header.Get("Authorization"); strings.Contains(shown, encoded) {
			a.cage.flies("a password of Git")
			_, password, _ := r.BasicAuth()
			line := "ERR not to " + shown + " with " + password
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			_, _ = fmt.Fprintf(w, "%04x%s", len(line)+4, line)
		}
	}))
	var order atomic.Value
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Promotebot-Signature") == "" {
			return
		}
		a.cage.flies("the key of orders")
		if r.URL.Path == "/later" { // which says by itself how far it is
			order.Store(r.Header.Get("Idempotency-Key"))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"state": "failed", "detail": "signed with " + deploySecret, "lines": []string{deploySecret}, "url": "https://deploy.example.com/?" + deploySecret}) // whoever asked may be gone
	}))
	t.Cleanup(service.Close)
	program := filepath.Join(a.dir, "roll-out")
	shell.Write(t, program, "set -x\nenv\ndeploy=$DEPLOY_TOKEN\nexit 3\n")
	key := a.file("one that can't be read", "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary-unreadable-key\n-----END OPENSSH PRIVATE KEY-----")
	a.hatch("one that can't be read", "canary-unreadable-key")
	a.cage.flies("one that can't be read")
	a.targets(fmt.Sprintf(`{order: together, deadline: 30s, targets: [
      {name: cluster, kubernetes: {kubeconfig: %s, namespace: shop, workloads: [{kind: Deployment, name: "{app}"}]}},
      {name: git, gitops: {repository: "%s/deploy.git", path: "a.yaml", kustomize: {}, credentials: {username: robot, password_env: GIT_PASSWORD}}},
      {name: ssh, gitops: {repository: "ssh://git@127.0.0.1:1/deploy.git", path: "a.yaml", kustomize: {}, credentials: {ssh_key: %s, known_hosts: /dev/null}}},
      {name: service, webhook: {url: "%s/{app}", signed_with: DEPLOY_SECRET}},
      {name: later, webhook: {url: "%[4]s/later", signed_with: DEPLOY_SECRET}},
      {name: program, command: {run: [%[5]s], pass: [DEPLOY_TOKEN]}}]}`,
		a.clustered("the cluster's", "canary-token-of-the-cluster"), repository, key, service.URL, program), "commands: allowed")
	a.stage("1.4.2") // before the registry asks who is there
	a.helper()
	a.configure("poll: {every: 1s}", "poll: {every: 1s}\napi: 127.0.0.1:0")
	bot := a.connected(a.env...)
	a.cage.flies("that of a program")
	a.failsWith(bot, func() {
		a.insists("the other service has its order", func() bool { return order.Load() != nil })
		cd := a.token("a token for hooks", "deploy")
		a.get(http.MethodPost, bot.api()+"/v1/deployments/1/later", cd, http.Header{"Content-Type": {"application/json"}},
			fmt.Sprintf(`{"key": %q, "state": "failed", "detail": "called with %s", "lines": ["later knows %s"]}`, order.Load(), cd, deploySecret))
	}, "a rule of the cluster", "not to Basic", "the ssh_key for 127.0.0.1:1 can", "signed with", "deploy=", "later knows")
}

// commitsAndWhatFollows are targets with a real repository: keys are used, and Argo CD
// and a cluster are asked how far they are.
func commitsAndWhatFollows(t *testing.T, all *cage) {
	a := newAviary(newTown(t, oneLead), all)
	pinned := (&archive{town: a.town}).kustomization("sha256:" + strings.Repeat("0", 64))
	server := git.Start(t, map[string]string{"a.yaml": pinned, "b.yaml": pinned, "c.yaml": pinned, "d.yaml": pinned})
	server.Hook("pre-receive", "echo 'not with: "+git.Password+"' >&2\nwhile read old new ref; do git show --stat=200 $new | grep -q d.yaml && exit 1; done\nexit 0\n")
	argo := func(name string) string {
		return a.secure(a.bearer(name, func(w http.ResponseWriter, shown string) {
			_ = json.NewEncoder(w).Encode(map[string]any{"status": map[string]any{ // whoever asked may be gone
				"sync": map[string]any{"status": "Synced", "revision": server.Head()}, "health": map[string]any{"status": "Degraded", "message": "knows " + shown},
				"conditions": []any{map[string]any{"type": "Odd", "message": "has " + shown}},
			}})
		}))
	}
	a.env = append(a.env, "ARGO_TOKEN="+a.hatch("a token of Argo CD", "canary-token-of-argo"))
	password := a.file("one in a file", git.Password)
	over, signing := server.SSH(), string(server.NewKey())
	ssh, sign := a.file("a key for SSH", string(over.Key)), a.file("a key that signs", signing)
	for _, key := range []string{"a key for SSH", "a key that signs"} { // by a line of it: it is not told in one piece
		a.hatch(key, strings.Split(a.secrets[key], "\n")[4]) // in which the private half is
	}
	broken := a.file("one that does not sign", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\ncanary-key-that-does-not-sign\n-----END PGP PRIVATE KEY BLOCK-----")
	a.hatch("one that does not sign", "canary-key-that-does-not-sign")
	known := filepath.Join(a.dir, "known_hosts")
	if err := os.WriteFile(known, over.KnownHosts, 0o600); err != nil {
		t.Fatal(err)
	}
	https := fmt.Sprintf("repository: %q, kustomize: {}, credentials: {username: %s, password_file: %s}", server.URL, git.User, password)
	kubeconfig := a.clustered("that of Flux", "canary-token-of-flux")
	a.targets(fmt.Sprintf(`{order: together, deadline: 30s, targets: [
      {name: signed, gitops: {%[1]s, path: a.yaml, signing_key: %[2]s, argocd: {server: %[3]q, app: shop, token_file: %[4]s}}},
      {name: ssh, gitops: {repository: %[5]q, path: b.yaml, kustomize: {}, credentials: {ssh_key: %[6]s, known_hosts: %[7]s}, argocd: {server: %[8]q, app: shop, token_env: ARGO_TOKEN}}},
      {name: flux, gitops: {%[1]s, path: c.yaml, flux: {kubeconfig: %[9]s, kustomization: flux-system/shop}}},
      {name: refused, gitops: {%[1]s, path: d.yaml}},
      {name: unsigned, gitops: {%[1]s, path: d.yaml, signing_key: %[10]s}}]}`,
		https, sign, argo("another of Argo CD"), a.file("another of Argo CD", "canary-token-of-argo-in-a-file"), over.URL, ssh, known, argo("a token of Argo CD"), kubeconfig, broken))
	a.configure("poll: {every: 1s}", "poll: {every: 1s}\napi: 127.0.0.1:0")
	bot := a.connected(a.env...)
	a.stage("1.4.2")
	a.failsWith(bot, func() {}, "knows Bearer", "has Bearer", "a rule of the cluster", "not with:", "the signing_key can")
	if log := server.In("log", "--format=raw", "main"); !strings.Contains(log, "Deploy shop") || !strings.Contains(log, "BEGIN SSH SIGNATURE") {
		t.Errorf("the commits are\n%s", log)
	}
	for _, name := range []string{"one in a file", "a key for SSH", "a key that signs", "one that does not sign"} {
		a.cage.flies(name)
	}
}
