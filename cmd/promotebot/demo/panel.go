package demo

import (
	"context"
	_ "embed" // for the panel
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

//go:embed panel.html
var panelHTML string

var panelTemplate = template.Must(template.New("panel").Parse(panelHTML))

// panel is what stands beside the channel: what to try, with what the visitor
// has seen already ticked off, and the registry as it is now.
type panel struct {
	Soak    time.Duration
	Seen    seen
	Apps    []shown
	Failing bool // whether what is deployed next crashes
}

type shown struct {
	Name, Policy string
	Tags         []tag
	Same         bool   // all tags point at one digest
	Runs         string // the digest that production runs; empty when nothing was deployed to it
}

type tag struct {
	Name, Reference string
	Digest, Version string // empty when there is no such tag
	Fault           string
}

func (d *demo) panel(ctx context.Context) template.HTML {
	p := panel{Soak: d.opts.Soak, Failing: d.live.Failing()}
	for _, a := range slices.Backward(d.apps) { // the one whose card is nearest comes first
		s := a.show(ctx)
		_, s.Runs, _ = strings.Cut(d.live.Runs(a.name), "@")
		p.Apps = append(p.Apps, s)
	}
	p.Seen = d.seen()
	var b strings.Builder
	if err := panelTemplate.Execute(&b, p); err != nil {
		return template.HTML(template.HTMLEscapeString(err.Error())) //nolint:gosec // escaped
	}
	return template.HTML(b.String()) //nolint:gosec // html/template has escaped what is foreign
}

func (a *app) show(ctx context.Context) shown {
	s := shown{Name: a.name, Policy: a.policy}
	for _, name := range []string{stagingTag, productionTag} {
		t := tag{Name: name, Reference: a.repo.Tag(name).Name()}
		var err error
		if t.Digest, t.Version, err = a.look(ctx, name); err != nil {
			t.Fault = err.Error()
		}
		s.Tags = append(s.Tags, t)
	}
	s.Same = s.Tags[0].Digest != "" && s.Tags[0].Digest == s.Tags[1].Digest
	return s
}

// seen is what has happened of what there is to try.
type seen struct{ Handbook, Soaked, Refused, Payments, Why, Pushed, Rejected, Train, Failing bool }

// seen looks at what anybody could see: the channel, what people did, and what
// they were told.
func (d *demo) seen() seen {
	var s seen
	for _, m := range d.slack.Messages(channel) {
		promoted := strings.Contains(m.Text, "*Promoted*")
		s.Handbook = s.Handbook || promoted && strings.HasPrefix(m.Text, "handbook ")
		s.Train = s.Train || promoted && strings.HasPrefix(m.Text, "site ")
		s.Payments = s.Payments || promoted && strings.HasPrefix(m.Text, "payments ")
		s.Pushed = s.Pushed || strings.HasPrefix(m.Text, "search ") && strings.Contains(m.Text, "*Superseded*")
		s.Failing = s.Failing || strings.Contains(m.Text, "kept it although it was failing") || strings.Contains(m.Text, "rolled back to")
		s.Rejected = s.Rejected || strings.Contains(m.Text, "*Rejected*")
		s.Soaked = s.Soaked || slices.ContainsFunc(d.slack.Thread(channel, m.TS), func(reply fakeslack.Message) bool {
			return strings.HasPrefix(reply.Text, "Soak complete")
		})
	}
	for _, p := range people {
		s.Refused = s.Refused || slices.ContainsFunc(d.slack.Ephemerals(p.ID), func(m fakeslack.Message) bool {
			return strings.Contains(m.Text, "takes a role")
		})
	}
	for _, delivery := range d.slack.Deliveries() {
		s.Why = s.Why || delivery.Kind == "slash_commands" && strings.HasPrefix(delivery.Text, "why search")
	}
	return s
}

// push is the button under an app.
func (d *demo) push(ctx context.Context, name string) error {
	i := slices.IndexFunc(d.apps, func(a *app) bool { return a.name == name })
	if i < 0 {
		return fmt.Errorf("there is no app %q", name)
	}
	return d.apps[i].push(ctx, false)
}
