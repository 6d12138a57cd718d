// Package serve wires the parts of promotebot together, starts them, and stops
// them in reverse order. The real bot and the demo run the same Run.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/bot/chat"
	"github.com/promotebot/promotebot/bot/web"
	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/pipeline"
	"github.com/promotebot/promotebot/promotion/registry"
	"github.com/promotebot/promotebot/store/sqlite"
)

// Options are what the surroundings give: the rest is in the configuration.
type Options struct {
	Config  string              // path of the configuration
	Getenv  func(string) string // os.Getenv, or what stands in for it
	Reload  <-chan os.Signal    // each one has the configuration read again
	Log     *slog.Logger
	Version string
	Ready   func(httpAddress string) // called once everything runs; may be nil
}

// bot is everything that runs.
type bot struct {
	opts    Options
	config  *config.Config
	db      *sqlite.DB
	gate    *gate.Gate
	chat    *chat.Chat
	watcher *registry.Watcher
	targets *Deployers
	meters  *Meters
	lanes   []*pipeline.Lane
}

// Run runs the bot until ctx ends. It refuses to start on anything that would
// keep it from doing its job: a configuration with a fault, a database in use,
// a token that Slack does not accept.
func Run(ctx context.Context, opts Options) (err error) {
	b := &bot{opts: opts}
	if b.config, err = config.Load(opts.Config); err != nil {
		return err
	}
	slackOptions, err := b.slackOptions()
	if err != nil {
		return err
	}
	keys, err := newKeyring(b.config.Registries)
	if err != nil {
		return err
	}
	around := Surroundings{Getenv: opts.Getenv, Version: opts.Version, Log: opts.Log, Directory: filepath.Join(filepath.Dir(b.config.Database), "gitops")}
	b.targets, b.meters = &Deployers{Surroundings: around}, &Meters{Surroundings: around}
	defer b.targets.Close()
	if _, err := b.targets.Set(b.config.Targets, b.config.Catalog.Apps); err != nil {
		return err
	}
	if _, err := b.meters.Set(b.config.Prometheus); err != nil {
		return err
	}
	if b.db, err = sqlite.Open(ctx, b.config.Database); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.db.Close()) }()
	b.gate = gate.New(b.db, &b.config.Catalog, time.Now, b.poke)
	if b.chat, err = chat.Dial(ctx, slackOptions, b.gate); err != nil {
		return err
	}
	doors, err := b.open(ctx)
	if err != nil {
		return err
	}
	if err := b.db.ReleaseLeases(ctx, time.Now()); err != nil {
		return err
	}
	b.wire(keys)
	if err := b.gate.Begin(ctx); err != nil {
		return err
	}
	return b.run(ctx, doors)
}

func (b *bot) slackOptions() (chat.Options, error) {
	o := chat.Options{Log: b.opts.Log, APIURL: b.opts.Getenv("SLACK_API_URL")}
	if o.APIURL != "" && !strings.HasSuffix(o.APIURL, "/") {
		o.APIURL += "/"
	}
	var err error
	if o.AppToken, err = Secret(b.opts.Getenv, "SLACK_APP_TOKEN"); err != nil {
		return o, err
	}
	o.BotToken, err = Secret(b.opts.Getenv, "SLACK_BOT_TOKEN")
	return o, err
}

// Secret reads NAME, or the file that NAME_FILE names. Both at once is a
// mistake that would be noticed at the worst time.
func Secret(getenv func(string) string, name string) (promotion.Secret, error) {
	value, file := getenv(name), getenv(name+"_FILE")
	switch {
	case value != "" && file != "":
		return promotion.Secret{}, promotion.Errorf(promotion.Invalid, "%s and %s_FILE are both set: unset one", name, name)
	case file == "":
		return promotion.NewSecret(strings.TrimSpace(value)), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return promotion.Secret{}, promotion.Errorf(promotion.Invalid, "%s_FILE: %w", name, err)
	}
	return promotion.NewSecret(strings.TrimSpace(string(b))), nil
}

func (b *bot) wire(keys keyring) {
	host, _ := os.Hostname() // only to make the owner readable
	owner := fmt.Sprintf("%s/%d/%d", host, os.Getpid(), time.Now().UnixNano())
	client := newRegistry(b.opts, b.config.Registries, keys, func(r promotion.Repository) bool {
		return b.gate.Catalog().Knows(r) // as soon as another one is in force
	})
	b.watcher = registry.NewWatcher(client, registry.WatchOptions{
		Every: b.config.Poll.Every, Concurrency: b.config.Poll.Concurrency, Report: b.gate.Sight, Waiting: b.gate.Waiting, Logger: b.opts.Log,
	})
	b.watcher.Set(Looks(&b.config.Catalog))
	b.lanes = Lanes(b.db, b.gate.Report, b.gate.Progress, b.gate.Wanted, client, b.targets, b.meters, b.chat, owner, b.opts.Log)
}

func newRegistry(opts Options, registries []config.Registry, keys keyring, named func(promotion.Repository) bool) *registry.Client {
	realms, manners, largest := approach(registries)
	return registry.New(registry.Options{Keychain: keys, UserAgent: "promotebot/" + opts.Version, Realms: realms, Manners: manners, Named: named, Largest: largest})
}

// poke is called after every commit, also before there are lanes.
func (b *bot) poke() {
	for _, l := range b.lanes {
		l.Poke()
	}
}

// Looks are what has to be watched: the source tags of every environment that
// has some, and the floating tags that promotions set.
func Looks(c *gate.Catalog) []registry.Look {
	var looks []registry.Look
	for _, app := range c.Apps {
		for _, env := range c.Environments {
			look := registry.Look{App: app.Name, Environment: env.Name, Repository: app.In(env.Name)}
			if tag, fixed := env.Watch.Tag(); fixed {
				look.Side, look.Tags = promotion.Source, []string{tag}
				looks = append(looks, look)
			} else if !env.Watch.IsZero() {
				look.Side, look.Tags, look.Pattern = promotion.Source, nil, env.Watch
				looks = append(looks, look)
			}
			if floating := env.FloatingTags(); len(floating) > 0 {
				look.Side, look.Tags, look.Pattern = promotion.Held, floating, promotion.TagPattern{}
				looks = append(looks, look)
			}
		}
	}
	return looks
}

func (b *bot) run(ctx context.Context, doors []door) error {
	g, ctx := errgroup.WithContext(ctx)
	addresses := map[string]string{}
	for _, d := range doors {
		addresses[d.name] = d.listener.Addr().String()
		g.Go(func() error { return web.Serve(ctx, d.listener, d.handler, b.opts.Log) })
	}
	for _, l := range b.lanes {
		g.Go(func() error { return l.Run(ctx) })
	}
	g.Go(func() error { return b.watcher.Run(ctx) })
	g.Go(func() error { return b.chat.Run(ctx) })
	g.Go(func() error { return b.reload(ctx) })
	b.opts.Log.Info("promotebot runs", "version", b.opts.Version, "config", b.opts.Config, "config_hash", b.config.Hash, "database", b.config.Database, "apps", len(b.config.Catalog.Apps), "http", addresses["http"], "api", addresses["api"])
	if b.opts.Ready != nil {
		b.opts.Ready(addresses["http"])
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// reload puts a changed configuration in force, or says why it can't and goes
// on with the old one.
func (b *bot) reload(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.opts.Reload:
		}
		fresh, err := config.Load(b.opts.Config)
		if err != nil {
			b.opts.Log.Error("configuration refused; the old one stays in force", "config", b.opts.Config, "error", err)
			continue
		}
		if fresh.Database != b.config.Database || fresh.HTTP != b.config.HTTP || fresh.API != b.config.API || fresh.Poll != b.config.Poll || !reflect.DeepEqual(fresh.Registries, b.config.Registries) {
			b.opts.Log.Warn("a change of database, http, api, poll or registries takes a restart; the rest of the configuration is put in force now")
		}
		// First, so that a target that is new can be told as soon as the gate knows it.
		restore, err := b.targets.Set(fresh.Targets, fresh.Catalog.Apps)
		if err != nil {
			b.opts.Log.Error("configuration refused; the old one stays in force", "config", b.opts.Config, "error", err)
			continue
		}
		remeter, err := b.meters.Set(fresh.Prometheus)
		if err != nil {
			restore()
			b.opts.Log.Error("configuration refused; the old one stays in force", "config", b.opts.Config, "error", err)
			continue
		}
		if err := b.gate.Adopt(ctx, &fresh.Catalog); err != nil {
			restore()
			remeter()
			b.opts.Log.Error("configuration not put in force; the old one stays", "config", b.opts.Config, "error", err)
			continue
		}
		b.watcher.Set(Looks(&fresh.Catalog))
		b.opts.Log.Info("configuration put in force", "config", b.opts.Config, "config_hash", fresh.Hash)
	}
}
