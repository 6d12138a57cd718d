package kubernetes_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
)

// with is a manifest with another status: what is not given in it is that of a
// rollout that is complete, after the workload was set once.
func with(manifest, status string) string {
	for _, count := range []string{"replicas", "updatedReplicas", "readyReplicas", "availableReplicas"} {
		if !strings.Contains(status, `"`+count+`"`) {
			status += `, "` + count + `": 1`
		}
	}
	if !strings.Contains(status, `"observedGeneration"`) {
		status += `, "observedGeneration": 2`
	}
	before, _, _ := strings.Cut(manifest, `"status"`)
	return before + `"status": {` + strings.TrimPrefix(status, ", ") + `}}`
}

func TestARolloutIsJudgedByItsControllerAndByWhatMachinesReport(t *testing.T) {
	t.Parallel()
	o := order(1)
	runs := func(imageID string) string { return podOf("api", o.Image(), imageID) }
	fine := "registry.example.com/shop/api@" + string(o.Digest)
	old := podOf("api", image, "registry.example.com/shop/api@"+string(digest(3)))
	for _, f := range []struct {
		name, spec, status string
		pods               []string
		phase              promotion.RolloutPhase
		ready, total       int
		detail, lines      string
	}{
		{"complete", ``, ``, []string{runs(fine)}, promotion.RolloutDone, 1, 1, ``, ``},
		{"not seen by its controller", ``, `"observedGeneration": 1`, []string{runs(fine)}, promotion.RolloutAsked, 1, 1, "its controller has not seen it yet", ``},
		{"not yet updated", ``, `"updatedReplicas": 0`, []string{old}, promotion.RolloutUnder, 0, 1, "0 of 1 pods are new", ``},
		{"an old pod is left", ``, `"replicas": 2`, []string{runs(fine)}, promotion.RolloutUnder, 1, 1, "1 old pod still there", ``},
		{"not yet available", ``, `"availableReplicas": 0`, []string{runs(fine)}, promotion.RolloutUnder, 1, 1, "0 of 1 pods are available", ``},
		{"an old pod that the controller does not count", ``, ``, []string{runs(fine), old}, promotion.RolloutUnder, 1, 1, "1 old pod still serving", ``},
		{"an old pod that is ending", ``, ``, []string{runs(fine), strings.Replace(old, `"metadata": {`, `"metadata": {"deletionTimestamp": "2026-01-02T03:04:05Z", `, 1)}, promotion.RolloutDone, 1, 1, "1 old pod still ending", ``},
		{"an old pod that is over", ``, ``, []string{runs(fine), strings.Replace(old, "Running", "Failed", 1)}, promotion.RolloutDone, 1, 1, ``, ``},
		{"a pod that nobody has seen", ``, ``, nil, promotion.RolloutUnder, 0, 1, "0 of 1 pods report what they run", ``},
		{"a pod of somebody else", ``, ``, []string{runs(fine), strings.Replace(old, "api-5c9", "apis-5c9", 1)}, promotion.RolloutDone, 1, 1, ``, ``},
		{"a pod of a ReplicaSet that belongs to nothing", ``, ``, []string{runs(fine), strings.Replace(old, "api-5c9", "api-xyz", 1)}, promotion.RolloutDone, 1, 1, ``, ``},
		{"a pod whose init container is through", ``, `"availableReplicas": 0`, []string{strings.NewReplacer(`"True"`, `"False"`, `"spec": {`, `"spec": {"initContainers": [{"name": "wait", "image": "x"}], `,
			`"status": {"phase"`, `"status": {"initContainerStatuses": [{"name": "wait", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}], "phase"`).Replace(runs(fine))},
			promotion.RolloutUnder, 0, 1, "0 of 1 pods are available", ``},
		{"a pod that is not ready, but counted", ``, ``, []string{strings.Replace(runs(fine), `"status": "True"`, `"status": "False"`, 1)}, promotion.RolloutDone, 0, 1, ``, ``},
		{"the platform's manifest", ``, ``, []string{runs("docker-pullable://registry.example.com/shop/api@" + string(digest(9)))}, promotion.RolloutDone, 1, 1, ``, ``},
		{"from a mirror", ``, ``, []string{podOf("api", "mirror.example.com/shop/api@"+string(o.Digest), "mirror.example.com/shop/api@"+string(o.Digest))}, promotion.RolloutDone, 1, 1, ``, ``},
		{"another digest", ``, ``, []string{runs("registry.example.com/shop/api@" + string(digest(4)))}, promotion.RolloutUnder, 0, 1, "runs 444444444444, which is not of 111111111111", ``},
		{"the id of a configuration", ``, ``, []string{runs(string(o.Digest))}, promotion.RolloutUnder, 0, 1, "can't be told: its machine reports only " + string(o.Digest), ``},
		{"the id of a configuration, of Docker", ``, ``, []string{runs("docker://" + string(o.Digest))}, promotion.RolloutUnder, 0, 1, "can't be told: its machine reports only docker://sha256:", ``},
		{"nothing reported", ``, ``, []string{runs("")}, promotion.RolloutUnder, 0, 1, "0 of 1 pods report what they run", ``},
		{"given up", ``, `"updatedReplicas": 1, "availableReplicas": 0, "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]`, []string{runs(fine)}, promotion.RolloutFailed, 1, 1, "did not get on within its progress deadline", ``},
		{"refused pods", ``, `"updatedReplicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]`, nil, promotion.RolloutUnder, 0, 1, "0 of 1", "Deployment api: exceeded quota"},
		{"paused", `"paused": true`, `"updatedReplicas": 0`, nil, promotion.RolloutUnder, 0, 1, "it is paused: nothing is rolled out before somebody resumes it", ``},
		{"scaled to none", `"replicas": 0`, `"replicas": 0, "updatedReplicas": 0, "availableReplicas": 0`, nil, promotion.RolloutDone, 0, 0, "it is set, and no pods are asked of it", ``},
		{"no image to pull", ``, `"availableReplicas": 0`, []string{strings.Replace(runs(""), `{"running": {}}`, `{"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}}`, 1)}, promotion.RolloutUnder, 0, 1, "0 of 1 pods are available", "container api: ImagePullBackOff: manifest unknown"},
		{"crashing", ``, `"availableReplicas": 0`, []string{strings.Replace(strings.Replace(runs(fine), `{"running": {}}`, `{"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}`, 1), `"True"`, `"False"`, 1)}, promotion.RolloutUnder, 0, 1, "0 of 1", "container api: CrashLoopBackOff: OOMKilled, exit code 137: back-off"},
		{"on no machine", ``, `"availableReplicas": 0`, []string{strings.Replace(runs(""), `"conditions": [`, `"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no memory"}, `, 1)}, promotion.RolloutUnder, 0, 1, "0 of 1", "is on no machine: Unschedulable: no memory"},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s, c := world(t)
			text := strings.Replace(manifest(image, 1), `"replicas": 1`, strings.TrimSuffix(`"replicas": 1, `+f.spec, ", "), 1)
			if strings.Contains(f.spec, "replicas") {
				text = strings.Replace(manifest(image, 1), `"replicas": 1`, f.spec, 1)
			}
			s.Put(apps+"deployments/api", kubernetes.Manager, with(text, f.status))
			d := c.Deployer(api())
			o := deploy(t, d, o)
			for i, p := range f.pods {
				s.Put(fmt.Sprintf("%spods/api-%d", core, i), "kubelet", p)
			}
			r := observe(t, d, o)
			if r.Phase != f.phase || r.Ready != f.ready || r.Total != f.total || r.Handle != o.Handle {
				t.Errorf("it is %s with %d of %d, and should be %s with %d of %d (%s, %q)", r.Phase, r.Ready, r.Total, f.phase, f.ready, f.total, r.Detail, r.Lines)
			}
			if f.detail == "" && r.Detail != "" || !strings.Contains(r.Detail, f.detail) {
				t.Errorf("it says %q, and should say %q", r.Detail, f.detail)
			}
			if lines := strings.Join(r.Lines, "\n"); f.lines == "" && lines != "" || !strings.Contains(lines, f.lines) {
				t.Errorf("the lines are %q, and should have %q", r.Lines, f.lines)
			}
		})
	}
}

// A StatefulSet is at its end when no revision but the last is left; a DaemonSet
// when every machine has it; a CronJob when it is set.
func TestTheOtherKindsAreJudgedByTheirOwnRules(t *testing.T) {
	t.Parallel()
	o := order(1)
	owned := func(kind string) string {
		p := podOf("api", o.Image(), "registry.example.com/shop/api@"+string(o.Digest))
		return strings.NewReplacer(`"ReplicaSet"`, `"`+kind+`"`, `"api-5c9"`, `"api"`).Replace(p)
	}
	for _, f := range []struct {
		name   string
		kind   kubernetes.Kind
		path   string
		status string
		pods   int
		phase  promotion.RolloutPhase
		detail string
	}{
		{"a StatefulSet", kubernetes.StatefulSet, apps + "statefulsets/api", `"currentRevision": "b", "updateRevision": "b"`, 1, promotion.RolloutDone, ""},
		{"a StatefulSet under way", kubernetes.StatefulSet, apps + "statefulsets/api", `"currentRevision": "a", "updateRevision": "b", "updatedReplicas": 0`, 1, promotion.RolloutUnder, "0 of 1 pods are new"},
		{"a StatefulSet that is not ready", kubernetes.StatefulSet, apps + "statefulsets/api", `"currentRevision": "b", "updateRevision": "b", "readyReplicas": 0`, 1, promotion.RolloutUnder, "0 of 1 pods are available"},
		{"a DaemonSet", kubernetes.DaemonSet, apps + "daemonsets/api", `"desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1`, 1, promotion.RolloutDone, ""},
		{"a DaemonSet under way", kubernetes.DaemonSet, apps + "daemonsets/api", `"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2`, 1, promotion.RolloutUnder, "1 of 2 pods are new"},
		{"a DaemonSet that is not available", kubernetes.DaemonSet, apps + "daemonsets/api", `"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1`, 1, promotion.RolloutUnder, "1 of 2 pods are available"},
		{"a CronJob", kubernetes.CronJob, batch + "cronjobs/api", ``, 0, promotion.RolloutDone, "its next run uses it"},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s, c := world(t)
			text := manifest(image, 1)
			text = with(text, f.status)
			if f.kind == kubernetes.CronJob {
				text = `{"metadata": {}, "spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": {"metadata": {}, "spec": {"containers": [{"name": "api", "image": "` + image + `"}]}}}}}}`
			}
			s.Put(f.path, kubernetes.Manager, text)
			d := c.Deployer(target(kubernetes.Selection{Kind: f.kind, Name: "api"}))
			o := deploy(t, d, o)
			if f.pods > 0 {
				s.Put(core+"pods/api-0", "kubelet", owned(string(f.kind)))
			}
			if r := observe(t, d, o); r.Phase != f.phase || !strings.Contains(r.Detail, f.detail) || f.detail == "" && r.Detail != "" {
				t.Errorf("it is %s: %q, and should be %s: %q", r.Phase, r.Detail, f.phase, f.detail)
			}
		})
	}
}

// The controller of a StatefulSet waits for a broken pod of before, and would
// wait for ever.
func TestABrokenPodOfAStatefulSetIsNamedThatHasToBeDeleted(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"statefulsets/api", kubernetes.Manager, with(manifest(image, 1), `"currentRevision": "a", "updateRevision": "b", "readyReplicas": 0`))
	d := c.Deployer(target(kubernetes.Selection{Kind: kubernetes.StatefulSet, Name: "api"}))
	o := deploy(t, d, order(1))
	s.Put(core+"pods/api-0", "kubelet", strings.NewReplacer(`"ReplicaSet"`, `"StatefulSet"`, `"api-5c9"`, `"api"`, `"True"`, `"False"`).Replace(podOf("api", image, "")))
	if r := observe(t, d, o); !strings.Contains(strings.Join(r.Lines, "\n"), "StatefulSet api waits for its pod api-0, which was broken before and is not replaced by itself: delete it") {
		t.Errorf("the lines are %q", r.Lines)
	}
}

func TestWhatRunsIsCountedByDigest(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 3))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	for i, id := range []promotion.Digest{o.Digest, o.Manifests[0], o.Digest} {
		s.Put(fmt.Sprintf("%spods/api-%d", core, i), "kubelet", podOf("api", o.Image(), "registry.example.com/shop/api@"+string(id)))
	}
	s.Put(core+"pods/api-old", "kubelet", podOf("api", image, "registry.example.com/shop/api@"+string(digest(3))))
	where := "Deployment api, container api"
	want := []promotion.Running{{Where: where, Digest: o.Digest, Count: 2}, {Where: where, Digest: digest(3), Count: 1}, {Where: where, Digest: o.Manifests[0], Count: 1}}
	if r := observe(t, d, o); !reflect.DeepEqual(r.Running, want) {
		t.Errorf("got  %v\nwant %v", r.Running, want)
	}
}

func TestTheLastWordsOfAContainerAreReadWhereTheyMayBe(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 1))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	s.Put(core+"pods/api-0", "kubelet", strings.NewReplacer(`{"running": {}}`, `{"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}`, `"True"`, `"False"`).
		Replace(podOf("api", o.Image(), "registry.example.com/shop/api@"+string(o.Digest))))
	s.Log("api-0", "starting\npanic: no database\n")
	r := observe(t, d, o)
	if lines := strings.Join(r.Lines, "\n"); !strings.HasSuffix(lines, "log of api-0: starting\nlog of api-0: panic: no database") {
		t.Errorf("the lines are %q", r.Lines)
	}
	s.Refuse(func(r *http.Request) *kubeapi.Status {
		if strings.HasSuffix(r.URL.Path, "/log") {
			return &kubeapi.Status{Code: 403, Reason: "Forbidden", Message: `pods "api-0" is forbidden: User "x" cannot get resource "pods/log" in API group "" in the namespace "shop"`}
		}
		return nil
	})
	r = observe(t, d, o)
	if lines := strings.Join(r.Lines, "\n"); !strings.HasSuffix(lines, `the log of pod api-0 can't be read: promotebot may not get pods/log in the namespace shop of the cluster test: apply there what "promotebot manifest kubernetes shop" prints`) {
		t.Errorf("the lines are %q", r.Lines)
	}
}

func TestAnImageThatSomebodyElseSetsIsAFailure(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 1))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	for _, image := range []string{"registry.example.com/shop/api:v1@" + string(o.Digest), image} { // what we have set, we have set without a tag
		s.Change(apps+"deployments/api", func(o kubeapi.Object) {
			look(o, "spec", "template", "spec", "containers", 0).(kubeapi.Object)["image"] = image
		})
		want := "Deployment api: somebody else has set its image since, to " + image
		within(t, "the change is seen", func() bool {
			r := observe(t, d, o)
			return r.Phase == promotion.RolloutFailed && r.Detail == want
		})
	}
	s.Delete(apps + "deployments/api")
	within(t, "it is gone", func() bool {
		return observe(t, d, o).Detail == "Deployment api: somebody has taken it out of the namespace shop"
	})
}

func TestWithoutAHandleNothingIsConcludedFromAnotherImage(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 1))
	o := order(1)
	if r := observe(t, c.Deployer(api()), o); r.Phase != promotion.RolloutAsked || r.Detail != "Deployment api: it is not seen yet that it was set" {
		t.Errorf("it is %s: %s", r.Phase, r.Detail)
	}
	// Somebody else has set it, in words of their own.
	byChart := "registry.example.com/shop/api:v1.2.3@" + string(o.Digest)
	s.Delete(apps + "deployments/api")
	s.Put(apps+"deployments/api", "helm", manifest(byChart, 1))
	s.Put(core+"pods/api-0", "kubelet", podOf("api", byChart, o.Image()))
	within(t, "it is done", func() bool { return observe(t, c.Deployer(api()), o).Phase == promotion.RolloutDone })
	o.Handle = "a commit"
	if _, err := c.Deployer(api()).Observe(t.Context(), o); promotion.KindOf(err) != promotion.Invalid || err.Error() != `"a commit" is not a handle of this target` {
		t.Errorf("a handle of another target: %v", err)
	}
}

// A digest that comes back was complete once: what a watch that is behind still
// has of that time is not the end of the order that brought it back.
func TestWhatIsLeftOfAnEarlierRolloutIsNotTakenForTheEndOfThisOne(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, with(manifest(image, 1), ""))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	s.Put(core+"pods/api-0", "kubelet", podOf("api", o.Image(), o.Image()))
	within(t, "it is done", func() bool { return observe(t, d, o).Phase == promotion.RolloutDone })
	s.Hold(true)
	deploy(t, d, order(2))
	back := order(1)
	back.Promotion = 3
	back = deploy(t, d, back)
	if r := observe(t, d, back); r.Phase != promotion.RolloutAsked || r.Detail != "Deployment api: it is not seen yet that it was set" {
		t.Errorf("it is %s: %s", r.Phase, r.Detail)
	}
	s.Hold(false)
	within(t, "the watch is up to date", func() bool {
		return observe(t, d, back).Detail == "Deployment api: its controller has not seen it yet"
	})
	s.Delete(apps + "deployments/api")
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(back.Image(), 1))
	within(t, "it is done where it was made anew", func() bool { return observe(t, d, back).Phase == promotion.RolloutDone })
}

func TestSeveralWorkloadsStandAsTheOneThatIsWorstOff(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	for _, name := range []string{"api", "worker"} {
		s.Put(apps+"deployments/"+name, kubernetes.Manager, with(manifest(image, 1), ""))
	}
	d := c.Deployer(target(kubernetes.Selection{Kind: kubernetes.Deployment, Selector: "app=shop"}))
	o := deploy(t, d, order(1))
	s.Put(core+"pods/api-0", "kubelet", podOf("api", o.Image(), o.Image()))
	if r := observe(t, d, o); r.Phase != promotion.RolloutUnder || r.Detail != "Deployment worker: 0 of 1 pods report what they run" || r.Ready != 1 || r.Total != 2 {
		t.Errorf("it is %s with %d of %d: %s", r.Phase, r.Ready, r.Total, r.Detail)
	}
	s.Put(core+"pods/worker-0", "kubelet", podOf("worker", o.Image(), o.Image()))
	within(t, "it is done", func() bool { return observe(t, d, o).Phase == promotion.RolloutDone })
}

func TestAnObserverWaitsForAChange(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	c.Hurry(time.Hour, time.Minute, 0)
	s.Put(apps+"deployments/api", kubernetes.Manager, with(manifest(image, 1), ""))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	if r := observe(t, d, o); r.Phase != promotion.RolloutUnder {
		t.Errorf("the first that is said is %s: %s", r.Phase, r.Detail)
	}
	answers := make(chan promotion.Rollout, 1)
	go func() { answers <- observe(t, d, o) }()
	within(t, "it watches pods", func() bool { now, _, _ := s.Counts(); return now[core+"pods"] == 1 })
	s.Put(core+"pods/api-0", "kubelet", podOf("api", o.Image(), o.Image()))
	if r := <-answers; r.Phase != promotion.RolloutDone {
		t.Errorf("it is %s: %s", r.Phase, r.Detail)
	}
}

// Nothing more happens after a pod got stuck, and nobody asked just then.
func TestWhatHasChangedWhileNobodyAskedIsToldAtOnce(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	c.Hurry(time.Hour, time.Minute, 0)
	s.Put(apps+"deployments/api", kubernetes.Manager, with(manifest(image, 1), ""))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	observe(t, d, o)
	stuck := strings.Replace(podOf("api", o.Image(), ""), `"ready": true, "restartCount": 0, "state": {"running": {}}`, `"ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff"}}`, 1)
	s.Put(core+"pods/api-0", "kubelet", stuck)
	if r := observe(t, c.Deployer(api()), o); !strings.Contains(strings.Join(r.Lines, "\n"), "ImagePullBackOff") {
		t.Errorf("it says %+v", r)
	}
}

// It may begin at any moment, so the world goes on changing until it is told.
func TestAChangeThatIsNotTheEndIsToldToo(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	c.Hurry(time.Hour, time.Minute, 0)
	s.Put(apps+"deployments/api", kubernetes.Manager, with(manifest(image, 1), ""))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	answers := make(chan promotion.Rollout, 1)
	go func() { answers <- observe(t, d, o) }()
	available := 0
	within(t, "it is told", func() bool {
		available = 1 - available
		s.Change(apps+"deployments/api", func(o kubeapi.Object) {
			o["status"].(kubeapi.Object)["availableReplicas"] = available
		})
		select {
		case r := <-answers:
			return r.Phase != promotion.RolloutDone
		case <-time.After(20 * time.Millisecond):
			return false
		}
	})
}

// However many targets a cluster has, there is one watch for each resource of a
// namespace.
func TestTwoHundredWorkloadsShareTheirWatches(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	c.Hurry(time.Hour, time.Minute, 0)
	var under sync.WaitGroup
	done := make(chan string, 200)
	for i := range 200 {
		kind, path := kubernetes.Deployment, "deployments/"
		if i%2 == 1 {
			kind, path = kubernetes.StatefulSet, "statefulsets/"
		}
		name := fmt.Sprintf("api-%d", i)
		s.Put(apps+path+name, kubernetes.Manager, manifest(order(1).Image(), 1))
		d := c.Deployer(target(kubernetes.Selection{Kind: kind, Name: name}))
		under.Go(func() {
			o := order(1)
			o.Handle = string(kind) + "/" + name + "@1"
			r := observe(t, d, o)
			for r.Phase != promotion.RolloutDone && r.Phase != promotion.RolloutFailed {
				r = observe(t, d, o) // which waits for a change
			}
			if r.Phase != promotion.RolloutDone {
				done <- fmt.Sprintf("%s is %s: %s", name, r.Phase, r.Detail)
			}
		})
	}
	watched := []string{apps + "deployments", apps + "statefulsets", core + "pods"}
	within(t, "all watches have begun", func() bool {
		now, _, _ := s.Counts()
		return now[watched[0]] == 1 && now[watched[1]] == 1 && now[watched[2]] == 1
	})
	for i := range 200 {
		pod := podOf(fmt.Sprintf("api-%d", i), order(1).Image(), order(1).Image())
		if i%2 == 1 {
			pod = strings.NewReplacer(`"ReplicaSet"`, `"StatefulSet"`, fmt.Sprintf(`"api-%d-5c9"`, i), fmt.Sprintf(`"api-%d"`, i)).Replace(pod)
		}
		s.Put(fmt.Sprintf("%spods/pod-%d", core, i), "kubelet", pod)
	}
	under.Wait()
	close(done)
	for fault := range done {
		t.Error(fault)
	}
	_, ever, connections := s.Counts()
	for _, resource := range watched {
		if ever[resource] != 1 {
			t.Errorf("%d watches of %s", ever[resource], resource)
		}
	}
	if len(ever) != 3 || connections > 3 {
		t.Errorf("watched are %v, on %d connections", ever, connections)
	}
}

func TestAWatchEndsWhenNobodyHasLookedForAWhile(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	c.Hurry(time.Millisecond, time.Millisecond, 0)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 1))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	observe(t, d, o)
	within(t, "nothing is watched", func() bool {
		now, ever, _ := s.Counts()
		return now[core+"pods"] == 0 && now[apps+"deployments"] == 0 && ever[core+"pods"] > 0
	})
	observe(t, d, o)
}

func TestAWatchGoesOnAfterAServerHungUpOrForgot(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(*kubeapi.Server){
		"hung up": func(s *kubeapi.Server) { s.HangUp() },
		"forgot":  func(s *kubeapi.Server) { s.Forget(); s.HangUp() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := world(t)
			s.Put(apps+"deployments/api", kubernetes.Manager, with(manifest(image, 1), ""))
			d := c.Deployer(api())
			o := deploy(t, d, order(1))
			observe(t, d, o)
			disturb(s)
			s.Put(core+"pods/api-0", "kubelet", podOf("api", o.Image(), o.Image()))
			within(t, "what came afterwards is seen", func() bool {
				r, err := d.Observe(t.Context(), o)
				return err == nil && r.Phase == promotion.RolloutDone
			})
		})
	}
}

// While a watch is cut off, what it had seen is not taken for what is. Rights
// that it had are missed for a moment too when a server starts: only after a
// while has somebody taken them away.
func TestAWatchThatIsCutOffIsNoAnswer(t *testing.T) {
	t.Parallel()
	for grace, kind := range map[time.Duration]promotion.Kind{time.Hour: promotion.Unavailable, 0: promotion.Forbidden} {
		s, c := world(t)
		c.Hurry(20*time.Millisecond, time.Minute, grace)
		s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 1))
		d := c.Deployer(api())
		o := deploy(t, d, order(1))
		observe(t, d, o)
		s.Refuse(func(r *http.Request) *kubeapi.Status {
			if strings.HasSuffix(r.URL.Path, "/pods") {
				return &kubeapi.Status{Code: 403, Reason: "Forbidden", Message: `pods is forbidden: User "x" cannot ` + verb(r) + ` resource "pods" in API group "" in the namespace "shop"`}
			}
			return nil
		})
		s.HangUp()
		var err error
		within(t, "it is noticed", func() bool { _, err = d.Observe(t.Context(), o); return err != nil })
		if promotion.KindOf(err) != kind || !strings.Contains(err.Error(), "promotebot may not ") || !strings.Contains(err.Error(), " pods in the namespace shop") {
			t.Errorf("within %s it is %s: %v", grace, promotion.KindOf(err), err)
		}
		s.Refuse(nil)
		within(t, "it is over", func() bool { _, err = d.Observe(t.Context(), o); return err == nil })
	}
}

// A server that asks for a pause is watched again without being listed anew.
func TestAWatchThatIsSlowedDownIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	s, c := world(t)
	s.Put(apps+"deployments/api", kubernetes.Manager, manifest(image, 1))
	d := c.Deployer(api())
	o := deploy(t, d, order(1))
	observe(t, d, o)
	s.Refuse(func(r *http.Request) *kubeapi.Status {
		if r.URL.Query().Get("watch") == "true" {
			return &kubeapi.Status{Code: 429, Reason: "TooManyRequests", Message: "slower"}
		}
		return nil
	})
	s.HangUp()
	var err error
	within(t, "it is noticed", func() bool { _, err = d.Observe(t.Context(), o); return err != nil })
	if promotion.KindOf(err) != promotion.Unavailable || err.Error() != "the cluster test is in trouble (429)" {
		t.Errorf("got %v", err)
	}
	s.Refuse(nil)
	within(t, "it is over", func() bool { _, err = d.Observe(t.Context(), o); return err == nil })
}

func verb(r *http.Request) string {
	switch {
	case r.URL.Query().Get("watch") == "true":
		return "watch"
	case r.Method == http.MethodPatch:
		return "patch"
	case strings.Count(r.URL.Path, "/") > 6:
		return "get"
	}
	return "list"
}
