package serve

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/fixtures/git"
	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// onThisMachine is a way to the Git server without TLS, which the configuration
// allows on loopback: the roots of this process are those of the system.
func onThisMachine(t *testing.T, s *git.Server) string {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.CA)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	return front.URL + u.Path
}

func TestACommitIsFollowedThroughFluxToThePods(t *testing.T) {
	const image = "registry.example.com/shop"
	next := promotion.Digest("sha256:" + strings.Repeat("1", 64))
	repository, cluster := git.Start(t, map[string]string{"shop.yaml": "image: " + image + ":v1\n"}), kubeapi.Start(t)
	kubeconfig := cluster.Kubeconfig()
	d := &Deployers{Surroundings: Surroundings{Log: slog.New(slog.DiscardHandler), Directory: t.TempDir()}}
	t.Cleanup(d.Close)
	t.Setenv("GIT_PASSWORD", git.Password)
	_, err := d.Set([]config.Target{{Environment: "production", Name: "eu", GitOps: &config.GitOps{
		Repository: onThisMachine(t, repository), Path: "{app}.yaml", Value: []string{"image"}, AuthorName: "promotebot", AuthorEmail: "promotebot@example.com",
		Credentials: config.GitCredentials{Username: git.User, PasswordEnv: "GIT_PASSWORD"},
		Flux:        &config.Flux{Kubeconfig: kubeconfig, Kustomization: config.FluxObject{Namespace: "flux-system", Name: "{app}"}},
		Workloads:   &config.Kubernetes{Kubeconfig: kubeconfig, Namespace: "{app}", Workloads: []config.Workload{{Kind: "CronJob", Name: "{app}"}}},
	}}}, []gate.App{{Name: "shop", Repository: image}})
	if err != nil {
		t.Fatal(err)
	}
	o := promotion.Order{Promotion: 1, App: "shop", Environment: "production", Target: "eu", Repository: image, Digest: next, OrderedAt: time.Now(), Deadline: time.Now().Add(time.Hour)}
	to, err := d.of(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := to.Deploy(t.Context(), o)
	if o.Handle = r.Handle; err != nil {
		t.Fatal(err)
	}
	expect := func(phase promotion.RolloutPhase, words string) {
		t.Helper()
		if r, err := to.Observe(t.Context(), o); err != nil || r.Phase != phase || !strings.Contains(r.Detail, words) || r.Handle != o.Handle {
			t.Errorf("%+v, %v", r, err)
		}
	}
	const kustomization, job = "apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/shop", "apis/batch/v1/namespaces/shop/cronjobs/shop"
	set := func(image string) {
		cluster.Put(job, "flux", fmt.Sprintf(`{"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": %q}]}}}}}}`, image))
	}
	set(image + ":v1")
	cluster.Put(kustomization, "flux", `{"spec": {"wait": true}}`)
	expect(promotion.RolloutAsked, "Flux, Kustomization flux-system/shop has not come to")
	cluster.Put(kustomization, "flux", fmt.Sprintf(`{"spec": {"wait": true}, "status": {"observedGeneration": 1, "lastAppliedRevision": "main@sha1:%s", "conditions": [{"type": "Ready", "status": "True"}]}}`, o.Handle))
	expect(promotion.RolloutAsked, "CronJob shop: it is not seen yet that it was set")
	set(o.Image())
	expect(promotion.RolloutDone, "its next run uses it")

	runs := func(others int) {
		t.Helper()
		if got, err := to.reads(t.Context(), o); err != nil || len(o.Others(got)) != others {
			t.Errorf("%+v, %v", got, err)
		}
	}
	runs(0)
	set(image + ":v1")
	runs(1)
	repository.Commit("By hand", map[string]string{"shop.yaml": "image: " + image + ":v1\n"})
	runs(2)
}

// Two clusters have workloads of the same name: each order reaches the one that its
// target names, and targets of the same cluster share the way to it.
func TestATargetIsDeployedToInItsOwnCluster(t *testing.T) {
	const image, job = "registry.example.com/shop", "apis/batch/v1/namespaces/shop/cronjobs/shop"
	clusters := map[string]*kubeapi.Server{"eu": kubeapi.Start(t), "us": kubeapi.Start(t)}
	d := &Deployers{Surroundings: Surroundings{Log: slog.New(slog.DiscardHandler), Directory: t.TempDir()}}
	t.Cleanup(d.Close)
	var targets []config.Target
	for _, name := range []string{"eu", "us"} {
		clusters[name].Put(job, "promotebot", fmt.Sprintf(`{"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": %q}]}}}}}}`, image+":v1"))
		to := config.Kubernetes{Kubeconfig: clusters[name].Kubeconfig(), Namespace: "{app}", Workloads: []config.Workload{{Kind: "CronJob", Name: "{app}"}}}
		targets = append(targets, config.Target{Environment: "production", Name: name, Kubernetes: &to}, config.Target{Environment: "canary", Name: name, Kubernetes: &to})
	}
	if _, err := d.Set(targets, []gate.App{{Name: "shop", Repository: image}}); err != nil {
		t.Fatal(err)
	}
	o := promotion.Order{Promotion: 1, App: "shop", Environment: "production", Target: "us", Repository: image, Digest: promotion.Digest("sha256:" + strings.Repeat("1", 64)), OrderedAt: time.Now(), Deadline: time.Now().Add(time.Hour)}
	to, err := d.of(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Deploy(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string]string{"eu": image + ":v1", "us": o.Image()} {
		if has := fmt.Sprint(clusters[name].Get(job)); !strings.Contains(has, "image:"+wants) {
			t.Errorf("%s has %s", name, has)
		}
	}
	if len(d.clusters) != 2 {
		t.Errorf("%d ways to two clusters", len(d.clusters))
	}
}
