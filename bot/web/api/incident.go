package api

import (
	"context"
	"net/http"
	"time"

	"github.com/promotebot/promotebot/bot/web/hook"
	"github.com/promotebot/promotebot/promotion"
)

// Recorded is what came of a report.
type Recorded struct {
	Outcome  string               `json:"outcome"`
	App      string               `json:"app,omitempty"`
	Incident promotion.IncidentID `json:"incident,omitempty"`
}

// kept answers with what came of a report.
func kept(r promotion.Receipt) (int, any, error) {
	if r.Verb != promotion.Counted {
		return told(r)
	}
	return http.StatusOK, Recorded{recorded, r.App, r.Incident}, nil
}

func incident(ctx context.Context, s *server, c caller, r *http.Request, body []byte) (int, any, error) {
	var in struct {
		Key         string     `json:"key"`
		App         string     `json:"app"`
		Environment string     `json:"environment"`
		Severity    string     `json:"severity"`
		Summary     string     `json:"summary"`
		Since       *time.Time `json:"since"`
	}
	if err := decode(r, body, &in); err != nil {
		return 0, nil, err
	}
	from, err := call(c, r, body)
	if err != nil {
		return 0, nil, err
	}
	receipt, err := s.Gate.Incident(ctx, from, promotion.IncidentReport{
		Key: in.Key, App: in.App, Environment: in.Environment, Severity: promotion.Severity(in.Severity), Summary: promotion.Line(in.Summary), Since: in.Since,
	})
	if err != nil {
		return 0, nil, err
	}
	return kept(receipt)
}

func resolve(ctx context.Context, s *server, c caller, r *http.Request, body []byte) (int, any, error) {
	var in struct {
		Key string `json:"key"`
	}
	if err := decode(r, body, &in); err != nil {
		return 0, nil, err
	}
	from, err := call(c, r, body)
	if err != nil {
		return 0, nil, err
	}
	receipt, err := s.Gate.Resolve(ctx, from, in.Key)
	if err != nil {
		return 0, nil, err
	}
	return kept(receipt)
}

func health(ctx context.Context, s *server, c caller, r *http.Request, body []byte) (int, any, error) {
	var in struct {
		App         string `json:"app"`
		Environment string `json:"environment"`
		Healthy     *bool  `json:"healthy"`
		Reason      string `json:"reason"`
	}
	if err := decode(r, body, &in); err != nil {
		return 0, nil, err
	}
	if in.Healthy == nil {
		return 0, nil, problem(http.StatusUnprocessableEntity, "the report does not say whether it is healthy", "send healthy: true or false")
	}
	from, err := call(c, r, body)
	if err != nil {
		return 0, nil, err
	}
	receipt, err := s.Gate.Health(ctx, from, promotion.HealthReport{App: in.App, Environment: in.Environment, Healthy: *in.Healthy, Reason: promotion.Line(in.Reason)})
	if err != nil {
		return 0, nil, err
	}
	return kept(receipt)
}

// maxPodHours keeps what is counted within what a duration can hold: a century of
// a pod.
const maxPodHours = 24 * 366 * 100

func exposure(ctx context.Context, s *server, c caller, r *http.Request, body []byte) (int, any, error) {
	var in struct {
		App         string  `json:"app"`
		Environment string  `json:"environment"`
		Digest      string  `json:"digest"`
		Source      string  `json:"source"`
		Requests    int64   `json:"requests"`
		PodHours    float64 `json:"pod_hours"`
	}
	if err := decode(r, body, &in); err != nil {
		return 0, nil, err
	}
	if in.PodHours < 0 || in.PodHours > maxPodHours {
		return 0, nil, problem(http.StatusUnprocessableEntity, "nothing has run for so many pod_hours", "send the hours that the pods of the digest have run, added up")
	}
	from, err := call(c, r, body)
	if err != nil {
		return 0, nil, err
	}
	receipt, err := s.Gate.Exposure(ctx, from, promotion.ExposureReport{
		App: in.App, Environment: in.Environment, Digest: promotion.Digest(in.Digest), Source: in.Source,
		Exposure: promotion.Exposure{Requests: in.Requests, PodTime: time.Duration(in.PodHours * float64(time.Hour))},
	})
	if err != nil {
		return 0, nil, err
	}
	return kept(receipt)
}

// Alerted is what a webhook about incidents has done.
type Alerted struct {
	Opened   int `json:"opened"` // or open already
	Resolved int `json:"resolved"`
	Ignored  int `json:"ignored"` // of apps, environments or severities that mean nothing here
}

func alertmanager(ctx context.Context, s *server, c caller, _ *http.Request, body []byte) (int, any, error) {
	alerts, err := hook.Alertmanager(body)
	if err != nil {
		return 0, nil, err
	}
	return s.alerted(ctx, c, alerts)
}

func pagerduty(ctx context.Context, s *server, c caller, r *http.Request, body []byte) (int, any, error) {
	if s.PagerDuty != (promotion.Secret{}) && !signedByPagerDuty(s.PagerDuty, r.Header.Get("X-PagerDuty-Signature"), body) {
		return 0, nil, errUnauthorized()
	}
	alerts, err := hook.PagerDuty(body)
	if err != nil {
		return 0, nil, err
	}
	return s.alerted(ctx, c, alerts)
}

func (s *server) alerted(ctx context.Context, c caller, alerts []hook.Alert) (int, any, error) {
	var done Alerted
	for _, a := range alerts {
		var r promotion.Receipt
		var err error
		if a.Resolved {
			r, err = s.Gate.Resolve(ctx, from(c), a.Key)
		} else {
			r, err = s.Gate.Incident(ctx, from(c), promotion.IncidentReport{
				Key: a.Key, App: a.App, Environment: a.Environment, Severity: promotion.Severity(a.Severity), Summary: promotion.Line(a.Summary), Since: a.Since,
			})
		}
		kind := promotion.KindOf(err)
		switch {
		case err != nil && kind != promotion.Invalid && kind != promotion.NotFound:
			return 0, nil, err // the sender sends it again
		case err != nil || r.Verb != promotion.Counted:
			done.Ignored++
		case a.Resolved:
			done.Resolved++
		default:
			done.Opened++
		}
	}
	return http.StatusOK, done, nil
}
