package kubernetes_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
)

// look goes down into an object.
func look(o any, path ...any) any {
	for _, step := range path {
		switch in := o.(type) {
		case kubeapi.Object:
			o = in[step.(string)]
		case []any:
			o = in[step.(int)]
		default:
			return nil
		}
	}
	return o
}

const image = "registry.example.com/shop/api:v1"

func TestTheImageIsSetAndNothingElse(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 2))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	if o.Handle != "Deployment/api@2" {
		t.Errorf("the handle is %q", o.Handle)
	}
	got := s.Get(apps + "deployments/api")
	if now := look(got, "spec", "template", "spec", "containers", 0, "image"); now != o.Image() {
		t.Errorf("the image is %v", now)
	}
	if other := look(got, "spec", "template", "spec", "containers", 1, "image"); other != "registry.example.com/proxy:1" {
		t.Errorf("the other container has %v", other)
	}
	if at := look(got, "metadata", "annotations"); look(at, "promotebot.github.io/promotion") != "1" || look(at, "promotebot.github.io/app") != "shop" || look(at, "promotebot.github.io/approved-by") != "Ann, Bob" {
		t.Errorf("annotated with %v", at)
	}
	if on := look(got, "spec", "template", "metadata", "annotations"); on != nil {
		t.Errorf("the pods are annotated with %v", on)
	}
	if sent := s.Requests(); len(sent) != 1 || !strings.Contains(sent[0], "fieldManager=promotebot") || !strings.Contains(sent[0], "force=false") {
		t.Errorf("sent %q", sent)
	}
}

func TestDoingItTwiceIsDoingItOnce(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 2))
	first := deploy(t, c.Deployer(api()), order(1))
	s.Requests()
	again := deploy(t, c.Deployer(api()), order(1))
	if sent := s.Requests(); len(sent) != 0 || again.Handle != first.Handle {
		t.Errorf("the second time sent %q, and the handle is %q after %q", sent, again.Handle, first.Handle)
	}
}

// The same digest in another promotion (a restored tag, a second request) is
// noted at the workload; its pods stay.
func TestAnotherPromotionOfTheSameDigestRollsNothingOut(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 2))
	deploy(t, c.Deployer(api()), order(1))
	before := fmt.Sprint(look(s.Get(apps+"deployments/api"), "spec"))
	next := order(1)
	next.Promotion = 5
	deploy(t, c.Deployer(api()), next)
	got := s.Get(apps + "deployments/api")
	if at := look(got, "metadata", "annotations", "promotebot.github.io/promotion"); at != "5" {
		t.Errorf("the workload says %v", at)
	}
	if after := fmt.Sprint(look(got, "spec")); after != before {
		t.Errorf("it was\n%s and is\n%s", before, after)
	}
}

// An order that comes late, after that of the rollback, is refused by what is
// noted at the workload.
func TestAnOrderDoesNotReplaceWhatALaterOneHasSet(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 2))
	back, late, other := order(1), order(2), order(3)
	back.Promotion, late.Promotion, other.Promotion, other.App = 10, 9, 9, "proxy"
	deploy(t, c.Deployer(api()), back)
	s.Requests()
	_, err := c.Deployer(api()).Deploy(t.Context(), late)
	if promotion.KindOf(err) != promotion.Conflict || !strings.HasPrefix(err.Error(), "Deployment api in the namespace shop was not changed: promotion #10 has set it, which came after #9.") || len(s.Requests()) != 0 {
		t.Errorf("got %v", err)
	}
	to := api()
	to.Workloads[0].Containers = []string{"proxy"}
	deploy(t, c.Deployer(to), other) // which shares the workload, and is asked about apart
	s.Change(apps+"deployments/api", func(o kubeapi.Object) {
		look(o, "metadata").(kubeapi.Object)["annotations"] = kubeapi.Object{"promotebot.github.io/promotion": "10"}
	})
	if _, err := c.Deployer(api()).Deploy(t.Context(), late); promotion.KindOf(err) != promotion.Conflict {
		t.Errorf("where the app is not noted: %v", err)
	}
}

func TestALaterOrderThatIsFasterIsNotReplaced(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 2))
	overtaken := false
	s.Refuse(func(r *http.Request) *kubeapi.Status {
		if r.Method == http.MethodPatch && !overtaken {
			overtaken = true
			if _, err := c.Deployer(api()).Deploy(t.Context(), order(3)); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	_, err := c.Deployer(api()).Deploy(t.Context(), order(2))
	if promotion.KindOf(err) != promotion.Conflict || !strings.Contains(err.Error(), "promotion #3 has set it") {
		t.Errorf("got %v", err)
	}
	if now := look(s.Get(apps+"deployments/api"), "spec", "template", "spec", "containers", 0, "image"); now != order(3).Image() {
		t.Errorf("the image is %v", now)
	}
}

func TestWhatAnotherManagerOwnsIsNotOverwritten(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", "helm", manifest(image, 2))
	_, err := c.Deployer(api()).Deploy(t.Context(), order(1))
	want := `Deployment api in the namespace shop was not changed: "helm" owns .spec.template.spec.containers[name="api"].image. Have it leave the image to promotebot, or name it under take_over`
	if promotion.KindOf(err) != promotion.Conflict || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if now := look(s.Get(apps+"deployments/api"), "spec", "template", "spec", "containers", 0, "image"); now != image {
		t.Errorf("the image is %v", now)
	}
}

func TestTheImageIsTakenFromWhomTheConfigurationNames(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", "helm", manifest(image, 2))
	to := api()
	to.TakeOver = []string{"kubectl"}
	if _, err := c.Deployer(to).Deploy(t.Context(), order(1)); promotion.KindOf(err) != promotion.Conflict {
		t.Errorf("taken from helm, where kubectl is named: %v", err)
	}
	to.TakeOver = []string{"kubectl", "helm"}
	deploy(t, c.Deployer(to), order(1))
}

// Between being read and being set, a workload changes all the time. It is read
// again, and what was decided on the old one is not forced onto the new one.
func TestAWorkloadThatChangesMeanwhileIsReadAgain(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", "helm", manifest(image, 2))
	to, meddled := api(), 0
	to.TakeOver = []string{"helm"}
	s.Refuse(func(r *http.Request) *kubeapi.Status {
		if r.Method == http.MethodPatch && meddled < 3 {
			meddled++
			s.Change(apps+"deployments/api", func(o kubeapi.Object) {
				o["spec"].(kubeapi.Object)["paused"] = meddled%2 == 0
			})
		}
		return nil
	})
	o := deploy(t, c.Deployer(to), order(1))
	if now := look(s.Get(apps+"deployments/api"), "spec", "template", "spec", "containers", 0, "image"); now != o.Image() || meddled != 3 {
		t.Errorf("after %d changes the image is %v", meddled, now)
	}
	meddled = -1000
	s.Change(apps+"deployments/api", func(kubeapi.Object) {})
	if _, err := c.Deployer(to).Deploy(t.Context(), order(2)); promotion.KindOf(err) != promotion.Unavailable || !strings.Contains(err.Error(), "changes faster than it can be set") {
		t.Errorf("a workload that never stands still: %v", err)
	}
}

// What may be taken from helm is not taken from somebody who was faster.
func TestAForceIsForWhatWasReadAlone(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", "helm", manifest(image, 2))
	to, meddled := api(), false
	to.TakeOver = []string{"helm"}
	s.Refuse(func(r *http.Request) *kubeapi.Status {
		if r.Method == http.MethodPatch && r.URL.Query().Get("force") == "true" && !meddled {
			meddled = true
			s.Put(apps+"deployments/api", "ann", manifest("registry.example.com/shop/api:mine", 2))
		}
		return nil
	})
	_, err := c.Deployer(to).Deploy(t.Context(), order(1))
	if promotion.KindOf(err) != promotion.Conflict || !strings.Contains(err.Error(), `"ann" owns`) || !meddled {
		t.Errorf("got %v", err)
	}
	if now := look(s.Get(apps+"deployments/api"), "spec", "template", "spec", "containers", 0, "image"); now != "registry.example.com/shop/api:mine" {
		t.Errorf("the image is %v", now)
	}
}

// A container that somebody takes out between the two is not put back.
func TestAContainerThatIsTakenOutMeanwhileStaysOut(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 2))
	taken := false
	s.Refuse(func(r *http.Request) *kubeapi.Status {
		if r.Method == http.MethodPatch && !taken {
			taken = true
			s.Change(apps+"deployments/api", func(o kubeapi.Object) {
				in := look(o, "spec", "template", "spec").(kubeapi.Object)
				in["containers"] = in["containers"].([]any)[1:]
			})
		}
		return nil
	})
	_, err := c.Deployer(api()).Deploy(t.Context(), order(1))
	if promotion.KindOf(err) != promotion.Invalid {
		t.Errorf("got %v", err)
	}
	if all := look(s.Get(apps+"deployments/api"), "spec", "template", "spec", "containers").([]any); len(all) != 1 {
		t.Errorf("there are %v", all)
	}
}

func TestSeveralWorkloadsAreCheckedBeforeTheFirstIsChanged(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 2))
	s.Put(apps+"deployments/worker", "helm", manifest(image, 2))
	to := target(kubernetes.Selection{Kind: kubernetes.Deployment, Selector: "app=shop"})
	if _, err := c.Deployer(to).Deploy(t.Context(), order(1)); promotion.KindOf(err) != promotion.Conflict {
		t.Errorf("got %v", err)
	}
	if now := look(s.Get(apps+"deployments/api"), "spec", "template", "spec", "containers", 0, "image"); now != image {
		t.Errorf("one of the two was changed, to %v", now)
	}
	for _, sent := range s.Requests() {
		if !strings.Contains(sent, "dryRun=All") {
			t.Errorf("sent %s", sent)
		}
	}
	to.TakeOver = []string{"helm"}
	if o := deploy(t, c.Deployer(to), order(1)); o.Handle != "Deployment/api@2 Deployment/worker@2" {
		t.Errorf("the handle is %q", o.Handle)
	}
}

func TestWhatCanNotBeDeployedIsSaidBeforeAnythingIsChanged(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 2))
	s.Put(apps+"deployments/other", kubernetes.Manager, manifest("registry.example.com/other:v1", 2))
	s.Put(apps+"statefulsets/db", kubernetes.Manager, strings.Replace(manifest(image, 2), `"spec": {`, `"spec": {"updateStrategy": {"type": "OnDelete"}, `, 1))
	s.Put(apps+"statefulsets/part", kubernetes.Manager, strings.Replace(manifest(image, 2), `"spec": {`, `"spec": {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}, `, 1))
	s.Put(apps+"daemonsets/agent", kubernetes.Manager, strings.Replace(manifest(image, 2), `"spec": {`, `"spec": {"updateStrategy": {"type": "OnDelete"}, `, 1))
	named := func(kind kubernetes.Kind, name string, containers ...string) kubernetes.Selection {
		return kubernetes.Selection{Kind: kind, Name: name, Containers: containers}
	}
	broken := order(1)
	broken.Digest = "sha256:" + broken.Digest[7:39]
	for _, f := range []struct {
		name      string
		workloads []kubernetes.Selection
		order     promotion.Order
		kind      promotion.Kind
		says      string
	}{
		{"a digest that is none", []kubernetes.Selection{named(kubernetes.Deployment, "api")}, broken, promotion.Invalid, "is not a digest"},
		{"no such workload", []kubernetes.Selection{named(kubernetes.Deployment, "none")}, order(1), promotion.NotFound, "there is no Deployment none in the namespace shop of the cluster test"},
		{"no such label", []kubernetes.Selection{{Kind: kubernetes.CronJob, Selector: "app=none"}}, order(1), promotion.NotFound, "there is no CronJob with app=none in the namespace shop"},
		{"one of two is missing", []kubernetes.Selection{named(kubernetes.Deployment, "api"), named(kubernetes.Deployment, "none")}, order(1), promotion.NotFound, "there is no Deployment none"},
		{"meant twice", []kubernetes.Selection{named(kubernetes.Deployment, "api"), {Kind: kubernetes.Deployment, Selector: "app=shop"}}, order(1), promotion.Invalid, `Deployment api is meant twice, by "Deployment api" and "Deployment with app=shop"`},
		{"a selector that is none", []kubernetes.Selection{{Kind: kubernetes.Deployment, Selector: "app in"}}, order(1), promotion.Invalid, "is not a label selector"},
		{"no container of the app", []kubernetes.Selection{named(kubernetes.Deployment, "other")}, order(1), promotion.Invalid, "no container of Deployment other in the namespace shop has an image of registry.example.com/shop/api: name its containers (it has api with registry.example.com/other:v1, proxy with"},
		{"no container of that name", []kubernetes.Selection{named(kubernetes.Deployment, "api", "api", "migrate")}, order(1), promotion.Invalid, "has no container migrate: it has api with"},
		{"a StatefulSet by hand", []kubernetes.Selection{named(kubernetes.StatefulSet, "db")}, order(1), promotion.Invalid, "(OnDelete): set its updateStrategy to RollingUpdate"},
		{"a StatefulSet in part", []kubernetes.Selection{named(kubernetes.StatefulSet, "part")}, order(1), promotion.Invalid, "leaves out the pods below number 1 (partition)"},
		{"a DaemonSet by hand", []kubernetes.Selection{named(kubernetes.DaemonSet, "agent")}, order(1), promotion.Invalid, "(OnDelete)"},
	} {
		_, err := c.Deployer(target(f.workloads...)).Deploy(t.Context(), f.order)
		if err == nil || promotion.KindOf(err) != f.kind || !strings.Contains(err.Error(), f.says) {
			t.Errorf("%s: %v (%s)\nwant %s", f.name, err, promotion.KindOf(err), f.says)
		}
	}
	if sent := s.Requests(); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
}

func TestTheContainersOfTheAppAreFoundByTheirRepository(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		name, image string
		order       promotion.Repository
		known       []promotion.Repository
		found       bool
	}{
		{"by its tag", "registry.example.com/shop/api:v1", repository, nil, true},
		{"without a tag", "registry.example.com/shop/api", repository, nil, true},
		{"by its digest", "registry.example.com/shop/api@" + string(digest(3)), repository, nil, true},
		{"by both", "registry.example.com/shop/api:v1@" + string(digest(3)), repository, nil, true},
		{"of a registry with a port", "localhost:5000/api:v1", "localhost:5000/api", nil, true},
		{"of another repository of the app", "staging.example.com/shop/api:v1", repository, []promotion.Repository{"staging.example.com/shop/api"}, true},
		{"of Docker Hub, in short", "shop/api:v1", "docker.io/shop/api", nil, true},
		{"of Docker's own", "nginx", "docker.io/library/nginx", nil, true},
		{"of Docker Hub, by its other name", "docker.io/library/nginx:1", "index.docker.io/library/nginx", nil, true},
		{"of a longer name", "registry.example.com/shop/api-proxy:v1", repository, nil, false},
		{"of another registry", "registry.example.org/shop/api:v1", repository, nil, false},
		{"below it", "registry.example.com/shop/api/debug", repository, nil, false},
	} {
		s, c := world(t)
		s.Put(apps+"deployments/api", kubernetes.Manager, manifest(f.image, 2))
		to, o := api(), order(1)
		to.Repositories, o.Repository = f.known, f.order
		_, err := c.Deployer(to).Deploy(t.Context(), o)
		if found := err == nil; found != f.found {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

func TestInitContainersAndNamedContainersAreSet(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, strings.Replace(manifest(image, 2), `"spec": {"containers"`, `"spec": {"initContainers": [{"name": "migrate", "image": "`+image+`"}], "containers"`, 1))
	to := api()
	o := deploy(t, c.Deployer(to), order(1))
	got := s.Get(apps + "deployments/api")
	if now := look(got, "spec", "template", "spec", "initContainers", 0, "image"); now != o.Image() {
		t.Errorf("the init container has %v", now)
	}
	to.Workloads[0].Containers = []string{"proxy"}
	o = deploy(t, c.Deployer(to), order(2))
	var now []any
	for i := range 2 {
		now = append(now, look(s.Get(apps+"deployments/api"), "spec", "template", "spec", "containers", i, "image"))
	}
	if !slices.Equal(now, []any{order(1).Image(), o.Image()}) {
		t.Errorf("the containers have %v", now)
	}
}

// What a policy of the cluster says is a text of others, and beside the error.
func TestWhatTheClusterRefusesIsToldInItsWords(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 2))
	s.Refuse(func(r *http.Request) *kubeapi.Status {
		if r.Method != http.MethodPatch {
			return nil
		}
		return &kubeapi.Status{Code: 403, Reason: "Forbidden", Message: "admission webhook \"signed\" denied\nthe request"}
	})
	r, err := c.Deployer(api()).Deploy(t.Context(), order(1))
	if promotion.KindOf(err) != promotion.Invalid || !slices.Equal(r.Lines, []string{`admission webhook "signed" denied the request`}) || strings.Contains(err.Error(), "webhook") {
		t.Errorf("got %v, %q", err, r.Lines)
	}
}
