package kubernetes_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
)

const (
	repository = promotion.Repository("registry.example.com/shop/api")
	apps       = "apis/apps/v1/namespaces/shop/"
	core       = "api/v1/namespaces/shop/"
	batch      = "apis/batch/v1/namespaces/shop/"
)

// digest is one that is told by its digit.
func digest(digit int) promotion.Digest {
	return promotion.Digest("sha256:" + strings.Repeat(fmt.Sprintf("%x", digit), 64))
}

// order asks for a digest in a promotion of the same number.
func order(n int) promotion.Order {
	return promotion.Order{
		Promotion: promotion.ID(n), Purpose: promotion.Forward, App: "shop", Environment: "production", Target: "cluster", Repository: repository,
		Digest: digest(n), Manifests: []promotion.Digest{digest(n + 8)}, Approvers: []string{"Ann", "Bob"},
	}
}

// open opens a cluster with a log that a test can read.
func open(t *testing.T, kubeconfig string) (*kubernetes.Cluster, *strings.Builder) {
	t.Helper()
	log := &strings.Builder{}
	c, err := kubernetes.Open(kubeconfig, "", slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, log
}

// world is an API server with nothing in it, and a way to it on which observers
// answer at once.
func world(t *testing.T) (*kubeapi.Server, *kubernetes.Cluster) {
	t.Helper()
	s := kubeapi.Start(t)
	c, _ := open(t, s.Kubeconfig())
	c.Hurry(20*time.Millisecond, time.Minute, 0)
	return s, c
}

func target(workloads ...kubernetes.Selection) kubernetes.Target {
	return kubernetes.Target{Namespace: "shop", Workloads: workloads}
}

func api() kubernetes.Target {
	return target(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"})
}

// manifest is a workload with one container, in a rollout that is complete.
func manifest(image string, replicas int) string {
	return fmt.Sprintf(`{"metadata": {"labels": {"app": "shop"}}, "spec": {"replicas": %d, "template": {"metadata": {},
		"spec": {"containers": [{"name": "api", "image": %q}, {"name": "proxy", "image": "registry.example.com/proxy:1"}]}}},
		"status": {"observedGeneration": 1, "replicas": %[1]d, "updatedReplicas": %[1]d, "readyReplicas": %[1]d, "availableReplicas": %[1]d}}`, replicas, image)
}

// podOf is one pod of a Deployment, which runs and reports imageID.
func podOf(workload, image, imageID string) string {
	return fmt.Sprintf(`{"metadata": {"labels": {"pod-template-hash": "5c9"}, "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "%s-5c9", "uid": "x", "controller": true}]},
		"spec": {"containers": [{"name": "api", "image": %q}]},
		"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"name": "api", "image": "", "imageID": %q, "ready": true, "restartCount": 0, "state": {"running": {}}}]}}`,
		workload, image, imageID)
}

func deploy(t *testing.T, d *kubernetes.Deployer, o promotion.Order) promotion.Order {
	t.Helper()
	r, err := d.Deploy(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Handle == "" {
		t.Fatalf("no handle: %+v", r)
	}
	o.Handle = r.Handle
	return o
}

func observe(t *testing.T, d *kubernetes.Deployer, o promotion.Order) promotion.Rollout {
	t.Helper()
	r, err := d.Observe(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if time.Since(r.ReadAt) > time.Minute {
		t.Errorf("it was read at %v", r.ReadAt)
	}
	return r
}

// within asks until the answer is the one that is waited for.
func within(t *testing.T, what string, ask func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for !ask() {
		if ctx.Err() != nil {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
