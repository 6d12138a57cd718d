package serve

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// Two clusters have workloads of the same name: each order reaches the one that its
// target names, and targets of the same cluster share the way to it.
func TestATargetIsDeployedToInItsOwnCluster(t *testing.T) {
	const image, job = "registry.example.com/shop", "apis/batch/v1/namespaces/shop/cronjobs/shop"
	clusters := map[string]*kubeapi.Server{"eu": kubeapi.Start(t), "us": kubeapi.Start(t)}
	d := &Deployers{Surroundings: Surroundings{Log: slog.New(slog.DiscardHandler), Directory: t.TempDir()}}
	t.Cleanup(d.Close)
	var targets []config.Target
	for _, name := range []string{"eu", "us"} {
		clusters[name].Put(job, "promotebot", fmt.Sprintf(`{"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": %q}]}}}}}}`, image+":v1"))
		to := config.Kubernetes{Kubeconfig: clusters[name].Kubeconfig(), Namespace: "{app}", Workloads: []config.Workload{{Kind: "CronJob", Name: "{app}"}}}
		targets = append(targets, config.Target{Environment: "production", Name: name, Kubernetes: &to}, config.Target{Environment: "canary", Name: name, Kubernetes: &to})
	}
	if _, err := d.Set(targets, []gate.App{{Name: "shop", Repository: image}}); err != nil {
		t.Fatal(err)
	}
	o := promotion.Order{Promotion: 1, App: "shop", Environment: "production", Target: "us", Repository: image, Digest: promotion.Digest("sha256:" + strings.Repeat("1", 64)), OrderedAt: time.Now(), Deadline: time.Now().Add(time.Hour)}
	to, err := d.of(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Deploy(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string]string{"eu": image + ":v1", "us": o.Image()} {
		if has := fmt.Sprint(clusters[name].Get(job)); !strings.Contains(has, "image:"+wants) {
			t.Errorf("%s has %s", name, has)
		}
	}
	if len(d.clusters) != 2 {
		t.Errorf("%d ways to two clusters", len(d.clusters))
	}
}
