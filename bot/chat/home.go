package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
)

// visited has the home drawn for whoever looks at it.
func (c *Chat) visited(ctx context.Context, opened *slackevents.AppHomeOpenedEvent) error {
	if opened.Tab != "home" {
		return nil
	}
	hash := ""
	if opened.View != nil {
		hash = opened.View.Hash
	}
	return c.gate.Visit(ctx, promotion.PersonID(opened.User), hash)
}

// ShowHome publishes the home of a person, unless it would look as it does. It
// shows what is in the database when it is performed.
func (c *Chat) ShowHome(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
	w, err := promotion.Work[promotion.HomeWork](e)
	if err != nil {
		return promotion.Result{}, err
	}
	shown, err := c.publish(ctx, w.Person, true)
	if isCode(err, "hash_conflict") {
		// Another version is there than the one that is on record: somebody else
		// was faster, or the answer to us was lost. What is read now is no older.
		shown, err = c.publish(ctx, w.Person, false)
	}
	if err != nil {
		return promotion.Result{}, err
	}
	return promotion.Result{Home: &shown}, nil
}

func (c *Chat) publish(ctx context.Context, who promotion.PersonID, careful bool) (promotion.Home, error) {
	h, shown, err := c.gate.Home(ctx, who)
	if err != nil {
		return shown, err
	}
	view := render.Home(h)
	body, err := json.Marshal(view)
	if err != nil {
		return shown, fmt.Errorf("encode a home: %w", err)
	}
	sum := sha256.Sum256(body)
	request := slack.PublishViewContextRequest{UserID: string(who), View: view}
	if careful {
		if shown.Print == hex.EncodeToString(sum[:]) {
			return shown, nil
		}
		if shown.Hash != "" {
			request.Hash = &shown.Hash
		}
	}
	published, err := c.api.PublishViewContext(ctx, request)
	if err != nil {
		return shown, apiError("views.publish", err)
	}
	shown.Hash, shown.Print = published.Hash, hex.EncodeToString(sum[:])
	return shown, nil
}
