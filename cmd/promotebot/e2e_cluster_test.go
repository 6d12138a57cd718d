package main_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/promotebot/promotebot/fixtures/cluster"
)

// quarter is a town whose production is a namespace of a real cluster. The bot
// has the rights that "promotebot manifest kubernetes" prints, and no others.
type quarter struct {
	*town
	cluster    *cluster.Cluster
	namespace  string
	token      string
	kubeconfig string
}

// They share a cluster: it takes a while and much memory to start one.
func TestARealClusterIsPromotedTo(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t)
	c.Namespace("promotebot")
	account, _, _ := strings.Cut(rights(t, "any"), "---\n")
	c.Create("/api/v1/namespaces/promotebot/serviceaccounts", account)
	token := c.Token("promotebot", "promotebot")
	for namespace, happens := range map[string]func(*quarter){
		"by-itself": keptAndThenTakenBackByItself, "asked": brokenAndRolledBackByAClick, "killed": killedInTheMiddleOfARollout,
		"forbidden": rightsThatAreTooSmall, "owned": whatAnotherManagerOwns,
	} {
		t.Run(namespace, func(t *testing.T) {
			q := &quarter{town: newTown(t, oneLead), cluster: c, namespace: namespace, token: token, kubeconfig: c.Kubeconfig(token)}
			q.patience = 3 * time.Minute // there is a cluster beside it, with rollouts and deadlines of its own
			c.Namespace(namespace)
			happens(q)
		})
	}
}

// rights is what people are told to apply.
func rights(t testing.TB, namespace string) string {
	t.Helper()
	out, err := (&town{t: t}).run("manifest", "kubernetes", namespace)
	if err != nil {
		t.Fatalf("manifest kubernetes: %v %s", err, out)
	}
	return out
}

func (q *quarter) role(method, at, old, by string) {
	q.t.Helper()
	role := strings.Split(rights(q.t, q.namespace), "---\n")[1]
	if !strings.Contains(role, old) {
		q.t.Fatalf("there is no %s in\n%s", old, role)
	}
	if _, err := q.cluster.Do(method, q.rbac("roles")+at, "application/yaml", []byte(strings.Replace(role, old, by, 1))); err != nil {
		q.t.Fatal(err)
	}
}

func (q *quarter) rbac(resource string) string {
	return "/apis/rbac.authorization.k8s.io/v1/namespaces/" + q.namespace + "/" + resource
}

// grant gives the bot its rights, with something else in the place of some.
func (q *quarter) grant(old, by string) {
	q.t.Helper()
	q.role("POST", "", old, by)
	q.cluster.Create(q.rbac("rolebindings"), strings.Split(rights(q.t, q.namespace), "---\n")[2])
	q.cluster.Until("the rights are known", func() error {
		_, err := q.cluster.DoAs(q.token, "GET", q.all("Deployment"), "application/json", nil)
		return err
	})
}

func (q *quarter) all(kind string) string {
	return "/apis/apps/v1/namespaces/" + q.namespace + "/" + strings.ToLower(kind) + "s"
}

const team = "kubectl-create" // the field manager of whoever makes the workloads

// make makes a workload as its team does.
func (q *quarter) make(kind string, patience time.Duration) {
	q.t.Helper()
	more := fmt.Sprintf(`, "replicas": 2, "progressDeadlineSeconds": %d`, int(patience.Seconds()))
	if kind == "StatefulSet" {
		more = `, "replicas": 1, "serviceName": "none"`
	}
	q.cluster.Create(q.all(kind)+"?fieldManager="+team, fmt.Sprintf(`{"apiVersion": "apps/v1", "kind": %q, "metadata": {"name": "shop"}, "spec": {
		"selector": {"matchLabels": {"app": %[1]q}}, "template": {"metadata": {"labels": {"app": %[1]q}},
		"spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "api", "image": %q}, {"name": "proxy", "image": "registry.example.com/proxy:1"}]}}%s}}`,
		kind, q.repo.Name()+":old", more))
}

// serve starts the bot with the workloads of those kinds for its target.
func (q *quarter) serve(takeOver string, kinds ...string) *process {
	q.t.Helper()
	var workloads []string
	for _, kind := range kinds {
		workloads = append(workloads, fmt.Sprintf(`{kind: %s, name: "{app}"}`, kind))
	}
	q.targets(fmt.Sprintf(`{deadline: 5m, targets: [{name: eu, kubernetes: {kubeconfig: %q, namespace: %s, workloads: [%s], take_over: [%s]}}]}`,
		q.kubeconfig, q.namespace, strings.Join(workloads, ", "), takeOver))
	return q.connected()
}

// builds has a new build staged, and waits until it can be approved as promotion id.
func (q *quarter) builds(id int, version string) v1.Hash {
	q.t.Helper()
	d := q.stage(version)
	q.eventually("a card to approve", q.shows(id, approve))
	return d
}

func (q *quarter) pinned(d v1.Hash) string { return q.repo.Name() + "@" + d.String() }

// has tells whether the workload has the image in the container of the app, and
// left the other as it was.
func (q *quarter) has(kind, image string) bool {
	q.t.Helper()
	spec := fmt.Sprint(q.cluster.Get(q.all(kind)+"/shop").At("spec", "template", "spec"))
	return strings.Count(spec, "image:"+image+" ") == 1 && strings.Count(spec, "image:registry.example.com/proxy:1 ") == 1
}

// isRunBy looks whether both pods of the Deployment run the digest, and no other
// is there; and what the Deployment says of who has set it.
func (q *quarter) isRunBy(id int, d v1.Hash, by string) {
	q.t.Helper()
	items, _ := q.cluster.Get("/api/v1/namespaces/" + q.namespace + "/pods")["items"].([]any)
	for _, item := range items {
		if pod := fmt.Sprint(item); !strings.Contains(pod, "imageID:"+q.pinned(d)) || !strings.Contains(pod, "phase:Running") {
			q.t.Errorf("there is a pod %s", pod)
		}
	}
	if len(items) != 2 || !q.has("Deployment", q.pinned(d)) || q.tag("production") != d.String() {
		q.t.Errorf("%d pods, production is %s", len(items), q.tag("production"))
	}
	o := q.cluster.Get(q.all("Deployment") + "/shop")
	for key, want := range map[string]string{"promotion": fmt.Sprint(id), "app": "shop", "approved-by": by} {
		if got := o.At("metadata", "annotations", "promotebot.github.io/"+key); got != want {
			q.t.Errorf("%s is noted to be %v, want %s", key, got, want)
		}
	}
}

// breaks has what was built crash wherever it is started.
func (q *quarter) breaks(d v1.Hash) {
	q.cluster.Fates(d.Hex, cluster.Fate{Waiting: "CrashLoopBackOff", Ended: "Error", Code: 2, Log: "starting\npanic: no configuration\n"})
}

func (q *quarter) saysWhy(id int) {
	q.t.Helper()
	q.eventually("the card says which pods fail, and why", func() bool {
		return q.shows(id, "it did not get on within its progress deadline")() && q.shows(id, "container api: CrashLoopBackOff: Error, exit code 2")() && q.shows(id, "panic: no configuration")()
	})
}

func keptAndThenTakenBackByItself(q *quarter) {
	q.write("{approvals: {leads: 1}, after: {watch: 1m, incidents: [critical], on_failure: roll-back}}")
	q.grant("", "")
	q.make("Deployment", 15*time.Second)
	bot := q.serve(team, "Deployment")
	good := q.builds(1, "1.0.0")
	q.clickOn(1, ann, approve)
	q.eventually("it is watched", q.shows(1, "*Being watched*"))
	if !q.shows(1, "2 of 2 ready")() {
		q.t.Error("the card does not say what runs")
	}
	q.isRunBy(1, good, "ann")
	q.eventually("nothing went wrong while it was watched", q.shows(1, "*Promoted*"))

	bad := q.builds(2, "1.1.0")
	q.breaks(bad)
	q.clickOn(2, ann, approve)
	q.saysWhy(2)
	q.isBackAt(good, 2, 3, "*Being watched*")
	q.isRunBy(3, good, "nobody: its policy asks for no approval")
	q.isHeld(bad, good, 4)
	q.isWell(bot)
}

func brokenAndRolledBackByAClick(q *quarter) {
	q.grant("", "")
	q.make("Deployment", 15*time.Second)
	bot := q.serve(team, "Deployment")
	good := q.builds(1, "1.0.0")
	q.clickOn(1, ann, approve)
	q.eventually("it is promoted", q.shows(1, "*Promoted*"))
	q.isRunBy(1, good, "ann")

	bad := q.builds(2, "1.1.0")
	q.breaks(bad)
	q.clickOn(2, bob, approve)
	q.saysWhy(2)
	q.eventually("it is asked what is to become of it", func() bool { return q.shows(2, "*Failing*")() && q.shows(2, rollBack)() })
	if q.tag("production") != bad.String() || !q.has("Deployment", q.pinned(bad)) {
		q.t.Error("it was taken back before anybody said so")
	}
	q.acked(q.rollsBack(2, good))
	q.isBackAt(good, 2, 3, "*Rolled back*")
	q.isRunBy(3, good, "ann")
	q.isHeld(bad, good, 4)
	q.isWell(bot)
}

// front puts something before the API server.
func (q *quarter) front() *door {
	q.t.Helper()
	to, err := url.Parse(q.cluster.Server)
	if err != nil {
		q.t.Fatal(err)
	}
	d := &door{puts: map[string]int{}, backend: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, FlushInterval: -1, // a watch says things one by one
	}}
	server := httptest.NewTLSServer(d)
	q.t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	b, err := os.ReadFile(q.kubeconfig)
	if err != nil {
		q.t.Fatal(err)
	}
	q.kubeconfig = filepath.Join(q.dir, "kubeconfig")
	if err := os.WriteFile(q.kubeconfig, []byte(strings.Replace(string(b), q.cluster.Server, server.URL, 1)), 0o600); err != nil {
		q.t.Fatal(err)
	}
	return d
}

// The bot is killed when the cluster has the order and the bot has no answer, and
// again in the middle of the rollout.
func killedInTheMiddleOfARollout(q *quarter) {
	q.grant("", "")
	q.make("Deployment", 10*time.Minute)
	was := q.cluster.Get(q.all("Deployment")+"/shop").At("metadata", "generation")
	front := q.front()
	bot := q.serve(team, "Deployment")
	d := q.builds(1, "1.0.0")
	q.cluster.Fates(d.Hex, cluster.Fate{Waiting: "ContainerCreating"})
	var set atomic.Bool
	front.set(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodPatch || r.URL.Query().Get("force") != "true" { // the first is refused, because of who owns it
			next.ServeHTTP(rw, r)
			return
		}
		next.ServeHTTP(httptest.NewRecorder(), r)
		set.Store(true)
		<-r.Context().Done()
	})
	q.clickOn(1, ann, approve)
	q.eventually("the cluster has the order", set.Load)
	bot.kill()
	front.set(nil)
	if !q.has("Deployment", q.pinned(d)) {
		q.t.Fatal("the cluster does not have the order")
	}
	bot = q.connected()
	q.eventually("it is under way", func() bool { return q.shows(1, "*Deploying*")() && q.shows(1, "under way")() })
	bot.kill()
	q.cluster.Fates(d.Hex, cluster.Fate{})
	bot = q.connected()
	q.eventually("it is promoted", q.shows(1, "*Promoted*"))
	q.isRunBy(1, d, "ann")
	if now := q.cluster.Get(q.all("Deployment")+"/shop").At("metadata", "generation"); fmt.Sprint(now) != fmt.Sprint(was.(float64)+1) {
		q.t.Errorf("it is version %v of what is wanted, and was %v", now, was)
	}
	if n := q.door.put("production"); n != 1 {
		q.t.Errorf("production was put %d times", n)
	}
	q.isWell(bot)
}

// Of two workloads the bot may set one: it sets none, and says what to apply.
func rightsThatAreTooSmall(q *quarter) {
	const apart = "resources: [deployments, daemonsets]\n    verbs: [get, list, watch, patch]\n  - apiGroups: [apps]\n    resources: [statefulsets]\n    verbs: [get, list, watch]"
	q.grant("resources: [deployments, statefulsets, daemonsets]\n    verbs: [get, list, watch, patch]", apart)
	q.make("Deployment", time.Minute)
	q.make("StatefulSet", 0)
	bot := q.serve(team, "Deployment", "StatefulSet")
	q.builds(1, "1.0.0")
	q.clickOn(1, ann, approve)
	q.eventually("the card says what is missing", func() bool {
		text, _ := q.firstCard()
		return strings.Contains(text, "may not patch statefulsets.apps in the namespace forbidden of the cluster test") && strings.Contains(text, "promotebot manifest kubernetes forbidden") && strings.Contains(text, "*Failing*")
	})
	if !q.has("Deployment", q.repo.Name()+":old") || !q.has("StatefulSet", q.repo.Name()+":old") {
		q.t.Error("half of it was done")
	}
	q.role("PUT", "/promotebot", "", "")
	q.keep(bob, "the next one may do it")
	d := q.builds(2, "1.1.0")
	q.clickOn(2, ann, approve)
	q.eventually("with these rights it is promoted", q.shows(2, "*Promoted*"))
	if !q.has("Deployment", q.pinned(d)) || !q.has("StatefulSet", q.pinned(d)) || !q.shows(2, "3 of 3 ready")() {
		q.t.Error("it does not run everywhere")
	}
	q.isWell(bot)
}

func whatAnotherManagerOwns(q *quarter) {
	q.grant("", "")
	q.make("Deployment", time.Minute)
	bot := q.serve("", "Deployment")
	q.builds(1, "1.0.0")
	q.clickOn(1, ann, approve)
	q.eventually("the card names the owner, and the way out", func() bool {
		text, _ := q.firstCard()
		return strings.Contains(text, "*Failing*") && strings.Contains(text, team) && strings.Contains(text, "take_over")
	})
	o := q.cluster.Get(q.all("Deployment") + "/shop")
	if !q.has("Deployment", q.repo.Name()+":old") || o.At("metadata", "annotations", "promotebot.github.io/promotion") != nil {
		q.t.Errorf("it was forced: %v", o)
	}
	q.keep(bob, "it may be taken over")
	q.under(bot, "take_over: []", "take_over: ["+team+"]")
	d := q.builds(2, "1.1.0")
	q.clickOn(2, ann, approve)
	q.eventually("it is promoted", q.shows(2, "*Promoted*"))
	q.isRunBy(2, d, "ann")
	q.isWell(bot)
}
