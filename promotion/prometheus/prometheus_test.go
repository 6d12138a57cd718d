package prometheus_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/prometheus"
)

// far is a Prometheus that answers each query with what the HTTP API documents.
func far(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

func vector(values ...string) string {
	var series []string
	for i, v := range values {
		series = append(series, `{"metric":{"pod":"`+strconv.Itoa(i)+`"},"value":[1435781451.781,"`+v+`"]}`)
	}
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(series, ",") + `]}}`
}

func ask(t *testing.T, server string) (promotion.Sample, error) {
	t.Helper()
	return prometheus.New("promotebot/test", nil).Ask(t.Context(), promotion.MeasureWork{Name: "errors", Server: server, Query: `sum(up{app="shop"})`}, promotion.NewSecret("s3cret"))
}

func TestAQuestionIsAskedAsTheHTTPAPISays(t *testing.T) {
	before := time.Now()
	server := far(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/prefix/api/v1/query" || r.URL.RawQuery != "" {
			t.Errorf("asked with %s %s", r.Method, r.URL)
		}
		if r.FormValue("query") != `sum(up{app="shop"})` || r.Header.Get("Authorization") != "Bearer s3cret" || r.Header.Get("User-Agent") != "promotebot/test" {
			t.Errorf("asked %q with %v", r.Form, r.Header)
		}
		at, err := strconv.ParseFloat(r.FormValue("time"), 64)
		if asked := time.UnixMilli(int64(at * 1000)); err != nil || asked.Before(before.Add(-time.Second)) || asked.After(time.Now().Add(time.Second)) {
			t.Errorf("as of %q", r.FormValue("time"))
		}
		_, _ = w.Write([]byte(vector("0.25")))
	})
	s, err := ask(t, server+"/prefix")
	if err != nil || s.Value != 0.25 || s.At.Before(before.Add(-time.Second)) || s.At.Location() != time.UTC {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestOneFiniteNumberIsAnAnswerAndNothingElseIs(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		value  float64
		why    string // empty where it is an answer
		kind   promotion.Kind
	}{
		"a series":             {200, vector("2e-3"), 0.002, "", ""},
		"a scalar":             {200, `{"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"7"]}}`, 7, "", ""},
		"zero":                 {200, vector("0"), 0, "", ""},
		"nothing":              {200, vector(), 0, "empty", promotion.Invalid},
		"several":              {200, vector("0", "0"), 0, "2 series", promotion.Invalid},
		"NaN":                  {200, vector("NaN"), 0, "NaN", promotion.Invalid},
		"infinity":             {200, vector("+Inf"), 0, "+Inf", promotion.Invalid},
		"no number":            {200, vector("zero"), 0, "no number", promotion.Invalid},
		"a number for a text":  {200, `{"status":"success","data":{"resultType":"scalar","result":[1,7]}}`, 0, "number", promotion.Invalid},
		"a matrix":             {200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`, 0, "matrix", promotion.Invalid},
		"a string":             {200, `{"status":"success","data":{"resultType":"string","result":[1,"7"]}}`, 0, "string", promotion.Invalid},
		"a vector of nonsense": {200, `{"status":"success","data":{"resultType":"vector","result":7}}`, 0, "vector", promotion.Invalid},
		"a histogram":          {200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"7"}]}]}}`, 0, "number", promotion.Invalid},
		"incomplete":           {200, strings.Replace(vector("0"), `"status"`, `"warnings":["store eu is not there"],"status"`, 1), 0, "store eu", promotion.Invalid},
		"a bad query":          {400, `{"status":"error","errorType":"bad_data","error":"1:5: parse error"}`, 0, "parse error", promotion.Invalid},
		"an error with 200":    {200, `{"status":"error","errorType":"execution","error":"many-to-many"}`, 0, "many-to-many", promotion.Invalid},
		"too long a query":     {503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, 0, "timed out", promotion.Invalid},
		"a proxy's error":      {502, "<html>", 0, "can't answer now (502)", promotion.Unavailable},
		"another page":         {200, "<html>welcome</html>", 0, "not answer as a Prometheus", promotion.Invalid},
		"an empty page":        {200, "", 0, "not answer as a Prometheus", promotion.Invalid},
		"JSON of another":      {200, `{}`, 0, "not answer as a Prometheus", promotion.Invalid},
		"no access":            {401, "", 0, "token", promotion.Forbidden},
		"too much":             {200, `{"status":"success","x":"` + strings.Repeat("x", 1<<20) + `"}`, 0, "longer than 1 MiB", promotion.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ask(t, far(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			switch {
			case c.why == "" && (err != nil || s.Value != c.value):
				t.Errorf("%v, %v", s, err)
			case c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why) || promotion.KindOf(err) != c.kind):
				t.Errorf("%v, %v (%s)", s, err, promotion.KindOf(err))
			}
		})
	}
}

func TestATokenIsNotCarriedToAnotherHost(t *testing.T) {
	elsewhere := far(t, func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("it was followed, with %q", r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(vector("0")))
	})
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		server := far(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere+r.URL.Path, status) })
		if _, err := ask(t, server); err == nil || !strings.Contains(err.Error(), "elsewhere") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestAPrometheusThatIsNotThereIsSaid(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	if _, err := ask(t, server.URL); promotion.KindOf(err) != promotion.Unavailable || strings.Contains(err.Error(), "api/v1") {
		t.Errorf("%v", err)
	}
	if _, err := ask(t, "nonsense"); promotion.KindOf(err) != promotion.Invalid {
		t.Errorf("%v", err)
	}
}

func TestAnExaminationAsksWhatEveryPrometheusAnswers(t *testing.T) {
	body, status := vector("1"), http.StatusOK
	server := far(t, func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("query") != "vector(1)" || r.Header.Get("Authorization") != "Bearer s3cret" {
			t.Errorf("asked %q with %v", r.Form, r.Header)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	examine := func() promotion.Diagnosis {
		return prometheus.New("promotebot/test", nil).Examine(t.Context(), server, promotion.NewSecret("s3cret"))
	}
	if d := examine(); d.Condition != promotion.Well || d.About != server {
		t.Errorf("%+v", d)
	}
	body = "<html>"
	if d := examine(); d.Condition != promotion.Ill || d.Remedy == "" {
		t.Errorf("no Prometheus: %+v", d)
	}
	for code, want := range map[int]promotion.Condition{401: promotion.Ill, 302: promotion.Ill, 503: promotion.Unexamined} {
		status = code
		if d := examine(); d.Condition != want || d.Remedy == "" {
			t.Errorf("with %d: %+v", code, d)
		}
	}
}
