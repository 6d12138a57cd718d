package chat_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/promotion/audit"
)

// command types after /promote and returns what came back at once.
func (o *office) command(who, text string) (kind, says string) {
	o.t.Helper()
	d, err := o.slack.Command(who, channel, "/promote", text)
	if err != nil {
		o.t.Fatal(err)
	}
	o.pause()
	var ack struct {
		Type string `json:"response_type"`
		Text string
	}
	if err := json.Unmarshal(d.Ack(), &ack); err != nil || d.Err() != nil {
		o.t.Fatalf("%q was acknowledged with %.200s: %v, %v", text, d.Ack(), err, d.Err())
	}
	return ack.Type, ack.Text
}

func texts(of []fakeslack.Message) (all []string) {
	for _, m := range of {
		all = append(all, m.Text)
	}
	return all
}

// recorded counts the entries of a kind in the audit log.
func (o *office) recorded(kind audit.Kind) (n int) {
	o.t.Helper()
	if err := o.db.Audit(o.t.Context(), 0, func(body []byte) error {
		if strings.Contains(string(body), `"kind":"`+string(kind)+`"`) {
			n++
		}
		return nil
	}); err != nil {
		o.t.Fatal(err)
	}
	return n
}

func TestSomebodyApprovesInThePlaceOfAnother(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		if _, says := o.command(ann, "delegate @eve until 2d shop"); !strings.Contains(says, "recorded") { // nobody knows Eve so far
			t.Errorf("Ann was told %q", says)
		}
		told := o.heard(ann)
		if len(told) != 2 || !strings.Contains(told[1].Text, "together one person") {
			t.Errorf("when Eve is known, Ann is told %q", texts(told))
		}
		if n := o.recorded(audit.Delegated); n != 1 {
			t.Errorf("%d delegations are on record", n)
		}
		alone := o.ours(o.slack.Messages(o.slack.DirectChannel(eve)))
		if len(alone) != 1 || !strings.Contains(alone[0], "<@"+ann+"> has <@"+eve+"> approve for them") {
			t.Errorf("Eve is told by direct message: %q", alone)
		}
		if o.replies("Together they count once") != 1 || !strings.Contains(o.card().Text, "eve can approve for ann") {
			t.Errorf("the card: %s", o.card().Text)
		}
		o.direct(eve, "approve shop")
		if !strings.Contains(o.card().Text, "eve for ann") || !strings.Contains(o.card().Text, "1 of 2") {
			t.Errorf("with Eve's approval the card says %s", o.card().Text)
		}
		o.direct(bob, "approve shop")
		time.Sleep(24 * time.Hour)
		if o.pause(); o.tags["production"] != digest("a") {
			t.Fatalf("it did not go ahead: %s", o.card().Text)
		}
		var body string
		_ = o.db.Audit(t.Context(), 0, func(b []byte) error {
			if strings.Contains(string(b), `"kind":"intended"`) {
				body = string(b)
			}
			return nil
		})
		if !strings.Contains(body, `"by":"`+eve+`"`) || !strings.Contains(body, `"for":"`+ann+`"`) {
			t.Errorf("the intent is on record as %s", body)
		}
	})
}

func TestADelegationEndsAtItsTimeAndBeforeIt(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.command(ann, "delegate @eve 2h")
		o.direct(eve, "approve shop")
		if !strings.Contains(o.card().Text, "1 of 2") {
			t.Fatalf("the card: %s", o.card().Text)
		}
		time.Sleep(2 * time.Hour)
		if o.pause(); !strings.Contains(o.card().Text, "0 of 2") || !strings.Contains(o.card().Text, "delegated to them has ended") {
			t.Errorf("at its end: %s", o.card().Text)
		}
		o.command(ann, "delegate @eve 2h")
		o.direct(eve, "approve shop")
		if !strings.Contains(o.card().Text, "1 of 2") {
			t.Errorf("once more: %s", o.card().Text)
		}
		if kind, says := o.command(eve, "undelegate"); kind != "in_channel" || !strings.Contains(says, "<@"+eve+"> does not approve for <@"+ann+"> any more") {
			t.Errorf("Eve ends it: %s %s", kind, says)
		}
		if !strings.Contains(o.card().Text, "0 of 2") || o.recorded(audit.Undelegated) != 1 || o.replies("has ended that") != 1 {
			t.Errorf("ended, the card says %s; %d on record", o.card().Text, o.recorded(audit.Undelegated))
		}
		if _, says := o.command(eve, "undelegate @ann"); !strings.Contains(says, "nothing of that is delegated") {
			t.Errorf("ended twice: %s", says)
		}
	})
}

func TestOfTwoWhoAreOnePersonOneCounts(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.command(ann, "delegate @bob until 3d")
		o.direct(bob, "approve shop")
		o.direct(ann, "approve shop")
		if c := o.card().Text; !strings.Contains(c, "1 of 2") || !strings.Contains(c, "together they count once") {
			t.Errorf("both approved: %s", c)
		}
		time.Sleep(25 * time.Hour)
		if o.pause(); o.tags["production"] == digest("a") {
			t.Fatal("it went ahead with one of two")
		}
		o.command(ann, "undelegate")
		if o.pause(); o.tags["production"] != digest("a") {
			t.Errorf("two who approve for themselves are two: %s", o.card().Text)
		}
	})
}

func TestWhoMayNotDelegateIsToldWhy(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.slack.AddUser(fakeslack.User{ID: "U0GUS", Name: "gus", IsRestricted: true})
		o.stage("a")
		o.command(eve, "delegate @ann 2d")
		if told := o.heard(eve); len(told) == 0 || !strings.Contains(told[len(told)-1].Text, "takes a role") {
			t.Errorf("Eve, who holds no role, was told %q", texts(told))
		}
		o.command(ann, "delegate @gus 2d")
		if told := o.heard(ann); !strings.Contains(strings.Join(texts(told), "\n"), "guests") { // beside what the command was answered
			t.Errorf("of a guest, Ann was told %q", texts(told))
		}
		for text, says := range map[string]string{
			"delegate @ann 2d":           "themselves",
			"delegate @bob 400d":         "more than a year away",
			"delegate @bob until 25:00":  "not a time of day",
			"delegate @bob 2d shpo":      "Did you mean “shop”",
			"delegate @promotebot 2d":    "recorded", // and refused once it is known that it is a bot
			"delegate bob until friday":  "nobody that Slack has named",
			"delegate @bob until friday": "",
		} {
			if _, told := o.command(ann, text); !strings.Contains(told, says) {
				t.Errorf("%q: %s", text, told)
			}
		}
		if n := o.recorded(audit.Delegated); n != 1 {
			t.Errorf("%d delegations are on record", n)
		}
	})
}
