package serve

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/cmd/promotebot/config"
	"github.com/promotebot/promotebot/promotion"
)

func TestAPrometheusIsAskedWithTheTokenThatIsThereNow(t *testing.T) {
	shown := ""
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = r.Header.Get("Authorization")
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}`))
	}))
	defer far.Close()
	file := filepath.Join(t.TempDir(), "token")
	env := map[string]string{}
	m := &Meters{Surroundings: Surroundings{Getenv: func(name string) string { return env[name] }}}
	ask := func() (promotion.Result, error) {
		w := promotion.MeasureWork{Name: "errors", Server: far.URL, Query: "up"}
		return m.perform()(t.Context(), promotion.NewEffect(promotion.EffectMeasure, "k", 1, w, time.Now()))
	}
	set := func(p config.Prometheus) error {
		p.Server = far.URL
		_, err := m.Set([]config.Prometheus{p})
		return err
	}
	if err := set(config.Prometheus{TokenFile: file}); promotion.KindOf(err) != promotion.Invalid {
		t.Errorf("a token that is not there: %v", err)
	}
	for _, text := range []string{"first\n", "second"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if text == "first\n" {
			if err := set(config.Prometheus{TokenFile: file}); err != nil {
				t.Fatal(err)
			}
		}
		if r, err := ask(); err != nil || r.Sample.Value != 7 || shown != "Bearer "+strings.TrimSpace(text) {
			t.Errorf("%+v, %v, with %q", r.Sample, err, shown)
		}
	}
	if err := set(config.Prometheus{TokenEnv: "METRICS"}); err == nil || !strings.Contains(err.Error(), "METRICS is not set") {
		t.Errorf("%v", err)
	}
	if _, err := ask(); err != nil || shown != "Bearer second" {
		t.Errorf("what was refused is in force: %q, %v", shown, err)
	}
	env["METRICS"] = "third"
	if err := set(config.Prometheus{TokenEnv: "METRICS"}); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); err != nil || shown != "Bearer third" {
		t.Errorf("%q, %v", shown, err)
	}
	restore, err := m.Set(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); promotion.KindOf(err) != promotion.NotFound {
		t.Errorf("what is not configured any more is asked: %v", err)
	}
	restore()
	if _, err := ask(); err != nil {
		t.Error(err)
	}
}
