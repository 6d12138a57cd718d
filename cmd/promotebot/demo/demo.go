// Package demo runs the real bot against a workspace and a registry that live
// in the same process, so that nothing has to be there but this program.
//
// The bot does not know. It is given a configuration file and an environment as
// anybody's, and talks HTTP and WebSocket to both. What is here is only what
// stands around it: sample images, sample people, a page that shows both, and
// the CI that pushes a new build when the visitor asks for one.
//
// One address serves it all, on loopback: the page at /, the registry at /v2/,
// the workspace's API at /slack/, and what runs in production at /production/.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/cmd/promotebot/serve"
	"github.com/promotebot/promotebot/fixtures/configs"
	"github.com/promotebot/promotebot/fixtures/production"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/promotion"
)

// DefaultListen is where the page is, unless somebody else is there.
const DefaultListen = "127.0.0.1:8480"

// DefaultSoak is long enough to be watched and short enough to be waited for.
const DefaultSoak = 20 * time.Second

// Options are what a visitor can choose.
type Options struct {
	Listen  string        // host:port on loopback; empty for DefaultListen, or any port where that is taken
	Soak    time.Duration // of the careful policy
	Out     io.Writer     // tells the visitor where to look
	Log     io.Writer     // takes the bot's log; nil for a file beside its configuration
	Reload  <-chan os.Signal
	Version string
}

type demo struct {
	opts  Options
	dir   string
	host  string // host:port of everything
	slack *fakeslack.Server
	apps  []*app
	live  *production.Server // what runs in production
}

// Run shows the demo until ctx ends, and leaves nothing behind. That the bot
// did something that Slack would object to is an error.
func Run(ctx context.Context, o Options) (err error) {
	l, err := listen(ctx, o.Listen)
	if err != nil {
		return err
	}
	d := &demo{opts: o, host: l.Addr().String(), live: production.New(deploySecret)}
	d.live.Takes(rollout)
	d.slack = workspace("http://" + d.host + slackPath)
	if d.apps, err = apps(d.host, o.Soak); err != nil {
		return errors.Join(err, l.Close())
	}
	stop := d.serve(ctx, l)
	defer func() { err = errors.Join(err, stop()) }()
	if d.dir, err = os.MkdirTemp("", "promotebot-demo-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	if err := d.run(ctx); err != nil && (ctx.Err() == nil || !errors.Is(err, ctx.Err())) {
		return err
	}
	if broken := d.slack.Violations(); len(broken) > 0 {
		return fmt.Errorf("the real Slack would object to what the bot did:\n%s", strings.Join(broken, "\n"))
	}
	return nil
}

// listen takes the address that was asked for. Only where none was, another
// one will do. The page has no log-in, so it stays on this machine; and an
// image's name can't hold an IPv6 address.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	if address == "" {
		if l, err := lc.Listen(ctx, "tcp4", DefaultListen); err == nil {
			return l, nil
		}
		return lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	}
	at, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, promotion.Errorf(promotion.Invalid, "-listen %s: %w; write host:port, such as %s", address, err, DefaultListen)
	}
	if !at.IP.IsLoopback() {
		return nil, promotion.Errorf(promotion.Invalid, "-listen %s: the demo has no log-in and stays on this machine; write %s, or another port", address, DefaultListen)
	}
	l, err := lc.Listen(ctx, "tcp4", at.String())
	if err != nil {
		return nil, promotion.Errorf(promotion.Invalid, "-listen %s: %w; write another port, or 127.0.0.1:0 for any", address, err)
	}
	return l, nil
}

const (
	slackPath      = "/slack"
	productionPath = "/production"

	deploySecret = "between the demo and its production"
	rollout      = 4 * time.Second // long enough to be seen
)

// serve answers on the listener until stop is called.
func (d *demo) serve(ctx context.Context, l net.Listener) (stop func() error) {
	mux := http.NewServeMux()
	mux.Handle("/", d.page(ctx))
	mux.Handle("/v2/", newRegistry())
	mux.Handle(slackPath+"/", http.StripPrefix(slackPath, d.slack))
	mux.Handle(productionPath+"/", http.StripPrefix(productionPath, d.live))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	return func() error {
		d.slack.Close() // lets the page's streams and the bot's sockets end
		err := server.Close()
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	}
}

// run seeds the registry, starts the bot, says where to look, and has CI push
// the first builds.
func (d *demo) run(ctx context.Context) error {
	for _, a := range d.apps {
		if err := a.seed(ctx); err != nil {
			return err
		}
	}
	config := filepath.Join(d.dir, "promotebot.yaml")
	if err := d.configure(config); err != nil {
		return err
	}
	logs := d.opts.Log
	if logs == nil {
		file, err := os.Create(filepath.Join(d.dir, "promotebot.log"))
		if err != nil {
			return err
		}
		defer file.Close() //nolint:errcheck // it is removed in a moment
		logs = file
	}
	// A credential helper that the visitor's Docker configuration names has no business here.
	if err := os.Setenv("DOCKER_CONFIG", d.dir); err != nil {
		return err
	}
	env := map[string]string{
		"SLACK_API_URL":   "http://" + d.host + slackPath + "/api/",
		"SLACK_APP_TOKEN": d.slack.Options().AppToken,
		"SLACK_BOT_TOKEN": d.slack.Options().BotToken,
		"DEPLOY_SECRET":   deploySecret,
	}
	ready := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return serve.Run(ctx, serve.Options{
			Config: config, Getenv: func(name string) string { return env[name] }, Reload: d.opts.Reload,
			Log: slog.New(slog.NewJSONHandler(logs, nil)), Version: d.opts.Version, Ready: func(string) { close(ready) },
		})
	})
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ready:
		}
		if err := d.greet(); err != nil {
			return err
		}
		return d.firstBuilds(ctx)
	})
	return g.Wait()
}

func (d *demo) configure(path string) error {
	t, err := template.New("").Parse(configs.Demo)
	if err != nil {
		return err
	}
	var text strings.Builder
	if err := t.Execute(&text, map[string]any{"Dir": d.dir, "Registry": d.host, "Soak": d.opts.Soak}); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text.String()), 0o600)
}

func (d *demo) greet() error {
	_, err := fmt.Fprintf(d.opts.Out, `promotebot demo is at

    http://%s/

The real bot, a small Slack and a registry, all in this process. The configuration and all that is
written are in %s until Ctrl-C ends it.
`, d.host, d.dir)
	return err
}

// firstBuilds has CI push a build of each app, each after the card of the one
// before has been posted. That of the first app is not under a version of its own.
func (d *demo) firstBuilds(ctx context.Context) error {
	changes, cancel := d.slack.Subscribe()
	defer cancel()
	for i, a := range d.apps {
		if err := a.push(ctx, i == 0); err != nil {
			return err
		}
		for len(d.slack.Messages(channel)) <= i {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-changes:
			}
		}
	}
	return nil
}
