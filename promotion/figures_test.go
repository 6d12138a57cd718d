package promotion_test

import (
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

func TestTheFiguresOfAWeek(t *testing.T) {
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	at := func(h float64) *time.Time { x := monday.Add(time.Duration(h * float64(time.Hour))); return &x }
	is := func(purpose promotion.Purpose, noticed, opened, started, finished float64) promotion.Promotion {
		return promotion.Promotion{Purpose: purpose, To: "production", State: promotion.Promoted, ObservedAt: *at(noticed), OpenedAt: *at(opened), StartedAt: at(started), FinishedAt: at(finished)}
	}
	built := is(promotion.Forward, 10, 10, 50, 51)
	built.Image, built.SoakedAt = &promotion.Image{Created: at(1)}, at(34)
	reproducible := is(promotion.Forward, 20, 21, 24, 25)
	reproducible.Image, reproducible.UndoneBy = &promotion.Image{Created: &time.Time{}}, 9
	later := is(promotion.Forward, 20, 21, 22, 23)
	later.Image = &promotion.Image{Created: at(21)} // by a clock that goes wrong
	ride := is(promotion.Ride, 0, 0, 99, 100)
	back := is(promotion.Rollback, 0, 26, 26, 27)
	back.Back = &promotion.Back{Since: *at(25)}
	failed, elsewhere := is(promotion.Forward, 0, 0, 1, 2), is(promotion.Forward, 0, 0, 1, 2)
	failed.State, elsewhere.To = promotion.Failed, "canary"
	all := []promotion.Promotion{
		built, reproducible, later, ride, back, failed, elsewhere, is(promotion.Restore, 0, 1, 1, 2), is(promotion.Adopt, 0, 1, 1, 2), is(promotion.Train, 0, 0, 99, 100),
		is(promotion.Forward, -30, -20, -10, -0.001), is(promotion.Forward, 0, 0, 160, 168),
	}
	got := promotion.Measure(all, "production", monday, monday.Add(168*time.Hour))
	want := promotion.Figures{
		Environment: "production", From: monday, Until: monday.Add(168 * time.Hour), Promoted: 4, TakenBack: 1, Rollbacks: 1,
		Lead:    promotion.Spread{Count: 4, Median: 50 * time.Hour, Worst: 100 * time.Hour}, // 3, 5, 50, 100
		Wait:    promotion.Spread{Count: 3, Median: 3 * time.Hour, Worst: 16 * time.Hour},   // 1, 3, 16
		Restore: promotion.Spread{Count: 1, Median: 2 * time.Hour, Worst: 2 * time.Hour},
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got.Failed() != 0.25 || (promotion.Figures{}).Failed() != 0 {
		t.Errorf("failed: %v", got.Failed())
	}
}
