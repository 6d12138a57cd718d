package serve

import (
	"log/slog"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/promotion"
)

// What the configuration says can be read, the gate has read; and there has to be
// somebody to read it.
func TestWhatIsToBeReadHasAReader(t *testing.T) {
	kubeconfig := kubeapi.Start(t).Kubeconfig()
	c, err := config.Parse("promotebot.yaml", []byte(`slack: {channel: C0SHIP}
commands: allowed
environments:
  - {name: staging, watch: staging-passed}
  - name: production
    tags: [production]
    policy: {approvals: none}
    deploy:
      targets:
        - {name: service, webhook: {url: "https://deploy.example.com/{app}", signed_with: SECRET}}
        - {name: service-that-says, webhook: {url: "https://deploy.example.com/{app}", signed_with: SECRET, running: "https://deploy.example.com/{app}/running"}}
        - {name: program, command: {run: [/bin/true]}}
        - {name: program-that-says, command: {run: [/bin/true], running: [/bin/true]}}
        - {name: cluster, kubernetes: {kubeconfig: `+kubeconfig+`, namespace: shop, workloads: [{kind: Deployment, name: "{app}"}]}}
        - name: git
          gitops:
            repository: https://git.example.com/deploy.git
            path: a.yaml
            manifest: true
            credentials: {password_env: GIT}
            flux: {kubeconfig: `+kubeconfig+`, kustomization: flux-system/shop}
            kubernetes: {kubeconfig: `+kubeconfig+`, namespace: shop, workloads: [{kind: Deployment, name: "{app}"}]}
roles: {leads: [U0ANN]}
apps: [{name: shop, image: registry.example.com/shop}]
`))
	if err != nil {
		t.Fatal(err)
	}
	d := &Deployers{Surroundings: Surroundings{Log: slog.New(slog.DiscardHandler), Getenv: func(name string) string { return map[string]string{"SECRET": "between us"}[name] }, Directory: t.TempDir()}}
	defer d.Close()
	if _, err := d.Set(c.Targets, c.Catalog.Apps); err != nil {
		t.Fatal(err)
	}
	production, _ := c.Catalog.Environment("production")
	read := 0
	for _, target := range production.Deploy.Targets {
		made, err := d.of(promotion.Order{Environment: "production", Target: target.Name})
		if err != nil || target.Reads != (made.reads != nil) {
			t.Errorf("%s is to be read: %t, and there is a reader: %t (%v)", target.Name, target.Reads, made.reads != nil, err)
		}
		if target.Reads {
			read++
		}
	}
	if read != 4 || len(d.clusters) != 1 {
		t.Errorf("%d targets are read, in %d clusters", read, len(d.clusters))
	}
}
