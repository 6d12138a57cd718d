package kubernetes

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/promotebot/promotebot/promotion"
)

// requests are how many a second, and at once, one cluster gets from us: two
// hundred workloads are read and written in a few seconds, and what watches
// need is not counted here. The server's own fairness slows down what is more.
const (
	requests = 50
	atOnce   = 100
)

// patience bounds one request; a watch has none.
const patience = 30 * time.Second

// Cluster is the way to one cluster: one set of connections and one cache for
// all targets in it. It is safe for concurrent use.
type Cluster struct {
	name    string // for people
	clients map[schema.GroupVersion]rest.Interface
	log     *slog.Logger
	spell   time.Duration // for which an observer waits for a change
	linger  time.Duration // for which a watch stays that nobody looks at
	grace   time.Duration // after which a watch that loses its rights has lost them

	ctx   context.Context // of the watches; ends with Close
	close context.CancelFunc
	under sync.WaitGroup

	workloads feeds[workload]
	pods      feeds[pod]
	told      sync.Map // of orders that have not ended, the rollout that was last said; one that is given up leaves a line
}

// place is what one watch is about.
type place struct{ resource, namespace string }

// Open prepares the way to the cluster that a kubeconfig's context names (the
// current one when context is empty), or, without a kubeconfig, to the one that
// promotebot runs in. It asks nothing of the cluster yet.
//
// Credential plugins of the kubeconfig are run by client-go as kubectl runs
// them. There is no falling back from one way to another: a file that names no
// cluster is an error, and never the cluster that happens to be around.
func Open(kubeconfig, context string, log *slog.Logger) (*Cluster, error) {
	config, name, err := configure(kubeconfig, context)
	if err != nil {
		return nil, err
	}
	config.UserAgent = Manager
	config.QPS, config.Burst = requests, atOnce
	config.WarningHandlerWithContext = rest.NoWarnings{} // they are about the manifests of others
	return connect(config, name, log)
}

// connect makes the clients, which share their connections.
func connect(config *rest.Config, name string, log *slog.Logger) (*Cluster, error) {
	unusable := func(err error) error {
		return &promotion.Error{Kind: promotion.Invalid, Text: "the way to " + name + " can't be used: its certificates, its address or its credential plugin are at fault", Err: err}
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return discreet{next} })
	shared, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, unusable(err)
	}
	known := runtime.NewScheme()
	for version, objects := range map[schema.GroupVersion][]runtime.Object{
		appsv1.SchemeGroupVersion: {
			&appsv1.Deployment{}, &appsv1.DeploymentList{}, &appsv1.StatefulSet{}, &appsv1.StatefulSetList{}, &appsv1.DaemonSet{}, &appsv1.DaemonSetList{},
		},
		batchv1.SchemeGroupVersion: {&batchv1.CronJob{}, &batchv1.CronJobList{}},
		corev1.SchemeGroupVersion:  {&corev1.Pod{}, &corev1.PodList{}},

		authorizationv1.SchemeGroupVersion: {&authorizationv1.SelfSubjectAccessReview{}},
	} {
		known.AddKnownTypes(version, objects...)
		metav1.AddToGroupVersion(known, version)
	}
	codecs := serializer.NewCodecFactory(known).WithoutConversion()
	ctx, cancel := context.WithCancel(quiet(context.Background()))
	c := &Cluster{
		name: name, clients: map[schema.GroupVersion]rest.Interface{}, log: log, spell: 30 * time.Second, linger: 5 * time.Minute, grace: time.Minute,
		ctx: ctx, close: cancel,
		workloads: feeds[workload]{read: func(object any) (key, group string, w workload) {
			w = seen(object)
			return w.name, w.key(), w
		}, all: map[place]*use[workload]{}},
		pods: feeds[pod]{read: func(object any) (key, group string, p pod) {
			p = seenPod(object)
			return p.name, p.owner, p
		}, all: map[place]*use[pod]{}},
	}
	for _, version := range []schema.GroupVersion{appsv1.SchemeGroupVersion, batchv1.SchemeGroupVersion, corev1.SchemeGroupVersion, authorizationv1.SchemeGroupVersion} {
		one := rest.CopyConfig(config)
		one.GroupVersion, one.APIPath, one.NegotiatedSerializer = &version, "/apis", codecs
		one.ContentType = runtime.ContentTypeJSON
		if version.Group == "" {
			one.APIPath = "/api"
		}
		if c.clients[version], err = rest.RESTClientForConfigAndClient(one, shared); err != nil {
			cancel()
			return nil, unusable(err)
		}
	}
	return c, nil
}

// quiet keeps client-go from logging on its own: what fails is said by who asked.
func quiet(ctx context.Context) context.Context { return klog.NewContext(ctx, klog.Logger{}) }

// Close ends the watches and waits for them.
func (c *Cluster) Close() {
	c.close()
	c.under.Wait()
}

func configure(kubeconfig, name string) (*rest.Config, string, error) {
	if kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, "", &promotion.Error{Kind: promotion.Invalid, Text: "promotebot does not run in a cluster, and no kubeconfig is named: name one under kubernetes", Err: err}
		}
		return config, "the cluster of promotebot itself", nil
	}
	file, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		// What the parser says may quote the file, which holds credentials.
		return nil, "", promotion.Errorf(promotion.Invalid, "the kubeconfig %s can't be read: kubectl --kubeconfig %s config view says why", kubeconfig, kubeconfig)
	}
	if name == "" {
		name = file.CurrentContext
	}
	in, ok := file.Contexts[name]
	if !ok {
		there := strings.Join(slices.Sorted(maps.Keys(file.Contexts)), ", ")
		if name == "" {
			return nil, "", promotion.Errorf(promotion.Invalid, "the kubeconfig %s has no current context: name one under context (there are: %s)", kubeconfig, there)
		}
		return nil, "", promotion.Errorf(promotion.Invalid, "the kubeconfig %s has no context %q: there are %s", kubeconfig, name, there)
	}
	if at, ok := file.Clusters[in.Cluster]; !ok || at.Server == "" {
		return nil, "", promotion.Errorf(promotion.Invalid, "the context %q of the kubeconfig %s leads to no cluster", name, kubeconfig)
	}
	if err := clientcmd.ResolveLocalPaths(file); err != nil {
		return nil, "", promotion.Errorf(promotion.Invalid, "a path in the kubeconfig %s leads nowhere", kubeconfig)
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*file, name, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, "", &promotion.Error{Kind: promotion.Invalid, Text: fmt.Sprintf("the context %q of the kubeconfig %s can't be used", name, kubeconfig), Err: err}
	}
	return config, "the cluster " + name, nil
}
