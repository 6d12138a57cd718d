package hook

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Alert is an incident as somebody else's system tells it.
type Alert struct {
	Key         string // what it is called there
	App         string
	Environment string
	Severity    string
	Summary     string
	Since       *time.Time
	Resolved    bool
}

// Alertmanager reads its webhooks (prometheus.io, "Alerting configuration",
// webhook_config). The labels severity, app and environment of an alert say what
// it is about; without an app it is about all of them.
func Alertmanager(body []byte) ([]Alert, error) {
	var in struct {
		Alerts []struct {
			Status      string            `json:"status"`
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
			Since       *time.Time        `json:"startsAt"`
			Key         string            `json:"fingerprint"`
		} `json:"alerts"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Alerts == nil {
		return nil, promotion.Errorf(promotion.Invalid, "the body is not a webhook of alertmanager")
	}
	var all []Alert
	for _, a := range in.Alerts[:min(most, len(in.Alerts))] {
		summary := a.Annotations["summary"]
		if summary == "" {
			summary = a.Labels["alertname"]
		}
		all = append(all, Alert{
			Key: a.Key, App: a.Labels["app"], Environment: a.Labels["environment"], Severity: strings.ToLower(a.Labels["severity"]),
			Summary: summary, Since: a.Since, Resolved: a.Status == "resolved",
		})
	}
	return all, nil
}

// PagerDuty reads its webhooks (developer.pagerduty.com, "V3 Webhooks"). The
// service has the name of the app; the severity is the priority, or where there
// is none the urgency.
func PagerDuty(body []byte) ([]Alert, error) {
	var in struct {
		Event *struct {
			Type string `json:"event_type"`
			Data struct {
				ID      string `json:"id"`
				Title   string `json:"title"`
				Urgency string `json:"urgency"`
				Service struct {
					Summary string `json:"summary"`
				} `json:"service"`
				Priority *struct {
					Summary string `json:"summary"`
				} `json:"priority"`
				Created *time.Time `json:"created_at"`
			} `json:"data"`
		} `json:"event"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Event == nil {
		return nil, promotion.Errorf(promotion.Invalid, "the body is not a webhook of pagerduty")
	}
	d := in.Event.Data
	a := Alert{Key: d.ID, App: strings.ToLower(d.Service.Summary), Severity: d.Urgency, Summary: d.Title, Since: d.Created}
	if d.Priority != nil {
		a.Severity = strings.ToLower(d.Priority.Summary)
	}
	if a.App == "" {
		return nil, nil // it would be about every app
	}
	switch in.Event.Type {
	case "incident.triggered", "incident.reopened":
	case "incident.resolved":
		a.Resolved = true
	default: // acknowledged, annotated, and what else changes nothing here
		return nil, nil
	}
	return []Alert{a}, nil
}
