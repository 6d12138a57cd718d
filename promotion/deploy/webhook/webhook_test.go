package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/production"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/webhook"
)

func order() promotion.Order {
	return promotion.Order{
		Promotion: 42, Purpose: promotion.Forward, App: "shop", Environment: "production", Target: "eu", Repository: "registry.example.com/shop", Digest: promotion.Digest("sha256:" + strings.Repeat("a", 64)),
		Tags: []string{"production"}, Approvers: []string{"Ann"}, OrderedAt: time.Now(), Deadline: time.Now().Add(time.Hour), Attempt: 1,
	}
}

func far(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func to(address string, hosts ...string) *webhook.Deployer {
	return webhook.New(webhook.Options{URL: address + "/orders/{app}", Secret: promotion.NewSecret("between us"), Hosts: hosts, Running: address + "/orders/{app}/running", UserAgent: "promotebot/test"})
}

func TestAnOrderIsTakenOnceAndAskedAbout(t *testing.T) {
	s := production.New("between us")
	s.Pause(true)
	d, o := to(far(t, s)), order()
	for attempt := 1; attempt <= 2; attempt++ {
		o.Attempt = attempt
		r, err := d.Deploy(t.Context(), o)
		if err != nil || r.Phase != promotion.RolloutAsked || !strings.HasPrefix(r.Handle, "order-1 http") {
			t.Fatalf("%+v, %v", r, err)
		}
		o.Handle = r.Handle
	}
	if orders := s.Orders(); len(orders) != 1 || orders[0].Attempts != 2 || orders[0].Image != o.Image() {
		t.Errorf("%+v", orders)
	}
	expect := func(phase promotion.RolloutPhase, detail string) promotion.Rollout {
		t.Helper()
		r, err := d.Observe(t.Context(), o)
		if err != nil || r.Phase != phase || !strings.Contains(r.Detail, detail) || r.Handle != o.Handle {
			t.Errorf("%+v, %v", r, err)
		}
		return r
	}
	if r := expect(promotion.RolloutUnder, "waiting for pods"); r.Total != 3 {
		t.Errorf("%+v", r)
	}
	s.Pause(false)
	s.Fail(true)
	if r := expect(promotion.RolloutFailed, "CrashLoopBackOff"); len(r.Lines) != 3 {
		t.Errorf("%+v", r)
	}
	s.Fail(false)
	expect(promotion.RolloutDone, "")
	if s.Runs("shop") != o.Image() || s.Refused() != 0 {
		t.Errorf("%s runs, %d requests were refused", s.Runs("shop"), s.Refused())
	}
}

func TestWhatRunsIsAskedOfWhoeverSaysSo(t *testing.T) {
	s := production.New("between us")
	d, o := to(far(t, s)), order()
	if got, err := d.Running(t.Context(), o); promotion.KindOf(err) != promotion.NotFound {
		t.Errorf("before anything runs: %+v, %v", got, err)
	}
	r, err := d.Deploy(t.Context(), o)
	if o.Handle = r.Handle; err != nil {
		t.Fatal(err)
	}
	if r, err := d.Observe(t.Context(), o); err != nil || r.Phase != promotion.RolloutDone {
		t.Fatalf("%+v, %v", r, err)
	}
	if got, err := d.Running(t.Context(), o); err != nil || len(got) != 1 || len(o.Others(got)) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	other := promotion.Digest("sha256:" + strings.Repeat("b", 64))
	s.Change("shop", string(o.Repository)+"@"+string(other))
	if got, err := d.Running(t.Context(), o); err != nil || len(got) != 1 || got[0] != (promotion.Running{Where: "pods of shop", Digest: other, Count: 3}) || s.Refused() != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for text, words := range map[string]string{"": "is not what it should be: what runs is not said as", `{"running": []}`: "0 places", strings.Repeat(" ", 70<<10): "longer than 64 KiB"} {
		address := far(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
		if got, err := to(address).Running(t.Context(), o); promotion.KindOf(err) != promotion.Invalid || err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%.20q: %+v, %v", text, got, err)
		}
	}
}

func TestAnOrderWithAnotherSecretIsRefusedForGood(t *testing.T) {
	if _, err := to(far(t, production.New("another"))).Deploy(t.Context(), order()); err == nil || promotion.KindOf(err) != promotion.Forbidden {
		t.Errorf("%v", err)
	}
}

func TestWhatAStatusMeans(t *testing.T) {
	for status, kind := range map[int]promotion.Kind{
		302: promotion.Invalid, 307: promotion.Invalid, 400: promotion.Invalid, 401: promotion.Forbidden, 403: promotion.Forbidden, 404: promotion.NotFound, 409: promotion.Conflict,
		422: promotion.Invalid, 429: promotion.Unavailable, 500: promotion.Unavailable, 503: promotion.Unavailable,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var elsewhere atomic.Bool
			trap := far(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Store(true) }))
			address := far(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", trap)
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(status)
			}))
			_, err := to(address).Deploy(t.Context(), order())
			if err == nil || promotion.KindOf(err) != kind || elsewhere.Load() {
				t.Errorf("%v, of kind %s; followed: %t", err, promotion.KindOf(err), elsewhere.Load())
			}
			if f := promotion.FailureOf(err); kind == promotion.Unavailable && f.RetryAfter != 7*time.Second {
				t.Errorf("it waits %s", f.RetryAfter)
			}
		})
	}
}

// answers is a service that always says the same.
func answers(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
}

func TestWhatAnAnswerMeans(t *testing.T) {
	for body, want := range map[string]string{
		"":                               "asked",
		"{}":                             "asked",
		`{"state":"accepted"}`:           "asked",
		`{"state":"succeeded"}`:          "done",
		`{"state":"failed"}`:             "failed",
		`{"state":"fine"}`:               "invalid",
		`<html>`:                         "invalid",
		`[]`:                             "invalid",
		`{"id":"a b"}`:                   "invalid",
		strings.Repeat(" ", 70_000):      "invalid",
		`{"id":"` + longID + `"}`:        "invalid",
		`{"status_url":"ftp://x/"}`:      "forbidden",
		`{"status_url":"https://x.y/s"}`: "forbidden",
		`{"status_url":"//x.y/s"}`:       "forbidden",
		`{"status_url":"http://u:p@x/"}`: "invalid",
		`{"status_url":"/a b"}`:          "invalid",
	} {
		r, err := to(far(t, answers(body))).Deploy(t.Context(), order())
		got := string(r.Phase)
		if err != nil {
			got = string(promotion.KindOf(err))
		}
		if got != want {
			t.Errorf("%.60s: %s (%v), want %s", body, got, err, want)
		}
	}
}

var longID = strings.Repeat("x", 300)

func TestAnotherHostIsAskedOnlyWhereTheConfigurationNamesIt(t *testing.T) {
	answer := answers(`{"id":"7","status_url":"https://status.example.com/7"}`)
	if r, err := to(far(t, answer), "status.example.com").Deploy(t.Context(), order()); err != nil || r.Handle != "7 https://status.example.com/7" {
		t.Errorf("%+v, %v", r, err)
	}
	o := order()
	o.Handle = "7 https://status.example.com/7"
	if _, err := to(far(t, answer)).Observe(t.Context(), o); err == nil || promotion.KindOf(err) != promotion.Forbidden {
		t.Errorf("it is asked where it may not be asked any more: %v", err)
	}
}

func TestAServiceThatCannotBeAskedSaysItItself(t *testing.T) {
	o := order()
	o.Handle = "job-7"
	r, err := to("http://127.0.0.1:1").Observe(t.Context(), o)
	if err != nil || r.Phase != promotion.RolloutAsked || r.Handle != "job-7" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNobodyThereIsNoAnswer(t *testing.T) {
	if _, err := to("http://127.0.0.1:1").Deploy(t.Context(), order()); err == nil || promotion.KindOf(err) != promotion.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestTheSecretAndTheSignatureAreInNoError(t *testing.T) {
	d := webhook.New(webhook.Options{URL: "http://127.0.0.1:1/orders?token=s3cr3t", Secret: promotion.NewSecret("between us")})
	if _, err := d.Deploy(t.Context(), order()); strings.Contains(promotion.FailureOf(err).Text, "s3cr3t") || !strings.Contains(promotion.FailureOf(err).Text, "127.0.0.1:1 can't be reached") {
		t.Errorf("a card would say %q", promotion.FailureOf(err).Text)
	}
	_, err := to("http://127.0.0.1:1").Deploy(t.Context(), order())
	if text := fmt.Sprintf("%v %+v %s", err, err, promotion.Cause(err)); strings.Contains(text, "between us") || strings.Contains(text, "v1=") {
		t.Error(text)
	}
}

func TestWhatIsSent(t *testing.T) {
	var got *http.Request
	var body []byte
	address := far(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	o := order()
	o.App = "a/b c"
	if _, err := to(address).Deploy(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	var said map[string]any
	if err := json.Unmarshal(body, &said); err != nil || said["image"] != o.Image() || said["promotion"] != 42.0 {
		t.Errorf("%s, %v", body, err)
	}
	if got.URL.EscapedPath() != "/orders/a%2Fb%20c" || got.Header.Get("Idempotency-Key") != "42/eu" || got.Header.Get("User-Agent") != "promotebot/test" {
		t.Errorf("%s, %v", got.URL.EscapedPath(), got.Header)
	}
	if want := webhook.Sign(promotion.NewSecret("between us"), got.Header.Get(webhook.HeaderTimestamp), body); got.Header.Get(webhook.HeaderSignature) != want {
		t.Errorf("signed %s", got.Header.Get(webhook.HeaderSignature))
	}
}
