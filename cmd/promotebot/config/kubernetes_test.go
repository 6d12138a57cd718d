package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
)

// kubernetes reads a target, and returns what was said against it.
func kubernetes(t *testing.T, doc string) (config.Kubernetes, string) {
	t.Helper()
	r, root := strict.Parse([]byte(doc), "the file is empty")
	if root == nil {
		t.Fatalf("%s: %v", doc, r.Problems("promotebot.yaml"))
	}
	k, ok := config.ReadKubernetes(r, root)
	err := r.Problems("promotebot.yaml")
	if err == nil {
		if !ok {
			t.Errorf("%s: it could not be read, and nothing is said to be wrong", doc)
		}
		return k, ""
	}
	return k, err.Error()
}

func TestAKubernetesTargetMeansWhatItSays(t *testing.T) {
	k, faults := kubernetes(t, `{kubeconfig: /etc/promotebot/kubeconfig, context: eu, namespace: "{app}-production", take_over: [kubectl-client-side-apply],
  workloads: [{kind: Deployment, name: "{app}"}, {kind: StatefulSet, selector: "app={app}, tier!=cache,keep", containers: ["{app}", migrate]}]}`)
	if faults != "" {
		t.Fatal(faults)
	}
	want := config.Kubernetes{
		Kubeconfig: "/etc/promotebot/kubeconfig", Context: "eu", Namespace: "shop-production", TakeOver: []string{"kubectl-client-side-apply"},
		Workloads: []config.Workload{{Kind: "Deployment", Name: "shop"}, {Kind: "StatefulSet", Selector: "app=shop, tier!=cache,keep", Containers: []string{"shop", "migrate"}}},
	}
	if got := k.For("shop"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if other := k.For("cart"); other.Namespace != "cart-production" || other.Workloads[1].Containers[0] != "cart" {
		t.Errorf("the next app gets %+v", other)
	}
}

func TestFaultyKubernetesTargets(t *testing.T) {
	for doc, says := range map[string]string{
		`[]`:                "kubernetes must be a mapping, not a list: write it as {namespace: production, workloads: [{kind: Deployment, name: \"{app}\"}]}",
		`{namespace: prod}`: `1:1: kubernetes has no workloads: add workloads: [{kind: Deployment, name: "{app}"}]`,
		`{workloads: [{kind: Deployment, name: a}]}`:                                               "1:1: kubernetes has no namespace: add namespace: production",
		`{namespace: Prod, workloads: [{kind: Deployment, name: a}]}`:                              `1:13: "Prod" is not a namespace of Kubernetes`,
		`{namespace: prod, workloads: []}`:                                                         "1:30: workloads is empty, so nothing would be deployed",
		`{namespace: prod, workloads: Deployment}`:                                                 "workloads must be a list",
		`{namespace: prod, workload: [{kind: Deployment, name: a}]}`:                               `1:19: unknown key "workload" in kubernetes: did you mean "workloads"?`,
		`{namespace: prod, kubeconfig: "", workloads: [{kind: Deployment, name: a}]}`:              "1:31: the path of the kubeconfig is empty",
		`{namespace: prod, context: eu, workloads: [{kind: Deployment, name: a}]}`:                 "1:19: a context is one of a kubeconfig, and none is named",
		`{namespace: prod, workloads: [{name: a}]}`:                                                "1:31: the workload has no kind: add kind: Deployment",
		`{namespace: prod, workloads: [{kind: deployment, name: a}]}`:                              `1:38: "deployment" is not a kind of workload that can be deployed to: did you mean "Deployment"?`,
		`{namespace: prod, workloads: [{kind: Pod, name: a}]}`:                                     "write Deployment, StatefulSet, DaemonSet, CronJob",
		`{namespace: prod, workloads: [{kind: Deployment}]}`:                                       "1:31: the workload has no name",
		`{namespace: prod, workloads: [{kind: Deployment, name: a, selector: app=a}]}`:             "1:59: a workload is meant by its name or by its labels, not by both",
		`{namespace: prod, workloads: [{kind: Deployment, name: A_b}]}`:                            `"A_b" is not a name of Kubernetes`,
		`{namespace: prod, workloads: [{kind: Deployment, selector: ""}]}`:                         `"" is not a label selector`,
		`{namespace: prod, workloads: [{kind: Deployment, selector: "app in (a)"}]}`:               "is not a label selector: write labels with their values",
		`{namespace: prod, workloads: [{kind: Deployment, name: a, containers: []}]}`:              "containers is empty",
		`{namespace: prod, workloads: [{kind: Deployment, name: a, containers: [A]}]}`:             `"A" is not a name of Kubernetes`,
		`{namespace: prod, workloads: [{kind: Deployment, name: a}, {kind: Deployment, name: a}]}`: "1:60: the Deployment a is there already above",
		`{namespace: prod, take_over: ["*"], workloads: [{kind: Deployment, name: a}]}`:            `"*" is not the name of a field manager`,
		`{namespace: prod, take_over: true, workloads: [{kind: Deployment, name: a}]}`:             "take_over must be a list, not true",
		`{namespace: prod, token: abc, workloads: [{kind: Deployment, name: a}]}`:                  `"token" is a secret, and secrets never live in this file: take it out: kubernetes has no key for one, there are kubeconfig, context, namespace, workloads, take_over`,
	} {
		if _, found := kubernetes(t, doc); !strings.Contains(found, says) {
			t.Errorf("%s: %s\nwant %q", doc, found, says)
		}
	}
}
