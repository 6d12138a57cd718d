// Package chat is the conversation with Slack: the Socket Mode connections on
// which clicks and commands come in, and the Web API calls with which effects
// are performed.
//
// A gesture is committed by the gate before it is acknowledged, and nothing
// before the acknowledgement touches the network. There is one exception: a
// modal has to be opened while its trigger lives (three seconds), so it is
// opened first. Everything that is said in return (cards, replies, private
// answers) is an effect, performed from the outbox when Slack can be reached.
//
// Slack delivers at least once, over whichever of our connections it likes, and
// an acknowledgement can get lost without an error. So nothing here remembers
// anything between two envelopes; the gate recognises what it has had before.
package chat

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// Options say how to reach Slack.
type Options struct {
	AppToken promotion.Secret // xapp-…, with connections:write
	BotToken promotion.Secret // xoxb-…
	APIURL   string           // another Web API base, with a trailing slash; empty for Slack's own
	// HTTPClient and Dialer replace the network; nil for the ordinary one.
	HTTPClient *http.Client
	Dialer     *websocket.Dialer
	Log        *slog.Logger
}

// callTimeout bounds one Web API call. slack-go sets no timeout of its own, and
// a call that hangs would hold its slot for ever.
const callTimeout = 20 * time.Second

// Chat talks to one workspace.
type Chat struct {
	opts       Options
	api        *slack.Client
	gate       *gate.Gate
	team       string
	enterprise string
	self       string // our user id
	log        *slog.Logger
	connected  atomic.Int32
	reconnects atomic.Int64
	dropped    atomic.Int64
}

// Dial checks both tokens and their scopes and learns which workspace this is.
// It opens no connection yet. Its errors name the token and what is wrong with
// it.
func Dial(ctx context.Context, opts Options, g *gate.Gate) (*Chat, error) {
	for _, t := range tokens(opts) {
		if err := t.kind(); err != nil {
			return nil, err
		}
	}
	c := &Chat{opts: opts, api: client(opts), gate: g, log: opts.Log}
	auth, err := c.api.AuthTestContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("SLACK_BOT_TOKEN: %w", apiError("auth.test", err))
	}
	c.team, c.enterprise, c.self = auth.TeamID, auth.EnterpriseID, auth.UserID
	if missing := missingScopes(auth.Header.Get("X-OAuth-Scopes")); len(missing) > 0 {
		return nil, promotion.Errorf(promotion.Forbidden, "SLACK_BOT_TOKEN lacks the scopes %s: add them under OAuth & Permissions (or paste the output of \"promotebot manifest\") and install the app again", strings.Join(missing, ", "))
	}
	if err := c.mayConnect(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func client(opts Options) *slack.Client {
	if opts.HTTPClient == nil {
		opts.HTTPClient = &http.Client{Timeout: callTimeout}
	}
	options := []slack.Option{slack.OptionAppLevelToken(opts.AppToken.Reveal()), slack.OptionHTTPClient(opts.HTTPClient)}
	if opts.APIURL != "" {
		options = append(options, slack.OptionAPIURL(opts.APIURL))
	}
	return slack.New(opts.BotToken.Reveal(), options...)
}

// mayConnect asks for a connection and opens none.
func (c *Chat) mayConnect(ctx context.Context) error {
	_, _, err := c.api.StartSocketModeContext(ctx)
	switch {
	case isCode(err, "missing_scope"):
		return promotion.Errorf(promotion.Forbidden, "SLACK_APP_TOKEN lacks the scope connections:write: generate one that has it under Basic Information → App-Level Tokens")
	case err != nil:
		return fmt.Errorf("SLACK_APP_TOKEN: %w", apiError("apps.connections.open", err))
	}
	return nil
}

// token is one of the two that are needed.
type token struct {
	name, prefix, where string
	value               promotion.Secret
}

func tokens(opts Options) [2]token {
	return [2]token{
		{"SLACK_APP_TOKEN", "xapp-", "Basic Information → App-Level Tokens, with the scope connections:write", opts.AppToken},
		{"SLACK_BOT_TOKEN", "xoxb-", "OAuth & Permissions → Bot User OAuth Token", opts.BotToken},
	}
}

// kind refuses a token that is not there, or whose prefix is another's.
func (t token) kind() error {
	switch value := t.value.Reveal(); {
	case value == "":
		return promotion.Errorf(promotion.Invalid, "%s is not set: find it in the Slack app's settings under %s; set it, or %s_FILE", t.name, t.where, t.name)
	case !strings.HasPrefix(value, t.prefix):
		return promotion.Errorf(promotion.Invalid, "%s does not begin with %q: it is another kind of token; find the right one under %s", t.name, t.prefix, t.where)
	}
	return nil
}

// Health is how the connection to Slack is doing.
type Health struct {
	Connections int   // open now; two is normal
	Reconnects  int64 // since the start
	Dropped     int64 // envelopes that were left unacknowledged because too many came at once
}

// Health reports without touching the network.
func (c *Chat) Health() Health {
	return Health{Connections: int(c.connected.Load()), Reconnects: c.reconnects.Load(), Dropped: c.dropped.Load()}
}
