package gitops_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/fixtures/git"

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
