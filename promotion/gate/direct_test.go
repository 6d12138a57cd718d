package gate_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// directly has everybody reminded by direct message, every day at nine.
func directly(t *testing.T, change func(*gate.Catalog)) *gate.Catalog {
	t.Helper()
	c := catalog(t, policy.Document{Name: "light", Approvals: []policy.Requirement{{Role: "leads", Count: 1}}})
	c.Reminders, c.Direct = nil, &gate.Direct{Schedule: "0 9 * * *", TimeZone: "Europe/Berlin"}
	if change != nil {
		change(c)
	}
	return c
}

// written are the direct messages since the last call.
func (w *world) written() []string {
	said := w.wrote
	w.wrote = nil
	return said
}

func (w *world) wants(what string, want ...string) {
	w.t.Helper()
	if got := w.written(); !slices.Equal(got, want) {
		w.t.Errorf("%s:\nis  %s\nnot %s", what, strings.Join(got, "\n    "), strings.Join(want, "\n    "))
	}
}

// moveTo has Slack say where somebody lives, and promotebot read it.
func (w *world) moveTo(zone string, people ...promotion.PersonID) {
	w.t.Helper()
	if w.zones == nil {
		w.zones = map[promotion.PersonID]string{}
	}
	for _, id := range people {
		w.zones[id] = zone
	}
	w.wait(11 * time.Minute)
}

func (w *world) snooze(who promotion.PersonID, until string) promotion.Answer {
	w.t.Helper()
	w.clicks++
	a, err := w.gate.Take(w.t.Context(), promotion.Gesture{Key: fmt.Sprint("snooze", w.clicks), Kind: promotion.GestureSnooze, Person: who, Until: until, Reply: true})
	w.must(err)
	w.run()
	return a
}

// The world begins on a Monday, 2 March 2026, at nine in UTC.
func TestEachPersonIsRemindedByTheClockOnTheirWall(t *testing.T) {
	w := newWorld(t, directly(t, func(c *gate.Catalog) {
		c.Apps[0].Policies["production"] = policy.Document{Approvals: []policy.Requirement{{Role: "leads", Count: 2}}}
	}))
	w.moveTo("America/New_York", bob)
	w.moveTo("Asia/Kolkata", sue)
	w.stage("a")
	w.wait(24 * time.Hour)
	w.wants("a day", "2026-03-02 14:00:00 U0BOB 1", "2026-03-03 03:30:00 U0SUE 1", "2026-03-03 08:00:00 U0ANN 1")
	w.click(ann, promotion.Approve)
	w.wait(24 * time.Hour)
	w.wants("Ann has approved", "2026-03-03 14:00:00 U0BOB 1", "2026-03-04 03:30:00 U0SUE 1")
	w.click(bob, promotion.Approve)
	w.wait(48 * time.Hour)
	w.wants("nothing is missing any more")
}

func TestAReminderStaysAtNineWhenTheClocksArePutForward(t *testing.T) {
	w := newWorld(t, directly(t, nil))
	w.moveTo("America/New_York", bob)
	w.people[ann], w.people[sue] = promotion.Deactivated, promotion.Deactivated
	w.stage("a")
	w.wait(5 * 24 * time.Hour)
	w.written()
	w.wait(3 * 24 * time.Hour) // on Sunday the 8th, New York goes from five hours behind to four
	w.wants("three days", "2026-03-07 14:00:00 U0BOB 1", "2026-03-08 13:00:00 U0BOB 1", "2026-03-09 13:00:00 U0BOB 1")
}

func TestAnHourThatIsSkippedOrComesTwiceRemindsOnce(t *testing.T) {
	for _, change := range []struct {
		schedule string
		night    time.Time // before the clocks of New York are changed
		want     string
	}{
		{"30 2 * * *", time.Date(2026, 3, 7, 20, 0, 0, 0, time.UTC), "2026-03-08 07:00:00 U0BOB 1"},
		{"30 1 * * *", time.Date(2026, 10, 31, 20, 0, 0, 0, time.UTC), "2026-11-01 05:30:00 U0BOB 1"},
	} {
		t.Run(change.schedule, func(t *testing.T) {
			w := newWorld(t, directly(t, func(c *gate.Catalog) { c.Direct.Schedule = change.schedule }))
			w.people[ann], w.people[sue] = promotion.Deactivated, promotion.Deactivated
			w.moveTo("America/New_York", bob)
			w.stage("a")
			w.now = change.night
			w.run()
			w.written()
			w.wait(20 * time.Hour)
			w.wants("the night, and the morning", change.want)
		})
	}
}

func TestWhoeverFliesWestIsRemindedOnceADay(t *testing.T) {
	w := newWorld(t, directly(t, nil))
	w.people[ann], w.people[sue] = promotion.Deactivated, promotion.Deactivated
	w.moveTo("Europe/Berlin", bob)
	w.stage("a")
	w.wait(24 * time.Hour)
	w.wants("at home", "2026-03-03 08:00:00 U0BOB 1")
	w.moveTo("America/New_York", bob)
	w.wait(24 * time.Hour)
	w.wants("the day of the flight, and the next") // nine o'clock of the 3rd came twice
	w.wait(6 * time.Hour)
	w.wants("the day after", "2026-03-04 14:00:00 U0BOB 1")
	w.moveTo("America/Los_Angeles", bob)
	w.now = w.now.Add(3 * time.Hour) // and it is down when it is nine o'clock there
	w.restart()
	w.look()
	w.wait(time.Hour)
	w.wants("the day of the second flight")
}

func TestARestartRemindsNobodyTwiceAndForgetsNobody(t *testing.T) {
	w := newWorld(t, directly(t, nil))
	w.people[bob], w.people[sue] = promotion.Deactivated, promotion.Deactivated
	w.wait(11 * time.Minute)
	w.stage("a")
	w.wait(22 * time.Hour)
	w.restart()
	w.now = w.now.Add(3 * time.Hour) // it was down at nine
	w.run()
	w.wants("before it has looked around")
	w.look()
	w.wait(time.Minute)
	w.wants("late", w.now.Format("2006-01-02 15:04:05")+" U0ANN 1")
	w.restart()
	w.look()
	w.run()
	w.wait(18 * time.Hour)
	w.wants("the same day")
	w.wait(6 * time.Hour)
	w.wants("the next", "2026-03-04 08:00:00 U0ANN 1")
}

func TestNobodyIsWrittenToInQuietHours(t *testing.T) {
	w := newWorld(t, directly(t, func(c *gate.Catalog) {
		c.Direct.Schedule, c.Direct.Quiet = "0 */4 * * *", &gate.Quiet{From: 20 * time.Hour, Until: 7*time.Hour + 30*time.Minute}
	}))
	w.people[bob], w.people[sue] = promotion.Deactivated, promotion.Deactivated
	w.wait(11 * time.Minute)
	w.stage("a")
	w.wait(24 * time.Hour) // in Berlin it is 10:11; what falls to 4:00 comes at 7:30
	w.wants("a day", "2026-03-02 11:00:00 U0ANN 1", "2026-03-02 15:00:00 U0ANN 1", "2026-03-03 06:30:00 U0ANN 1", "2026-03-03 07:00:00 U0ANN 1")
	w.snooze(ann, "13h") // until after eleven in the evening
	w.wait(21*time.Hour + 30*time.Minute)
	w.wants("a snooze that ends by night", "2026-03-04 06:30:00 U0ANN 1")
}

func TestASnoozeEndsAtItsInstant(t *testing.T) {
	w := newWorld(t, directly(t, func(c *gate.Catalog) { c.Direct.Schedule = "0 * * * *" }))
	w.people[bob], w.people[sue] = promotion.Deactivated, promotion.Deactivated
	w.wait(11 * time.Minute)
	w.stage("a")
	w.wait(time.Hour)
	w.wants("each hour", "2026-03-02 10:00:00 U0ANN 1")
	if a := w.snooze(ann, "4h"); a.Verb != promotion.Noted || !a.Until.Equal(w.now.Add(4*time.Hour)) {
		t.Fatalf("%+v", a)
	}
	w.restart()
	w.look()
	w.wait(4 * time.Hour)
	w.wants("when it ends, and not before", "2026-03-02 14:11:00 U0ANN 1")
	w.wait(time.Hour)
	w.wants("and as usual after that", "2026-03-02 15:00:00 U0ANN 1")
	w.snooze(ann, "4h")
	w.snooze(ann, "1h") // the last word counts
	w.wait(time.Hour)
	w.wants("the last word", "2026-03-02 16:11:00 U0ANN 1")
	w.snooze(ann, "tomorrow 9:00")
	w.wait(24 * time.Hour)
	if said := w.written(); said[0] != "2026-03-03 08:00:00 U0ANN 1" || said[1] != "2026-03-03 09:00:00 U0ANN 1" {
		t.Errorf("until nine in Berlin, where it is time for a reminder as well: %q", said)
	}
	if a := w.snooze(ann, "yesterday"); a.Verb != promotion.Refused {
		t.Errorf("%+v", a)
	}
}

func TestOthersAreToldAtTheInstantFromWhichItConcernsThem(t *testing.T) {
	w := newWorld(t, directly(t, func(c *gate.Catalog) {
		d := c.Apps[0].Policies["production"]
		d.Soak = 2 * time.Hour
		c.Apps[0].Policies["production"] = d
		c.Roles["managers"] = gate.Role{People: []promotion.PersonID{eve, ann}}
		c.Direct.Escalate = &gate.Escalation{After: 30 * time.Hour, To: "managers"}
	}))
	w.people[bob], w.people[sue] = promotion.Deactivated, promotion.Deactivated
	w.wait(11 * time.Minute)
	w.stage("a")
	w.wait(2 * time.Hour)
	w.blind("the registry is down") // for a moment, which is no reason to wait longer
	w.look()
	w.wait(30*time.Hour - time.Second)
	w.wants("before", "2026-03-03 08:00:00 U0ANN 1")
	w.restart()
	w.look()
	w.run()
	w.wait(time.Second)
	w.wants("at the instant", "2026-03-03 17:11:00 U0EVE 1")
	r, err := w.gate.Reminder(t.Context(), eve)
	if err != nil || r.Items[0].Wants[0].Kind != policy.WantAnybody || r.Items[0].Wants[0].Role != "managers" || r.Items[0].Wants[0].Since.Format(time.Kitchen) != "11:11AM" {
		t.Errorf("%+v %v", r.Items[0].Wants, err)
	}
	w.wait(24 * time.Hour)
	w.wants("from then on with the others", "2026-03-04 08:00:00 U0ANN 1", "2026-03-04 08:00:00 U0EVE 1")
	w.blind("the registry is down")
	w.wait(24 * time.Hour)
	w.wants("what lacks more than approvals is nobody's fault")
}

func TestSignOffsAndReviewsAreRemindedOfWithTheRest(t *testing.T) {
	w := newWorld(t, directly(t, func(c *gate.Catalog) {
		d := c.Apps[0].Policies["production"]
		d.Soak, d.Checks = 100*time.Hour, []policy.Check{{Name: "security-review", ReviewedBy: "security"}}
		d.BreakGlass = &policy.BreakGlass{Role: "leads", By: []string{"security"}, Within: 10 * time.Hour}
		c.Apps[0].Policies["production"] = d
		c.Roles["security"] = gate.Role{People: []promotion.PersonID{eve, ann}}
	}))
	w.wait(11 * time.Minute)
	w.stage("a")
	w.wait(24 * time.Hour)
	w.wants("while it soaks, only those who have to look", "2026-03-03 08:00:00 U0ANN 1", "2026-03-03 08:00:00 U0EVE 1")
	w.breaks(ann, w.newest())
	w.wait(24 * time.Hour)
	w.wants("whoever broke it can't review that", "2026-03-04 08:00:00 U0EVE 1")
	if r, err := w.gate.Reminder(context.Background(), eve); err != nil || len(r.Items) != 1 || r.Items[0].Wants[0].Kind != policy.WantReview {
		t.Errorf("%+v %v", r, err)
	}
}

func TestOnePersonWithTwoAccountsIsRemindedOnce(t *testing.T) {
	w := newWorld(t, directly(t, func(c *gate.Catalog) {
		c.Identities.Accounts = map[promotion.PersonID]promotion.PersonID{ann: ann, bob: ann}
	}))
	w.wait(11 * time.Minute)
	w.stage("a")
	w.wait(24 * time.Hour)
	w.wants("Ann has two accounts", "2026-03-03 08:00:00 U0ANN 1", "2026-03-03 08:00:00 U0SUE 1")
}

func TestWhoIsRemindedDirectlyIsNotMentionedInTheThread(t *testing.T) {
	w := newWorld(t, directly(t, func(c *gate.Catalog) { c.Reminders = catalog(t, careful()).Reminders }))
	w.stage("a")
	w.wait(24 * time.Hour)
	if n := w.count("reminder, named"); n != 1 {
		t.Errorf("%d of %q", n, w.said)
	}
}

// Lanes perform what is due at one instant in any order.
func TestASnoozeThatEndsWhenItIsTimeAnywayRemindsOnce(t *testing.T) {
	for name, order := range map[string][]promotion.EffectKind{
		"the snooze first": {promotion.EffectAgain, promotion.EffectDirect, promotion.EffectNudge, promotion.EffectDirect},
		"the time first":   {promotion.EffectNudge, promotion.EffectDirect, promotion.EffectAgain, promotion.EffectDirect},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, directly(t, func(c *gate.Catalog) {
				c.Direct.Schedule, c.Direct.Quiet = "0 4 * * *", &gate.Quiet{From: 0, Until: 8 * time.Hour}
			}))
			w.people[bob], w.people[sue] = promotion.Deactivated, promotion.Deactivated
			w.wait(11 * time.Minute)
			w.stage("a")
			w.snooze(ann, "tomorrow 8:00") // when the quiet hours end, to which the reminder was put off
			w.wait(22*time.Hour - 12*time.Minute)
			w.now = time.Date(2026, 3, 3, 7, 0, 0, 0, time.UTC)
			for _, kind := range order {
				claimed, err := w.db.Claim(t.Context(), []promotion.EffectKind{kind}, "test", w.now, w.now.Add(time.Minute), 10)
				w.must(err)
				for _, e := range claimed {
					w.must(w.gate.Report(t.Context(), e, w.perform(e)))
				}
			}
			w.wants("at eight", "2026-03-03 07:00:00 U0ANN 1")
		})
	}
}

// What is failing stays so until somebody chooses. Those who could are reminded of
// it, and have it at home, until somebody has; also where the policy asks nobody.
func TestWhatIsFailingIsRemindedOfUntilSomebodyChooses(t *testing.T) {
	for name, automatic := range map[string]bool{"approved": false, "automatic": true} {
		t.Run(name, func(t *testing.T) {
			c := deploying(t, false, nil, "eu")
			c.Reminders, c.Direct = catalog(t, careful()).Reminders, &gate.Direct{Schedule: "0 9 * * *", TimeZone: "Europe/Berlin"}
			c.Apps[0].Channel = "C0SHOP"
			if automatic {
				d := c.Apps[0].Policies["production"]
				d.Automatic, d.Approvals = true, nil
				c.Apps[0].Policies["production"] = d
				c.Apps = append(c.Apps, gate.App{Name: "cart", Repository: "registry.example.com/shop/cart", Channel: "C0CART", Policies: map[string]policy.Document{"production": one()}})
			}
			w := newWorld(t, c)
			if automatic {
				w.must(w.gate.Sight(t.Context(), []promotion.Sighting{
					{App: "cart", Environment: "staging", Side: promotion.Source, At: w.now}, {App: "cart", Environment: "production", Side: promotion.Held, At: w.now},
				}))
			}
			w.wait(11 * time.Minute)
			w.target["eu"] = func(promotion.Order) promotion.Result {
				return promotion.Result{Rollout: &promotion.Rollout{Phase: promotion.RolloutFailed, Detail: "CrashLoopBackOff"}}
			}
			id := w.promote("a")
			w.wait(24 * time.Hour)
			w.expect(id, promotion.Failing)
			w.wants("those who could choose", "2026-03-03 08:00:00 U0ANN 1", "2026-03-03 08:00:00 U0BOB 1", "2026-03-03 08:00:00 U0SUE 1")
			if n := w.count("reminder, named"); n != 1 {
				t.Errorf("reminded %d times in its thread: %q", n, w.said)
			}
			remind := promotion.Gesture{Kind: promotion.GestureRemind, Person: eve, App: "shop"}
			if a := w.deed(remind); a.Verb != promotion.Counted || a.Promotion != id || a.Decision != promotion.Keep {
				t.Errorf("Eve wants them reminded: %+v", a)
			}
			must := func(h policy.Home, _ promotion.Home, err error) int {
				w.must(err)
				return len(h.Waiting)
			}
			w.must(w.gate.Visit(t.Context(), bob, ""))
			w.must(w.gate.Visit(t.Context(), eve, ""))
			w.run()
			if at, not := must(w.gate.Home(t.Context(), bob)), must(w.gate.Home(t.Context(), eve)); at != 1 || not != 0 {
				t.Errorf("%d wait at Bob's home and %d at Eve's", at, not)
			}
			d, err := w.gate.Digest(t.Context(), promotion.DigestWork{Channel: "C0SHOP", Since: start, Until: w.now})
			if err != nil || len(d.Failing) != 1 || len(d.Open) != 0 || d.Empty() {
				t.Errorf("the digest of the channel: %+v %v", d, err)
			}
			if a := w.clickOn(bob, promotion.Keep, w.get(id)); a.Verb != promotion.Counted {
				t.Fatalf("%+v", a)
			}
			w.wait(24 * time.Hour)
			w.wants("once somebody has chosen")
			if n := w.count("reminder, named"); n != 1 || w.count("reminder") != 1 {
				t.Errorf("in its thread: %q", w.said)
			}
		})
	}
}
