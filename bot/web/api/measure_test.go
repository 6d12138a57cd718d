package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestWhatIsMeasuredDuringAWatchIsShown(t *testing.T) {
	s := newStation(t)
	cd := s.token("cd", nil, promotion.ScopeRead)
	watch, err := promotion.ParseTagPattern("staging-passed")
	if err != nil {
		t.Fatal(err)
	}
	query := func(name string, is policy.Comparison, limit float64) policy.Query {
		return policy.Query{Threshold: policy.Threshold{Number: name, Is: is, Limit: limit}, Text: name + `{app="{app}"}`, Server: "https://prometheus.example.com", For: time.Minute}
	}
	d := policy.Document{Automatic: true, NoWayBack: true, After: &policy.After{Watch: time.Hour, Queries: []policy.Query{query("errors", policy.Below, 0.5), query("orders", policy.Above, 0)}}}
	err = s.gate.Adopt(t.Context(), &gate.Catalog{
		Apps:         []gate.App{{Name: "shop", Repository: "registry.example.com/shop/api", Channel: "C0SHOP", Policies: map[string]policy.Document{"production": d}}},
		Environments: []gate.Environment{{Name: "staging", Watch: watch}, {Name: "production", Tags: []promotion.TagTemplate{"production"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.stage("a")
	if _, body := s.ask(http.MethodGet, "/v1/apps/shop/promotions/1", cd, nil); strings.Contains(body, "measurements") {
		t.Errorf("before it is watched it is measured: %s", body)
	}
	s.perform()
	shows := func(path string, wants ...string) {
		t.Helper()
		_, body := s.ask(http.MethodGet, path, cd, nil)
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s is not in %s", want, body)
			}
		}
	}
	shows("/v1/apps/shop/promotions/1", `"state":"watching"`, `"measurements":[{"name":"errors","query":"errors{app=\"shop\"}","is":"\u003c 0.5"},{"name":"orders","query":"orders{app=\"shop\"}","is":"\u003e 0"}]`)
	asked, err := s.store.Claim(t.Context(), []promotion.EffectKind{promotion.EffectMeasure}, "test", s.now.Add(time.Minute), s.now.Add(time.Hour), 10)
	if err != nil || len(asked) != 2 {
		t.Fatalf("asked are %v, %v", asked, err)
	}
	for _, e := range asked {
		r := promotion.Result{Sample: &promotion.Sample{Value: 0.75, At: s.now}}
		if strings.HasSuffix(e.Key, "orders") {
			r = promotion.Result{Failure: &promotion.Failure{Kind: promotion.Invalid, Text: "the answer is empty"}}
		}
		if err := s.gate.Report(t.Context(), e, r); err != nil {
			t.Fatal(err)
		}
	}
	at := s.now.UTC().Format(time.RFC3339Nano)
	shows("/v1/apps/shop", `"value":0.75,"at":"`+at+`","holds":false,"off_since":"`+at+`"}`, `"fault":"the answer is empty","fault_since":"`)
}
