package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/web/api"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

func TestFiguresAreThoseOfTheRecord(t *testing.T) {
	s := newStation(t)
	at := func(h time.Duration) *time.Time { x := noon.Add(-h); return &x }
	is := func(app, c string, finished time.Duration) promotion.Promotion {
		return promotion.Promotion{Purpose: promotion.Forward, App: app, From: "staging", To: "production", Digest: digest(c), State: promotion.Promoted, Revision: 1,
			ObservedAt: *at(finished + 3*time.Hour), OpenedAt: *at(finished + 2*time.Hour), StartedAt: at(finished), FinishedAt: at(finished)}
	}
	a, b, old, wiki := is("shop", "a", 48*time.Hour), is("shop", "b", 24*time.Hour), is("shop", "c", 40*24*time.Hour), is("wiki", "a", time.Hour)
	back := is("shop", "a", 12*time.Hour)
	back.Purpose, back.Back = promotion.Rollback, &promotion.Back{Bad: digest("b"), Since: *b.FinishedAt}
	if err := s.store.Update(t.Context(), func(tx gate.Tx) error {
		err := errors.Join(tx.AddPromotion(&old), tx.AddPromotion(&a), tx.AddPromotion(&back), tx.AddPromotion(&wiki))
		b.UndoneBy = back.ID
		return errors.Join(err, tx.AddPromotion(&b))
	}); err != nil {
		t.Fatal(err)
	}
	reads, shop := s.token("reads", nil, promotion.ScopeRead), s.token("shop", []string{"shop"}, promotion.ScopeRead)
	for path, want := range map[string]api.Figures{
		"/v1/figures?app=shop": {App: "shop", Environment: "production", From: noon.Add(-30 * 24 * time.Hour), Until: noon, Promoted: 2, TakenBack: 1, Rollbacks: 1, FailureRate: 0.5,
			Lead: api.Spread{Count: 2, Median: 10800, Worst: 10800}, Wait: api.Spread{Count: 2, Median: 7200, Worst: 7200}, Restore: api.Spread{Count: 1, Median: 43200, Worst: 43200}},
		"/v1/figures?days=1": {Environment: "production", From: noon.Add(-24 * time.Hour), Until: noon, Promoted: 2, TakenBack: 1, Rollbacks: 1, FailureRate: 0.5,
			Lead: api.Spread{Count: 2, Median: 10800, Worst: 10800}, Wait: api.Spread{Count: 2, Median: 7200, Worst: 7200}, Restore: api.Spread{Count: 1, Median: 43200, Worst: 43200}},
		"/v1/figures?app=wiki&days=1": {App: "wiki", Environment: "production", From: noon.Add(-24 * time.Hour), Until: noon, Promoted: 1,
			Lead: api.Spread{Count: 1, Median: 10800, Worst: 10800}, Wait: api.Spread{Count: 1, Median: 7200, Worst: 7200}},
	} {
		status, body := s.ask(http.MethodGet, path, reads, nil)
		var got api.Figures
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK || got != want {
			t.Errorf("%s: %d %s, %v\nwant %+v", path, status, body, err, want)
		}
	}
	for path, want := range map[string]int{"/v1/figures": 404, "/v1/figures?app=wiki": 404, "/v1/figures?app=nothing": 404, "/v1/figures?app=shop&days=0": 400, "/v1/figures?app=shop&days=x": 400, "/v1/figures?app=shop&days=366": 200} {
		if status, body := s.ask(http.MethodGet, path, shop, nil); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}
