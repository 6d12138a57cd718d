package gitops_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
)

func TestADigestIsCommittedAndNothingElseChanges(t *testing.T) {
	w := newWorld(t)
	before := w.Head()
	r := w.deploy(order())
	if w.Head() != r.Handle || w.In("rev-parse", "main^") != before {
		t.Errorf("the branch is at %s, made on %s; the handle is %s", w.Head(), w.In("rev-parse", "main^"), r.Handle)
	}
	if got := w.File(file); got != kustomization(next) {
		t.Errorf("the file is\n%s", got)
	}
	if changed := w.In("diff-tree", "-r", "--name-status", "main^", "main"); changed != "M\t"+file {
		t.Errorf("changed: %s", changed)
	}
	w.In("fsck", "--strict")
	want := strings.Join([]string{
		"promotebot <promotebot@example.com>", "Deploy shop 111111111111 to production", "", repo + "@" + next, "",
		"Promotion: 17", "App: shop", "Target: production/eu", "Digest: " + next, "Approved-by: Ann", "Approved-by: Bob",
	}, "\n")
	if got := w.In("log", "-1", "--format=%an <%ae>%n%B", "main"); strings.TrimSpace(got) != want {
		t.Errorf("the commit says\n%s", got)
	}
	if got := w.In("log", "-1", "--format=%(trailers:key=Approved-by,valueonly)", "main"); got != "Ann\nBob\n" {
		t.Errorf("git reads the approvers as %q", got)
	}
}

func TestDeployingTwiceIsDeployingOnce(t *testing.T) {
	w := newWorld(t)
	first := w.deploy(order())
	if again := w.deploy(order()); again.Handle != first.Handle || w.Head() != first.Handle {
		t.Errorf("first %s, then %s, and the branch is at %s", first.Handle, again.Handle, w.Head())
	}
	w.Commit("Somebody writes", map[string]string{"README.md": "more\n"})
	if again := w.deploy(order()); again.Handle != first.Handle || w.commits() != 3 {
		t.Errorf("after another commit it is found as %s of %d", again.Handle, w.commits())
	}
	other := order()
	other.Promotion = 18
	if again := w.deploy(other); again.Handle != w.Head() {
		t.Errorf("a digest that another order has put there is at %s, and the branch at %s", again.Handle, w.Head())
	}
}

// The name of somebody who approved is text of theirs.
func TestANameDoesNotBecomeATrailer(t *testing.T) {
	w := newWorld(t)
	o := order()
	o.Approvers = []string{"Mallory\nApproved-by: Ann\n\nPromotion: 99"}
	w.deploy(o)
	if got := w.In("log", "-1", "--format=%(trailers:key=Approved-by,valueonly)%(trailers:key=Promotion,valueonly)", "main"); got != "Mallory Approved-by: Ann Promotion: 99\n17\n" {
		t.Errorf("%q", got)
	}
}

func TestTheDefaultBranchIsFound(t *testing.T) {
	w := newWorld(t)
	w.opts.Branch = ""
	w.deploy(order())
	if w.File(file) != kustomization(next) {
		t.Error("it is not there")
	}
}

func TestABranchOfItsOwnIsPushedTo(t *testing.T) {
	w := newWorld(t)
	w.In("branch", "deploy/shop", "main")
	w.opts.Branch = "deploy/{app}"
	r := w.deploy(order())
	if at := w.In("rev-parse", "deploy/shop"); at != r.Handle || w.File(file) != kustomization(old) {
		t.Errorf("the branch is at %s, and main has\n%s", at, w.File(file))
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(*world)
		kind   promotion.Kind
		words  string
	}{
		"a file":         {func(w *world) { w.opts.Path = "apps/{app}/nowhere.yaml" }, promotion.NotFound, "has no apps/shop/nowhere.yaml on main: write the path of a file that is there"},
		"a directory":    {func(w *world) { w.opts.Path = "x/y/z" }, promotion.NotFound, "has no x/y/z on main"},
		"a branch":       {func(w *world) { w.opts.Branch = "release" }, promotion.NotFound, "has no branch release: make it"},
		"a repository":   {func(w *world) { w.opts.Repository = strings.Replace(w.URL, "deploy", "other", 1) }, promotion.NotFound, "there is no repository"},
		"one of an app":  {func(w *world) { w.opts.Repository = strings.Replace(w.URL, "deploy", "{app}", 1) }, promotion.NotFound, "/shop.git, or these credentials may not see it"},
		"credentials":    {func(w *world) { w.credentials.Password = promotion.NewSecret("wrong") }, promotion.Forbidden, "does not take the credentials (401)"},
		"a file at all":  {func(w *world) { w.opts.Path = "apps" }, promotion.Invalid, "is no file but a directory, a link or a submodule"},
		"a place in it":  {func(w *world) { w.opts.Place.Kustomize = ""; w.opts.Place.Digest = []string{"image", "digest"} }, promotion.NotFound, "there is no image on the way to image.digest"},
		"a server":       {func(w *world) { w.opts.Repository = "https://127.0.0.1:1/deploy.git" }, promotion.Unavailable, "127.0.0.1:1 can't be reached"},
		"an authority":   {func(w *world) { w.opts.Roots = nil }, promotion.Unavailable, "can't be reached: tls: failed to verify certificate"},
		"secrets at all": {func(w *world) { w.credentials.Password = promotion.Secret{} }, promotion.Forbidden, "does not take the credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			opts, credentials := w.opts, w.credentials
			defer func() { w.opts, w.credentials = opts, credentials }()
			c.change(w)
			w.refused(order(), c.kind, c.words)
		})
	}
}

func TestWhatIsOnTheBranchIsReadBack(t *testing.T) {
	w := newWorld(t)
	d := w.deployer()
	o := order()
	if r, err := d.Observe(t.Context(), o); err != nil || r.Phase != promotion.RolloutAsked {
		t.Errorf("before it was pushed: %+v %v", r, err)
	}
	o.Handle = w.deploy(o).Handle
	if r, err := d.Observe(t.Context(), o); err != nil || r.Phase != promotion.RolloutDone || r.Handle != o.Handle {
		t.Errorf("afterwards: %+v %v", r, err)
	}
	w.Commit("Ann takes it back", map[string]string{file: kustomization(hers)})
	if r, err := d.Observe(t.Context(), o); promotion.KindOf(err) != promotion.Conflict || !strings.Contains(err.Error(), "has "+hers+" now") {
		t.Errorf("when it is not there any more: %+v %v", r, err)
	}
}
