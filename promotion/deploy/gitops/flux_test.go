package gitops_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
)

const (
	kustomizationPath = "apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/shop-eu"
	releasePath       = "apis/helm.toolkit.fluxcd.io/v2/namespaces/shop/helmreleases/shop"
)

// watchedByFlux has Flux look at the world, from a cluster in which nothing of it is yet.
func (w *world) watchedByFlux(kustomization, release gitops.Object) *kubeapi.Server {
	w.t.Helper()
	s := kubeapi.Start(w.t)
	c, err := kubernetes.Open(s.Kubeconfig(), "", slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	w.opts.Flux = &gitops.Flux{Kustomization: kustomization, Release: release, Read: c.Object}
	return s
}

// conditions are those of an object of generation 2, whose Ready is about it.
func conditions(ready, reason, message, more string) string {
	return fmt.Sprintf(`"conditions": [{"type": "Reconciling", "status": "Unknown"}, {"type": "Ready", "status": %q, "reason": %q, "message": %q, "observedGeneration": 2}%s]`, ready, reason, message, more)
}

func object(spec, status string) string {
	return fmt.Sprintf(`{"metadata": {"generation": 2}, "spec": %s, "status": {%s}}`, spec, status)
}

var (
	ofKustomization = gitops.Object{Namespace: "flux-system", Name: "{app}-eu"}
	ofRelease       = gitops.Object{Namespace: "{app}", Name: "{app}"}
)

// What Flux says is written as its documents have it (spec/v1/kustomizations, spec/v2/helmreleases).
func TestFluxSaysHowFarItIs(t *testing.T) {
	w := newWorld(t)
	before := w.Head()
	o := order()
	o.Handle = w.deploy(o).Handle
	ours := o.Handle
	revisions := func(applied, attempted, observed string) string {
		return fmt.Sprintf(`"lastAppliedRevision": %q, "lastAttemptedRevision": %q, "observedGeneration": %s, `, applied, attempted, observed)
	}
	at := func(commit string) string { return "main@sha1:" + commit }
	well, ill := conditions("True", "ReconciliationSucceeded", "Applied revision", ""), conditions("False", "HealthCheckFailed", "timeout waiting for:\nDeployment/shop", "")
	released, stalled := conditions("True", "UpgradeSucceeded", "Helm upgrade succeeded", ""), `, {"type": "Stalled", "status": "True", "reason": "RetriesExceeded", "message": "Failed to upgrade after 1 attempt(s)", "observedGeneration": %d}`
	charted := func(chart, attempted string) string {
		return fmt.Sprintf(`"observedGeneration": 2, "lastAttemptedRevision": %q, "history": [{"chartName": "shop", "chartVersion": %q, "status": "deployed"}, {"chartVersion": "1.2.3+000000000000"}], `, attempted, chart)
	}
	brought := object("{}", revisions(at(ours), at(ours), "2")+well)
	rows := map[string]struct {
		kustomization, release string // of which those that are there are asked; LATER is a commit that is made on ours
		want                   promotion.RolloutPhase
		detail                 string
		lines                  []string
	}{
		"it has not seen the commit":          {object("{}", revisions(at(before), at(before), "2")+well), "", promotion.RolloutAsked, fmt.Sprintf("Flux, Kustomization flux-system/shop-eu has not come to %.8s yet", ours), nil},
		"its source is ill":                   {object("{}", revisions(at(before), at(before), "2")+conditions("False", "ArtifactFailed", "no artifact", "")), "", promotion.RolloutAsked, "yet (ArtifactFailed: no artifact)", nil},
		"it failed with an earlier commit":    {object("{}", revisions(at(before), at(before), "2")+ill), "", promotion.RolloutAsked, "yet (HealthCheckFailed: timeout", nil},
		"it brings it up":                     {object("{}", revisions(at(before), at(ours), "2")+conditions("Unknown", "Progressing", "Reconciliation in progress", "")), "", promotion.RolloutUnder, "is on its way (Progressing: Reconciliation in progress)", nil},
		"it is there":                         {brought, "", promotion.RolloutDone, "is ready", nil},
		"it is there with a later commit":     {object("{}", revisions(at("LATER"), at("LATER"), "2")+well), "", promotion.RolloutDone, "is ready", nil},
		"as Flux 0.40 wrote it":               {object("{}", revisions("main/"+ours, "main/"+ours, "2")+well), "", promotion.RolloutDone, "is ready", nil},
		"of an OCI artifact":                  {object("{}", revisions("latest@sha256:"+strings.Repeat("b", 64), "", "2")+fmt.Sprintf(`"lastAppliedOriginRevision": %q, `, at(ours))+well), "", promotion.RolloutDone, "is ready", nil},
		"it was changed since":                {object("{}", revisions(at(ours), at(ours), "1")+well), "", promotion.RolloutUnder, "is on its way (ReconciliationSucceeded", nil},
		"a commit that is not on the branch":  {object("{}", revisions(at(strings.Repeat("a", 40)), "", "2")+well), "", promotion.RolloutAsked, "has not come to", nil},
		"nothing at all":                      {`{}`, "", promotion.RolloutAsked, "has not come to", nil},
		"it is not healthy":                   {object("{}", revisions(at(before), at(ours), "2")+ill), "", promotion.RolloutFailed, "has failed (HealthCheckFailed: timeout waiting for:)", []string{"timeout waiting for:", "Deployment/shop"}},
		"it was healthy and is not any more":  {object("{}", revisions(at(ours), at(ours), "2")+ill), "", promotion.RolloutFailed, "has failed", []string{"timeout waiting for:", "Deployment/shop"}},
		"it fails with a later commit":        {object("{}", revisions(at(before), at("LATER"), "2")+ill), "", promotion.RolloutFailed, "has failed", []string{"timeout waiting for:", "Deployment/shop"}},
		"an OCI artifact fails":               {object("{}", fmt.Sprintf(`"history": [{"lastReconciledStatus": "HealthCheckFailed", "metadata": {"originRevision": %q}}], `, at(ours))+ill), "", promotion.RolloutFailed, "has failed", []string{"timeout waiting for:", "Deployment/shop"}},
		"it can't apply it yet":               {object("{}", revisions(at(before), at(ours), "2")+conditions("False", "ReconciliationFailed", "webhook timed out", "")), "", promotion.RolloutUnder, "is on its way (ReconciliationFailed: webhook timed out)", nil},
		"it is suspended":                     {object(`{"suspend": true}`, revisions(at(before), at(before), "2")+well), "", promotion.RolloutUnder, "is suspended: nothing is brought anywhere", nil},
		"it is suspended after all was there": {object(`{"suspend": true}`, revisions(at(ours), at(ours), "2")+well), "", promotion.RolloutDone, "is ready", nil},

		"its release is not asked before it is there":   {object("{}", revisions(at(before), at(before), "2")+well), object("{}", `"observedGeneration": 2, `+released), promotion.RolloutAsked, "Kustomization", nil},
		"its release is there":                          {brought, object("{}", `"observedGeneration": 2, `+released), promotion.RolloutDone, "Flux, HelmRelease shop/shop is ready", nil},
		"its release is as it was before":               {brought, object("{}", `"observedGeneration": 1, `+released), promotion.RolloutUnder, "HelmRelease shop/shop is on its way (UpgradeSucceeded", nil},
		"its release fails, and is tried again":         {brought, object("{}", `"observedGeneration": 2, `+conditions("False", "UpgradeFailed", "no", "")), promotion.RolloutUnder, "is on its way (UpgradeFailed: no)", nil},
		"its release has failed":                        {brought, object("{}", `"observedGeneration": 2, `+conditions("False", "UpgradeFailed", "no", fmt.Sprintf(stalled, 2))), promotion.RolloutFailed, "has failed (UpgradeFailed: no)", []string{"no", "Stalled: Failed to upgrade after 1 attempt(s)"}},
		"its release had failed before":                 {brought, object("{}", `"observedGeneration": 1, `+conditions("False", "UpgradeFailed", "no", fmt.Sprintf(stalled, 1))), promotion.RolloutUnder, "is on its way", nil},
		"a chart of the commit":                         {"", object("{}", charted("1.2.3+"+ours[:12], "1.2.3+"+ours[:12])+released), promotion.RolloutDone, "is ready", nil},
		"a chart of a later commit, with other values":  {"", object("{}", charted("1.2.3+"+"LATER"+".3", "1.2.3+"+"LATER"+".3")+released), promotion.RolloutDone, "is ready", nil},
		"a chart of an earlier commit":                  {"", object("{}", charted("1.2.3+"+before[:12], "1.2.3+"+before[:12])+released), promotion.RolloutAsked, "has not come to", nil},
		"a chart without a commit":                      {"", object("{}", charted("1.2.3", "1.2.3")+released), promotion.RolloutAsked, "has not come to", nil},
		"a chart of the commit that is not there yet":   {"", object("{}", charted("1.2.3+"+before[:12], "1.2.3+"+ours[:12])+released), promotion.RolloutUnder, "is on its way", nil},
		"a chart of an earlier commit that has stalled": {"", object("{}", charted("1.2.3+"+before[:12], "1.2.3+"+before[:12])+conditions("False", "UpgradeFailed", "no", fmt.Sprintf(stalled, 2))), promotion.RolloutAsked, "yet (UpgradeFailed: no)", nil},
	}
	s := w.watchedByFlux(ofKustomization, ofRelease)
	try := func(name, later string) {
		c := rows[name]
		t.Run(name, func(t *testing.T) {
			w.opts.Flux.Kustomization, w.opts.Flux.Release = gitops.Object{}, gitops.Object{}
			put := func(path, text string, into *gitops.Object, of gitops.Object) {
				if text != "" {
					s.Put(path, "", strings.NewReplacer("+LATER", fmt.Sprintf("+%.12s", later), "LATER", later).Replace(text))
					t.Cleanup(func() { s.Delete(path) })
					*into = of
				}
			}
			put(kustomizationPath, c.kustomization, &w.opts.Flux.Kustomization, ofKustomization)
			put(releasePath, c.release, &w.opts.Flux.Release, ofRelease)
			r, err := w.deployer().Observe(t.Context(), o)
			if err != nil || r.Phase != c.want || !strings.Contains(r.Detail, c.detail) || !slices.Equal(r.Lines, c.lines) || r.Handle != ours {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
	moved := func(name string) bool {
		return strings.Contains(rows[name].kustomization+rows[name].release, "LATER") || strings.HasSuffix(name, "not on the branch")
	}
	for name := range rows {
		if !moved(name) {
			try(name, "")
		}
	}
	later := w.Commit("Somebody writes", map[string]string{"README.md": "more\n"})
	for name := range rows {
		if moved(name) {
			try(name, later)
		}
	}
}

func TestAFluxThatCannotBeReadSaysWhy(t *testing.T) {
	w := newWorld(t)
	o := order()
	o.Handle = w.deploy(o).Handle
	s := w.watchedByFlux(ofKustomization, gitops.Object{})
	for name, c := range map[string]struct {
		status *kubeapi.Status
		text   string
		kind   promotion.Kind
		words  string
	}{
		"no such object": {nil, "", promotion.NotFound, "the cluster test has no kustomizations.kustomize.toolkit.fluxcd.io shop-eu in the namespace flux-system, or knows no such kind in version v1"},
		"no right": {
			&kubeapi.Status{Code: 403, Reason: "Forbidden", Message: `kustomizations.kustomize.toolkit.fluxcd.io "shop-eu" is forbidden: User "x" cannot get resource "kustomizations" in API group "kustomize.toolkit.fluxcd.io"`}, "",
			promotion.Forbidden, `the cluster test does not let promotebot get kustomizations.kustomize.toolkit.fluxcd.io in the namespace flux-system: apply there what "promotebot manifest flux flux-system" prints`,
		},
		"a server in trouble": {&kubeapi.Status{Code: 500, Reason: "InternalError"}, "", promotion.Unavailable, "the cluster test is in trouble (500)"},
		"something else":      {nil, `{"status": {"conditions": "x"}}`, promotion.Unavailable, "the Kustomization flux-system/shop-eu does not look as it should"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.text != "" {
				s.Put(kustomizationPath, "", c.text)
				t.Cleanup(func() { s.Delete(kustomizationPath) })
			}
			s.Refuse(func(*http.Request) *kubeapi.Status { return c.status })
			r, err := w.deployer().Observe(t.Context(), o)
			if err == nil || promotion.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.words) || r.Phase != "" {
				t.Errorf("%+v %v", r, err)
			}
		})
	}
}
