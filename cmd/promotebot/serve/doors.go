package serve

import (
	"context"
	"net"
	"net/http"

	"github.com/promotebot/promotebot/bot/web"
	"github.com/promotebot/promotebot/bot/web/api"
	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
)

// door is an address at which something is answered.
type door struct {
	name     string // of its key in the configuration
	listener net.Listener
	handler  http.Handler
}

// open opens the addresses that the configuration names: one for health and
// metrics, which are shown to whoever gets there, and one for machines, which
// have to show a token.
func (b *bot) open(ctx context.Context) ([]door, error) {
	github, err := Secret(b.opts.Getenv, "GITHUB_WEBHOOK_SECRET")
	if err != nil {
		return nil, err
	}
	pagerDuty, err := Secret(b.opts.Getenv, "PAGERDUTY_WEBHOOK_SECRET")
	if err != nil {
		return nil, err
	}
	// The watcher is made later; nothing is answered before that.
	hint := func(app, environment string) { b.watcher.Hint(app, environment) }
	all := []door{
		{name: "http", handler: web.Handler(web.Options{Gate: b.gate, Writable: b.db.Writable, Log: b.opts.Log, Slack: func() web.Slack { return web.Slack(b.chat.Health()) }})},
		{name: "api", handler: api.Handler(api.Options{Gate: b.gate, Hint: hint, GitHub: github, PagerDuty: pagerDuty, Hide: b.targets.Hide, Log: b.opts.Log})},
	}
	var doors []door
	for _, d := range all {
		address := map[string]string{"http": b.config.HTTP, "api": b.config.API}[d.name]
		if address == "" || address == config.HTTPOff {
			continue
		}
		var lc net.ListenConfig
		d.listener, err = lc.Listen(ctx, "tcp", address)
		if err != nil {
			for _, opened := range doors {
				_ = opened.listener.Close() // nothing has come in
			}
			return nil, promotion.Errorf(promotion.Invalid, "%s: %s can't be listened on: %w; set another address under %q in the configuration, or \"off\"", d.name, address, err, d.name)
		}
		doors = append(doors, d)
	}
	return doors, nil
}
