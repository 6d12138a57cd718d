package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion/audit"
)

func TestWhoIsMissingCanBeRemindedAndNotPestered(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		if _, says := o.command(eve, "remind shop"); !strings.Contains(says, "recorded") { // nobody knows her so far
			t.Errorf("Eve was told %s", says)
		}
		if told := o.last(eve).Text; !strings.Contains(told, "nobody has to be reminded") {
			t.Errorf("with nothing open, Eve was told %s", told)
		}
		o.stage("a")
		if _, says := o.command(eve, "remind shop"); !strings.Contains(says, "approvals are not all that it lacks") {
			t.Errorf("while it soaks: %s", says)
		}
		o.click(ann, "promotebot_approve")
		time.Sleep(24*time.Hour + 10*time.Minute)
		o.pause()
		before := o.replies("<@" + bob + ">")
		kind, _ := o.command(eve, "remind shop") // a day later she is looked up again
		says := o.last(eve).Text
		if kind != "ephemeral" || !strings.Contains(says, "have been reminded") || !strings.Contains(says, "can be done again <!date^") {
			t.Errorf("reminded: %s %s", kind, says)
		}
		if o.replies("because <@"+eve+"> asks for it") != 1 || o.replies("<@"+bob+">") != before+1 || o.replies("<@"+ann+">") != 0 {
			t.Errorf("Bob was reminded %d times, Ann %d", o.replies("<@"+bob+">")-before, o.replies("<@"+ann+">"))
		}
		for _, who := range []string{eve, ann} {
			if _, says = o.command(who, "remind shop"); !strings.Contains(says, "already") || !strings.Contains(says, "again <!date^") {
				t.Errorf("a moment later: %s", says)
			}
		}
		time.Sleep(4 * time.Hour)
		if _, says = o.command(ann, "remind shop"); !strings.Contains(says, "have been reminded") {
			t.Errorf("four hours later: %s", says)
		}
		if n := o.recorded(audit.Reminded); n != 2 || o.replies("asks for it") != 2 {
			t.Errorf("%d reminders are on record, %d were posted", n, o.replies("asks for it"))
		}
	})
}
