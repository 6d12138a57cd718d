package chat

import (
	"context"
	"regexp"
	"strings"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// whatIsThis answers the shortcut in the menu of a message with what is known of
// the promotion that it is about. Like every dialog it is opened first.
func (c *Chat) whatIsThis(ctx context.Context, cb slack.InteractionCallback) error {
	g := promotion.Gesture{
		Key:    "shortcut/" + cb.Team.ID + "/" + cb.TriggerID,
		Person: promotion.PersonID(cb.User.ID), Channel: cb.Channel.ID, ResponseURL: cb.ResponseURL,
	}
	if out, err := c.outside(ctx, cb, g); err != nil || out {
		return err
	}
	app, found, err := c.meantBy(ctx, cb.Channel.ID, cb.Message)
	if err != nil {
		return err
	}
	modal := render.NotThis(app, c.gate.Catalog().Names())
	if len(found) > 0 {
		v, err := c.gate.View(ctx, found[0].ID)
		if err != nil {
			return err
		}
		modal = render.Details(v)
	}
	if _, err := c.api.OpenViewContext(ctx, cb.TriggerID, modal); err != nil {
		return apiError("views.open", err)
	}
	return nil
}

// meantBy is the promotion on whose card or in whose thread the message stands;
// else the newest one of a digest that it names, and else that of an app.
func (c *Chat) meantBy(ctx context.Context, channel string, m slack.Message) (app string, found []promotion.Promotion, err error) {
	card := m.ThreadTimestamp
	if card == "" {
		card = m.Timestamp
	}
	queries := []gate.Query{{CardChannel: channel, CardTS: card}}
	app = named(m.Text, c.gate.Catalog().Names())
	for _, d := range digests.FindAllStringSubmatch(m.Text, maxDigests) {
		if app != "" {
			queries = append(queries, gate.Query{App: app, DigestPrefix: d[1]})
		}
		queries = append(queries, gate.Query{DigestPrefix: d[1], Apart: true})
	}
	if app != "" {
		queries = append(queries, gate.Query{App: app})
	}
	for _, q := range queries {
		q.Limit = 1
		if found, err = c.gate.Promotions(ctx, q); err != nil || len(found) > 0 {
			return app, found, err
		}
	}
	return app, nil, nil
}

// digests are what looks like one in a text: as many digits as we show of them
// ourselves, or more. Each costs a look through what there was, so a few are
// enough.
var digests = regexp.MustCompile(`\b([0-9a-f]{12,64})\b`)

const maxDigests = 3

// named is the first word of the text that is the name of an app.
func named(text string, apps []string) string {
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}) {
		for _, app := range apps {
			if word == app {
				return app
			}
		}
	}
	return ""
}
