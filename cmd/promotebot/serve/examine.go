package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/bot/chat"
	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/store/sqlite"
)

// Area is one part of what the bot stands on, and how it was found.
type Area struct {
	Name  string
	Found []promotion.Diagnosis
}

// Examine looks at everything that Run needs, with the same tokens, credentials
// and configuration, and goes on where Run would refuse to start: somebody who
// sets it up wants to hear all of it. It may be called while the bot runs, and
// leaves no trace.
func Examine(ctx context.Context, opts Options) []Area {
	c, err := config.Load(opts.Config)
	areas := []Area{{"configuration", configured(opts.Config, c, err)}}
	if err != nil {
		c = &config.Config{} // the tokens can be looked at without it
	}
	areas = append(areas, Area{"Slack", examineSlack(ctx, opts, &c.Catalog)})
	if err != nil {
		return areas
	}
	areas = append(areas, Area{"registries", examineRegistries(ctx, opts, c)})
	if len(c.Targets) > 0 {
		areas = append(areas, Area{"targets", examineTargets(ctx, opts, c)})
	}
	if len(c.Prometheus) > 0 {
		areas = append(areas, Area{"Prometheus", examineMeters(ctx, opts, c)})
	}
	return append(areas, Area{"database", sqlite.Examine(ctx, c.Database)})
}

func configured(path string, c *config.Config, err error) (found []promotion.Diagnosis) {
	if problems, ok := errors.AsType[*config.Problems](err); ok {
		for _, p := range problems.List {
			found = append(found, promotion.Diagnosis{About: fmt.Sprintf("%s:%d:%d", path, p.Line, p.Column), Condition: promotion.Ill, Says: p.Message, Remedy: p.Remedy})
		}
		return found
	}
	if err != nil {
		return []promotion.Diagnosis{promotion.Diagnose(path, err, "")}
	}
	return []promotion.Diagnosis{{About: path, Condition: promotion.Well, Says: fmt.Sprintf("%d apps, %d environments, %d roles", len(c.Catalog.Apps), len(c.Catalog.Environments), len(c.Catalog.Roles))}}
}

func examineSlack(ctx context.Context, opts Options, c *gate.Catalog) []promotion.Diagnosis {
	o, err := (&bot{opts: opts}).slackOptions()
	if err != nil {
		return []promotion.Diagnosis{promotion.Diagnose("tokens", err, "")}
	}
	people, groups := c.Directory()
	return chat.Examine(ctx, o, chat.Named{Channels: c.Channels(), Groups: groups, People: people})
}

func examineRegistries(ctx context.Context, opts Options, c *config.Config) []promotion.Diagnosis {
	keys, err := newKeyring(c.Registries)
	if err != nil {
		return []promotion.Diagnosis{promotion.Diagnose("credentials", err, "")}
	}
	client := newRegistry(opts, c.Registries, keys, c.Catalog.Knows)
	written := map[promotion.Repository]bool{}
	var repos []promotion.Repository
	for _, app := range c.Catalog.Apps {
		for _, env := range c.Catalog.Environments {
			r := app.In(env.Name)
			repos = append(repos, r)
			written[r] = written[r] || len(env.Tags) > 0
		}
	}
	slices.Sort(repos)
	repos = slices.Compact(repos)
	found := make([][]promotion.Diagnosis, len(repos))
	var g errgroup.Group
	g.SetLimit(registryWidth)
	for i, r := range repos {
		g.Go(func() error {
			found[i] = client.Examine(ctx, r, written[r])
			return nil
		})
	}
	_ = g.Wait() // whatever went wrong has been found
	return append(slices.Concat(found...), promotion.Diagnosis{
		About: "tags", Condition: promotion.Remarked,
		Says: "whether a tag may be moved can't be known before one is: a registry may keep tags immutable, or let some accounts push and not tag",
	})
}
