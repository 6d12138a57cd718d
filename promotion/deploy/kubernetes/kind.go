package kubernetes

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is a kind of workload, spelled as Kubernetes does.
type Kind string

// The kinds.
const (
	Deployment  Kind = "Deployment"
	StatefulSet Kind = "StatefulSet"
	DaemonSet   Kind = "DaemonSet"
	CronJob     Kind = "CronJob"
)

// traits are what a kind is to the API.
type traits struct {
	version  schema.GroupVersion
	resource string
	object   func() runtime.Object
	list     func() runtime.Object
	items    func(runtime.Object) []workload
}

var kinds = map[Kind]traits{
	Deployment: {
		appsv1.SchemeGroupVersion, "deployments", func() runtime.Object { return &appsv1.Deployment{} }, func() runtime.Object { return &appsv1.DeploymentList{} },
		func(l runtime.Object) []workload { return each(l.(*appsv1.DeploymentList).Items) },
	},
	StatefulSet: {
		appsv1.SchemeGroupVersion, "statefulsets", func() runtime.Object { return &appsv1.StatefulSet{} }, func() runtime.Object { return &appsv1.StatefulSetList{} },
		func(l runtime.Object) []workload { return each(l.(*appsv1.StatefulSetList).Items) },
	},
	DaemonSet: {
		appsv1.SchemeGroupVersion, "daemonsets", func() runtime.Object { return &appsv1.DaemonSet{} }, func() runtime.Object { return &appsv1.DaemonSetList{} },
		func(l runtime.Object) []workload { return each(l.(*appsv1.DaemonSetList).Items) },
	},
	CronJob: {
		batchv1.SchemeGroupVersion, "cronjobs", func() runtime.Object { return &batchv1.CronJob{} }, func() runtime.Object { return &batchv1.CronJobList{} },
		func(l runtime.Object) []workload { return each(l.(*batchv1.CronJobList).Items) },
	},
}

// workload is what is read of one, whatever its kind.
type workload struct {
	kind                 Kind
	name, uid, version   string
	generation, observed int64
	labels, annotations  map[string]string
	containers           []container

	wanted, total, updated, available int32 // of its pods, as its controller counts them
	settled                           bool  // its controller says that no revision but the last one is left
	stalled                           bool  // its controller has given up
	refused                           string
	obstacle                          string // why nothing, or not everything, is rolled out
	byHand                            bool   // the obstacle is how the workload is meant to be
}

// container is one of a pod template.
type container struct {
	name, image string
	init        bool
	ours        bool // its image was set by us, and would be gone if an apply left it out
}

// String is what people call it.
func (w workload) String() string { return string(w.kind) + " " + w.name }

func (w workload) key() string { return string(w.kind) + "/" + w.name }

func each[T any](items []T) (all []workload) {
	for i := range items {
		all = append(all, seen(&items[i]))
	}
	return all
}

// seen reads a workload as "kubectl rollout status" does: what it waits for is
// in wanted, total, updated and available.
func seen(object any) (w workload) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		w = described(Deployment, o.ObjectMeta, o.Spec.Template)
		s := o.Status
		w.observed, w.wanted, w.total, w.updated, w.available = s.ObservedGeneration, replicas(o.Spec.Replicas), s.Replicas, s.UpdatedReplicas, s.AvailableReplicas
		w.settled = true
		for _, c := range s.Conditions {
			switch {
			case c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded":
				w.stalled = true
			case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
				w.refused = c.Message
			}
		}
		if o.Spec.Paused {
			w.obstacle = "it is paused: nothing is rolled out before somebody resumes it"
		}
	case *appsv1.StatefulSet:
		w = described(StatefulSet, o.ObjectMeta, o.Spec.Template)
		s := o.Status
		w.observed, w.wanted, w.total, w.updated, w.available = s.ObservedGeneration, replicas(o.Spec.Replicas), s.Replicas, s.UpdatedReplicas, s.ReadyReplicas
		w.settled = s.CurrentRevision == s.UpdateRevision
		strategy := o.Spec.UpdateStrategy
		if strategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
			w.obstacle, w.byHand = "it is updated only where somebody deletes a pod (OnDelete): set its updateStrategy to RollingUpdate", true
		} else if r := strategy.RollingUpdate; r != nil && r.Partition != nil && *r.Partition > 0 {
			w.obstacle, w.byHand = fmt.Sprintf("its update leaves out the pods below number %d (partition): set the partition to 0", *r.Partition), true
		}
	case *appsv1.DaemonSet:
		w = described(DaemonSet, o.ObjectMeta, o.Spec.Template)
		s := o.Status
		w.observed, w.wanted, w.total, w.updated, w.available = s.ObservedGeneration, s.DesiredNumberScheduled, s.DesiredNumberScheduled, s.UpdatedNumberScheduled, s.NumberAvailable
		w.settled = true
		if o.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType {
			w.obstacle, w.byHand = "it is updated only where somebody deletes a pod (OnDelete): set its updateStrategy to RollingUpdate", true
		}
	case *batchv1.CronJob:
		w = described(CronJob, o.ObjectMeta, o.Spec.JobTemplate.Spec.Template)
		w.observed = w.generation // nobody has to see it before its next run does
	}
	return w
}

func described(kind Kind, m metav1.ObjectMeta, template corev1.PodTemplateSpec) workload {
	w := workload{
		kind: kind, name: m.Name, uid: string(m.UID), version: m.ResourceVersion, generation: m.Generation,
		labels: m.Labels, annotations: m.Annotations,
	}
	ours := applied(m.ManagedFields, templateOf(kind))
	for _, c := range template.Spec.InitContainers {
		w.containers = append(w.containers, container{c.Name, c.Image, true, ours(fieldInit, c.Name)})
	}
	for _, c := range template.Spec.Containers {
		w.containers = append(w.containers, container{c.Name, c.Image, false, ours(fieldContainers, c.Name)})
	}
	return w
}

// The fields of a pod template that hold containers.
const (
	fieldInit       = "initContainers"
	fieldContainers = "containers"
)

// templateOf is where a kind has its pod template.
func templateOf(kind Kind) []string {
	if kind == CronJob {
		return []string{"spec", "jobTemplate", "spec", "template"}
	}
	return []string{"spec", "template"}
}

// applied tells of which containers we have applied the image. Fields are kept
// as a trie: f:NAME is a field, k:{"name":"NAME"} an item of a list with that key.
func applied(managed []metav1.ManagedFieldsEntry, template []string) func(list, name string) bool {
	var spec map[string]any
	for _, entry := range managed {
		if entry.Manager != Manager || entry.Operation != metav1.ManagedFieldsOperationApply || entry.FieldsV1 == nil {
			continue
		}
		if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &spec) != nil {
			return func(string, string) bool { return false } // the server made it: it always is one
		}
		for _, step := range append(template, "spec") {
			spec, _ = spec["f:"+step].(map[string]any)
		}
	}
	return func(list, name string) bool {
		all, _ := spec["f:"+list].(map[string]any)
		for key, fields := range all {
			var of struct{ Name string }
			item, _ := fields.(map[string]any)
			if _, ok := item["f:image"]; ok && json.Unmarshal([]byte(strings.TrimPrefix(key, "k:")), &of) == nil && of.Name == name {
				return true
			}
		}
		return false
	}
}

// replicas defaults as the API does.
func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

// pod is what is read of one.
type pod struct {
	name     string
	owner    string // key of the workload that has it; empty for others
	ending   bool
	over     bool // it has ended and serves nothing
	ready    bool
	unplaced string // why it is on no machine
	programs []program
}

// program is a container of a pod with how it does.
type program struct {
	name, image, imageID string
	init                 bool
	up                   bool   // it runs, for the first time or again
	waiting, message     string // why it does not run, when that is no passing state
	ended                string // the reason of its last end, when that was no good one
	code                 int32  // with which it ended
}

// seenPod keeps of a pod what is judged. Its owner is found without reading
// ReplicaSets: that of a Deployment is called after it and the hash of its
// template, which its pods carry as a label.
func seenPod(object any) pod {
	o := object.(*corev1.Pod)
	p := pod{name: o.Name, ending: o.DeletionTimestamp != nil, over: o.Status.Phase == corev1.PodSucceeded || o.Status.Phase == corev1.PodFailed}
	if owner := metav1.GetControllerOf(o); owner != nil {
		kind, name := Kind(owner.Kind), owner.Name
		if hash := "-" + o.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; owner.Kind == "ReplicaSet" && len(hash) > 1 && len(name) > len(hash) && name[len(name)-len(hash):] == hash {
			kind, name = Deployment, name[:len(name)-len(hash)]
		}
		p.owner = string(kind) + "/" + name
	}
	for _, c := range o.Status.Conditions {
		switch {
		case c.Type == corev1.PodReady:
			p.ready = c.Status == corev1.ConditionTrue
		case c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse:
			p.unplaced = c.Reason + ": " + c.Message
		}
	}
	for _, c := range o.Spec.InitContainers {
		p.programs = append(p.programs, program{name: c.Name, image: c.Image, init: true}.with(o.Status.InitContainerStatuses))
	}
	for _, c := range o.Spec.Containers {
		p.programs = append(p.programs, program{name: c.Name, image: c.Image}.with(o.Status.ContainerStatuses))
	}
	return p
}

// passing are the reasons to wait that every start goes through.
var passing = []string{"", "ContainerCreating", "PodInitializing"}

func (p program) with(statuses []corev1.ContainerStatus) program {
	at := slices.IndexFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == p.name })
	if at < 0 {
		return p
	}
	s := statuses[at]
	p.imageID, p.up = s.ImageID, s.State.Running != nil
	if w := s.State.Waiting; w != nil && !slices.Contains(passing, w.Reason) {
		p.waiting, p.message = w.Reason, w.Message
	}
	for _, t := range []*corev1.ContainerStateTerminated{s.LastTerminationState.Terminated, s.State.Terminated} {
		if t != nil && (t.ExitCode != 0 || !p.init) {
			p.ended, p.code = t.Reason, t.ExitCode
		}
	}
	return p
}
