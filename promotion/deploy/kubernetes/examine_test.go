package kubernetes_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/fixtures/kubeapi"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
)

// examined is what an examination of one target says, a line each.
func examined(t *testing.T, c *kubernetes.Cluster, to kubernetes.Target) (lines []string) {
	t.Helper()
	o := order(1)
	o.Digest, o.Promotion = "", 0
	for _, d := range c.Examine(t.Context(), "shop", []kubernetes.Trial{{Target: to, Order: o}}) {
		if d.Remedy == "" && (d.Condition == promotion.Ill || d.Condition == promotion.Unexamined) && !strings.Contains(d.Says, ": ") {
			t.Errorf("%s %s has no remedy", d.About, d.Says)
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", d.Condition, d.About, d.Says))
	}
	return lines
}

const (
	aboutRights = " rights in the namespace shop of the cluster test: "
	aboutAPI    = " cluster in production: Deployment api: "
)

func TestAnExaminationSaysWhetherAnOrderCouldBeCarriedOut(t *testing.T) {
	t.Parallel()
	ours := kubernetes.Manager
	for name, c := range map[string]struct {
		manager string
		target  kubernetes.Target
		denied  []string
		refuse  func(*http.Request) *kubeapi.Status
		change  func(kubeapi.Object)
		says    []string
	}{
		"all is well": {says: []string{"ok" + aboutRights + "all that deploying takes is allowed", "ok" + aboutAPI + "it is there, with api"}},
		"it may not set images": {denied: []string{"patch deployments"}, says: []string{
			"wrong" + aboutRights + "promotebot may not patch deployments.apps", "ok" + aboutAPI + "it is there, with api",
		}},
		"it may not read anything": {denied: []string{"get deployments", "list pods"}, says: []string{
			"wrong" + aboutRights + "promotebot may not get deployments.apps", "wrong" + aboutRights + "promotebot may not list pods",
		}},
		"it may not read logs": {denied: []string{"get pods/log"}, says: []string{
			"ok" + aboutRights + "all that deploying takes is allowed", "remark" + aboutRights + "promotebot may not get pods/log: what fails is told without its log", "ok" + aboutAPI + "it is there, with api",
		}},
		"it may not ask": {refuse: posts(403), says: []string{
			"unknown" + aboutRights + "the cluster does not tell promotebot what it may do", "ok" + aboutAPI + "it is there, with api",
		}},
		"the credentials have expired": {refuse: posts(401), says: []string{
			"wrong" + aboutRights + "the cluster test does not accept the credentials of promotebot (401): they may have expired",
		}},
		"the cluster is in trouble": {refuse: posts(503), says: []string{
			"unknown" + aboutRights + "the cluster test is in trouble (503) (no)",
		}},
		"there is no such workload": {target: target(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "apo"}), says: []string{
			"ok" + aboutRights + "all that deploying takes is allowed", "wrong cluster in production: Deployment apo: there is none in the namespace shop of the cluster test",
		}},
		"there is no such container": {target: target(kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api", Containers: []string{"app"}}), says: []string{
			"ok" + aboutRights + "all that deploying takes is allowed",
			"wrong" + aboutAPI + "Deployment api in the namespace shop has no container app: it has api with " + image + ", proxy with registry.example.com/proxy:1",
		}},
		"it is meant twice": {target: target(kubernetes.Selection{Kind: kubernetes.Deployment, Selector: "app=shop"}, kubernetes.Selection{Kind: kubernetes.Deployment, Name: "api"}), says: []string{
			"ok" + aboutRights + "all that deploying takes is allowed", "ok" + aboutAPI + "it is there, with api", `wrong` + aboutAPI + `it is meant twice, by "Deployment with app=shop" and "Deployment api"`,
		}},
		"another manager owns the image": {manager: "helm", says: []string{
			"ok" + aboutRights + "all that deploying takes is allowed",
			"wrong" + aboutAPI + `Deployment api in the namespace shop was not changed: "helm" owns .spec.template.spec.containers[name="api"].image. Have it leave the image to promotebot, or name it under take_over`,
		}},
		"it may be taken from that manager": {manager: "helm", target: kubernetes.Target{Namespace: "shop", Workloads: api().Workloads, TakeOver: []string{"helm"}}, says: []string{
			"ok" + aboutRights + "all that deploying takes is allowed", "ok" + aboutAPI + "it is there, with api",
		}},
		"a later promotion has set it": {change: func(o kubeapi.Object) {
			look(o, "metadata").(kubeapi.Object)["annotations"] = kubeapi.Object{"promotebot.github.io/promotion": "99"}
		}, says: []string{"ok" + aboutRights + "all that deploying takes is allowed", "ok" + aboutAPI + "it is there, with api"}},
		"it is paused": {change: func(o kubeapi.Object) { look(o, "spec").(kubeapi.Object)["paused"] = true }, says: []string{
			"ok" + aboutRights + "all that deploying takes is allowed", "remark" + aboutAPI + "it is there, with api; it is paused: nothing is rolled out before somebody resumes it",
		}},
		"a rule refuses images that nobody knows": {refuse: func(r *http.Request) *kubeapi.Status {
			if r.Method == http.MethodPatch {
				return &kubeapi.Status{Code: 400, Reason: "BadRequest", Message: "admission webhook denied the request"}
			}
			return nil
		}, says: []string{
			"ok" + aboutRights + "all that deploying takes is allowed",
			"remark" + aboutAPI + "it is there, with api; a rule of the cluster refuses the image that no registry has, with which it was tried, and whether it lets through what is promoted can't be known before",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, way := world(t)
			if c.manager == "" {
				c.manager = ours
			}
			if c.target.Namespace == "" {
				c.target = api()
			}
			s.Put(apps+"deployments/api", c.manager, manifest(image, 2))
			if c.change != nil {
				s.Change(apps+"deployments/api", c.change)
			}
			before := s.Get(apps + "deployments/api")
			s.Deny(c.denied...)
			s.Refuse(c.refuse)
			if lines := examined(t, way, c.target); !reflect.DeepEqual(lines, c.says) {
				t.Errorf("it says\n%s\nand not\n%s", strings.Join(lines, "\n"), strings.Join(c.says, "\n"))
			}
			for _, request := range s.Requests() {
				if !strings.Contains(request, "selfsubjectaccessreviews") && !strings.Contains(request, "dryRun=All") {
					t.Errorf("it sent %s", request)
				}
			}
			if after := s.Get(apps + "deployments/api"); !reflect.DeepEqual(after, before) {
				t.Errorf("it has left %v", after)
			}
			if now, ever, _ := s.Counts(); len(ever) > 0 {
				t.Errorf("it watches %v", now)
			}
		})
	}
}

// posts answers questions about rights with a status.
func posts(code int) func(*http.Request) *kubeapi.Status {
	return func(r *http.Request) *kubeapi.Status {
		if r.Method == http.MethodPost {
			return &kubeapi.Status{Code: code, Reason: map[int]string{401: "Unauthorized", 403: "Forbidden", 503: "ServiceUnavailable"}[code], Message: "no"}
		}
		return nil
	}
}
