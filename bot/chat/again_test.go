package chat_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

// moved has something change of which only the card tells.
func (o *office) moved(c string) {
	o.t.Helper()
	o.tags["production"] = digest(c)
	o.stage("a")
}

func TestADeletedCardIsPostedAgainOnce(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		first := o.card()
		if !o.slack.Delete(channel, first.TS) {
			t.Fatal("there is no card to delete")
		}
		o.moved("8")
		second := o.card()
		if second.TS == first.TS {
			t.Fatal("it is the same card")
		}
		if d := o.click(ann, render.ActionApprove); d.Err() != nil || !strings.Contains(o.card().Text+string(o.card().Blocks), "1 of 2") {
			t.Errorf("a click on the new one: %v; it says %s", d.Err(), o.card().Text)
		}
		if o.replies("pproved") != 1 {
			t.Errorf("%d replies in its thread", o.replies("pproved"))
		}
	})
}

// The answer to the second post is lost. Whoever looks finds that one, and no
// third is posted.
func TestADeletedCardThatWasPostedUnnoticedIsFoundAgain(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.slack.Delete(channel, o.card().TS)
		o.slack.Fail("chat.postMessage", 1, fakeslack.Fault{DropAfterEffect: true})
		o.moved("8")
		time.Sleep(time.Minute)
		synctest.Wait()
		o.click(ann, render.ActionApprove)
		if c := o.card(); !strings.Contains(c.Text+string(c.Blocks), "1 of 2") {
			t.Errorf("the card: %s", c.Text)
		}
	})
}

// Slack does not let everything be changed for ever: a card that can't be is
// posted anew, and the old one, which still has its buttons, decides nothing.
func TestACardThatCantBeChangedAnyMoreIsPostedAnew(t *testing.T) {
	for _, code := range []string{"edit_window_closed", "block_mismatch"} {
		t.Run(code, func(t *testing.T) { postedAnew(t, code) })
	}
}

func postedAnew(t *testing.T, code string) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		old := o.card()
		o.slack.Fail("chat.update", 1, fakeslack.Fault{Code: code})
		o.moved("8")
		all := o.slack.Messages(channel)
		if len(all) != 2 || all[0].TS != old.TS {
			t.Fatalf("%d messages", len(all))
		}
		for who, ts := range map[string]string{ann: old.TS, bob: all[1].TS} {
			if _, err := o.slack.Click(who, channel, ts, render.ActionApprove); err != nil {
				t.Fatal(err)
			}
		}
		o.pause()
		v, err := o.gate.View(t.Context(), 1)
		if err != nil || len(v.Facts.Votes) != 1 || v.Facts.Votes[0].Person != bob {
			t.Errorf("votes: %+v %v", v.Facts.Votes, err)
		}
	})
}

// Slack delivers at least once, over whichever connection it likes, and under
// the same envelope id or another.
func TestWhatIsDeliveredAgainIsDecidedOnce(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.click(ann, render.ActionApprove)
		for range 5 {
			if !o.slack.Redeliver() || o.slack.RedeliverAnew() == nil {
				t.Fatal("nothing to deliver again")
			}
			synctest.Wait()
		}
		o.slack.Disconnect("refresh_requested")
		o.pause()
		if d := o.slack.RedeliverAnew(); d == nil {
			t.Fatal("nothing to deliver again")
		} else if o.pause(); d.Err() != nil {
			t.Errorf("delivered again, it was not acknowledged: %v", d.Err())
		}
		if n := len(o.slack.Ephemerals(ann)); n != 0 || o.replies("pproved") != 1 {
			t.Errorf("Ann was told %d things, and her approval %d times in the thread", n, o.replies("pproved"))
		}
	})
}

func TestADeadConnectionIsReplaced(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		before := o.chat.Health().Reconnects
		o.slack.MutePings(true)
		time.Sleep(5 * time.Minute)
		o.slack.MutePings(false)
		time.Sleep(time.Minute)
		if h := o.chat.Health(); h.Reconnects-before < 4 || h.Connections != 2 {
			t.Errorf("after five minutes without a ping: %+v", h)
		}
		if d := o.click(ann, render.ActionApprove); d.Err() != nil {
			t.Errorf("a click afterwards: %v", d.Err())
		}
	})
}

// Slack announces that it will close a connection, and sends to it until it does.
func TestAWarningIsHeeded(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.slack.Disconnect("warning")
		o.pause()
		for range 20 {
			d, err := o.slack.Command(ann, channel, "/promote", "list")
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if d.Err() != nil {
				t.Errorf("a command: %v", d.Err())
			}
		}
		if h := o.chat.Health(); h.Connections != 2 {
			t.Errorf("%+v", h)
		}
	})
}

// That a card could not be changed is no reason to post another one.
func TestACardThatCouldNotBeReachedStaysTheOnlyOne(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		for _, f := range []fakeslack.Fault{{Status: 502}, {Code: "internal_error"}, {Code: "not_in_channel"}, {Code: "is_archived"}, {Code: "channel_not_found"}, {DropAfterEffect: true}} {
			o.slack.Fail("chat.update", 2, f)
		}
		o.click(ann, render.ActionApprove)
		time.Sleep(3 * time.Hour)
		if c := o.card(); !strings.Contains(c.Text+string(c.Blocks), "1 of 2") {
			t.Errorf("the card: %s", c.Text)
		}
	})
}
