package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/webhook"
)

// silent is a service that does not say what runs.
func silent(address string) *webhook.Deployer {
	return webhook.New(webhook.Options{URL: address + "/orders/{app}", Secret: promotion.NewSecret("between us"), UserAgent: "promotebot/test"})
}

// What runs is asked as it is when it is compared, and what is wrong with the answer
// is said with what to do.
func TestAnExaminationAsksWhatRuns(t *testing.T) {
	well := strings.ReplaceAll(`{"running": [{"where": "web-1", "digest": "sha256:A"}, {"where": "web-2", "digest": "sha256:A", "count": 3}]}`, ":A", ":"+strings.Repeat("a", 64))
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	trial := promotion.Order{Purpose: promotion.Forward, App: "shop", Environment: "production", Target: "eu", Repository: "registry.example.com/shop"}
	for _, c := range []struct {
		name, at  string // where it is asked, below the address of the service or elsewhere
		status    int
		body      string
		condition promotion.Condition
		says      string
		remedy    string
	}{
		{"said", "/running/{app}", 200, well, promotion.Well, "it is said; places that it is said of: 2", ""},
		{"never told", "/running/{app}", 404, "", promotion.Remarked, "knows no such address (404)", "unless shop was never deployed there"},
		{"another secret", "/running/{app}", 401, "", promotion.Ill, "does not accept the signature (401)", "signed_with"},
		{"not allowed", "/running/{app}", 403, "", promotion.Ill, "does not accept the signature (403)", "signed_with"},
		{"sent elsewhere", "/running/{app}", 302, "", promotion.Ill, "sends promotebot elsewhere (302)", "correct running"},
		{"not a question", "/running/{app}", 405, "", promotion.Ill, "refuses it (405)", "correct running"},
		{"in trouble", "/running/{app}", 503, "", promotion.Unexamined, "can't answer now (503)", "whether it runs"},
		{"a page", "/running/{app}", 200, "<html>", promotion.Ill, "what runs is not said as", `{"running": [{"where"`},
		{"nothing", "/running/{app}", 200, "", promotion.Ill, "what runs is not said as", `{"running": [{"where"`},
		{"no places", "/running/{app}", 200, `{"running": []}`, promotion.Ill, "0 places", `{"running": [{"where"`},
		{"a tag", "/running/{app}", 200, `{"running": [{"where": "web-1", "digest": "latest"}]}`, promotion.Ill, "no digest", `{"running": [{"where"`},
		{"nobody", "http://127.0.0.1:1/", 0, "", promotion.Unexamined, "127.0.0.1:1 can't be reached: dial tcp", "whether it runs"},
		{"untrusted", untrusted.URL, 0, "", promotion.Ill, "is not to be believed (tls: ", "certificate for this name"},
		{"of a digest", "/running/{digest}", 0, "", promotion.Remarked, "only when something was promoted", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked []string
			address := far(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead {
					return
				}
				signed := r.Header.Get(webhook.HeaderSignature) == webhook.Sign(promotion.NewSecret("between us"), r.Header.Get(webhook.HeaderTimestamp), nil)
				asked = append(asked, fmt.Sprintf("%s %s, signed: %t", r.Method, r.URL, signed))
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			at, here := c.at, strings.HasPrefix(c.at, "/")
			if here {
				at = address + c.at
			}
			d := webhook.New(webhook.Options{URL: address + "/orders", Running: at, Secret: promotion.NewSecret("between us")})
			found := d.Examine(t.Context(), trial)
			if len(found) != 2 || found[0].Condition != promotion.Well || found[1].About != "eu in production: what runs of shop" || found[1].Condition != c.condition ||
				!strings.Contains(found[1].Says, c.says) || !strings.Contains(found[1].Remedy, c.remedy) || (c.remedy == "") != (found[1].Remedy == "") {
				t.Errorf("%+v", found)
			}
			var want []string
			if here && c.status != 0 {
				want = []string{"GET /running/shop, signed: true"}
			}
			if !slices.Equal(asked, want) {
				t.Errorf("it asked %q", asked)
			}
		})
	}
}

func TestAnExaminationAsksWhetherSomebodyAnswersAndGivesNoOrder(t *testing.T) {
	status := http.StatusNotFound
	var asked []string
	address := far(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("X-Promotebot-Signature"))
		w.WriteHeader(status)
	}))
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	for _, c := range []struct {
		to        string
		status    int
		condition promotion.Condition
		says      string
	}{
		{address, 404, promotion.Well, " answers"},
		{address, 500, promotion.Well, " answers"},
		{address, 302, promotion.Well, " answers"},
		{address, 502, promotion.Unexamined, "answers for somebody who does not (502)"},
		{"http://127.0.0.1:1", 0, promotion.Unexamined, "127.0.0.1:1 can't be reached (dial tcp"},
		{untrusted.URL, 0, promotion.Ill, "is not to be believed (tls: "},
	} {
		status = c.status
		found := silent(c.to).Examine(t.Context(), order())
		if len(found) != 1 || found[0].Condition != c.condition || !strings.Contains(found[0].Says, c.says) || (c.condition == promotion.Well) != (found[0].Remedy == "") {
			t.Errorf("%s with %d: %+v", c.to, c.status, found)
		}
	}
	nameless := webhook.New(webhook.Options{URL: "https://nobody.example.com/", Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "nobody.example.com", IsNotFound: true}}
	}}})
	if found := nameless.Examine(t.Context(), order()); len(found) != 1 || found[0].Condition != promotion.Ill || found[0].Says != "there is no host nobody.example.com" || found[0].Remedy == "" {
		t.Errorf("of a name that nobody has: %+v", found)
	}
	for _, request := range asked {
		if request != "HEAD / " {
			t.Errorf("it sent %q", request)
		}
	}
}
