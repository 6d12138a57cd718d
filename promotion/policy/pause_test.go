package policy_test

import (
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestPausesAreThoseThatAreOverAndMadeTheSoakLonger(t *testing.T) {
	begin := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	at := func(h int) *time.Time { t := begin.Add(time.Duration(h) * time.Hour); return &t }
	d := policy.Document{Soak: 48 * time.Hour, Incidents: policy.Interruptions{Pause: []promotion.Severity{"warning"}, Reset: []promotion.Severity{"critical"}}}
	incident := func(id promotion.IncidentID, s promotion.Severity, app string, from int, until *time.Time) promotion.Incident {
		return promotion.Incident{ID: id, App: app, Severity: s, Summary: "slow", From: *at(from), ResolvedAt: until}
	}
	f := policy.Facts{
		Promotion: promotion.Promotion{App: "shop", From: "staging", To: "production"}, Presence: []promotion.Interval{{From: begin}},
		Incidents: []promotion.Incident{
			incident(1, "warning", "shop", -2, at(-1)), incident(2, "warning", "shop", 5, at(6)), incident(3, "info", "shop", 5, at(6)), incident(4, "warning", "wiki", 5, at(6)), incident(5, "warning", "shop", 7, nil),
		},
		Unhealthy: []promotion.Unhealth{{Environment: "staging", Reason: "probes fail", From: *at(2), Until: at(3)}, {Environment: "production", From: *at(2), Until: at(3)}},
	}
	got := f.Pauses(d)
	if len(got) != 2 || got[0].Why != "staging was reported unhealthy (probes fail)" || got[1].Why != "incident #2 (warning: slow)" || !got[1].Until.Equal(*at(6)) {
		t.Errorf("%+v", got)
	}
	f.Incidents = append(f.Incidents, incident(6, "critical", "shop", 8, at(9)))
	if got := f.Pauses(d); len(got) != 0 {
		t.Errorf("it has begun again since, and yet %+v", got)
	}
	f.Presence = nil
	if got := f.Pauses(d); len(got) != 0 {
		t.Errorf("it was never there, and yet %+v", got)
	}
}
