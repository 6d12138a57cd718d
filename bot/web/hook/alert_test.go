package hook_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/web/hook"
	"github.com/promotebot/promotebot/promotion"
)

var since = time.Date(2026, 3, 2, 11, 59, 0, 0, time.UTC)

// What Prometheus's Alertmanager posts, shortened from its documentation.
func TestWhatAlertmanagerSays(t *testing.T) {
	alert := func(more string) string {
		return `{"version":"4","groupKey":"{}","status":"firing","receiver":"promotebot","alerts":[{"labels":{"alertname":"High","severity":"Critical","app":"shop","environment":"staging"},"startsAt":"2026-03-02T11:59:00Z","generatorURL":"http://p","fingerprint":"f1",` + more + `}]}`
	}
	high := hook.Alert{Key: "f1", App: "shop", Environment: "staging", Severity: "critical", Summary: "High", Since: &since}
	said, over := high, high
	said.Summary, over.Resolved = "too many errors", true
	for body, want := range map[string][]hook.Alert{
		alert(`"status":"firing"`): {high},
		alert(`"status":"firing","annotations":{"summary":"too many errors"}`):      {said},
		alert(`"status":"resolved","endsAt":"2026-03-02T12:59:00Z"`):                {over},
		`{"alerts":[{"status":"firing","labels":{"alertname":"a"}},{"labels":{}}]}`: {{Summary: "a"}, {}},
		`{"alerts":[]}`: nil,
	} {
		if got, err := hook.Alertmanager([]byte(body)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis %+v, %v\nnot %+v", body, got, err, want)
		}
	}
	for _, body := range []string{"", "null", "[]", "{}", `{"alerts":7}`, `{"alerts":null}`} {
		if got, err := hook.Alertmanager([]byte(body)); !errors.Is(err, promotion.Invalid) {
			t.Errorf("%q is %+v, %v", body, got, err)
		}
	}
	if got, err := hook.Alertmanager([]byte(`{"alerts":[{}` + strings.Repeat(",{}", 5000) + `]}`)); err != nil || len(got) > 100 {
		t.Errorf("%d alerts, %v", len(got), err)
	}
}

// What PagerDuty posts, shortened from its documentation.
func TestWhatPagerDutySays(t *testing.T) {
	event := func(kind, more string) string {
		return `{"event":{"id":"1","event_type":"` + kind + `","resource_type":"incident","data":{"id":"PGR0VU2","title":"it is down","created_at":"2026-03-02T11:59:00Z","urgency":"high"` + more + `}}}`
	}
	const shop = `,"service":{"id":"P1","summary":"Shop"}`
	down := hook.Alert{Key: "PGR0VU2", App: "shop", Severity: "high", Summary: "it is down", Since: &since}
	first, over := down, down
	first.Severity, over.Resolved = "p1", true
	for body, want := range map[string][]hook.Alert{
		event("incident.triggered", shop):                                {down},
		event("incident.reopened", shop):                                 {down},
		event("incident.triggered", shop+`,"priority":{"summary":"P1"}`): {first},
		event("incident.triggered", shop+`,"priority":null`):             {down},
		event("incident.resolved", shop):                                 {over},
		event("incident.acknowledged", shop):                             nil,
		event("incident.triggered", ""):                                  nil, // it would be about every app
		`{"event":{"event_type":"pagey.ping","data":{"type":"ping"}}}`:   nil,
	} {
		if got, err := hook.PagerDuty([]byte(body)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis %+v, %v\nnot %+v", body, got, err, want)
		}
	}
	for _, body := range []string{"", "null", "[]", "{}", `{"event":7}`, `{"event":null}`} {
		if got, err := hook.PagerDuty([]byte(body)); !errors.Is(err, promotion.Invalid) {
			t.Errorf("%q is %+v, %v", body, got, err)
		}
	}
}

// Whatever is sent, an alert is never about more than it says: without an app it is
// Alertmanager's.
func FuzzAlerts(f *testing.F) {
	f.Add([]byte(`{"alerts":[{"status":"firing","labels":{"app":"shop","severity":"x"},"startsAt":"2026-03-02T11:59:00Z","fingerprint":"f"}]}`))
	f.Add([]byte(`{"event":{"event_type":"incident.triggered","data":{"id":"1","service":{"summary":"Shop"},"priority":{"summary":"P1"}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		paged, err := hook.PagerDuty(body)
		if err != nil && len(paged) > 0 || len(paged) > 1 || len(paged) == 1 && paged[0].App == "" {
			t.Fatalf("%+v, %v", paged, err)
		}
		if alerts, err := hook.Alertmanager(body); err != nil && len(alerts) > 0 || len(alerts) > 100 {
			t.Fatalf("%d alerts, %v", len(alerts), err)
		}
	})
}
