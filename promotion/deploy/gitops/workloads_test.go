package gitops_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
)

const deploymentPath, podPath = "apis/apps/v1/namespaces/shop/deployments/api", "api/v1/namespaces/shop/pods/api-0"

// runsIn has the world look at a Deployment of a cluster.
func (w *world) runsIn(s *kubeapi.Server) {
	w.t.Helper()
	c, err := kubernetes.Open(s.Kubeconfig(), "", slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	d := c.Deployer(kubernetes.Target{Namespace: "shop", Workloads: []kubernetes.Selection{{Kind: kubernetes.Deployment, Name: "api"}}})
	w.opts.Workloads = &gitops.Workloads{Observe: d.Observe, Running: d.Running}
}

// applied is the cluster once it has what the file says, and its one pod runs that.
func applied(s *kubeapi.Server, generation int, image, imageID string) {
	s.Put(deploymentPath, "flux", fmt.Sprintf(`{"spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "api", "image": %q}]}}},
		"status": {"observedGeneration": %d, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}}`, image, generation))
	s.Put(podPath, "kubelet", fmt.Sprintf(`{"metadata": {"labels": {"pod-template-hash": "5c9"}, "ownerReferences": [{"kind": "ReplicaSet", "name": "api-5c9", "controller": true}]}, "spec": {"containers": [{"name": "api", "image": %q}]},
		"status": {"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"name": "api", "imageID": %q, "ready": true, "state": {"running": {}}}]}}`, image, imageID))
}

func TestItIsDoneWhenTheWorkloadsRunIt(t *testing.T) {
	w := newWorld(t)
	s := kubeapi.Start(t)
	w.runsIn(s)
	applied(s, 1, repo+"@"+old, repo+"@"+old)
	d := gitops.New(w.opts)
	o := order()
	r, err := d.Deploy(t.Context(), o)
	if o.Handle = r.Handle; err != nil {
		t.Fatal(err)
	}
	r, err = d.Observe(t.Context(), o)
	if err != nil || r.Phase != promotion.RolloutAsked || r.Handle != o.Handle || r.Detail != "Deployment api: it is not seen yet that it was set" {
		t.Fatalf("with the commit on the branch alone: %+v, %v", r, err)
	}
	applied(s, 2, repo+":v1.4.2@"+next, repo+"@"+next)
	for n := 0; r.Phase != promotion.RolloutDone; n++ { // each look waits for a change
		if r, err = d.Observe(t.Context(), o); err != nil || n > 5 {
			t.Fatalf("with the pod: %+v, %v", r, err)
		}
	}
	if len(r.Running) != 1 || r.Handle != o.Handle {
		t.Errorf("%+v", r)
	}
	if got, err := d.Running(t.Context(), o); err != nil || len(got) != 2 || len(o.Others(got)) != 0 {
		t.Errorf("%+v, %v", got, err)
	}

	s.Change(deploymentPath, func(w kubeapi.Object) {
		w["spec"].(kubeapi.Object)["template"].(kubeapi.Object)["spec"].(kubeapi.Object)["containers"].([]any)[0].(kubeapi.Object)["image"] = repo + "@" + hers
	})
	if got, err := d.Running(t.Context(), o); err != nil || len(o.Others(got)) != 1 || !strings.HasPrefix(o.Others(got)[0].Where, "Deployment api") {
		t.Errorf("what kubectl has changed: %+v, %v", got, err)
	}
	w.Commit("By hand", map[string]string{file: kustomization(hers)})
	if got, err := d.Running(t.Context(), o); err != nil || len(o.Others(got)) != 2 || !strings.HasPrefix(got[0].Where, file) {
		t.Errorf("and somebody in the repository: %+v, %v", got, err)
	}
	s.Stop()
	if got, err := d.Running(t.Context(), o); err != nil || len(o.Others(got)) != 1 {
		t.Errorf("without the cluster the repository is still read: %+v, %v", got, err)
	}
	w.Commit("Put right", map[string]string{file: kustomization(next)})
	if got, err := d.Running(t.Context(), o); err == nil || promotion.KindOf(err) != promotion.Unavailable {
		t.Errorf("without the cluster it is not known: %+v, %v", got, err)
	}
	if r, err := d.Observe(t.Context(), o); err == nil || promotion.KindOf(err) != promotion.Unavailable || r.Phase == promotion.RolloutDone {
		t.Errorf("without the cluster it is not done: %+v, %v", r, err)
	}
}
