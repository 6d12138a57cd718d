package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/cmd/promotebot/scenario"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func (p *program) policyExplain(_ context.Context, args []string) error {
	var path string
	rest, err := p.flags("policy explain", args, 1, configFlag(&path))
	if err != nil {
		return err
	}
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	policies, train, err := policiesOf(&c.Catalog, rest[0])
	if err != nil {
		return err
	}
	for i, to := range c.Catalog.Environments[1:] {
		from, d := c.Catalog.Environments[i].Name, policies[to.Name]
		title := fmt.Sprintf("%s, %s to %s", rest[0], from, to.Name)
		if d.Name != "" && d.Name != to.Name {
			title += " (policy " + d.Name + ")"
		}
		if _, err := fmt.Fprintf(p.stdout, "%s:\n  %s\n", title, strings.Join(d.Sentences(from, to.Name, train), "\n  ")); err != nil {
			return err
		}
	}
	return nil
}

// policyTest runs a team's scenarios against its own configuration.
func (p *program) policyTest(_ context.Context, args []string) error {
	var path string
	var verbose bool
	rest, err := p.flags("policy test", args, 1, func(fs *flag.FlagSet) {
		configFlag(&path)(fs)
		fs.BoolVar(&verbose, "v", false, "print the whole verdict of every scenario")
	})
	if err != nil {
		return err
	}
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	all, err := scenario.Load(rest[0], &c.Catalog)
	if err != nil {
		return err
	}
	wrong := 0
	for _, s := range all {
		v := s.Verdict(&c.Catalog)
		lines := s.Differs(v)
		result := "ok  "
		if len(lines) > 0 {
			wrong++
			result = "FAIL"
		}
		if verbose || len(lines) > 0 {
			lines = append(lines, scenario.Reasons(v)...)
		}
		if _, err := fmt.Fprintln(p.stdout, strings.Join(append([]string{fmt.Sprintf("%s %s:%d: %s", result, rest[0], s.Line, s.Name)}, lines...), "\n       ")); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return promotion.Errorf(promotion.Conflict, "%d of %d scenarios end otherwise than expected", wrong, len(all))
	}
	return nil
}

// policiesOf finds the policies of an app or of a train, by environment.
func policiesOf(c *gate.Catalog, name string) (policies map[string]policy.Document, train bool, err error) {
	if app, ok := c.App(name); ok {
		return app.Policies, false, nil
	}
	if t, ok := c.Train(name); ok {
		return t.Policies, true, nil
	}
	names := c.Names()
	slices.Sort(names)
	return nil, false, promotion.Errorf(promotion.NotFound, "the configuration has no app or train %q: there are %s", name, strings.Join(names, ", "))
}
