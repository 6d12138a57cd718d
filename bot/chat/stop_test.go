package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

func TestACardIsHeldWithAReasonAndLetGo(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.click(ann, render.ActionApprove)
		o.click(bob, render.ActionApprove)
		o.click(eve, render.ActionHold)
		o.submitted(eve, "the load test runs")
		if c := o.card(); !strings.Contains(c.Text, "the load test runs") || !strings.Contains(string(c.Blocks), render.ActionUnhold) || o.replies("the load test runs") != 1 {
			t.Errorf("the card: %s", c.Text)
		}
		time.Sleep(25 * time.Hour)
		if o.pause(); o.tags["production"] == digest("a") {
			t.Fatal("it went ahead")
		}
		o.click(eve, render.ActionUnhold)
		if o.tags["production"] != digest("a") {
			t.Errorf("it did not go ahead: %s", o.card().Text)
		}
	})
}

func TestCommandsThatStopThings(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		for _, c := range []struct{ who, text, says, kind string }{
			{eve, "hold shop the load test runs", "recorded", "ephemeral"}, // nobody knows her so far
			{eve, "hold shop again, please", "already", "ephemeral"},
			{eve, "freeze shop nobody is here", "takes a role", "ephemeral"},
			{ann, "freeze 2d nobody is here", "everything until", "in_channel"},
			{ann, "freeze shpo nobody is here", "Did you mean", "ephemeral"},
			{eve, "incident shop critical the checkout fails", "Incident #1", "in_channel"},
			{eve, "why shop", "could lift it", "ephemeral"},
			{eve, "why shop", "frozen until", "ephemeral"},
			{eve, "list", "On hold", "ephemeral"},
			{bob, "resolve #1", "is resolved", "in_channel"},
			{bob, "resolve 1", "already", "ephemeral"},
			{bob, "unfreeze", "Not frozen any more", "in_channel"},
			{bob, "unfreeze", "nobody has frozen", "ephemeral"},
			{bob, "unhold shop", "Nobody holds it now", "in_channel"},
			{bob, "unhold shop", "nobody holds it", "ephemeral"},
		} {
			if c.text == "list" { // what soaks says so first
				time.Sleep(25 * time.Hour)
			}
			d, err := o.slack.Command(c.who, channel, "/promote", c.text)
			if err != nil {
				t.Fatal(err)
			}
			o.pause()
			ack := string(d.Ack())
			if d.Err() != nil || !strings.Contains(ack, c.says) || !strings.Contains(ack, fmt.Sprintf("%q", c.kind)) {
				t.Errorf("/promote %s: %v %.600s", c.text, d.Err(), ack)
			}
		}
	})
}

func TestAHeldCardCanBeHeldBySomebodyElseTooByWayOfItsMenu(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.click(eve, render.ActionHold)
		o.submitted(eve, "the load test runs")
		o.choose(ann, render.ActionHold)
		o.submitted(ann, "so does mine")
		for _, reason := range []string{"the load test runs", "so does mine"} {
			if c := o.card(); !strings.Contains(c.Text, reason) {
				t.Errorf("%q is not on the card: %s", reason, c.Text)
			}
		}
	})
}

// submitted sends the dialog that the person has open.
func (o *office) submitted(who, reason string) {
	o.t.Helper()
	v, open := o.slack.View(who)
	if !open {
		o.t.Fatalf("nothing asks %s for a reason", who)
	}
	if d, err := o.slack.Submit(v.ID, fakeslack.Values{"reason": {reason}}); err != nil || d.Err() != nil {
		o.t.Fatal(err, d)
	}
	o.pause()
}
