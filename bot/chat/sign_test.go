package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestAReviewIsSignedOffFromTheCardAndByCommand(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		c := catalog(t)
		c.Roles["security"] = gate.Role{People: []promotion.PersonID{bob}}
		c.Apps[0].Policies = map[string]policy.Document{"production": {
			Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, Checks: []policy.Check{{Name: "review", MaxAge: time.Hour, ReviewedBy: "security"}}}}
		if err := o.gate.Adopt(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		o.stage("a")
		sign := render.ActionSign + "_0"
		first := func() fakeslack.Message { return o.slack.Messages(channel)[0] } // what commands change is said beside it
		click := func(who, action string) {
			if _, err := o.slack.Click(who, channel, first().TS, action); err != nil {
				t.Error(err)
			}
			o.pause()
		}
		said := func(text string) (n int) {
			for _, m := range o.slack.Thread(channel, first().TS) {
				n += strings.Count(m.Text, text)
			}
			return n
		}
		if card := first(); !strings.Contains(string(card.Blocks), sign) || !strings.Contains(card.Text, "review waits for somebody of security") {
			t.Errorf("the card: %s", card.Text)
		}
		click(ann, sign)
		if told := o.slack.Ephemerals(ann); len(told) != 1 || !strings.Contains(told[0].Text, "it takes the role security") {
			t.Errorf("Ann was told %v", told)
		}
		for _, c := range []struct{ who, text, says, kind string }{
			{ann, "check shop review passed", "it takes the role security", "ephemeral"},
			{bob, "check shop review failed", "found", "ephemeral"},
			{bob, "check shop scan passed", "no check of this name", "ephemeral"},
			{bob, "check shop review failed a hole & <more>", "is recorded, by you as one of security", "in_channel"},
		} {
			d, err := o.slack.Command(c.who, channel, "/promote", c.text)
			if err != nil {
				t.Fatal(err)
			}
			o.pause()
			if ack := string(d.Ack()); d.Err() != nil || !strings.Contains(ack, c.says) || !strings.Contains(ack, fmt.Sprintf("%q", c.kind)) {
				t.Errorf("/promote %s: %v %.400s", c.text, d.Err(), ack)
			}
		}
		if n := said("says that review of *shop* failed: a hole"); n != 1 {
			t.Errorf("the thread was told %d times", n)
		}
		click(bob, sign)
		if n := said("signed off review"); n != 1 || strings.Contains(string(first().Blocks), sign) {
			t.Errorf("told %d times; the card: %s", n, first().Text)
		}
		time.Sleep(time.Hour)
		if o.pause(); !strings.Contains(string(first().Blocks), sign) {
			t.Errorf("what was signed off an hour ago can't be signed off anew: %s", first().Text)
		}
		click(bob, sign)
		if click(ann, render.ActionApprove); o.tags["production"] != digest("a") {
			t.Errorf("production is %s; the card: %s", o.tags["production"], first().Text)
		}
	})
}
