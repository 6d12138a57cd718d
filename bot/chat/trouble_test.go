package chat_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// Slack turns away the connection that is one too many, and slack-go comes back
// at once: ten minutes of that must not be ten minutes of hammering, nor of silence.
func TestTooManyConnectionsRaiseAnAlarmAndAreNotHammered(t *testing.T) {
	inWorkspace(t, fakeslack.Options{MaxSockets: 1}, func(t *testing.T, o *office) {
		before := o.slack.Counts()["apps.connections.open"]
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		opened := o.slack.Counts()["apps.connections.open"] - before
		if opened > 10*20 {
			t.Errorf("%d connections were asked for in ten minutes", opened)
		}
		if n := o.log.count("another process"); n < 3 || n > 20 {
			t.Errorf("the alarm was raised %d times in ten minutes", n)
		}
		o.stage("a")
		if d := o.click(ann, render.ActionApprove); d.Err() != nil {
			t.Errorf("a click on the connection that is left: %v", d.Err())
		}
	})
}

func TestOrdinaryRefreshesRaiseNoAlarm(t *testing.T) {
	inWorkspace(t, fakeslack.Options{Refresh: time.Hour}, func(t *testing.T, o *office) {
		time.Sleep(12 * time.Hour)
		synctest.Wait()
		if n := o.log.count("another process"); n != 0 || o.chat.Health().Connections != 2 || o.chat.Health().Reconnects < 20 {
			t.Errorf("%d alarms, %+v", n, o.chat.Health())
		}
	})
}

func notice(key string, kind promotion.NoticeKind, attempt int) promotion.Effect {
	e := promotion.NewEffect(promotion.EffectNotice, key, 1, promotion.NoticeWork{Kind: kind}, time.Now())
	e.Attempt = attempt
	return e
}

func TestAReplyIsFoundAgainInALongThread(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		post := func(key string, attempt int) {
			if _, err := o.chat.PostNotice(t.Context(), notice(key, promotion.NoticeSoaked, attempt)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 250 {
			post(fmt.Sprintf("notice/1/%d", i), 1)
		}
		post("notice/1/249", 2) // as after a crash
		if n := o.replies("oak complete"); n != 250 {
			t.Errorf("%d replies, want 250", n)
		}
	})
}

func TestAReminderThatComesTooLateIsNotPosted(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		time.Sleep(24*time.Hour - time.Minute)
		o.click(ann, render.ActionApprove)
		o.click(bob, render.ActionApprove)
		time.Sleep(time.Minute)
		if _, err := o.chat.PostNotice(t.Context(), notice("notice/1/remind/then", promotion.NoticeReminder, 1)); err != nil {
			t.Fatal(err)
		}
		if o.tags["production"] != digest("a") || o.replies("Reminder") != 0 {
			t.Errorf("production is %s, %d reminders", o.tags["production"].Short(), o.replies("Reminder"))
		}
	})
}

func TestATypedApprovalIsForWhatThereWasWhenItWasTyped(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.slack.Fail("users.info", 1, fakeslack.Fault{Status: http.StatusBadGateway})
		if _, err := o.slack.Command(eve, channel, "/promote", "approve shop"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		o.tags["production"] = digest("9")
		o.stage("a")
		told := o.slack.Ephemerals(eve)
		if len(told) == 0 || !strings.Contains(told[len(told)-1].Text, "changed since") {
			t.Errorf("Eve was told last: %s", told[len(told)-1].Text)
		}
	})
}

// Where the bot is not in the channel, or may not write there, it can't whisper, but
// the click came with an address of its own.
func TestWhoeverCannotBeWhisperedToIsAnsweredAtTheClick(t *testing.T) {
	for _, code := range []string{"not_in_channel", "restricted_action"} {
		t.Run(code, func(t *testing.T) { answeredAtTheClick(t, code) })
	}
}

func answeredAtTheClick(t *testing.T, code string) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.slack.Fail("chat.postEphemeral", 100, fakeslack.Fault{Code: code})
		o.click(eve, render.ActionApprove)
		if told := o.slack.Ephemerals(eve); !slices.ContainsFunc(told, func(m fakeslack.Message) bool { return strings.Contains(m.Text, "does not hold") }) {
			t.Errorf("Eve was told %d things, and not that she holds no role", len(told))
		}
	})
}

// What can't be handled in time is not acknowledged: people see that it failed,
// and everything else goes on. An acknowledged click that is then forgotten
// would be worse.
func TestMoreThanCanBeHandledIsLeftUnacknowledged(t *testing.T) {
	const inHand, queued, tooMany = 8, 512, 80
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		release, held := make(chan struct{}), make(chan error, 1)
		go func() {
			held <- o.db.Update(t.Context(), func(gate.Tx) error { <-release; return nil })
		}()
		synctest.Wait()
		var all []*fakeslack.Delivery
		happened := func(d *fakeslack.Delivery, err error) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, d)
		}
		for range inHand {
			happened(o.slack.Click(ann, channel, o.card().TS, render.ActionApprove))
		}
		synctest.Wait()
		for range queued + tooMany {
			happened(o.slack.Command(ann, channel, "/promote", "help"))
		}
		synctest.Wait()
		close(release)
		if err := <-held; err != nil {
			t.Fatal(err)
		}
		o.pause()
		acked := 0
		for _, d := range all {
			if d.Err() == nil {
				acked++
			}
		}
		if h := o.chat.Health(); acked != inHand+queued || h.Dropped != tooMany || h.Connections != 2 {
			t.Errorf("%d of %d were acknowledged, want %d; %+v", acked, len(all), inHand+queued, h)
		}
		if d := o.click(bob, render.ActionApprove); d.Err() != nil {
			t.Errorf("a click afterwards: %v", d.Err())
		}
	})
}
