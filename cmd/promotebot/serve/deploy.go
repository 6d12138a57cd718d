package serve

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/command"
	"github.com/promotebot/promotebot/promotion/deploy/gitops"
	"github.com/promotebot/promotebot/promotion/deploy/gitops/edit"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
	"github.com/promotebot/promotebot/promotion/deploy/webhook"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/pipeline"
)

// place is where an order goes.
type place struct{ environment, target string }

// Surroundings are what deployers need that no configuration says.
type Surroundings struct {
	Getenv    func(string) string
	Version   string
	Transport http.RoundTripper // of webhooks; nil for the ordinary network
	Log       *slog.Logger
	Directory string // for what lies on the disk for a moment; nothing else may be in it
}

// Deployers are those of all targets. They are replaced as a whole, with the
// configuration. The ways to clusters are kept: targets share them.
type Deployers struct {
	Surroundings
	by       atomic.Pointer[map[place]deployer]
	clusters map[way]*kubernetes.Cluster
}

// way is how a cluster is found.
type way struct{ kubeconfig, context string }

// deployer is one of them. Whoever does the work in Observe may take as long as
// the order has.
type deployer struct {
	pipeline.Deployer
	works bool
	// reads reads what runs there; nil where the target can't say.
	reads func(context.Context, promotion.Order) ([]promotion.Running, error)
	// secret is what orders are signed with, where they are; the target knows it.
	secret promotion.Secret
}

// observation is how long one look at a target may take, where looking is all.
const observation = 45 * time.Second

// Set makes the deployers that the configuration names, and returns what puts
// back those that were there. The error is Invalid, and names a secret or a
// cluster that is not there; then all stay as they were.
func (d *Deployers) Set(targets []config.Target, apps []gate.App) (restore func(), err error) {
	by := map[place]deployer{}
	for _, t := range targets {
		if by[place{t.Environment, t.Name}], err = d.make(t, apps); err != nil {
			return nil, err
		}
	}
	had := d.by.Swap(&by)
	return func() { d.by.Store(had) }, nil
}

// Hide is a text without what orders are signed with.
func (d *Deployers) Hide(text string) string {
	for _, one := range *d.by.Load() {
		text = one.secret.Hide(text)
	}
	return text
}

// Close ends the ways to clusters.
func (d *Deployers) Close() {
	for _, c := range d.clusters {
		c.Close()
	}
}

func (d *Deployers) make(t config.Target, apps []gate.App) (made deployer, err error) {
	switch {
	case t.Command != nil:
		run := command.New(command.Options{Run: t.Command.Run, Running: t.Command.Running, Pass: t.Command.Pass, Getenv: d.Getenv})
		made = deployer{Deployer: run, works: true}
		if len(t.Command.Running) > 0 {
			made.reads = run.Running
		}
		return made, nil
	case t.Kubernetes != nil:
		cluster, err := d.cluster(way{t.Kubernetes.Kubeconfig, t.Kubernetes.Context})
		in := inCluster{cluster, *t.Kubernetes, apps}
		return deployer{Deployer: in, reads: in.Running}, err
	case t.GitOps != nil:
		return d.git(t, apps)
	}
	secret, err := Secret(d.Getenv, t.Webhook.Signed)
	if err != nil {
		return deployer{}, err
	}
	if secret.Reveal() == "" {
		return deployer{}, promotion.Errorf(promotion.Invalid, "%s is not set, and orders to %s in %s are signed with it: set it, or %s_FILE", t.Webhook.Signed, t.Name, t.Environment, t.Webhook.Signed)
	}
	to := webhook.New(webhook.Options{URL: t.Webhook.URL, Secret: secret, Hosts: t.Webhook.Status, Running: t.Webhook.Running, UserAgent: "promotebot/" + d.Version, Transport: d.Transport})
	made = deployer{Deployer: to, secret: secret}
	if t.Webhook.Running != "" {
		made.reads = to.Running
	}
	return made, nil
}

// committed is how a configuration says where commits go.
func committed(g config.GitOps, directory string) gitops.Options {
	c := g.Credentials
	files := gitops.Files{Username: c.Username, PasswordEnv: c.PasswordEnv, PasswordFile: c.PasswordFile, Key: c.SSHKey, KnownHosts: c.KnownHosts, Signing: g.SigningKey}
	o := gitops.Options{
		Repository: g.Repository, Branch: g.Branch, Path: g.Path, Author: gitops.Author{Name: g.AuthorName, Email: g.AuthorEmail}, Directory: directory,
		Place: edit.Place{Kustomize: g.Kustomize, Value: g.Value, Digest: g.Digest, Tag: g.Tag, Manifest: g.Manifest},
	}
	if a := g.Argo; a != nil {
		files.ArgoTokenEnv, files.ArgoTokenFile = a.TokenEnv, a.TokenFile
		o.Argo = &gitops.Argo{Server: a.Server, App: a.App}
	}
	o.Credentials = files.Read
	return o
}

func (d *Deployers) git(t config.Target, apps []gate.App) (made deployer, err error) {
	if err := os.MkdirAll(d.Directory, 0o700); err != nil {
		return deployer{}, promotion.Errorf(promotion.Invalid, "there is no place for what is fetched for %s: %w", t.Name, err)
	}
	options := committed(*t.GitOps, d.Directory)
	if t.GitOps.Flux != nil {
		if options.Flux, err = d.flux(*t.GitOps.Flux); err != nil {
			return deployer{}, err
		}
	}
	if w := t.GitOps.Workloads; w != nil {
		cluster, err := d.cluster(way{w.Kubeconfig, w.Context})
		if err != nil {
			return deployer{}, err
		}
		in := inCluster{cluster, *w, apps}
		options.Workloads = &gitops.Workloads{Observe: in.Observe, Running: in.Running}
	}
	in := gitops.New(options)
	return deployer{Deployer: in, reads: in.Running}, nil
}

// flux is how a configuration says where Flux is asked.
func (d *Deployers) flux(f config.Flux) (*gitops.Flux, error) {
	cluster, err := d.cluster(way{f.Kubeconfig, f.Context})
	if err != nil {
		return nil, err
	}
	return &gitops.Flux{
		Kustomization: gitops.Object(f.Kustomization), Release: gitops.Object(f.Release),
		Read: cluster.Object,
	}, nil
}

func (d *Deployers) cluster(w way) (*kubernetes.Cluster, error) {
	if c, open := d.clusters[w]; open {
		return c, nil
	}
	c, err := kubernetes.Open(w.kubeconfig, w.context, d.Log)
	if err != nil {
		return nil, err
	}
	if d.clusters == nil {
		d.clusters = map[way]*kubernetes.Cluster{}
	}
	d.clusters[w] = c
	return c, nil
}

// inCluster is a target of a cluster, for whichever app an order is about.
type inCluster struct {
	cluster *kubernetes.Cluster
	target  config.Kubernetes
	apps    []gate.App
}

func (c inCluster) Deploy(ctx context.Context, o promotion.Order) (promotion.Rollout, error) {
	return c.of(o).Deploy(ctx, o)
}

func (c inCluster) Observe(ctx context.Context, o promotion.Order) (promotion.Rollout, error) {
	return c.of(o).Observe(ctx, o)
}

func (c inCluster) Running(ctx context.Context, o promotion.Order) ([]promotion.Running, error) {
	return c.of(o).Running(ctx, o)
}

func (c inCluster) of(o promotion.Order) *kubernetes.Deployer { return c.cluster.Deployer(c.at(o)) }

func (c inCluster) at(o promotion.Order) kubernetes.Target {
	k := c.target.For(o.App)
	t := kubernetes.Target{Namespace: k.Namespace, TakeOver: k.TakeOver}
	for _, w := range k.Workloads {
		t.Workloads = append(t.Workloads, kubernetes.Selection{Kind: kubernetes.Kind(w.Kind), Name: w.Name, Selector: w.Selector, Containers: w.Containers})
	}
	for _, a := range c.apps {
		if a.Name == o.App {
			t.Repositories = append(slices.Collect(maps.Values(a.Images)), a.Repository)
		}
	}
	return t
}

func (d *Deployers) of(o promotion.Order) (deployer, error) {
	found, ok := (*d.by.Load())[place{o.Environment, o.Target}]
	if !ok {
		return found, promotion.Errorf(promotion.NotFound, "the configuration has no target %s in %s any more", o.Target, o.Environment)
	}
	return found, nil
}

// performDeploy gives an order to a target.
func (d *Deployers) performDeploy(wanted Wanted) pipeline.Perform {
	return d.perform(wanted, func(ctx context.Context, to deployer, o promotion.Order) (promotion.Rollout, error) {
		if !time.Now().Before(o.Deadline) { // nobody waits for it any more
			return promotion.Rollout{}, promotion.Errorf(promotion.Unavailable, "its deadline passed before it could be told")
		}
		return to.Deploy(ctx, o)
	})
}

// performObserve asks how far it is.
func (d *Deployers) performObserve(wanted Wanted) pipeline.Perform {
	return d.perform(wanted, func(ctx context.Context, to deployer, o promotion.Order) (promotion.Rollout, error) {
		if to.works {
			return to.Observe(ctx, o)
		}
		look, cancel := context.WithTimeout(ctx, observation)
		defer cancel()
		return to.Observe(look, o)
	})
}

// performStock reads what runs in a target that has done its order.
func (d *Deployers) performStock() pipeline.Perform {
	return func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
		w, err := promotion.Work[promotion.DeployWork](e)
		if err != nil {
			return promotion.Result{}, err
		}
		to, err := d.of(w.Order)
		if err != nil {
			return promotion.Result{}, err
		}
		if to.reads == nil {
			return promotion.Result{}, promotion.Errorf(promotion.Invalid, "%s can't say what runs there", w.Order.Target)
		}
		look, cancel := context.WithTimeout(ctx, observation)
		defer cancel()
		running, err := to.reads(look, w.Order)
		return promotion.Result{Running: running}, err
	}
}

func (d *Deployers) perform(wanted Wanted, do func(context.Context, deployer, promotion.Order) (promotion.Rollout, error)) pipeline.Perform {
	return func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
		w, err := promotion.Work[promotion.DeployWork](e)
		if err != nil {
			return promotion.Result{}, err
		}
		if err := wanted(ctx, e); err != nil {
			return promotion.Result{}, err
		}
		to, err := d.of(w.Order)
		if err != nil {
			return promotion.Result{}, err
		}
		w.Order.Attempt = e.Attempt
		r, err := do(ctx, to, w.Order)
		return promotion.Result{Rollout: &r}, err
	}
}
