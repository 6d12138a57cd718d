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

// perform does what is due as a registry and a target would that take everything.
func (s *station) perform() {
	s.t.Helper()
	kinds := []promotion.EffectKind{promotion.EffectInspect, promotion.EffectReadTags, promotion.EffectMove, promotion.EffectDeploy}
	for {
		due, err := s.store.Claim(s.t.Context(), kinds, "test", s.now, s.now.Add(time.Minute), 10)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(due) == 0 {
			return
		}
		for _, e := range due {
			r := promotion.Result{Image: &promotion.Image{}, Tags: []promotion.TagReading{{Tag: "production", Digest: digest("0")}}}
			switch e.Kind {
			case promotion.EffectMove:
				w, err := promotion.Work[promotion.MoveWork](e)
				if err != nil {
					s.t.Fatal(err)
				}
				r.Moves = []promotion.Move{{Tag: "production", Outcome: promotion.MoveDone, Found: w.Digest}}
			case promotion.EffectDeploy:
				r.Rollout = &promotion.Rollout{Phase: promotion.RolloutAsked, Handle: "job-7"}
			}
			if err := s.gate.Report(s.t.Context(), e, r); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// deploying has shop deployed to eu and then to us, without anybody's approval.
func (s *station) deploying() {
	s.t.Helper()
	watch, err := promotion.ParseTagPattern("staging-passed")
	if err != nil {
		s.t.Fatal(err)
	}
	d := policy.Document{Automatic: true, NoWayBack: true, Deploys: []string{"eu", "us"}}
	err = s.gate.Adopt(s.t.Context(), &gate.Catalog{
		Apps: []gate.App{{Name: "shop", Repository: "registry.example.com/shop/api", Channel: "C0SHOP", Policies: map[string]policy.Document{"production": d}}},
		Environments: []gate.Environment{{Name: "staging", Watch: watch}, {
			Name: "production", Tags: []promotion.TagTemplate{"production"}, Deploy: gate.Deploy{Deadline: time.Hour, Targets: []gate.Target{{Name: "eu", Tells: true}, {Name: "us", Tells: true}}},
		}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.stage("a")
	s.perform()
}

func TestATargetSaysHowFarItIs(t *testing.T) {
	s := newStation(t)
	cd, other, ci := s.token("cd", nil, promotion.ScopeDeploy, promotion.ScopeRead), s.token("other", []string{"wiki"}, promotion.ScopeDeploy), s.token("ci", nil, promotion.ScopeChecks)
	s.deploying()
	say := func(path, token string, body any) (int, string) { return s.ask(http.MethodPost, path, token, body) }
	running := map[string]any{"state": "running", "ready": 1, "total": 3, "detail": "waiting\nfor pods"}
	for _, c := range []struct {
		name, path, token string
		body              any
		status            int
		says              string
	}{
		{"without a token", "/v1/deployments/1/eu", "", running, http.StatusUnauthorized, "token"},
		{"a token for something else", "/v1/deployments/1/eu", ci, running, http.StatusForbidden, "deploy"},
		{"a token for another app", "/v1/deployments/1/eu", other, running, http.StatusNotFound, ""},
		{"a target that is not there", "/v1/deployments/1/moon", cd, running, http.StatusNotFound, ""},
		{"a promotion that is not there", "/v1/deployments/9/eu", cd, running, http.StatusNotFound, ""},
		{"a promotion that is no number", "/v1/deployments/x/eu", cd, running, http.StatusNotFound, ""},
		{"a state that is none", "/v1/deployments/1/eu", cd, map[string]any{"state": "done"}, http.StatusUnprocessableEntity, "running, succeeded or failed"},
		{"less than nothing", "/v1/deployments/1/eu", cd, map[string]any{"state": "running", "ready": -1}, http.StatusUnprocessableEntity, "from 0"},
		{"a field that is none", "/v1/deployments/1/eu", cd, map[string]any{"state": "running", "digest": "x"}, http.StatusUnprocessableEntity, "digest"},
		{"before its turn", "/v1/deployments/1/us", cd, running, http.StatusConflict, "has not been given that order yet"},
		{"how far it is", "/v1/deployments/1/eu", cd, running, http.StatusOK, "recorded"},
		{"that it is done", "/v1/deployments/1/eu", cd, map[string]any{"state": "succeeded"}, http.StatusOK, "recorded"},
		{"the same again", "/v1/deployments/1/eu", cd, map[string]any{"state": "succeeded"}, http.StatusOK, "recorded"},
		{"the contrary", "/v1/deployments/1/eu", cd, map[string]any{"state": "failed"}, http.StatusConflict, "ended already"},
	} {
		status, body := say(c.path, c.token, c.body)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
	}
	s.perform()
	_, body := s.ask(http.MethodGet, "/v1/apps/shop/promotions/1", cd, nil)
	for _, want := range []string{`"state":"deploying"`, `"target":"eu","state":"done"`, `"target":"us","state":"asked"`, `"handle":"job-7"`, `"moved_at"`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not in %s", want, body)
		}
	}
	if status, body := say("/v1/deployments/1/us", cd, map[string]any{"state": "failed", "detail": "no room", "lines": []string{"panic"}}); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if _, body = s.ask(http.MethodGet, "/v1/apps/shop", cd, nil); !strings.Contains(body, `"state":"failing"`) || !strings.Contains(body, "us: no room") {
		t.Errorf("what is failing is not shown: %s", body)
	}
}
