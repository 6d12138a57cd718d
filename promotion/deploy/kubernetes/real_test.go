package kubernetes_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/cluster"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
)

// real is a namespace of a real API server, with the rights that the manifest
// gives and no others.
type real struct {
	*cluster.Cluster
	t         *testing.T
	namespace string
	token     string
	way       *kubernetes.Cluster
}

// account makes the account of the manifest, once for all namespaces.
func account(t *testing.T, c *cluster.Cluster) (token string) {
	t.Helper()
	c.Namespace("promotebot")
	account, _, _ := strings.Cut(kubernetes.Manifest([]string{"any"}), "---\n")
	c.Create("/api/v1/namespaces/promotebot/serviceaccounts", account)
	return c.Token("promotebot", "promotebot")
}

// in makes a namespace with the roles of the manifest, as edit leaves them.
func in(t *testing.T, c *cluster.Cluster, token, namespace string, edit func(role string) string) *real {
	t.Helper()
	c.Namespace(namespace)
	documents := strings.Split(kubernetes.Manifest([]string{namespace}), "---\n")
	base := "/apis/rbac.authorization.k8s.io/v1/namespaces/" + namespace
	role := documents[1]
	if edit != nil {
		if role = edit(role); role == documents[1] {
			t.Fatal("the role is as it was")
		}
	}
	c.Create(base+"/roles", role)
	c.Create(base+"/rolebindings", documents[2])
	r := &real{Cluster: c, t: t, namespace: namespace, token: token}
	c.Until("the rights are known", func() error {
		for _, verb := range []string{"get", "list"} { // of which no role lacks both
			answer, err := c.DoAs(token, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "application/json", fmt.Appendf(nil,
				`{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {"namespace": %q, "verb": %q, "group": "apps", "resource": "daemonsets"}}}`, namespace, verb))
			if err == nil && answer.At("status", "allowed") == true {
				return nil
			}
		}
		return errors.New("not yet")
	})
	r.way, _ = open(t, c.Kubeconfig(token))
	r.way.Hurry(time.Second, time.Minute, 0)
	return r
}

// sum is a digest that no other test has.
func sum(of string) promotion.Digest {
	return promotion.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(of))))
}

func (r *real) path(kind kubernetes.Kind) string {
	group := "apps"
	if kind == kubernetes.CronJob {
		group = "batch"
	}
	return "/apis/" + group + "/v1/namespaces/" + r.namespace + "/" + strings.ToLower(string(kind)) + "s"
}

// make makes a workload as its team does, with kubectl, that runs v1.
func (r *real) make(kind kubernetes.Kind, name string) {
	r.t.Helper()
	pods := fmt.Sprintf(`{"metadata": {"labels": {"app": "shop", "name": %q}}, "spec": {"terminationGracePeriodSeconds": 0,
		"initContainers": [{"name": "migrate", "image": %q}], "containers": [{"name": "api", "image": %[2]q}, {"name": "proxy", "image": "registry.example.com/proxy:1"}]}}`,
		name, string(repository)+"@"+string(sum("v1")))
	spec := fmt.Sprintf(`"selector": {"matchLabels": {"name": %q}}, "template": %s`, name, pods)
	switch kind {
	case kubernetes.Deployment:
		spec += `, "replicas": 2, "progressDeadlineSeconds": 20`
	case kubernetes.StatefulSet:
		spec += `, "replicas": 2, "serviceName": "none"`
	case kubernetes.CronJob:
		spec = `"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": ` + strings.Replace(pods, `"terminationGracePeriodSeconds"`, `"restartPolicy": "Never", "terminationGracePeriodSeconds"`, 1) + `}}`
	}
	version := strings.Split(r.path(kind), "/")
	r.Create(r.path(kind)+"?fieldManager=kubectl-create", fmt.Sprintf(`{"apiVersion": "%s/%s", "kind": %q, "metadata": {"name": %q, "labels": {"app": "shop"}}, "spec": {%s}}`,
		version[2], version[3], kind, name, spec))
}

func (r *real) deployer(selections ...kubernetes.Selection) *kubernetes.Deployer {
	return r.way.Deployer(r.target(selections...))
}

func (r *real) target(selections ...kubernetes.Selection) kubernetes.Target {
	return kubernetes.Target{Namespace: r.namespace, Workloads: selections, TakeOver: []string{"kubectl-create"}}
}

func (r *real) order(n int, digest promotion.Digest) promotion.Order {
	o := order(n)
	o.Digest, o.Manifests = digest, nil
	return o
}

// until observes until the rollout is in the phase; what is Unavailable on the
// way is asked again, as the pipeline does.
func (r *real) until(d *kubernetes.Deployer, o promotion.Order, phase promotion.RolloutPhase) promotion.Rollout {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 4*time.Minute)
	defer cancel()
	for {
		now, err := d.Observe(ctx, o)
		switch {
		case ctx.Err() != nil || err != nil && promotion.KindOf(err) != promotion.Unavailable:
			r.t.Fatalf("waited in vain for %s: %+v, %v", phase, now, err)
		case err == nil && now.Phase == phase:
			return now
		case err == nil && (now.Phase == promotion.RolloutDone || now.Phase == promotion.RolloutFailed):
			r.t.Fatalf("it is %s instead of %s: %s, %q", now.Phase, phase, now.Detail, now.Lines)
		}
	}
}

// promote brings a digest to its end.
func (r *real) promote(d *kubernetes.Deployer, o promotion.Order) promotion.Rollout {
	r.t.Helper()
	return r.until(d, deploy(r.t, d, o), promotion.RolloutDone)
}

func (r *real) pods() (names []string) {
	r.t.Helper()
	items, _ := r.Get("/api/v1/namespaces/" + r.namespace + "/pods")["items"].([]any)
	for _, item := range items {
		names = append(names, fmt.Sprint(cluster.Object(item.(map[string]any)).At("metadata", "name")))
	}
	return names
}

// revisions is how many ReplicaSets were made for an image. Those of the image
// before may be missing: a controller that is slow sees two changes as one.
func (r *real) revisions(image string) (n int) {
	r.t.Helper()
	items, _ := r.Get("/apis/apps/v1/namespaces/" + r.namespace + "/replicasets")["items"].([]any)
	for _, item := range items {
		if strings.Contains(fmt.Sprint(item), "image:"+image) {
			n++
		}
	}
	return n
}

func TestARealClusterIsDeployedToWithTheRightsOfTheManifest(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t)
	token := account(t, c)
	t.Run("side by side", func(t *testing.T) {
		for name, test := range map[string]func(*real){
			"all-kinds": allKinds, "selector": severalBySelector, "broken-image": brokenAndBackAgain, "crash": crashWithItsLog, "taken-over": secondInstance,
			"conflict": twoManagers, "containers": containersThatChange, "missing": whatIsMissing, "unplaced": onNoMachine,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(in(t, c, token, name, nil))
			})
		}
		for name, s := range smaller {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s.tooSmall(in(t, c, token, "without-"+name, s.edit))
			})
		}
	})
	t.Run("the server is restarted in the middle", func(t *testing.T) { restarted(in(t, c, token, "restart", nil)) })
}

func allKinds(r *real) {
	var all []kubernetes.Selection
	for _, kind := range []kubernetes.Kind{kubernetes.Deployment, kubernetes.StatefulSet, kubernetes.DaemonSet, kubernetes.CronJob} {
		r.make(kind, "api")
		all = append(all, kubernetes.Selection{Kind: kind, Name: "api"})
	}
	d := r.deployer(all...)
	for n, version := range []string{"v2", "v3"} {
		o := r.order(n+1, sum(version))
		end := r.promote(d, o)
		if end.Ready != 5 || end.Total != 5 || end.Detail != "CronJob api: its next run uses it" {
			r.t.Errorf("it ended with %d of %d pods: %s", end.Ready, end.Total, end.Detail)
		}
		for _, running := range end.Running {
			if running.Digest != o.Digest {
				r.t.Errorf("there runs %+v", running)
			}
		}
		for _, s := range all {
			spec := r.Get(r.path(s.Kind) + "/api")
			if text := fmt.Sprint(spec["spec"]); strings.Count(text, o.Image()) != 2 || !strings.Contains(text, "image:registry.example.com/proxy:1") {
				r.t.Errorf("%s has %s", s, text)
			}
			if by := spec.At("metadata", "annotations", "promotebot.github.io/promotion"); by != fmt.Sprint(n+1) {
				r.t.Errorf("%s is annotated with %v", s, by)
			}
		}
	}
}

func severalBySelector(r *real) {
	for _, name := range []string{"api", "worker"} {
		r.make(kubernetes.Deployment, name)
	}
	o := r.order(1, sum("selected"))
	if end := r.promote(r.deployer(kubernetes.Selection{Kind: kubernetes.Deployment, Selector: "app=shop"}), o); end.Ready != 4 || len(end.Running) != 4 {
		r.t.Errorf("it ended with %d pods, %v", end.Ready, end.Running)
	}
}

func brokenAndBackAgain(r *real) {
	r.make(kubernetes.Deployment, "api")
	d := r.deployer(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"})
	good, broken := r.order(1, sum("good")), r.order(2, sum("broken"))
	r.promote(d, good)
	r.Fates(string(broken.Digest), cluster.Fate{Waiting: "ImagePullBackOff", Message: "manifest unknown"})
	end := r.until(d, deploy(r.t, d, broken), promotion.RolloutFailed)
	if !strings.Contains(end.Detail, "Deployment api: it did not get on within its progress deadline") || !strings.Contains(strings.Join(end.Lines, "\n"), "container migrate: ImagePullBackOff: manifest unknown") {
		r.t.Errorf("it failed with %s, %q", end.Detail, end.Lines)
	}
	before := r.pods()
	if end := r.promote(d, r.order(3, good.Digest)); end.Ready != 2 {
		r.t.Errorf("back again with %d pods", end.Ready)
	}
	// Those of before have run it all the time.
	for _, pod := range r.pods() {
		if !slices.Contains(before, pod) {
			r.t.Errorf("%s is new", pod)
		}
	}
}

func crashWithItsLog(r *real) {
	r.make(kubernetes.Deployment, "api")
	d := r.deployer(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api", Containers: []string{"api"}})
	o := r.order(1, sum("crashing"))
	r.Fates(string(o.Digest), cluster.Fate{Waiting: "CrashLoopBackOff", Ended: "OOMKilled", Code: 137, Log: "starting\nout of memory\n"})
	end := r.until(d, deploy(r.t, d, o), promotion.RolloutFailed)
	lines := strings.Join(end.Lines, "\n")
	if !strings.Contains(lines, "container api: CrashLoopBackOff: OOMKilled, exit code 137") || !strings.Contains(lines, ": out of memory") {
		r.t.Errorf("it failed with %q", end.Lines)
	}
}

func onNoMachine(r *real) {
	r.make(kubernetes.Deployment, "api")
	d := r.deployer(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"})
	o := r.order(1, sum("large"))
	r.Fates(string(o.Digest), cluster.Fate{Never: true})
	if end := r.until(d, deploy(r.t, d, o), promotion.RolloutFailed); !strings.Contains(strings.Join(end.Lines, "\n"), "is on no machine: Unschedulable: 0/1 nodes are available: 1 Insufficient memory.") {
		r.t.Errorf("it failed with %q", end.Lines)
	}
}

// The first instance is gone after the cluster had the order and before anybody
// knew: the second does all of it again.
func secondInstance(r *real) {
	r.make(kubernetes.Deployment, "api")
	r.make(kubernetes.Deployment, "worker")
	selection := kubernetes.Selection{Kind: kubernetes.Deployment, Selector: "app=shop"}
	o := r.order(1, sum("once"))
	first := deploy(r.t, r.deployer(selection), o)
	r.way.Close()
	second, _ := open(r.t, r.Kubeconfig(r.token))
	second.Hurry(time.Second, time.Minute, 0)
	d := second.Deployer(r.target(selection))
	again := deploy(r.t, d, o)
	if again.Handle != first.Handle {
		r.t.Errorf("the handle is %q after %q", again.Handle, first.Handle)
	}
	r.until(d, again, promotion.RolloutDone)
	if n := r.revisions(o.Image()); n != 2 {
		r.t.Errorf("there are %d ReplicaSets of the image, for two Deployments that were changed once", n)
	}
	o.Promotion = 2
	r.promote(d, o)
	if n := r.revisions(o.Image()); n != 2 {
		r.t.Errorf("another promotion of the same digest made it %d ReplicaSets", n)
	}
}

func twoManagers(r *real) {
	r.make(kubernetes.Deployment, "api")
	to := r.target(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"})
	to.TakeOver = nil
	o := r.order(1, sum("wanted"))
	_, err := r.way.Deployer(to).Deploy(r.t.Context(), o)
	for _, want := range []string{`"kubectl-create" owns `, `.spec.template.spec.containers[name="api"].image`, `.spec.template.spec.initContainers[name="migrate"].image`, "was not changed"} {
		if promotion.KindOf(err) != promotion.Conflict || !strings.Contains(err.Error(), want) {
			r.t.Errorf("there is no %s in %v", want, err)
		}
	}
	to.TakeOver = []string{"kubectl-create"}
	d := r.way.Deployer(to)
	done := deploy(r.t, d, o)
	r.until(d, done, promotion.RolloutDone)
	// Somebody sets it back by hand, and owns it from then on.
	r.Patch(r.path(kubernetes.Deployment)+"/api", "ann", `{"spec": {"template": {"spec": {"containers": [{"name": "api", "image": "registry.example.com/shop/api:mine"}]}}}}`)
	var end promotion.Rollout
	within(r.t, "it is seen", func() bool { end = observe(r.t, d, done); return end.Phase == promotion.RolloutFailed })
	if end.Detail != "Deployment api: somebody else has set its image since, to registry.example.com/shop/api:mine" {
		r.t.Errorf("it says %s", end.Detail)
	}
	if _, err := d.Deploy(r.t.Context(), r.order(2, sum("next"))); promotion.KindOf(err) != promotion.Conflict || !strings.Contains(err.Error(), `"ann" owns .spec.template.spec.containers[name="api"].image`) {
		r.t.Errorf("what ann owns: %v", err)
	}
}

// A container that the configuration does not name any more keeps its image: an
// apply without it would take the image away.
func containersThatChange(r *real) {
	r.make(kubernetes.Deployment, "api")
	selection := kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"}
	first := r.order(1, sum("both"))
	r.promote(r.deployer(selection), first)
	selection.Containers = []string{"api"}
	second := r.order(2, sum("one"))
	r.promote(r.deployer(selection), second)
	text := fmt.Sprint(r.Get(r.path(kubernetes.Deployment) + "/api")["spec"])
	if strings.Count(text, first.Image()) != 1 || strings.Count(text, second.Image()) != 1 {
		r.t.Errorf("it has %s", text)
	}
}

func whatIsMissing(r *real) {
	r.make(kubernetes.Deployment, "api")
	o := r.order(1, sum("missing"))
	_, err := r.deployer(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"}, kubernetes.Selection{Kind: kubernetes.StatefulSet, Name: "none"}).Deploy(r.t.Context(), o)
	if promotion.KindOf(err) != promotion.NotFound || !strings.Contains(err.Error(), "there is no StatefulSet none in the namespace missing") {
		r.t.Errorf("one of two: %v", err)
	}
	if text := fmt.Sprint(r.Get(r.path(kubernetes.Deployment) + "/api")["spec"]); strings.Contains(text, string(o.Digest)) {
		r.t.Error("the other one was changed")
	}
	nowhere := r.target(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"})
	nowhere.Namespace = "nowhere"
	if _, err := r.way.Deployer(nowhere).Deploy(r.t.Context(), o); promotion.KindOf(err) != promotion.Forbidden || !strings.Contains(err.Error(), `"promotebot manifest kubernetes nowhere"`) {
		r.t.Errorf("a namespace without a role: %v", err)
	}
}

// smaller are rights that are left out of the manifest, and what is said then.
var smaller = map[string]struct {
	edit     func(string) string
	tooSmall func(*real)
}{
	"get-deployments":   {cut("[get, list, watch, patch]", "[list, watch, patch]"), unable(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"}, "get deployments.apps")},
	"list-deployments":  {cut("[get, list, watch, patch]", "[get, watch, patch]"), unable(kubernetes.Selection{Kind: kubernetes.Deployment, Selector: "app=shop"}, "list deployments.apps")},
	"watch-deployments": {cut("[get, list, watch, patch]", "[get, list, patch]"), unable(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"}, "watch deployments.apps")},
	"patch-deployments": {cut("[get, list, watch, patch]", "[get, list, watch]"), unable(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"}, "patch deployments.apps")},
	"statefulsets":      {cut("deployments, statefulsets", "deployments"), unable(kubernetes.Selection{Kind: kubernetes.StatefulSet, Name: "api"}, "get statefulsets.apps")},
	"cronjobs":          {cut("[cronjobs]", "[jobs]"), unable(kubernetes.Selection{Kind: kubernetes.CronJob, Name: "api"}, "get cronjobs.batch")},
	"list-pods":         {cut("[list, watch]", "[watch]"), unable(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"}, "list pods")},
	"watch-pods":        {cut("[list, watch]", "[list]"), unable(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"}, "watch pods")},
	"logs":              {cut("[pods/log]", "[pods/attach]"), withoutLogs},
}

func cut(old, by string) func(string) string {
	return func(role string) string { return strings.Replace(role, old, by, 1) }
}

// unable expects a promotion to end with a right that is missing.
func unable(s kubernetes.Selection, right string) func(*real) {
	return func(r *real) {
		r.make(s.Kind, "api")
		d := r.deployer(s)
		o := r.order(1, sum("unable"))
		rollout, err := d.Deploy(r.t.Context(), o)
		o.Handle = rollout.Handle
		ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
		defer cancel()
		for err == nil && ctx.Err() == nil { // the list is there at once, and the watch fails a moment later
			_, err = d.Observe(ctx, o)
		}
		want := fmt.Sprintf("promotebot may not %s in the namespace %s of the cluster test: apply there what \"promotebot manifest kubernetes %[2]s\" prints", right, r.namespace)
		if promotion.KindOf(err) != promotion.Forbidden || err.Error() != want {
			r.t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func withoutLogs(r *real) {
	r.make(kubernetes.Deployment, "api")
	d := r.deployer(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"})
	o := r.order(1, sum("unheard"))
	r.Fates(string(o.Digest), cluster.Fate{Waiting: "CrashLoopBackOff", Ended: "Error", Code: 1, Log: "secret\n"})
	end := r.until(d, deploy(r.t, d, o), promotion.RolloutFailed)
	if lines := strings.Join(end.Lines, "\n"); !strings.Contains(lines, "can't be read: promotebot may not get pods/log in the namespace "+r.namespace) || !strings.Contains(lines, "exit code 1") {
		r.t.Errorf("it failed with %q", end.Lines)
	}
}

func restarted(r *real) {
	r.way.Hurry(time.Second, time.Minute, time.Minute)
	r.make(kubernetes.Deployment, "api")
	d := r.deployer(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"})
	r.promote(d, r.order(1, sum("before")))
	o := deploy(r.t, d, r.order(2, sum("after")))
	r.StopServer()
	var err error
	within(r.t, "it is noticed", func() bool { _, err = d.Observe(r.t.Context(), o); return err != nil })
	if promotion.KindOf(err) != promotion.Unavailable || err.Error() != "the cluster test can't be reached" {
		r.t.Errorf("without a server: %v", err)
	}
	if _, err := d.Deploy(r.t.Context(), o); promotion.KindOf(err) != promotion.Unavailable {
		r.t.Errorf("without a server: %v", err)
	}
	r.StartServer()
	if end := r.until(d, o, promotion.RolloutDone); end.Ready != 2 {
		r.t.Errorf("it ended with %d pods", end.Ready)
	}
}
