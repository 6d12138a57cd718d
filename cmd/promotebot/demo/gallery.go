package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/fixtures/slackpage"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Gallery shows every state that a card can be in, until ctx ends: those that the
// golden files of package render are made of, rendered by the same code.
func Gallery(ctx context.Context, o Options) error {
	all, err := exhibits()
	if err != nil {
		return err
	}
	l, err := listen(ctx, o.Listen)
	if err != nil {
		return err
	}
	people := map[string]string{string(sample.Ann): "Ann", string(sample.Bob): "Bob", string(sample.Eve): "Eve", string(sample.Olga): "Olga", string(sample.Sam): "Sam"}
	server := &http.Server{Handler: slackpage.Gallery("promotebot gallery", all, people), ReadHeaderTimeout: 5 * time.Second}
	if _, err := fmt.Fprintf(o.Out, "Every state that a card can be in is at\n\n    http://%s/\n\nuntil Ctrl-C ends it.\n", l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	err = server.Close()
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// exhibits are the cards of all states, and then what else is posted or opened,
// of states that show most of it.
func exhibits() ([]slackpage.Exhibit, error) {
	var all []slackpage.Exhibit
	var failed error
	message := func(name string, m render.Message) {
		blocks, err := json.Marshal(m.Blocks)
		failed = errors.Join(failed, err)
		all = append(all, slackpage.Exhibit{Name: name, Text: m.Text, Blocks: blocks})
	}
	view := func(name string, v any) {
		raw, err := json.Marshal(v)
		failed = errors.Join(failed, err)
		all = append(all, slackpage.Exhibit{Name: name, View: raw})
	}
	states := map[string]policy.View{}
	var views []policy.View
	for _, s := range sample.All() {
		states[s.Name], views = s.View, append(views, s.View)
		message(s.Name, render.Card(s.View))
	}
	of := func(name string) policy.View {
		v, there := states[name]
		if !there {
			failed = errors.Join(failed, fmt.Errorf("there is no state %q", name))
		}
		return v
	}
	const channel, ts = "C1", "1.1"
	for _, name := range []string{"loses a platform", "vote discounted for lack of role", "a choice of approvals", "frozen", "train whose vote was for another production"} {
		view("details: "+name, render.Details(of(name)))
	}
	view("rejecting", render.RejectModal(of("soaking"), channel, ts))
	view("holding", render.HoldModal(of("soaking"), channel, ts))
	view("writing a rollback plan", render.PlanModal(of("with a plan"), channel, ts))
	view("breaking the glass", render.GlassModal(of("glass to break"), channel, ts, ""))
	view("reviewing that", render.ReviewModal(of("review overdue"), channel, ts))
	message("why", render.Why(of("partially approved")))
	message("list", render.List(views, render.Pages{}))
	return all, failed
}
