package serve

import (
	"context"
	"os"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/command"
	"github.com/promotebot/promotebot/promotion/deploy/gitops"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
	"github.com/promotebot/promotebot/promotion/deploy/webhook"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/prometheus"
)

// targetWidth is how many targets are looked at at a time.
const targetWidth = 8

// look is one thing to be looked at, of which several targets may be a part.
type look func(context.Context) []promotion.Diagnosis

// examineTargets looks at each target for each app that it is for, in the order of
// the configuration. What is looked at twice is said once.
func examineTargets(ctx context.Context, opts Options, c *config.Config) []promotion.Diagnosis {
	directory, err := os.MkdirTemp("", "promotebot-doctor-*") // that of the bot is the bot's
	if err != nil {
		return []promotion.Diagnosis{{About: "targets", Condition: promotion.Unexamined, Says: "there is no place for what is read for a moment (" + promotion.Line(err.Error()) + ")", Remedy: "let promotebot write to " + os.TempDir()}}
	}
	defer os.RemoveAll(directory) //nolint:errcheck // what was in it is gone already
	d := &Deployers{Surroundings: Surroundings{Getenv: opts.Getenv, Version: opts.Version, Log: opts.Log, Directory: directory}}
	defer d.Close()
	looks := d.looks(c)
	found := make([][]promotion.Diagnosis, len(looks))
	var g errgroup.Group
	g.SetLimit(targetWidth)
	for i, l := range looks {
		g.Go(func() error {
			found[i] = l(ctx)
			return nil
		})
	}
	_ = g.Wait() // whatever went wrong has been found
	var all []promotion.Diagnosis
	for _, one := range slices.Concat(found...) {
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// looks are what there is to be looked at. A namespace of a cluster is looked at
// once for all that is deployed into it.
func (d *Deployers) looks(c *config.Config) (all []look) {
	type namespace struct {
		cluster *kubernetes.Cluster
		name    string
	}
	in := map[namespace]*[]kubernetes.Trial{}
	for _, t := range c.Targets {
		to, err := d.make(t, c.Catalog.Apps)
		if err != nil {
			found := []promotion.Diagnosis{promotion.Diagnose(t.Name+" in "+t.Environment, err, "")}
			all = append(all, func(context.Context) []promotion.Diagnosis { return found })
			continue
		}
		for _, o := range trials(t, &c.Catalog) {
			switch by := to.Deployer.(type) {
			case *command.Deployer:
				all = append(all, func(context.Context) []promotion.Diagnosis { return by.Examine(o) })
			case *webhook.Deployer:
				all = append(all, func(ctx context.Context) []promotion.Diagnosis { return by.Examine(ctx, o) })
			case *gitops.Deployer:
				all = append(all, func(ctx context.Context) []promotion.Diagnosis { return by.Examine(ctx, o) })
			case inCluster:
				trial := kubernetes.Trial{Target: by.at(o), Order: o}
				at := namespace{by.cluster, trial.Target.Namespace}
				if had, ok := in[at]; ok {
					*had = append(*had, trial)
					continue
				}
				some := &[]kubernetes.Trial{trial}
				in[at] = some
				all = append(all, func(ctx context.Context) []promotion.Diagnosis { return at.cluster.Examine(ctx, at.name, *some) })
			}
		}
	}
	return all
}

// trials are the orders that a target could get, without a digest.
func trials(t config.Target, c *gate.Catalog) (all []promotion.Order) {
	env, _ := c.Environment(t.Environment)
	for _, app := range c.Apps {
		if _, promoted := app.Policies[t.Environment]; promoted && slices.Contains(env.Deploy.For(app.Name), t.Name) {
			all = append(all, promotion.Order{Purpose: promotion.Forward, App: app.Name, Environment: t.Environment, Target: t.Name, Repository: app.In(t.Environment)})
		}
	}
	return all
}

// examineMeters asks each Prometheus whether it answers.
func examineMeters(ctx context.Context, opts Options, c *config.Config) []promotion.Diagnosis {
	m := &Meters{Surroundings: Surroundings{Getenv: opts.Getenv}}
	client := prometheus.New("promotebot/"+opts.Version, nil)
	found := make([]promotion.Diagnosis, len(c.Prometheus))
	var wg sync.WaitGroup
	for i, p := range c.Prometheus {
		token, err := m.token(p)
		if err != nil {
			found[i] = promotion.Diagnose(p.Server, err, "set it where the bot runs")
			continue
		}
		wg.Go(func() { found[i] = client.Examine(ctx, p.Server, token) })
	}
	wg.Wait()
	return found
}
