package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/promotebot/promotebot/bot/web/api"
	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/store/sqlite"
)

// Lengths of a token's parts, in bytes. The secret has 256 bits of chance.
const (
	idBytes     = 6
	secretBytes = 32
)

func (p *program) tokenCreate(ctx context.Context, args []string) error {
	var path, scopes, apps string
	var expires time.Duration
	rest, err := p.flags("token create", args, 1, func(fs *flag.FlagSet) {
		configFlag(&path)(fs)
		fs.StringVar(&scopes, "scopes", "", "what it allows, separated by commas: candidates, checks, incidents, health, deploy, read")
		fs.StringVar(&apps, "apps", "", "which apps it is about, separated by commas; all without it")
		fs.Func("expires", "how long it is good, such as 90d or 12h; for ever without it", func(s string) (err error) {
			expires, err = config.ParseDuration(s)
			return err
		})
	})
	if err != nil {
		return err
	}
	k := promotion.Token{Name: rest[0], Apps: list(apps)}
	for _, s := range list(scopes) {
		scope, err := promotion.ParseScope(s)
		if err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		k.Scopes = append(k.Scopes, scope)
	}
	if len(k.Scopes) == 0 {
		return fmt.Errorf("%w: -scopes says what the token allows, such as -scopes checks,candidates", errUsage)
	}
	if expires < 0 {
		return fmt.Errorf("%w: the token would have expired already: -expires is how long it is good, such as 90d", errUsage)
	}
	if expires > 0 {
		at := time.Now().Add(expires).UTC()
		k.ExpiresAt = &at
	}
	id, secret := make([]byte, idBytes), make([]byte, secretBytes)
	_, _ = rand.Read(id)     // it never fails
	_, _ = rand.Read(secret) // nor does this
	shown := hex.EncodeToString(secret)
	k.ID, k.Hash = hex.EncodeToString(id), api.Hash(shown)
	return p.beside(ctx, path, func(g *gate.Gate) error {
		if err := g.AddToken(ctx, operator(), k); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(p.stderr, "the token %s was made; it is shown this once:\n", k.Name); err != nil {
			return err
		}
		_, err := fmt.Fprintln(p.stdout, api.Format(k.ID, shown))
		return err
	})
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func (p *program) tokenList(ctx context.Context, args []string) error {
	var path string
	if _, err := p.flags("token list", args, 0, configFlag(&path)); err != nil {
		return err
	}
	return p.beside(ctx, path, func(g *gate.Gate) error {
		all, err := g.Tokens(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		if _, err := fmt.Fprintln(w, "NAME\tID\tSCOPES\tAPPS\tMADE\tSTATE"); err != nil {
			return err
		}
		for _, k := range all {
			var scopes []string
			for _, s := range k.Scopes {
				scopes = append(scopes, string(s))
			}
			apps := strings.Join(k.Apps, ",")
			if apps == "" {
				apps = "all"
			}
			if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", k.Name, k.ID, strings.Join(scopes, ","), apps, k.CreatedAt.Format(time.RFC3339), stateOf(k, g.Now())); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

func stateOf(k promotion.Token, now time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + k.RevokedAt.Format(time.RFC3339)
	case !k.Live(now):
		return "expired " + k.ExpiresAt.Format(time.RFC3339)
	case k.ExpiresAt != nil:
		return "good until " + k.ExpiresAt.Format(time.RFC3339)
	}
	return "good"
}

func (p *program) tokenRevoke(ctx context.Context, args []string) error {
	var path string
	rest, err := p.flags("token revoke", args, 1, configFlag(&path))
	if err != nil {
		return err
	}
	return p.beside(ctx, path, func(g *gate.Gate) error {
		k, err := g.RevokeToken(ctx, operator(), rest[0])
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "the token %s (%s) is revoked: whoever shows it is refused from now on\n", k.Name, k.ID)
		return err
	})
}

// beside works on the rows of a bot that may be running.
func (p *program) beside(ctx context.Context, path string, f func(*gate.Gate) error) error {
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	db, err := sqlite.OpenBeside(ctx, c.Database)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // what was done was committed
	return f(gate.New(db, &c.Catalog, time.Now, func() {}))
}

// operator is how the log calls whoever is at the command line.
func operator() string { return fmt.Sprintf("cli:%d", os.Getuid()) }
