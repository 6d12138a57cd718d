package webhook_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/webhook"
)

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
		found := to(c.to).Examine(t.Context(), order())
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
