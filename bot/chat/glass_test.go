package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// glazed lets Eve break the glass. Bob, Ann and she herself could review that.
func (o *office) glazed() {
	o.t.Helper()
	c := catalog(o.t)
	d := c.Apps[0].Policies["production"]
	d.BreakGlass = &policy.BreakGlass{Role: "commanders", By: []string{"leads", "commanders"}, Within: time.Hour}
	c.Apps[0].Policies["production"] = d
	c.Roles["commanders"] = gate.Role{People: []promotion.PersonID{eve}}
	if err := o.gate.Adopt(o.t.Context(), c); err != nil {
		o.t.Fatal(err)
	}
	o.pause()
}

func (o *office) typed(who, text string) string {
	o.t.Helper()
	d, err := o.slack.Command(who, channel, "/promote", text)
	if err != nil {
		o.t.Fatal(err)
	}
	o.pause()
	return string(d.Ack())
}

func TestWhoeverTypesThatTheGlassBreaksConfirmsWhatIsSkipped(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.glazed()
		o.stage("a")
		if ack := o.typed(eve, "break-glass shop the checkout is down"); !strings.Contains(ack, "Nothing has been done yet") || o.tags["production"] == digest("a") {
			t.Fatalf("it went ahead unseen: %s", ack)
		}
		v, open := o.slack.View(eve)
		if shown := string(v.Rendered); !open || !strings.Contains(shown, "0 of 2 from leads") || !strings.Contains(shown, "soaks 24h") || !strings.Contains(shown, "the checkout is down") {
			t.Fatalf("the dialog shows %s", shown)
		}
		if d, err := o.slack.Submit(v.ID, fakeslack.Values{"reason": {"the checkout is down"}}); err != nil || d.Err() != nil {
			t.Fatal(err, d)
		}
		o.pause()
		if o.tags["production"] != digest("a") {
			t.Fatalf("it did not go ahead: %s", o.card().Text)
		}
		loud := 0
		for _, m := range o.slack.Thread(channel, o.card().TS) {
			if m.Broadcast && strings.Contains(m.Text, "*Break-glass*") {
				loud++
			}
		}
		if loud != 1 || !strings.Contains(o.card().Text, "Review due") {
			t.Errorf("told to the channel %d times; the card: %s", loud, o.card().Text)
		}
		if o.click(eve, render.ActionFine); !strings.Contains(o.card().Text, "Review due") {
			t.Errorf("Eve has reviewed herself: %s", o.card().Text)
		}
		time.Sleep(2 * time.Hour)
		if o.pause(); !strings.Contains(o.card().Text, "Review OVERDUE") || o.replies("Reminder: the glass was broken") == 0 || !strings.Contains(o.typed(ann, "list"), "OVERDUE") {
			t.Errorf("the card: %s", o.card().Text)
		}
		if o.asksWhy(eve, render.ActionReview) {
			t.Error("Eve is asked what she thinks of what she did herself")
		}
		o.click(bob, render.ActionReview)
		v, _ = o.slack.View(bob)
		if d, err := o.slack.Submit(v.ID, fakeslack.Values{"ground": {string(promotion.NotFine)}, "reason": {"a freeze was enough"}}); err != nil || d.Err() != nil {
			t.Fatal(err, d)
		}
		if o.pause(); !strings.Contains(o.card().Text, "it was *not right*: a freeze was enough") || strings.Contains(string(o.card().Blocks), render.ActionFine) {
			t.Errorf("the card: %s", o.card().Text)
		}
		if ack := o.typed(ann, "review shop ok"); !strings.Contains(ack, "no review of a broken glass of shop is due") {
			t.Errorf("a second review: %s", ack)
		}
	})
}

func TestTheButtonShowsWhatIsSkippedAndAnOldDialogDoesNothing(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.glazed()
		o.stage("a")
		o.choose(eve, render.ActionGlass)
		v, open := o.slack.View(eve)
		if !open {
			t.Fatal("no dialog shows what is skipped")
		}
		o.click(ann, render.ActionHold)
		why, _ := o.slack.View(ann)
		if _, err := o.slack.Submit(why.ID, fakeslack.Values{"reason": {"it is under repair"}}); err != nil {
			t.Fatal(err)
		}
		o.pause()
		if _, err := o.slack.Submit(v.ID, fakeslack.Values{"reason": {"the checkout is down"}}); err != nil {
			t.Fatal(err)
		}
		if o.pause(); o.tags["production"] == digest("a") {
			t.Fatal("it went past a hold that the dialog did not show")
		}
		o.choose(eve, render.ActionGlass)
		v, _ = o.slack.View(eve)
		if _, err := o.slack.Submit(v.ID, fakeslack.Values{"reason": {"the checkout is down"}}); err != nil {
			t.Fatal(err)
		}
		if o.pause(); o.tags["production"] != digest("a") {
			t.Fatalf("it did not go ahead: %s", o.card().Text)
		}
		if ack := o.typed(bob, "review shop ok"); !strings.Contains(ack, "on its card") {
			t.Errorf("Bob's review: %s", ack)
		}
	})
}
