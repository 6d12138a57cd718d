package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/fixtures/slackpage"
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
