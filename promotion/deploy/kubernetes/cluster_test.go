package kubernetes_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
)

func TestAFailedRequestSaysWhatFollows(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 1))
	for _, f := range []struct {
		name   string
		method string
		status kubeapi.Status
		kind   promotion.Kind
		says   string
		pause  time.Duration
	}{
		{"unknown credentials", http.MethodGet, kubeapi.Status{Code: 401, Reason: "Unauthorized", Message: "Unauthorized"}, promotion.Forbidden, "the cluster test does not accept the credentials of promotebot (401): they may have expired", 0},
		{"no right to read", http.MethodGet, kubeapi.Status{Code: 403, Reason: "Forbidden", Message: `deployments.apps "api" is forbidden: User "x" cannot get resource "deployments" in API group "apps" in the namespace "shop"`}, promotion.Forbidden, `promotebot may not get deployments.apps in the namespace shop of the cluster test: apply there what "promotebot manifest kubernetes shop" prints`, 0},
		{"no right to write", http.MethodPatch, kubeapi.Status{Code: 403, Reason: "Forbidden", Message: `deployments.apps "api" is forbidden: User "x" cannot patch resource "deployments" in API group "apps" in the namespace "shop"`}, promotion.Forbidden, "promotebot may not patch deployments.apps in the namespace shop", 0},
		{"a policy of the cluster", http.MethodPatch, kubeapi.Status{Code: 403, Reason: "Forbidden", Message: "denied by a webhook"}, promotion.Invalid, "the cluster test refuses to patch deployments.apps in the namespace shop (403): a rule of the cluster stands against it", 0},
		{"an object that is invalid", http.MethodPatch, kubeapi.Status{Code: 422, Reason: "Invalid", Message: "spec: x"}, promotion.Invalid, "refuses to patch deployments.apps in the namespace shop (422)", 0},
		{"too many requests", http.MethodGet, kubeapi.Status{Code: 500, Reason: "InternalError", Message: "etcd is gone"}, promotion.Unavailable, "the cluster test is in trouble (500)", 0},
		{"a server that is ill", http.MethodPatch, kubeapi.Status{Code: 503, Reason: "ServiceUnavailable", Message: "not now"}, promotion.Unavailable, "the cluster test is in trouble (503)", 0},
	} {
		s.Refuse(func(r *http.Request) *kubeapi.Status {
			if r.Method == f.method {
				return &f.status
			}
			return nil
		})
		_, err := c.Deployer(api()).Deploy(t.Context(), order(1))
		if err == nil || promotion.KindOf(err) != f.kind || !strings.Contains(err.Error(), f.says) {
			t.Errorf("%s: %v (%s)\nwant %s", f.name, err, promotion.KindOf(err), f.says)
		}
	}
}

func TestAClusterThatIsNotThereIsUnavailable(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Refuse(func(r *http.Request) *kubeapi.Status {
		<-r.Context().Done() // it never answers
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Deployer(api()).Deploy(ctx, order(1))
	if promotion.KindOf(err) != promotion.Unavailable || err.Error() != "the cluster test did not answer in time" {
		t.Errorf("a server that does not answer: %v", err)
	}
	o := order(1)
	o.Handle = "Deployment/api@1"
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = c.Deployer(api()).Observe(ctx, o); promotion.KindOf(err) != promotion.Unavailable || err.Error() != "the cluster test did not answer in time" {
		t.Errorf("a watch that does not begin: %v", err)
	}
}

func TestAKubeconfigLeadsToTheClusterThatItNamesOrNowhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const secret = "s3cret-t0ken"
	users := `users: [{name: u, user: {token: ` + secret + `}}]` + "\n"
	for name, f := range map[string]struct{ text, context, says string }{
		"no file":             {"", "", "can't be read: kubectl --kubeconfig"},
		"no YAML":             {"apiVersion: v1\nkind: Config\nusers: " + secret + "\n", "", "can't be read"},
		"empty":               {"apiVersion: v1\nkind: Config\n", "", "has no current context: name one under context (there are: )"},
		"no such context":     {"apiVersion: v1\nkind: Config\n" + users + "contexts: [{name: eu, context: {cluster: a, user: u}}, {name: us, context: {}}]\n", "asia", `has no context "asia": there are eu, us`},
		"no such cluster":     {"apiVersion: v1\nkind: Config\n" + users + "contexts: [{name: eu, context: {cluster: a, user: u}}]\n", "eu", `the context "eu" of the kubeconfig`},
		"no certificate":      {"apiVersion: v1\nkind: Config\n" + users + "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1', certificate-authority: nowhere.pem}}]\ncontexts: [{name: eu, context: {cluster: a, user: u}}]\n", "eu", "can't be used"},
		"a certificate of no": {"apiVersion: v1\nkind: Config\n" + users + "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1', certificate-authority-data: " + "c2VjcmV0" + "}}]\ncontexts: [{name: eu, context: {cluster: a, user: u}}]\n", "eu", "can't be used"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if f.text != "" {
			if err := os.WriteFile(path, []byte(f.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := kubernetes.Open(path, f.context, slog.New(slog.DiscardHandler))
		if promotion.KindOf(err) != promotion.Invalid || !strings.Contains(err.Error(), f.says) {
			t.Errorf("%s: %v\nwant %s", name, err, f.says)
			continue
		}
		if told := err.Error() + promotion.Cause(err); strings.Contains(told, secret) {
			t.Errorf("%s: the credentials are told: %s", name, told)
		}
	}
	if _, err := kubernetes.Open("", "", slog.New(slog.DiscardHandler)); promotion.KindOf(err) != promotion.Invalid || !strings.Contains(err.Error(), "promotebot does not run in a cluster") {
		t.Errorf("outside of a cluster: %v", err)
	}
}

// Whatever goes wrong, neither an error nor the log holds the token.
func TestCredentialsAreInNoErrorAndInNoLog(t *testing.T) {
	t.Parallel()
	s := kubeapi.Start(t)
	c, log := open(t, s.Kubeconfig())
	c.Hurry(time.Millisecond, time.Minute, 0)
	o := order(1)
	o.Handle = "Deployment/api@1"
	var told []string
	try := func() {
		r, err := c.Deployer(api()).Deploy(t.Context(), o)
		told = append(told, err.Error(), promotion.Cause(err), strings.Join(r.Lines, " "))
		_, err = c.Deployer(api()).Observe(t.Context(), o)
		told = append(told, err.Error(), promotion.Cause(err))
	}
	for _, code := range []int{401, 403, 422, 500} {
		s.Refuse(func(r *http.Request) *kubeapi.Status { // it repeats what it was shown
			return &kubeapi.Status{Code: code, Reason: "Odd", Message: "no to " + r.Header.Get("Authorization")}
		})
		try()
	}
	s.Stop()
	try()
	c.Close()
	if !strings.Contains(log.String(), "a watch of a cluster is cut off") {
		t.Errorf("the log is silent: %s", log)
	}
	if all := strings.Join(told, "\n") + log.String(); strings.Contains(all, kubeapi.Token) || !strings.Contains(all, "no to Bearer [redacted]") {
		t.Errorf("the token is told, or nothing is:\n%s", all)
	}
}

func TestTheManifestHasARoleForEachNamespace(t *testing.T) {
	t.Parallel()
	for want, text := range map[string]string{
		"pods/log": kubernetes.Manifest([]string{"shop", "cart"}), "kustomizations": kubernetes.FluxManifest([]string{"shop", "cart"}),
	} {
		manifests(t, text, want)
	}
}

func manifests(t *testing.T, text, resource string) {
	t.Helper()
	for _, want := range []string{"namespace: shop\n", "namespace: cart\n", "# What promotebot may do in shop, and nothing else.", "resources: [" + resource + "]"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "NAMESPACE") || strings.Contains(text, "ROLE") || strings.Count(text, "\nkind: Role\n") != 2 || strings.Count(text, "kind: RoleBinding") != 2 || strings.Count(text, "kind: ServiceAccount\n") != 3 {
		t.Errorf("it is\n%s", text)
	}
	// Whoever deletes what it made must not delete a namespace with all that is in it.
	if strings.Contains(text, "kind: Namespace") || !strings.Contains(text, "kubectl create namespace promotebot") || strings.Count(text, "The namespace has to exist") != 3 {
		t.Errorf("what has to be there before it is applied is not said, or is made:\n%s", text)
	}
}
