package gitops_test

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops"
)

// argocd answers as Argo CD does for one application, written from its API
// (/api/v1/applications/{name}, an Application of argoproj.io/v1alpha1).
type argocd struct {
	*httptest.Server
	namespace string // of the application, where it is not that of Argo CD
	status    int
	answer    string
}

const argoToken = "argo token"

// watchedByArgo has Argo CD look at the world.
func (w *world) watchedByArgo() *argocd {
	a := &argocd{status: http.StatusOK}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+argoToken:
			rw.WriteHeader(http.StatusUnauthorized)
		case r.Method != http.MethodGet || r.URL.Path != "/argo/api/v1/applications/shop-eu" || r.URL.Query().Get("appNamespace") != a.namespace:
			rw.WriteHeader(http.StatusForbidden)
		case a.status/100 == 3:
			http.Redirect(rw, r, "https://example.com/", a.status)
		default:
			rw.WriteHeader(a.status)
			_, _ = rw.Write([]byte(a.answer))
		}
	}))
	w.t.Cleanup(a.Close)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.CA)
	roots.AddCert(a.Certificate())
	w.opts.Roots, w.opts.Argo = roots, &gitops.Argo{Server: a.URL + "/argo", App: "{app}-eu"}
	w.credentials.Argo = promotion.NewSecret(argoToken)
	return a
}

// says has it answer with a state: of the comparison, of health, and of the last sync.
func (a *argocd) says(sync, revision, health, operation string) {
	var app struct {
		Status struct {
			Sync           map[string]any   `json:"sync"`
			Health         map[string]any   `json:"health"`
			OperationState map[string]any   `json:"operationState"`
			Conditions     []map[string]any `json:"conditions"`
		} `json:"status"`
	}
	app.Status.Sync = map[string]any{"status": sync, "revision": revision}
	app.Status.Health = map[string]any{"status": health, "message": "2 of 3 pods\nare not ready"}
	app.Status.OperationState = map[string]any{"phase": operation, "message": "one or more objects failed to apply", "syncResult": map[string]any{"revision": revision}}
	app.Status.Conditions = []map[string]any{{"type": "SyncError", "message": "no matches for kind"}}
	text, err := json.Marshal(app)
	if err != nil {
		panic(err)
	}
	a.answer = string(text)
}

func TestArgoSaysHowFarItIs(t *testing.T) {
	w := newWorld(t)
	a := w.watchedByArgo()
	before := w.Head()
	o := order()
	o.Handle = w.deploy(o).Handle
	later := w.Commit("Somebody writes", map[string]string{"README.md": "more\n"})
	for name, c := range map[string]struct {
		sync, revision, health, operation string
		want                              promotion.RolloutPhase
		lines                             []string
	}{
		"it has not seen the commit":                    {"Synced", before, "Healthy", "Succeeded", promotion.RolloutAsked, nil},
		"it has seen it":                                {"OutOfSync", o.Handle, "Healthy", "Succeeded", promotion.RolloutUnder, nil},
		"it brings it up":                               {"Synced", o.Handle, "Progressing", "Succeeded", promotion.RolloutUnder, nil},
		"it is there":                                   {"Synced", o.Handle, "Healthy", "Succeeded", promotion.RolloutDone, nil},
		"it is there with a later commit":               {"Synced", later, "Healthy", "Succeeded", promotion.RolloutDone, nil},
		"it was degraded before":                        {"OutOfSync", o.Handle, "Degraded", "Running", promotion.RolloutUnder, nil},
		"it was degraded by another commit":             {"Synced", before, "Degraded", "Succeeded", promotion.RolloutAsked, nil},
		"it is degraded":                                {"Synced", o.Handle, "Degraded", "Succeeded", promotion.RolloutFailed, []string{"2 of 3 pods", "are not ready", "SyncError: no matches for kind"}},
		"its objects can't be applied":                  {"OutOfSync", later, "Healthy", "Failed", promotion.RolloutFailed, []string{"one or more objects failed to apply", "SyncError: no matches for kind"}},
		"it shows a commit that is not on the branch":   {"Synced", strings.Repeat("a", 40), "Healthy", "Succeeded", promotion.RolloutAsked, nil},
		"it says nothing of commits, or nothing at all": {"", "", "", "", promotion.RolloutAsked, nil},
	} {
		a.says(c.sync, c.revision, c.health, c.operation)
		r, err := w.deployer().Observe(t.Context(), o)
		if err != nil || r.Phase != c.want || !slices.Equal(r.Lines, c.lines) || r.URL != a.URL+"/argo/applications/shop-eu" {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}

func TestAnApplicationInANamespaceOfItsOwnIsAskedThere(t *testing.T) {
	w := newWorld(t)
	a := w.watchedByArgo()
	a.namespace, w.opts.Argo.App = "team", "team/{app}-eu"
	o := order()
	o.Handle = w.deploy(o).Handle
	a.says("Synced", o.Handle, "Healthy", "Succeeded")
	if r, err := w.deployer().Observe(t.Context(), o); err != nil || r.Phase != promotion.RolloutDone || r.URL != a.URL+"/argo/applications/team/shop-eu" {
		t.Errorf("%+v %v", r, err)
	}
}

func TestASyncOfAnEarlierCommitThatFailedSaysNothing(t *testing.T) {
	w := newWorld(t)
	a := w.watchedByArgo()
	before := w.Head()
	o := order()
	o.Handle = w.deploy(o).Handle
	a.says("OutOfSync", o.Handle, "Healthy", "Failed")
	a.answer = strings.Replace(a.answer, fmt.Sprintf(`"syncResult":{"revision":"%s"}`, o.Handle), fmt.Sprintf(`"syncResult":{"revision":"%s"}`, before), 1)
	if r, err := w.deployer().Observe(t.Context(), o); err != nil || r.Phase != promotion.RolloutUnder {
		t.Errorf("%+v %v", r, err)
	}
}

func TestAnArgoThatIsNotAskedRightlySaysWhy(t *testing.T) {
	w := newWorld(t)
	o := order()
	o.Handle = w.deploy(o).Handle
	for name, c := range map[string]struct {
		change func(*world, *argocd)
		kind   promotion.Kind
		words  string
	}{
		"a wrong token":       {func(w *world, _ *argocd) { w.credentials.Argo = promotion.NewSecret("wrong") }, promotion.Forbidden, "does not show the application shop-eu (401)"},
		"no such application": {func(w *world, _ *argocd) { w.opts.Argo.App = "other" }, promotion.Forbidden, "does not show the application other (403)"},
		"not found":           {func(_ *world, a *argocd) { a.status = http.StatusNotFound }, promotion.NotFound, "has no application shop-eu"},
		"a redirect":          {func(_ *world, a *argocd) { a.status = http.StatusFound }, promotion.Forbidden, "sends promotebot elsewhere (302)"},
		"an error":            {func(_ *world, a *argocd) { a.status = http.StatusBadGateway }, promotion.Unavailable, "answers with 502"},
		"something else":      {func(_ *world, a *argocd) { a.answer = "<html>" }, promotion.Unavailable, "does not answer as it should"},
		"nobody":              {func(_ *world, a *argocd) { a.Close() }, promotion.Unavailable, "can't be reached"},
	} {
		a := w.watchedByArgo()
		a.says("Synced", o.Handle, "Healthy", "Succeeded")
		c.change(w, a)
		r, err := w.deployer().Observe(t.Context(), o)
		if err == nil || promotion.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error()+promotion.Cause(err), argoToken) {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}
