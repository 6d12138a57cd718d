package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Figures are how deliveries to the last environment went.
type Figures struct {
	App         string    `json:"app,omitempty"` // or a train
	Environment string    `json:"environment"`
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
	Promoted    int       `json:"promoted"`
	TakenBack   int       `json:"taken_back"`
	Rollbacks   int       `json:"rollbacks"`
	FailureRate float64   `json:"failure_rate"`
	Lead        Spread    `json:"lead_time"`
	Wait        Spread    `json:"wait"`
	Restore     Spread    `json:"time_to_restore"`
}

// Spread is how long something took, in seconds.
type Spread struct {
	Count  int     `json:"count"`
	Median float64 `json:"median"`
	Worst  float64 `json:"worst"`
}

// The days that figures can be asked for.
const (
	usualDays = 30
	maxDays   = 366
)

func figures(ctx context.Context, s *server, c caller, r *http.Request, _ []byte) (int, any, error) {
	name, days := r.URL.Query().Get("app"), usualDays
	if text := r.URL.Query().Get("days"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxDays {
			return 0, nil, problem(http.StatusBadRequest, "that is no number of days", "ask for 1 to 366 days, or for none: then it is 30")
		}
		days = n
	}
	if !c.aboutAll(s, name) {
		return 0, nil, errNothing()
	}
	f, err := s.Gate.Figures(ctx, name, s.Gate.Now().Add(-time.Duration(days)*24*time.Hour))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, Figures{
		App: name, Environment: f.Environment, From: f.From, Until: f.Until, Promoted: f.Promoted, TakenBack: f.TakenBack, Rollbacks: f.Rollbacks, FailureRate: f.Failed(),
		Lead: seconds(f.Lead), Wait: seconds(f.Wait), Restore: seconds(f.Restore),
	}, nil
}

// aboutAll tells whether the token is about an app, all apps of a train or, without
// a name, everything.
func (c caller) aboutAll(s *server, name string) bool {
	if name == "" {
		return len(c.token.Apps) == 0
	}
	apps := []string{name}
	if train, ok := s.Gate.Catalog().Train(name); ok {
		apps = train.Apps
	} else if _, ok := s.Gate.Catalog().App(name); !ok {
		return false
	}
	return !slices.ContainsFunc(apps, func(app string) bool { return !c.token.About(app) })
}

func seconds(s promotion.Spread) Spread {
	return Spread{s.Count, s.Median.Seconds(), s.Worst.Seconds()}
}
