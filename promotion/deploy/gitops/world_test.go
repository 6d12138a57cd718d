package gitops_test

import (
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/git"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops"
	"github.com/promotebot/promotebot/promotion/deploy/gitops/edit"
	"github.com/promotebot/promotebot/promotion/pipeline"
)

const (
	file = "apps/shop/kustomization.yaml"
	repo = "registry.example.com/shop/api"
	old  = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	next = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	hers = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

// kustomization is what the file says with a digest.
func kustomization(digest string) string {
	return "# by hand\nimages:\n- name: " + repo + "   # ours\n  digest: " + digest + "\n\nresources: [ a,b ]\n"
}

// world is a Git server with that file on it, and a way to deploy to it.
type world struct {
	*git.Server
	t           *testing.T
	opts        gitops.Options
	credentials gitops.Credentials
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, map[string]string{file: kustomization(old), "README.md": "# Deployments\n", "apps/other.yaml": "a: b\n"})
}

func newWorldOf(t *testing.T, files map[string]string) *world {
	t.Helper()
	s := git.Start(t, files)
	w := &world{Server: s, t: t, opts: options(s.URL, t.TempDir(), s.CA), credentials: robot}
	w.opts.Credentials = func() (gitops.Credentials, error) { return w.credentials, nil }
	t.Cleanup(func() {
		left, err := os.ReadDir(w.opts.Directory)
		if err != nil || len(left) > 0 {
			t.Errorf("what was fetched is still there: %v %v", left, err)
		}
	})
	return w
}

// robot are credentials that are let in.
var robot = gitops.Credentials{Username: git.User, Password: promotion.NewSecret(git.Password)}

func options(repository, directory string, ca []byte) gitops.Options {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return gitops.Options{
		Repository: repository, Branch: "main", Path: "apps/{app}/kustomization.yaml", Place: edit.Place{Kustomize: "{image}"},
		Author: gitops.Author{Name: "promotebot", Email: "promotebot@example.com"}, Directory: directory, Roots: roots,
		Credentials: func() (gitops.Credentials, error) { return robot, nil },
	}
}

// deployerOf has the type by which the pipeline knows one.
func deployerOf(o gitops.Options) pipeline.Deployer { return gitops.New(o) }

func (w *world) deployer() pipeline.Deployer { return deployerOf(w.opts) }

// order is one that was written down a moment ago.
func order() promotion.Order {
	return promotion.Order{
		Promotion: 17, Purpose: promotion.Forward, App: "shop", Environment: "production", Target: "eu", Repository: repo,
		Digest: next, Previous: old, Tags: []string{"v1.4.2"}, Approvers: []string{"Ann", "Bob"}, OrderedAt: time.Now().Add(-time.Second),
	}
}

// deploy deploys, and it has to work.
func (w *world) deploy(o promotion.Order) promotion.Rollout {
	w.t.Helper()
	r, err := w.deployer().Deploy(w.t.Context(), o)
	if err != nil {
		w.t.Fatalf("%v (%s)", err, promotion.Cause(err))
	}
	if r.Phase != promotion.RolloutAsked || r.Handle == "" || r.ReadAt.IsZero() {
		w.t.Errorf("%+v", r)
	}
	return r
}

// refused deploys, and it must not work.
func (w *world) refused(o promotion.Order, kind promotion.Kind, words string) promotion.Rollout {
	w.t.Helper()
	before := w.Head()
	r, err := w.deployer().Deploy(w.t.Context(), o)
	if err == nil || promotion.KindOf(err) != kind || !strings.Contains(err.Error(), words) {
		w.t.Errorf("%+v, a %s: %v", r, promotion.KindOf(err), err)
	}
	if err != nil && strings.Contains(err.Error()+promotion.Cause(err), git.Password) {
		w.t.Errorf("the password is in: %v", err)
	}
	if w.Head() != before {
		w.t.Errorf("the branch has moved from %s to %s", before, w.Head())
	}
	return r
}

// commits is how many there are on the branch.
func (w *world) commits() int {
	w.t.Helper()
	return len(strings.Fields(w.In("rev-list", "main")))
}
