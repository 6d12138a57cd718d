package chat

import (
	"context"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// page shows one page of a list, as it is in the database now. Where the rows are
// so long that the answer would not arrive whole, there are fewer on it.
func (c *Chat) page(ctx context.Context, t render.Turn) (r response, err error) {
	for rows := render.PageSize; ; rows /= 2 {
		switch command.Name(t.List) {
		case command.Status:
			r, err = c.status(ctx, t, rows)
		case command.List:
			r, err = c.list(ctx, t, rows)
		default:
			r, err = c.history(ctx, t, rows)
		}
		if err != nil || rows == 1 || arrives(r) {
			return r, err
		}
	}
}

// turned reads the click on a button that turns pages, and puts the other page in
// the place of the one that is shown. Every click has a response URL of its own,
// so there is no limit to how often.
func (c *Chat) turned(ctx context.Context, cb slack.InteractionCallback, action *slack.BlockAction) error {
	t, err := render.ParseTurn(action.Value)
	if err != nil {
		return nil //nolint:nilerr // nothing of ours
	}
	r, err := c.page(ctx, t)
	if err != nil {
		return err
	}
	return c.say(ctx, clicked(cb, action, promotion.Gesture{}), fitting(r), true)
}

func (c *Chat) read(ctx context.Context, q gate.Query, t render.Turn, rows int) ([]promotion.Promotion, error) {
	q.Before, q.After, q.Limit = t.Before, t.After, rows
	q.Skip = max(0, t.Page-1) * render.PageSize
	return c.gate.Promotions(ctx, q)
}

// beside are the pages before and after the one with these promotions on it.
func (c *Chat) beside(ctx context.Context, q gate.Query, t render.Turn, on []promotion.Promotion) (p render.Pages, err error) {
	if len(on) == 0 {
		return p, nil
	}
	first, last := on[0], on[len(on)-1]
	newer, older := q, q
	newer.After, older.Before, newer.Limit, older.Limit = first.ID, last.ID, 1, 1
	above, err := c.gate.Promotions(ctx, newer)
	if err != nil {
		return p, err
	}
	if len(above) > 0 {
		p.Previous, p.Until = &render.Turn{List: t.List, App: t.App, After: first.ID}, &above[0].OpenedAt
	}
	below, err := c.gate.Promotions(ctx, older)
	if len(below) > 0 {
		p.Next, p.From = &render.Turn{List: t.List, App: t.App, Before: last.ID}, &last.OpenedAt
	}
	return p, err
}

func (c *Chat) history(ctx context.Context, t render.Turn, rows int) (response, error) {
	q := gate.Query{App: t.App, Apart: t.App == ""}
	past, err := c.read(ctx, q, t, rows)
	if err != nil {
		return response{}, err
	}
	if len(past) == 0 && t.Page > 1 {
		return privately(render.NoPage(t.Page)), nil
	}
	pages, err := c.beside(ctx, q, t, past)
	if err != nil || t.App == "" {
		return privately(render.History(past, nil, pages)), err
	}
	withdrawn, err := c.gate.Withdrawals(ctx, t.App)
	return privately(render.History(past, withdrawn, pages)), err
}

// list is what is open, and on its last page what has ended and is still to be
// reviewed.
func (c *Chat) list(ctx context.Context, t render.Turn, rows int) (response, error) {
	q := gate.Query{Apart: true, States: promotion.Unfinished()}
	on, err := c.read(ctx, q, t, rows)
	if err != nil {
		return response{}, err
	}
	pages, err := c.beside(ctx, q, t, on)
	if err != nil {
		return response{}, err
	}
	views, err := c.gate.ViewsOf(ctx, on)
	if err != nil {
		return response{}, err
	}
	if len(views) == 0 && t.Page > 1 {
		return privately(render.NoPage(t.Page)), nil
	}
	if pages.Next == nil {
		owed, err := c.gate.Views(ctx, gate.Query{Unreviewed: true})
		if err != nil {
			return response{}, err
		}
		for _, v := range owed {
			if v.Facts.Promotion.State.Final() { // the others are there already
				views = append(views, v)
			}
		}
	}
	return privately(render.List(views, pages)), nil
}

// status is what is where. The apps are those of the configuration, in its order.
// Where the one is gone that a button was about, the list is shown from its
// beginning.
func (c *Chat) status(ctx context.Context, t render.Turn, rows int) (response, error) {
	all, err := c.gate.Status(ctx, t.App)
	if err != nil {
		return response{}, err
	}
	rows = min(rows, render.StatusSize)
	from := max(0, t.Page-1) * render.StatusSize
	if from >= len(all) && t.Page > 1 {
		return privately(render.NoPage(t.Page)), nil
	}
	for i, a := range all {
		switch a.App {
		case t.Behind:
			from = i + 1
		case t.Ahead:
			from = max(0, i-rows)
			rows = i - from
		}
	}
	from = min(from, len(all))
	to := min(from+rows, len(all))
	var pages render.Pages
	if from > 0 && from < to {
		pages.Previous = &render.Turn{List: t.List, App: t.App, Ahead: all[from].App}
	}
	if to < len(all) {
		pages.Next = &render.Turn{List: t.List, App: t.App, Behind: all[to-1].App}
	}
	return privately(render.Status(all[from:to], c.gate.Now(), pages)), nil
}
