package chat_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/bot/render"
)

// whatIs uses the shortcut on a message, and returns the dialog that opens.
func (o *office) whatIs(who, ts string) string {
	o.t.Helper()
	d, err := o.slack.MessageShortcut(who, channel, ts, render.ShortcutWhatIs)
	if err != nil {
		o.t.Fatal(err)
	}
	o.pause()
	v, open := o.slack.View(who)
	if d.Err() != nil || !open {
		o.t.Fatalf("no dialog: %v", d.Err())
	}
	if _, err := o.slack.CloseView(v.ID); err != nil {
		o.t.Fatal(err)
	}
	return string(v.Raw)
}

func TestAMessageIsAskedWhatItIs(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		say := func(text string) string {
			m, err := o.slack.Say(eve, channel, text)
			if err != nil {
				t.Fatal(err)
			}
			return m.TS
		}
		if is := o.whatIs(eve, say("is shop broken?")); !strings.Contains(is, "No promotion of *shop* is on record") {
			t.Errorf("of an app of which there is nothing: %s", is)
		}
		o.stage("a")
		first := o.card().TS
		o.mention(ann, first, "hold shop it is odd")
		reply := o.slack.Thread(channel, first)[1].TS
		o.stage("b")
		short := digest("a").Short()
		for name, ts := range map[string]string{
			"a card": first, "a reply to it": reply, "a message with a digest": say("what happened to " + short + "?"),
			"a message with an app and a digest": say("shop@sha256:" + strings.Repeat("a", 64)),
		} {
			if is := o.whatIs(eve, ts); !strings.Contains(is, strings.Repeat("a", 64)) || strings.Contains(is, strings.Repeat("b", 64)) {
				t.Errorf("%s is explained with %.600s", name, is)
			}
		}
		if is := o.whatIs(bob, say("is Shop, out yet?")); !strings.Contains(is, strings.Repeat("b", 64)) {
			t.Errorf("a message that names the app is explained with %.300s", is)
		}
		if is := o.whatIs(bob, say("good morning, shopkeeper")); !strings.Contains(is, "names no app") || !strings.Contains(is, "shop") {
			t.Errorf("a message about something else is explained with %.300s", is)
		}
	})
}
