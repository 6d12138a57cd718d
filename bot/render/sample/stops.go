package sample

import (
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Incident is one of shop, so long after the beginning.
func Incident(id promotion.IncidentID, s promotion.Severity, since time.Duration) promotion.Incident {
	return promotion.Incident{ID: id, App: "shop", Severity: s, Summary: "checkout <fails>", From: *At(since), ReportedAt: *At(since), ReportedBy: "token:alerts"}
}

// Interrupted has incidents stop things.
func Interrupted(d *policy.Document, _ *policy.Facts) {
	d.Incidents = policy.Interruptions{Pause: []promotion.Severity{"warning"}, Reset: []promotion.Severity{"critical"}}
	d.FreezeOn = []promotion.Severity{"critical"}
}

// Stops are the states of what people, incidents and the calendar hold up.
func Stops() []State {
	hours, err := policy.ParseWindow("0 9 * * MON-THU", "Europe/Berlin", 8*time.Hour)
	if err != nil {
		panic(err)
	}
	return []State{
		{"soak standing still", Shop(29*time.Hour, Interrupted, With(func(f *policy.Facts) {
			f.Incidents = []promotion.Incident{Incident(3, "critical", 28*time.Hour)}
		}))},
		{"soak that stood still", Shop(49*time.Hour, Interrupted, With(func(f *policy.Facts) {
			over := Incident(3, "warning", 28*time.Hour)
			over.ResolvedAt = At(30 * time.Hour)
			f.Incidents = []promotion.Incident{over}
			f.Unhealthy = []promotion.Unhealth{{Environment: "staging", Reason: "probes fail", From: *At(5 * time.Hour), Until: At(6 * time.Hour)}}
		}))},
		{"soak begun again", Shop(49*time.Hour, Interrupted, With(func(f *policy.Facts) {
			over := Incident(3, "critical", 28*time.Hour)
			over.ResolvedAt, over.ResolvedBy = At(30*time.Hour), string(Ann)
			f.Incidents = []promotion.Incident{over}
		}))},
		{"incident of no consequence", Shop(Later, Interrupted, With(func(f *policy.Facts) {
			f.Incidents = []promotion.Incident{Incident(3, "info", 28*time.Hour)}
			f.Incidents[0].ReportedBy = string(Eve)
		}))},
		{"unhealthy", Shop(29*time.Hour, With(func(f *policy.Facts) {
			f.Unhealthy = []promotion.Unhealth{{Environment: "staging", Reason: "probes fail", From: *At(28 * time.Hour)}}
		}))},
		{"not used enough", Shop(Later, func(d *policy.Document, f *policy.Facts) {
			d.Exposure, f.Exposure = promotion.Exposure{Requests: 100_000}, promotion.Exposure{Requests: 4_711}
		}, Approved(Ann, Bob, Sam))},
		{"on hold", Shop(Later, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) {
			f.Holds = []promotion.Hold{{App: "shop", Digest: Build, By: Eve, Reason: "the load test runs <!here>", At: *At(30 * time.Hour)}, {App: "shop", By: Ann, Reason: "no demo today", At: *At(31 * time.Hour)}}
		}))},
		{"frozen", Shop(Later, Approved(Ann), With(func(f *policy.Facts) {
			f.Freezes = []promotion.Freeze{{From: *At(30 * time.Hour), Until: At(90 * time.Hour), Reason: "holidays"}, {App: "shop", From: *At(31 * time.Hour), Reason: "the database moves", By: Ann}}
		}))},
		{"outside the windows", Shop(Later-6*time.Hour, func(d *policy.Document, _ *policy.Facts) { d.Windows.Allow, d.Soak = []policy.Window{hours}, time.Hour }, Approved(Ann, Bob, Sam))},
	}
}
