package chat_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

// cards are those in the channel, the oldest first.
func (o *office) cards(want int) []fakeslack.Message {
	o.t.Helper()
	all := o.slack.Messages(channel)
	if len(all) != want {
		o.t.Fatalf("%d messages in the channel, not %d cards", len(all), want)
	}
	return all
}

// address is where Slack says that a message is.
func address(m fakeslack.Message) string {
	return ".slack.com/archives/" + channel + "/p" + strings.ReplaceAll(m.TS, ".", "")
}

func TestAnOldCardIsDeadAndLeadsToTheNewOne(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.click(ann, render.ActionApprove)
		o.stage("b")
		cards := o.cards(2)
		old, leads := cards[0], address(cards[1])+"|#2>"
		if !strings.Contains(old.Text, leads) || !strings.Contains(string(old.Blocks), strings.ReplaceAll(leads, ">", `\u003e`)) {
			t.Errorf("the old card does not lead to %s: %s", leads, old.Text)
		}
		for _, dead := range []string{render.ActionApprove, render.ActionReject, render.ActionWithdraw, render.ActionHold} {
			if strings.Contains(string(old.Blocks), dead) {
				t.Errorf("the old card still has %s", dead)
			}
		}
		for _, reply := range o.slack.Thread(channel, cards[1].TS)[1:] {
			if strings.Contains(reply.Text, digest("a").Short()) {
				t.Errorf("about the old one, in the thread of the new one: %s", reply.Text)
			}
		}
	})
}

func TestWhereACardIsIsAskedAgainWhenSlackDidNotSay(t *testing.T) {
	for name, fault := range map[string]fakeslack.Fault{"refused": {Code: "internal_error"}, "no answer": {Hang: true}} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T, o *office) {
				o.stage("a")
				o.slack.Fail("chat.getPermalink", 1, fault)
				o.stage("b")
				time.Sleep(10 * time.Second)
				synctest.Wait()
				cards := o.cards(2)
				if n := o.log.count("where a card is could not be asked"); n != 1 {
					t.Errorf("it was not answered %d times", n)
				}
				if old := o.cards(2)[0]; !strings.Contains(old.Text, address(cards[1])+"|#2>") {
					t.Errorf("the old card leads nowhere: %s", old.Text)
				}
			})
		})
	}
}

func TestACardThatWasPostedAgainIsWhereTheOldOnesLead(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.stage("b")
		o.slack.Fail("chat.update", 1, fakeslack.Fault{Code: "message_not_found"}) // the new card is gone
		if _, err := o.slack.Click(bob, channel, o.cards(2)[1].TS, render.ActionApprove); err != nil {
			t.Fatal(err)
		}
		o.pause()
		cards := o.cards(3)
		if !strings.Contains(cards[0].Text, address(cards[2])+"|#2>") {
			t.Errorf("the old card leads to one that is gone: %s", cards[0].Text)
		}
	})
}
