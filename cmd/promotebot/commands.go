package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/promotebot/promotebot/bot/chat"
	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/cmd/promotebot/demo"
	"github.com/promotebot/promotebot/cmd/promotebot/serve"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/kubernetes"
	"github.com/promotebot/promotebot/store/sqlite"
)

const defaultConfig = "promotebot.yaml"

func configFlag(path *string) func(*flag.FlagSet) {
	return func(fs *flag.FlagSet) { fs.StringVar(path, "config", defaultConfig, "the configuration") }
}

func (p *program) demo(ctx context.Context, args []string) error {
	o := demo.Options{Soak: demo.DefaultSoak, Out: p.stdout, Reload: p.reload, Version: version()}
	var verbose, gallery bool
	if _, err := p.flags("demo", args, 0, func(fs *flag.FlagSet) {
		fs.StringVar(&o.Listen, "listen", "", "host:port for the page; without it "+demo.DefaultListen+", or any port where that is taken")
		fs.BoolVar(&verbose, "v", false, "print the bot's log here instead of into a file")
		fs.BoolVar(&gallery, "gallery", false, "show every state that a card can be in, instead of a bot at work")
	}); err != nil {
		return err
	}
	if gallery {
		return demo.Gallery(ctx, o)
	}
	if verbose {
		o.Log = p.stderr
	}
	return demo.Run(ctx, o)
}

// enough is the memory in bytes above which the collector works harder, unless
// GOMEMLIMIT says otherwise: with a thousand tags the bot has 50 MiB, and what a
// hostile registry makes it read is to be gone soon.
const enough = 112 << 20

func (p *program) serve(ctx context.Context, args []string) error {
	var path string
	if _, err := p.flags("serve", args, 0, configFlag(&path)); err != nil {
		return err
	}
	if p.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(enough)
	}
	return serve.Run(ctx, serve.Options{Config: path, Getenv: p.getenv, Reload: p.reload, Log: p.logger(), Version: version()})
}

func (p *program) configCheck(_ context.Context, args []string) error {
	rest, err := p.flags("config check", args, 1, nil)
	if err != nil {
		return err
	}
	c, err := config.Load(rest[0])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s is fine: %d apps, %d environments, %d roles\n", rest[0], len(c.Catalog.Apps), len(c.Catalog.Environments), len(c.Catalog.Roles))
	return err
}

func (p *program) manifest(_ context.Context, args []string) error {
	if _, err := p.flags("manifest slack", args, 0, nil); err != nil {
		return err
	}
	enc := json.NewEncoder(p.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(chat.Manifest())
}

func (p *program) manifestKubernetes(_ context.Context, args []string) error {
	return p.manifestOf("manifest kubernetes", "the workloads", args, kubernetes.Manifest)
}

func (p *program) manifestFlux(_ context.Context, args []string) error {
	return p.manifestOf("manifest flux", "Flux's Kustomizations and HelmReleases", args, kubernetes.FluxManifest)
}

// manifestOf prints the rights that it takes in namespaces, for what is in them.
func (p *program) manifestOf(command, what string, args []string, of func(namespaces []string) string) error {
	namespaces, err := p.flags(command, args, len(args), nil)
	if err != nil {
		return err
	}
	if len(namespaces) == 0 {
		return fmt.Errorf("%w: name the namespaces of %s", errUsage, what)
	}
	for _, n := range namespaces {
		if _, err := promotion.ParseName(n); err != nil {
			return err
		}
	}
	_, err = fmt.Fprint(p.stdout, of(namespaces))
	return err
}

func (p *program) backup(ctx context.Context, args []string) error {
	var path string
	rest, err := p.flags("backup", args, 1, configFlag(&path))
	if err != nil {
		return err
	}
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	if err := sqlite.Backup(ctx, c.Database, rest[0]); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s was copied to %s, and the copy is whole\n", c.Database, rest[0])
	return err
}

func (p *program) auditVerify(ctx context.Context, args []string) error {
	return p.audit(ctx, "audit verify", args, func(db *sqlite.DB) error {
		n, root, err := db.VerifyAudit(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "the audit log is whole: %d entries, root %s\n", n, root)
		return err
	})
}

func (p *program) auditList(ctx context.Context, args []string) error {
	return p.audit(ctx, "audit list", args, func(db *sqlite.DB) error {
		return db.Audit(ctx, 0, func(body []byte) error {
			_, err := fmt.Fprintf(p.stdout, "%s\n", body)
			return err
		})
	})
}

func (p *program) audit(ctx context.Context, name string, args []string, f func(*sqlite.DB) error) error {
	var path string
	if _, err := p.flags(name, args, 0, configFlag(&path)); err != nil {
		return err
	}
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	db, err := sqlite.OpenReadOnly(ctx, c.Database)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // it was only read
	return f(db)
}

// healthTimeout is shorter than the usual interval of a container health check.
const healthTimeout = 5 * time.Second

func (p *program) health(ctx context.Context, args []string) error {
	var url string
	if _, err := p.flags("health", args, 0, func(fs *flag.FlagSet) {
		fs.StringVar(&url, "url", "http://"+config.DefaultHTTP+"/healthz", "where the bot answers")
	}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return promotion.Errorf(promotion.Unavailable, "no promotebot answers at %s: %w", url, err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, 200))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return promotion.Errorf(promotion.Unavailable, "unhealthy: %s", body)
	}
	_, err = p.stdout.Write(body)
	return err
}
