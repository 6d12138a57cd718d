package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/store/sqlite"
)

// policyBacktest says what another configuration would have made of the past.
func (p *program) policyBacktest(ctx context.Context, args []string) error {
	var path, database string
	var days int
	if _, err := p.flags("policy backtest", args, 0, func(fs *flag.FlagSet) {
		configFlag(&path)(fs)
		fs.StringVar(&database, "database", "", "the database with the past; without it the one that the configuration names")
		fs.IntVar(&days, "days", 365, "how many days to go back")
	}); err != nil {
		return err
	}
	if days < 1 {
		return fmt.Errorf("%w: -days is how many days to go back, 1 or more", errUsage)
	}
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	if database == "" {
		database = c.Database
	}
	db, err := sqlite.OpenReadOnly(ctx, database)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // it was only read
	if err := db.Current(ctx); err != nil {
		return fmt.Errorf("database %s: %w", database, err)
	}
	now := time.Now()
	all, err := gate.New(db, &c.Catalog, time.Now, func() {}).Backtest(ctx, &c.Catalog, now.AddDate(0, 0, -days))
	if err != nil {
		return err
	}
	counts := map[string]int{}
	unheard := 0
	for _, r := range all {
		if r.Unheard {
			unheard++
		}
		kind, how := compared(r)
		counts[kind]++
		if how == "" {
			continue
		}
		q := r.Promotion
		if _, err := fmt.Fprintf(p.stdout, "#%d %s %s, %s, %s %s: %s\n", q.ID, q.App, q.Digest.Short(), way(q), q.State, instant(*q.FinishedAt), how); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(p.stdout, "%d promotions under %s: %d as they were, %d blocked, %d later, %d sooner, %d let through that were not.\nWho holds which role is not recorded: roles are as they are known now.\n",
		len(all), path, counts[same], counts[blocked], counts[later], counts[sooner], counts[through]); err != nil || unheard == 0 {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "Nor is what provenance under these keys would have said of %d of them: it counts as in order.\n", unheard)
	return err
}

// way is where a promotion led.
func way(p promotion.Promotion) string {
	if p.Purpose == promotion.Rollback {
		return "rolling " + p.To + " back"
	}
	return p.From + " to " + p.To
}

// What another policy can have made of a promotion.
const (
	same    = "same"
	blocked = "blocked"
	later   = "later"
	sooner  = "sooner"
	through = "through"
)

// noticeable is how much sooner or later is worth a line: what was asked of Slack
// and of registries in between took that long.
const noticeable = time.Minute

// compared says what would have become of a promotion; how is empty when that is
// what did.
func compared(r gate.Replayed) (kind, how string) {
	started := r.Promotion.StartedAt
	switch {
	case started == nil && r.Would == nil:
		return same, ""
	case started == nil:
		return through, "would have gone ahead " + instant(*r.Would)
	case r.Would == nil:
		var missing []string
		for _, f := range r.Verdict.Missing() {
			missing = append(missing, f.Reason)
		}
		return blocked, "would not have gone ahead: " + strings.Join(missing, "; ")
	}
	switch d := r.Would.Sub(*started).Round(time.Second); {
	case d >= noticeable:
		return later, fmt.Sprintf("would have gone ahead %s later, %s, if nobody had said anything else", d, instant(*r.Would))
	case d <= -noticeable:
		return sooner, fmt.Sprintf("would have gone ahead %s sooner, %s", -d, instant(*r.Would))
	}
	return same, ""
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
