package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func window(t testing.TB, from, zone string, length time.Duration) policy.Window {
	t.Helper()
	w, err := policy.ParseWindow(from, zone, length)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func in(t testing.TB, zone, wall string) time.Time {
	t.Helper()
	where, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05 MST", wall, where)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

const (
	berlin  = "Europe/Berlin"
	newYork = "America/New_York"
)

// What a window does, and until when, when the clocks are put forward and back.
// In 2026 that is on 29 March at 2:00 and 25 October at 3:00 in Berlin, and on 8
// March and 1 November at 2:00 in New York.
func TestWindows(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name       string
		from, zone string
		length     time.Duration
		deny       bool
		at         string
		outcome    policy.Outcome
		says       string
		changes    string // in the zone
	}{
		{name: "in the window", from: "0 9 * * MON-THU", zone: berlin, length: 8 * hour, at: "2026-03-02 12:00:00 CET", outcome: policy.Met, says: "a window of the policy is open until 2026-03-02 16:00:00 UTC", changes: "2026-03-02 17:00:00 CET"},
		{name: "it opens to the instant", from: "0 9 * * MON-THU", zone: berlin, length: 8 * hour, at: "2026-03-02 09:00:00 CET", outcome: policy.Met, says: "open until", changes: "2026-03-02 17:00:00 CET"},
		{name: "a second before it opens", from: "0 9 * * MON-THU", zone: berlin, length: 8 * hour, at: "2026-03-02 08:59:59 CET", outcome: policy.Waiting, says: "the next one opens 2026-03-02 08:00:00 UTC", changes: "2026-03-02 09:00:00 CET"},
		{name: "it closes to the instant", from: "0 9 * * MON-THU", zone: berlin, length: 8 * hour, at: "2026-03-02 17:00:00 CET", outcome: policy.Waiting, says: "opens 2026-03-03 08:00:00 UTC", changes: "2026-03-03 09:00:00 CET"},
		{name: "over the weekend", from: "0 9 * * MON-THU", zone: berlin, length: 8 * hour, at: "2026-03-06 12:00:00 CET", outcome: policy.Waiting, says: "opens 2026-03-09 08:00:00 UTC", changes: "2026-03-09 09:00:00 CET"},
		{name: "denied", from: "0 12 * * FRI", zone: berlin, length: 60 * hour, deny: true, at: "2026-03-07 12:00:00 CET", outcome: policy.Waiting, says: "opens 2026-03-08 23:00:00 UTC", changes: "2026-03-09 00:00:00 CET"},
		{name: "not denied", from: "0 12 * * FRI", zone: berlin, length: 60 * hour, deny: true, at: "2026-03-05 12:00:00 CET", outcome: policy.Met, says: "open until 2026-03-06 11:00:00 UTC", changes: "2026-03-06 12:00:00 CET"},
		{name: "windows that follow each other without a gap are one", from: "0 */6 * * *", zone: "UTC", length: 7 * hour, at: "2026-03-02 12:00:00 UTC", outcome: policy.Met, says: "at least until"},

		{name: "Berlin, spring: the window after the change is at the new time", from: "0 9 * * *", zone: berlin, length: 8 * hour, at: "2026-03-28 20:00:00 CET", outcome: policy.Waiting, says: "opens 2026-03-29 07:00:00 UTC", changes: "2026-03-29 09:00:00 CEST"},
		{name: "Berlin, spring: one that spans the change has its length", from: "0 22 * * *", zone: berlin, length: 8 * hour, at: "2026-03-28 23:00:00 CET", outcome: policy.Met, says: "until 2026-03-29 05:00:00 UTC", changes: "2026-03-29 07:00:00 CEST"},
		{name: "Berlin, spring: one that begins in the hour that is skipped begins when the clocks are put forward", from: "30 2 * * *", zone: berlin, length: 2 * hour, at: "2026-03-29 01:59:59 CET", outcome: policy.Waiting, says: "opens 2026-03-29 01:00:00 UTC", changes: "2026-03-29 03:00:00 CEST"},
		{name: "Berlin, spring: and denies for its length", from: "30 2 * * *", zone: berlin, length: 2 * hour, deny: true, at: "2026-03-29 03:00:00 CEST", outcome: policy.Waiting, says: "opens 2026-03-29 03:00:00 UTC", changes: "2026-03-29 05:00:00 CEST"},
		{name: "Berlin, autumn: one that spans the change has its length", from: "0 22 * * *", zone: berlin, length: 8 * hour, at: "2026-10-24 23:00:00 CEST", outcome: policy.Met, says: "until 2026-10-25 04:00:00 UTC", changes: "2026-10-25 05:00:00 CET"},
		{name: "Berlin, autumn: the hour that comes twice begins it the first time", from: "30 2 * * *", zone: berlin, length: hour, at: "2026-10-25 02:30:00 CEST", outcome: policy.Met, says: "until 2026-10-25 01:30:00 UTC", changes: "2026-10-25 02:30:00 CET"},
		{name: "Berlin, autumn: and not the second time", from: "30 2 * * *", zone: berlin, length: hour, at: "2026-10-25 02:30:00 CET", outcome: policy.Waiting, says: "opens 2026-10-26 01:30:00 UTC", changes: "2026-10-26 02:30:00 CET"},
		{name: "Berlin, autumn: every hour is every hour that passes", from: "0 * * * *", zone: berlin, length: time.Hour / 6, at: "2026-10-25 02:30:00 CEST", outcome: policy.Waiting, says: "opens 2026-10-25 01:00:00 UTC", changes: "2026-10-25 02:00:00 CET"},

		{name: "New York, spring: the window after the change is at the new time", from: "0 9 * * *", zone: newYork, length: 8 * hour, at: "2026-03-07 20:00:00 EST", outcome: policy.Waiting, says: "opens 2026-03-08 13:00:00 UTC", changes: "2026-03-08 09:00:00 EDT"},
		{name: "New York, spring: one that spans the change has its length", from: "0 22 * * *", zone: newYork, length: 8 * hour, at: "2026-03-07 23:00:00 EST", outcome: policy.Met, says: "until 2026-03-08 11:00:00 UTC", changes: "2026-03-08 07:00:00 EDT"},
		{name: "New York, spring: the hour that is skipped", from: "15 2 * * *", zone: newYork, length: hour, at: "2026-03-08 01:59:59 EST", outcome: policy.Waiting, says: "opens 2026-03-08 07:00:00 UTC", changes: "2026-03-08 03:00:00 EDT"},
		{name: "New York, autumn: one that spans the change has its length", from: "0 22 * * *", zone: newYork, length: 8 * hour, at: "2026-10-31 23:00:00 EDT", outcome: policy.Met, says: "until 2026-11-01 10:00:00 UTC", changes: "2026-11-01 05:00:00 EST"},
		{name: "New York, autumn: the hour that comes twice, the first time", from: "15 1 * * *", zone: newYork, length: hour / 2, at: "2026-11-01 01:15:00 EDT", outcome: policy.Met, says: "until 2026-11-01 05:45:00 UTC", changes: "2026-11-01 01:45:00 EDT"},
		{name: "New York, autumn: and the second", from: "15 1 * * *", zone: newYork, length: hour / 2, at: "2026-11-01 01:15:00 EST", outcome: policy.Waiting, says: "opens 2026-11-02 06:15:00 UTC", changes: "2026-11-02 01:15:00 EST"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			d, f := ready()
			if d.Windows.Allow = []policy.Window{window(t, c.from, c.zone, c.length)}; c.deny {
				d.Windows.Allow, d.Windows.Deny = nil, d.Windows.Allow
			}
			at := in(t, c.zone, c.at)
			found, _ := policy.Evaluate(d, f, at).Finding(policy.RuleWindow)
			if found.Outcome != c.outcome || !strings.Contains(found.Reason, c.says) {
				t.Errorf("%s: %q, want %s: %q", found.Outcome, found.Reason, c.outcome, c.says)
			}
			if c.changes != "" && (found.ChangesAt == nil || !found.ChangesAt.Equal(in(t, c.zone, c.changes))) {
				t.Errorf("it changes at %v, want %s", found.ChangesAt, c.changes)
			}
		})
	}
}

func TestADenyWindowWinsOverAnAllowWindow(t *testing.T) {
	w := policy.Windows{Allow: []policy.Window{window(t, "0 9 * * *", "UTC", 8*time.Hour)}, Deny: []policy.Window{window(t, "0 11 * * *", "UTC", 2*time.Hour)}}
	for at, want := range map[int]string{8: "opens 2026-03-02 09:00:00", 10: "open until 2026-03-02 11:00:00", 12: "opens 2026-03-02 13:00:00", 14: "open until 2026-03-02 17:00:00"} {
		d, f := ready()
		d.Windows = w
		found, _ := policy.Evaluate(d, f, time.Date(2026, 3, 2, at, 0, 0, 0, time.UTC)).Finding(policy.RuleWindow)
		if !strings.Contains(found.Reason, want) {
			t.Errorf("at %d: %s, want %s", at, found.Reason, want)
		}
	}
}

func TestWindowsThatNeverOpen(t *testing.T) {
	day := window(t, "0 9 * * *", "UTC", 8*time.Hour)
	for _, c := range []struct {
		name  string
		w     policy.Windows
		opens bool
	}{
		{"none", policy.Windows{}, true},
		{"one", policy.Windows{Allow: []policy.Window{day}}, true},
		{"wholly denied", policy.Windows{Allow: []policy.Window{day}, Deny: []policy.Window{window(t, "0 8 * * *", "UTC", 10*time.Hour)}}, false},
		{"denied but for a minute", policy.Windows{Allow: []policy.Window{day}, Deny: []policy.Window{window(t, "1 9 * * *", "UTC", 10*time.Hour)}}, true},
		{"always denied", policy.Windows{Deny: []policy.Window{window(t, "0 0 * * *", "UTC", 24*time.Hour)}}, false},
		{"denied in this zone and not in that", policy.Windows{Allow: []policy.Window{day}, Deny: []policy.Window{window(t, "0 9 * * *", berlin, 8*time.Hour)}}, true},
		{"on a day that is once in four years", policy.Windows{Allow: []policy.Window{window(t, "0 9 29 2 *", "UTC", 8*time.Hour)}}, true},
	} {
		if opens := c.w.Opens(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)); opens != c.opens {
			t.Errorf("%s: opens is %v", c.name, opens)
		}
	}
	if window(t, "0 0 30 2 *", "UTC", time.Hour).Comes(noon) {
		t.Error("the thirtieth of February comes")
	}
	for _, from := range []string{"@every 1h", "TZ=UTC 0 9 * * *", "9 o'clock", "CRON_TZ=UTC 0 9 * * *"} {
		if _, err := policy.ParseWindow(from, "UTC", time.Hour); err == nil {
			t.Errorf("%q was taken", from)
		}
	}
}

// A window is where a clock on the wall says: found by stepping through the
// minutes of it, one by one.
func TestWindowsAgreeWithLookingAtTheClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]string{berlin, newYork, "UTC", "Australia/Lord_Howe", "Asia/Kathmandu"}).Draw(t, "zone")
		where, _ := time.LoadLocation(zone)
		hour, minute := rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute")
		length := time.Duration(rapid.IntRange(1, 30*60).Draw(t, "length")) * time.Minute
		w, err := policy.ParseWindow(fmt.Sprintf("%d %d * * *", minute, hour), zone, length)
		if err != nil {
			t.Fatal(err)
		}
		change := rapid.SampledFrom([]time.Time{
			time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC), time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC),
			time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC), time.Date(2026, 4, 4, 15, 0, 0, 0, time.UTC), time.Date(2026, 10, 3, 15, 30, 0, 0, time.UTC),
		}).Draw(t, "change")
		at := change.Add(time.Duration(rapid.IntRange(-30*60, 30*60).Draw(t, "minutes")) * time.Minute)
		// It begins at the first minute of its day that shows the time or a later one.
		want := false
		for begins := at.Add(-length + time.Minute); !begins.After(at); begins = begins.Add(time.Minute) {
			shown, before := begins.In(where), begins.Add(-time.Minute).In(where)
			reached := func(x time.Time) bool { return x.Hour()*60+x.Minute() >= hour*60+minute }
			newDay := before.Day() != shown.Day()
			if !reached(shown) || reached(before) && !newDay {
				continue
			}
			again := false // the clock had shown it already when it was put back
			for earlier := begins.Add(-2 * time.Hour); earlier.Before(begins); earlier = earlier.Add(time.Minute) {
				again = again || earlier.In(where).Day() == shown.Day() && reached(earlier.In(where))
			}
			want = want || !again
		}
		d, f := ready()
		d.Windows.Allow = []policy.Window{w}
		found, _ := policy.Evaluate(d, f, at).Finding(policy.RuleWindow)
		if got := found.Outcome == policy.Met; got != want {
			t.Fatalf("%02d:%02d for %s in %s: at %s it is open: %v, want %v", hour, minute, length, zone, at.In(where), got, want)
		}
	})
}

// Time that moves forward while nothing happens changes the verdict only at the
// instants that it announced.
func TestTheVerdictChangesOnlyWhenItSaidItWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, f := ready()
		f.Votes = nil // what is met is decided at once, and then no time passes
		d.Soak = time.Duration(rapid.IntRange(0, 72).Draw(t, "soak")) * time.Hour
		d.Incidents = policy.Interruptions{Pause: []promotion.Severity{"warning"}, Reset: []promotion.Severity{"critical"}}
		d.FreezeOn = []promotion.Severity{"critical"}
		past := func(name string) *time.Time {
			return ago(time.Duration(rapid.IntRange(0, 72*60).Draw(t, name)) * time.Minute)
		}
		stretch := func(name string) promotion.Interval {
			a, b := past(name), past(name)
			if b.Before(*a) {
				a, b = b, a
			}
			i := promotion.Interval{From: *a, Until: b}
			if rapid.IntRange(0, 4).Draw(t, name+" lasts") == 0 {
				i.Until = nil
			}
			return i
		}
		for n := range rapid.IntRange(0, 3).Draw(t, "incidents") {
			s := stretch("incident")
			f.Incidents = append(f.Incidents, promotion.Incident{
				ID: promotion.IncidentID(n + 1), Severity: rapid.SampledFrom([]promotion.Severity{"info", "warning", "critical"}).Draw(t, "severity"), From: s.From, ReportedAt: s.From, ResolvedAt: s.Until,
			})
		}
		if rapid.Bool().Draw(t, "ill") {
			s := stretch("ill")
			f.Unhealthy = append(f.Unhealthy, promotion.Unhealth{Environment: "staging", From: s.From, Until: s.Until})
		}
		for range rapid.IntRange(0, 2).Draw(t, "freezes") {
			from := noon.Add(time.Duration(rapid.IntRange(-48*60, 48*60).Draw(t, "from")) * time.Minute)
			until := from.Add(time.Duration(rapid.IntRange(1, 48*60).Draw(t, "for")) * time.Minute)
			f.Freezes = append(f.Freezes, promotion.Freeze{From: from, Until: &until, Reason: "so"})
		}
		if rapid.Bool().Draw(t, "held") {
			f.Holds = []promotion.Hold{{App: "shop", Reason: "so"}}
		}
		for _, list := range []*[]policy.Window{&d.Windows.Allow, &d.Windows.Deny} {
			for range rapid.IntRange(0, 2).Draw(t, "windows") {
				from := rapid.SampledFrom([]string{"0 9 * * *", "30 2 * * *", "0 22 * * FRI", "*/7 * * * *", "0 */5 * * *"}).Draw(t, "begins")
				w, err := policy.ParseWindow(from, rapid.SampledFrom([]string{berlin, newYork}).Draw(t, "zone"), time.Duration(rapid.IntRange(1, 40*60).Draw(t, "length"))*time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				*list = append(*list, w)
			}
		}
		if rapid.Bool().Draw(t, "broken") {
			d.BreakGlass = &policy.BreakGlass{Role: "commanders"}
			f.Rosters["commanders"] = promotion.Roster{Members: []promotion.PersonID{"eve"}}
			f.Promotion.Broken, f.Executing = &promotion.Broken{By: "eve", At: noon, Terms: f.Promotion.TermsNow()}, 6
		}
		now := noon
		for range 6 {
			v := policy.Evaluate(d, f, now)
			was, next := fmt.Sprintf("%+v", v.Missing()), now.AddDate(0, 1, 0)
			if v.NextChange != nil {
				if next = *v.NextChange; !next.After(now) {
					t.Fatalf("at %s a change is announced for %s", now, next)
				}
			}
			for _, at := range []time.Time{
				now.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(now))-1).Draw(t, "later"))), next.Add(-time.Nanosecond),
			} {
				if is := policy.Evaluate(d, f, at); is.Outcome != v.Outcome || fmt.Sprintf("%+v", is.Missing()) != was {
					t.Fatalf("announced for %v, changed at %s:\n%s\n%+v", v.NextChange, at, was, is.Missing())
				}
			}
			now = next
		}
	})
}

func BenchmarkWindows(b *testing.B) {
	d, f := ready()
	d.Windows = policy.Windows{Allow: []policy.Window{window(b, "0 9 * * MON-THU", berlin, 8*time.Hour)}, Deny: []policy.Window{window(b, "0 0 24 12 *", berlin, 240*time.Hour)}}
	b.ReportAllocs()
	for b.Loop() {
		policy.Evaluate(d, f, noon)
	}
}
