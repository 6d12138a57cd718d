package promotion_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/promotion"
)

func TestUntil(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 25, 12, 0, 0, 0, zone) // a Wednesday
	for _, c := range []struct{ words, end, want string }{
		{"2h the rest", "2h", "2026-03-25 14:00 CET"},
		{"90m", "90m", "2026-03-25 13:30 CET"},
		{"5d", "5d", "2026-03-30 13:00 CEST"}, // days are of 24 hours
		{"18:00 deploys break", "18:00", "2026-03-25 18:00 CET"},
		{"9:00", "9:00", "2026-03-26 09:00 CET"},
		{"12:00", "12:00", "2026-03-26 12:00 CET"},
		{"tomorrow 9:00 x", "tomorrow 9:00", "2026-03-26 09:00 CET"},
		{"monday 9:00", "monday 9:00", "2026-03-30 09:00 CEST"},
		{"wed 13:00", "wed 13:00", "2026-03-25 13:00 CET"},
		{"wed 11:00", "wed 11:00", "2026-04-01 11:00 CEST"},
		{"sun 2:30", "sun 2:30", "2026-03-29 03:00 CEST"}, // there is no 2:30
		{"2026-12-24", "2026-12-24", "2026-12-24 00:00 CET"},
		{"2026-12-24 18:00", "2026-12-24 18:00", "2026-12-24 18:00 CET"},
		{"2026-12-24 party", "2026-12-24", "2026-12-24 00:00 CET"},
		{"monday is no day for it", "", ""},
		{"tomorrow", "", ""},
		{"2hours", "", ""},
		{"release", "", ""},
		{"", "", ""},
		{"0h", "0h", "has been already"},
		{"2026-03-25", "2026-03-25", "has been already"},
		{"2026-02-30", "2026-02-30", "is not a day"},
		{"25:00", "25:00", "from 0:00 to 23:59"},
		{"9999d", "9999d", "more than a year"},
	} {
		end, n := promotion.ReadUntil(strings.Fields(c.words))
		if end != c.end || n != len(strings.Fields(c.end)) {
			t.Errorf("%q: the end is %q, of %d words", c.words, end, n)
		}
		if end == "" {
			continue
		}
		at, err := promotion.ParseUntil(end, now, zone)
		got := at.In(zone).Format("2006-01-02 15:04 MST")
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%q is %s, want %s", c.words, got, c.want)
		}
	}
}

// What is left is what is in the one and in none of the others: minute by minute.
func TestTakingTimeOut(t *testing.T) {
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (all []promotion.Interval) {
			for range rapid.IntRange(0, 4).Draw(t, name) {
				a, b := rapid.IntRange(0, 60).Draw(t, "from"), rapid.IntRange(0, 60).Draw(t, "until")
				until := start.Add(time.Duration(max(a, b)) * time.Minute)
				i := promotion.Interval{From: start.Add(time.Duration(min(a, b)) * time.Minute), Until: &until}
				if rapid.IntRange(0, 5).Draw(t, "lasts") == 0 {
					i.Until = nil
				}
				all = append(all, i)
			}
			return all
		}
		has := func(all []promotion.Interval, at time.Time) bool {
			return slices.ContainsFunc(all, func(i promotion.Interval) bool { return !at.Before(i.From) && (i.Until == nil || at.Before(*i.Until)) })
		}
		all, out := draw("all"), draw("out")
		slices.SortFunc(all, func(a, b promotion.Interval) int { return a.From.Compare(b.From) })
		all = promotion.Join(all)
		left := promotion.Without(all, out)
		for m := range 70 {
			at := start.Add(time.Duration(m)*time.Minute + time.Second)
			if got, want := has(left, at), has(all, at) && !has(out, at); got != want {
				t.Fatalf("minute %d: %v, want %v; %v without %v is %v", m, got, want, all, out, left)
			}
		}
		for i := 1; i < len(left); i++ {
			if left[i-1].Until == nil || left[i].From.Before(*left[i-1].Until) {
				t.Fatalf("not sorted and disjoint: %v", left)
			}
		}
	})
}
