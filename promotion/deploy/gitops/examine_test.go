package gitops_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/fixtures/git"
	"github.com/promotebot/promotebot/fixtures/kubeapi"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops"
)

func TestAnExaminationOfARepositoryLeavesNoTrace(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*world)
		says []string // the beginning of a line each
	}{
		"all is well": {says: []string{"ok reading HOST: apps/shop/kustomization.yaml on main is there, and has " + old, "ok pushing to HOST: allowed"}},
		"a wrong password": {func(w *world) { w.credentials.Password = promotion.NewSecret("guessed") }, []string{
			"wrong reading HOST: HOST does not take the credentials (401)", "wrong pushing to HOST: HOST does not take the credentials (401)",
		}},
		"it may only read": {func(w *world) {
			w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if strings.Contains(r.URL.String(), "git-receive-pack") {
					rw.WriteHeader(http.StatusForbidden)
					return
				}
				next.ServeHTTP(rw, r)
			})
		}, []string{"ok reading HOST: ", "wrong pushing to HOST: HOST refuses these credentials (403)"}},
		"no such branch": {func(w *world) { w.opts.Branch = "production" }, []string{"wrong reading HOST: HOST has no branch production", "ok pushing to HOST: allowed"}},
		"no such file":   {func(w *world) { w.opts.Path = "apps/{app}/values.yaml" }, []string{"wrong reading HOST: ", "ok pushing to HOST: allowed"}},
		"a signing key that is none": {func(w *world) { w.credentials.Signing = promotion.NewSecret("-----BEGIN NOTHING-----") }, []string{
			"wrong a commit for HOST: ", "ok pushing to HOST: allowed",
		}},
		"nobody there": {func(w *world) { w.opts.Repository = "https://127.0.0.1:1/deploy.git" }, []string{"unknown reading 127.0.0.1:1/deploy.git: 127.0.0.1:1 can't be reached"}},
		"another file of the app, and Argo CD": {func(w *world) {
			w.opts.Argo = &gitops.Argo{Server: strings.TrimSuffix(w.URL, "/deploy.git"), App: "{app}-eu"}
			w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				next.ServeHTTP(rw, r)
			})
		}, []string{"ok reading HOST: ", "ok pushing to HOST: ", "wrong Argo CD: Argo CD at "}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.edit != nil {
				c.edit(w)
			}
			before, refs := w.Head(), w.In("for-each-ref")
			o := order()
			o.Digest, o.Tags = "", nil
			found := gitops.New(w.opts).Examine(t.Context(), o)
			host := strings.TrimPrefix(w.URL, "https://")
			if len(found) != len(c.says) {
				t.Errorf("found %+v", found)
			}
			for i, d := range found {
				line := strings.ReplaceAll(fmt.Sprintf("%s %s: %s", d.Condition, strings.TrimPrefix(d.About, "eu in production: "), d.Says), host, "HOST")
				if i < len(c.says) && !strings.HasPrefix(line, c.says[i]) {
					t.Errorf("it says %q, and not %q", line, c.says[i])
				}
				if d.Condition != promotion.Well && d.Remedy == "" || strings.Contains(line, git.Password) {
					t.Errorf("%q has the remedy %q", line, d.Remedy)
				}
			}
			if w.Head() != before || w.In("for-each-ref") != refs {
				t.Errorf("it has left a trace: %s", w.In("for-each-ref"))
			}
		})
	}
}

// Whoever is to say how far it is has to be there before anything is committed.
func TestAnExaminationLooksAtWhoIsToSayHowFarItIs(t *testing.T) {
	w := newWorld(t)
	s := w.watchedByFlux(ofKustomization, ofRelease)
	w.runsIn(s)
	said := func() (all []string) {
		o := order()
		o.Digest, o.Tags = "", nil
		for _, d := range gitops.New(w.opts).Examine(t.Context(), o)[2:] {
			if d.Condition != promotion.Well && d.Remedy == "" {
				t.Errorf("%+v has no remedy", d)
			}
			all = append(all, fmt.Sprintf("%s %s: %s", d.Condition, strings.TrimPrefix(d.About, "eu in production: "), d.Says))
		}
		return all
	}
	check := func(what string, want ...string) {
		t.Helper()
		got := said()
		if len(got) != len(want) {
			t.Fatalf("%s: %q", what, got)
		}
		for i := range got {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: it says %q, and not %q", what, got[i], want[i])
			}
		}
	}
	check("nothing is there",
		"wrong Flux, Kustomization flux-system/shop-eu: the cluster test has no kustomizations",
		"wrong Flux, HelmRelease shop/shop: the cluster test has no helmreleases",
		"wrong the workloads that run what is committed: there is no Deployment api in the namespace shop")
	s.Put(kustomizationPath, "", object("{}", `"observedGeneration": 2`))
	s.Put(releasePath, "", object(`{"suspend": true}`, `"observedGeneration": 2`))
	applied(s, 1, repo+"@"+old, repo+"@"+old)
	check("all is there, and one is suspended",
		"ok Flux, Kustomization flux-system/shop-eu: it is there",
		"wrong Flux, HelmRelease shop/shop: it is suspended",
		"ok the workloads that run what is committed: they can be read")
	s.Refuse(func(r *http.Request) *kubeapi.Status {
		if strings.Contains(r.URL.Path, "helmreleases") {
			return &kubeapi.Status{Code: 403, Reason: "Forbidden", Message: `helmreleases.helm.toolkit.fluxcd.io "shop" is forbidden: User "x" cannot get resource "helmreleases"`}
		}
		return nil
	})
	check("a right is missing",
		"ok Flux, Kustomization flux-system/shop-eu",
		"wrong Flux, HelmRelease shop/shop: the cluster test does not let promotebot get helmreleases",
		"ok the workloads")
}
