package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/cmd/promotebot/config/strict"
)

// Kubernetes says which workloads of a cluster run an app. {app} stands for the
// name of the app in all that tells one app from another.
type Kubernetes struct {
	Kubeconfig string // empty: the cluster that promotebot runs in
	Context    string // of the kubeconfig; empty: its current one
	Namespace  string
	Workloads  []Workload
	TakeOver   []string // field managers from which the image may be taken
}

// Workload is one workload, or all of a kind that have some labels.
type Workload struct {
	Kind       string
	Name       string
	Selector   string
	Containers []string // empty: those with an image of the app
}

// kubernetes reads a target that is a cluster.
func (r *reader) kubernetes(n *yaml.Node, t *Target) {
	if k, ok := ReadKubernetes(r.Reader, n); ok {
		t.Kubernetes = &k
	}
}

const (
	keyKubernetes = "kubernetes"
	keyKubeconfig = "kubeconfig"
	keyContext    = "context"
	keyNamespace  = "namespace"
	keyWorkloads  = "workloads"
	keyKind       = "kind"
	keySelector   = "selector"
	keyContainers = "containers"
	keyTakeOver   = "take_over"

	exampleWorkload   = `{kind: Deployment, name: "{app}"}`
	exampleKubernetes = `{namespace: production, workloads: [` + exampleWorkload + `]}`
)

// workloadKinds are those that can be deployed to, as Kubernetes spells them.
var workloadKinds = []string{"Deployment", "StatefulSet", "DaemonSet", "CronJob"}

// What Kubernetes takes for a name (RFC 1123), and for one of the equalities of
// a label selector.
var (
	labelName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	resourceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	requirement  = regexp.MustCompile(`^!?[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?( *(=|==|!=) *[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`)
)

// For is it with the name of an app in place.
func (k Kubernetes) For(app string) Kubernetes {
	put := func(s string) string { return strings.ReplaceAll(s, "{app}", app) }
	k.Namespace = put(k.Namespace)
	k.Workloads = slices.Clone(k.Workloads)
	for i, w := range k.Workloads {
		containers := slices.Clone(w.Containers)
		for j, c := range containers {
			containers[j] = put(c)
		}
		k.Workloads[i] = Workload{w.Kind, put(w.Name), put(w.Selector), containers}
	}
	return k
}

// ReadKubernetes reads the mapping of one target. What is wrong with it is
// reported to r; ok tells whether what a target needs could be read.
func ReadKubernetes(r *strict.Reader, n *yaml.Node) (k Kubernetes, ok bool) {
	in, ok := r.Fields(n, "kubernetes", exampleKubernetes, keyKubeconfig, keyContext, keyNamespace, keyWorkloads, keyTakeOver)
	if !ok {
		return k, false
	}
	k.Kubeconfig, k.Context, ok = clusterOf(r, in)
	at, there := r.Required(n, in, keyNamespace, "kubernetes", "add namespace: production")
	if there {
		k.Namespace, there = kubernetesName(r, at, keyNamespace, labelName)
	}
	ok = ok && there
	if at, there = r.Required(n, in, keyWorkloads, "kubernetes", "add workloads: ["+exampleWorkload+"]"); there {
		k.Workloads, there = workloads(r, at)
	}
	ok = ok && there
	if p, there := in[keyTakeOver]; there {
		var fine bool
		k.TakeOver, fine = managers(r, p.Value)
		ok = ok && fine
	}
	return k, ok
}

// clusterOf reads which cluster is meant.
func clusterOf(r *strict.Reader, in map[string]strict.Pair) (kubeconfig, context string, ok bool) {
	ok = true
	if p, there := in[keyKubeconfig]; there {
		if kubeconfig, ok = r.Text(p.Value, keyKubeconfig); ok && kubeconfig == "" {
			r.Fault(p.Value, "the path of the kubeconfig is empty", "write one, or take the key out where promotebot runs in the cluster itself")
			ok = false
		}
	}
	if p, there := in[keyContext]; there {
		var fine bool
		context, fine = r.Text(p.Value, keyContext)
		if _, file := in[keyKubeconfig]; fine && !file {
			r.Fault(p.At, "a context is one of a kubeconfig, and none is named", "name the file under kubeconfig, or take the context out where promotebot runs in the cluster itself")
			fine = false
		}
		ok = ok && fine
	}
	return kubeconfig, context, ok
}

// kubernetesName reads a name in which {app} may stand.
func kubernetesName(r *strict.Reader, n *yaml.Node, what string, form *regexp.Regexp) (string, bool) {
	text, ok := r.Text(n, what)
	if !ok {
		return "", false
	}
	if !form.MatchString(strings.ReplaceAll(text, "{app}", "app")) {
		r.Fault(n, fmt.Sprintf("%q is not a %s of Kubernetes", strict.Clip(text), what), "write lower-case letters, digits and '-', and {app} for the name of the app")
		return "", false
	}
	return text, true
}

func workloads(r *strict.Reader, n *yaml.Node) (all []Workload, ok bool) {
	items, ok := r.List(n, keyWorkloads, "["+exampleWorkload+"]")
	if ok && len(items) == 0 {
		r.Fault(n, "workloads is empty, so nothing would be deployed", "name at least one, such as "+exampleWorkload)
		return nil, false
	}
	for _, item := range items {
		w, fine := oneWorkload(r, item)
		if !fine {
			ok = false
			continue
		}
		if slices.ContainsFunc(all, func(had Workload) bool { return had.Kind == w.Kind && had.Name == w.Name && had.Selector == w.Selector }) {
			r.Fault(item, fmt.Sprintf("the %s %s is there already above", w.Kind, strict.Clip(w.Name+w.Selector)), "put everything about it into one item")
			ok = false
			continue
		}
		all = append(all, w)
	}
	return all, ok
}

func oneWorkload(r *strict.Reader, n *yaml.Node) (w Workload, ok bool) {
	in, ok := r.Fields(n, "a workload", exampleWorkload, keyKind, keyName, keySelector, keyContainers)
	if !ok {
		return w, false
	}
	at, fine := r.Required(n, in, keyKind, "the workload", "add kind: Deployment")
	if fine {
		w.Kind, fine = r.Text(at, keyKind)
	}
	if fine && !slices.Contains(workloadKinds, w.Kind) {
		r.Fault(at, fmt.Sprintf("%q is not a kind of workload that can be deployed to", strict.Clip(w.Kind)), strict.Meant(w.Kind, workloadKinds, "write "+strings.Join(workloadKinds, ", ")))
		fine = false
	}
	ok = ok && fine
	name, named := in[keyName]
	selector, selected := in[keySelector]
	switch {
	case named && selected:
		r.Fault(selector.At, "a workload is meant by its name or by its labels, not by both", "take one of the two out")
		return w, false
	case !named && !selected:
		r.Note(n, "the workload has no name", `add name: "{app}", or selector: "app={app}" for all that have a label`)
		return w, false
	case named:
		w.Name, fine = kubernetesName(r, name.Value, keyName, resourceName)
	default:
		w.Selector, fine = selectorOf(r, selector.Value)
	}
	ok = ok && fine
	if p, there := in[keyContainers]; there {
		w.Containers, fine = containersOf(r, p.Value)
		ok = ok && fine
	}
	return w, ok
}

func selectorOf(r *strict.Reader, n *yaml.Node) (string, bool) {
	text, ok := r.Text(n, keySelector)
	if !ok {
		return "", false
	}
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "{app}", "app"), ",") {
		if !requirement.MatchString(strings.TrimSpace(part)) {
			r.Fault(n, fmt.Sprintf("%q is not a label selector", strict.Clip(text)), `write labels with their values, such as "app={app},tier=web"`)
			return "", false
		}
	}
	return text, true
}

func containersOf(r *strict.Reader, n *yaml.Node) (all []string, ok bool) {
	items, ok := r.Texts(n, keyContainers, `["{app}", migrate]`)
	if ok && len(items) == 0 {
		r.Fault(n, "containers is empty, so nothing of the workload would be deployed", "name containers, or take the key out for those with an image of the app")
		return nil, false
	}
	for _, item := range items {
		name, fine := kubernetesName(r, item, "name", labelName)
		ok = ok && fine
		all = append(all, name)
	}
	return all, ok
}

func managers(r *strict.Reader, n *yaml.Node) (all []string, ok bool) {
	items, ok := r.Texts(n, keyTakeOver, "[kubectl-client-side-apply, helm]")
	for _, item := range items {
		name, fine := r.Text(item, "a field manager")
		if fine && (name == "" || name == "*" || len(name) > 128) {
			r.Fault(item, fmt.Sprintf("%q is not the name of a field manager", strict.Clip(name)), "write it as the conflict names it, such as kubectl-client-side-apply")
			fine = false
		}
		ok = ok && fine
		all = append(all, name)
	}
	return all, ok
}
