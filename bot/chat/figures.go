package chat

import (
	"context"
	"time"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/bot/render"
)

// figures are those of the last week and of the last thirty days.
func (c *Chat) figures(ctx context.Context, cmd command.Command) (response, error) {
	now := c.gate.Now()
	week, err := c.gate.Figures(ctx, cmd.App, now.Add(-7*24*time.Hour))
	if err != nil {
		return response{}, err
	}
	month, err := c.gate.Figures(ctx, cmd.App, now.Add(-30*24*time.Hour))
	return privately(render.Figures(cmd.App, week, month)), err
}
