package serve

import (
	"context"
	"os"
	"strings"
	"sync/atomic"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/pipeline"
	"github.com/promotebot/promotebot/promotion/prometheus"
)

// Meters ask what is asked while something is watched: each Prometheus with the
// token that the configuration in force names for it.
type Meters struct {
	Surroundings
	client *prometheus.Client
	by     atomic.Pointer[map[string]config.Prometheus]
}

// Set puts others in force, until restore is called. It refuses those whose token is
// not there, and leaves the old ones in force then.
func (m *Meters) Set(all []config.Prometheus) (restore func(), err error) {
	by := map[string]config.Prometheus{}
	for _, p := range all {
		if _, err := m.token(p); err != nil {
			return nil, err
		}
		by[p.Server] = p
	}
	if m.client == nil {
		m.client = prometheus.New("promotebot/"+m.Version, m.Transport)
	}
	had := m.by.Swap(&by)
	return func() { m.by.Store(had) }, nil
}

// token is read when it is needed: files are exchanged while the bot runs.
func (m *Meters) token(p config.Prometheus) (promotion.Secret, error) {
	text := ""
	switch {
	case p.TokenEnv != "":
		if text = strings.TrimSpace(m.Getenv(p.TokenEnv)); text == "" {
			return promotion.Secret{}, promotion.Errorf(promotion.Invalid, "%s is not set, and it is the token for %s", p.TokenEnv, p.Server)
		}
	case p.TokenFile != "":
		b, err := os.ReadFile(p.TokenFile)
		if err != nil {
			return promotion.Secret{}, promotion.Errorf(promotion.Invalid, "the token for %s can't be read (%w): the file has to be there, and readable by the user that promotebot runs as", p.Server, err)
		}
		if text = strings.TrimSpace(string(b)); text == "" {
			return promotion.Secret{}, promotion.Errorf(promotion.Invalid, "the token for %s is not there: %s is empty", p.Server, p.TokenFile)
		}
	}
	return promotion.NewSecret(text), nil
}

func (m *Meters) perform() pipeline.Perform {
	return func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
		w, err := promotion.Work[promotion.MeasureWork](e)
		if err != nil {
			return promotion.Result{}, err
		}
		p, named := (*m.by.Load())[w.Server]
		if !named {
			return promotion.Result{}, promotion.Errorf(promotion.NotFound, "the configuration does not name this Prometheus any more")
		}
		token, err := m.token(p)
		if err != nil {
			return promotion.Result{}, err
		}
		s, err := m.client.Ask(ctx, w, token)
		return promotion.Result{Sample: &s}, err
	}
}
