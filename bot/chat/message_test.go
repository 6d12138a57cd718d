package chat_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
)

// mention names the bot in the channel, or in a thread of it.
func (o *office) mention(who, thread, said string) *fakeslack.Delivery {
	o.t.Helper()
	d, err := o.slack.MentionIn(who, channel, thread, said)
	if err != nil {
		o.t.Fatal(err)
	}
	o.pause()
	return d
}

func (o *office) direct(who, said string) *fakeslack.Delivery {
	o.t.Helper()
	d, err := o.slack.Direct(who, said)
	if err != nil {
		o.t.Fatal(err)
	}
	o.pause()
	return d
}

// ours are what the bot has said in a conversation or thread.
func (o *office) ours(all []fakeslack.Message) (texts []string) {
	for _, m := range all {
		if m.User == o.slack.Options().Bot.UserID {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// heard are what one person was told alone. The answer to a command is in its
// acknowledgement; what came of it takes at least a call of Slack's, which takes no
// time here, and may be there first.
func (o *office) heard(who string) (told []fakeslack.Message) {
	told = slices.Clone(o.slack.Ephemerals(who))
	for i := 1; i < len(told); i++ {
		if strings.Contains(told[i].Text, "before it counts, and tells you here") && strings.Contains(told[i-1].Text, "About what you did a moment ago") {
			told[i-1], told[i] = told[i], told[i-1]
		}
	}
	return told
}

func TestWhoNamesTheBotIsAnsweredAsACommandIs(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		card := o.card().TS
		o.mention(eve, "", "list")
		if told := o.heard(eve); len(told) != 1 || !strings.Contains(told[0].Text, "Open promotions") || told[0].ThreadTS != "" {
			t.Errorf("Eve was told %+v", told)
		}
		o.mention(eve, card, "<@"+o.slack.Options().Bot.UserID+"> why shop") // nobody has replied there: the card has no thread
		o.mention(eve, card, "why shop")
		if told := o.heard(eve); len(told) != 3 || told[2].ThreadTS != card || !strings.Contains(told[2].Text, "approvals") {
			t.Errorf("in the thread Eve was told %+v", told)
		}
		o.mention(eve, "", "statsu")
		if told := o.heard(eve); len(told) != 4 || !strings.Contains(told[3].Text, "Did you mean “status”") {
			t.Errorf("of what is no command Eve was told %+v", told)
		}
		d := o.mention(ann, "", "hold shop the load test runs")
		answers := o.ours(o.slack.Thread(channel, tsOf(t, o, "load test runs")))
		if len(answers) != 1 || !strings.Contains(answers[0], "the load test runs") || len(o.heard(ann)) != 0 {
			t.Errorf("what concerns everybody was said to %q and to Ann %v", answers, o.heard(ann))
		}
		if d.Err() != nil || d.Ack() != nil || d.Attempts() != 1 {
			t.Errorf("the event was acknowledged with %s: %v", d.Ack(), d.Err())
		}
		o.mention(eve, "", "approve shop")
		if told := o.heard(eve); !strings.Contains(told[len(told)-1].Text, "role") {
			t.Errorf("refused, Eve was told %q", told[len(told)-1].Text)
		}
	})
}

// tsOf finds a person's message in the channel.
func tsOf(t *testing.T, o *office, said string) string {
	t.Helper()
	for _, m := range o.slack.Messages(channel) {
		if m.Source == "person" && strings.Contains(m.Text, said) {
			return m.TS
		}
	}
	t.Fatalf("nobody said %q", said)
	return ""
}

func TestADirectMessageIsAnsweredThere(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		for _, c := range []struct{ said, says string }{
			{"help", "/promote list"},
			{"why shop", "approvals"},
			{"Approve “shop”", "Approved"},
			{"<@" + o.slack.Options().Bot.UserID + "> approve shop", "already"},
			{"break-glass shop the checkout is down", "was not counted"},
			{"request shpo", "Did you mean “shop”"},
		} {
			o.direct(ann, c.said)
			answers := o.ours(o.slack.Messages(o.slack.DirectChannel(ann)))
			if len(answers) == 0 || !strings.Contains(answers[len(answers)-1], c.says) {
				t.Errorf("%q was answered %q", c.said, answers)
			}
		}
		// What we say there comes back to us as an event, and so do edits.
		if answers := o.ours(o.slack.Messages(o.slack.DirectChannel(ann))); len(answers) != 6 {
			t.Errorf("%d answers: %q", len(answers), answers)
		}
		if !strings.Contains(o.card().Text, "1 of 2") {
			t.Errorf("the card: %s", o.card().Text)
		}
	})
}

// Slack delivers at least once, and says the same event id each time.
func TestAnEventIsAnsweredOnce(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		asked := o.direct(ann, "list")
		voted := o.direct(ann, "approve shop")
		missed := o.direct(ann, "lift shop") // there is nothing to lift, and so nothing that the gate decides
		for _, d := range []*fakeslack.Delivery{asked, voted, missed, asked} {
			again := o.slack.DeliverAnew(d)
			o.pause()
			select {
			case <-again.Acked():
			default:
				t.Errorf("%q again was not acknowledged", d.Text)
			}
		}
		if answers := o.ours(o.slack.Messages(o.slack.DirectChannel(ann))); len(answers) != 3 {
			t.Errorf("three messages have %d answers: %q", len(answers), answers)
		}
	})
}

func TestAnAnswerOfWhichTheNewsGotLostIsNotSaidTwice(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.slack.Fail("chat.postMessage", 1, fakeslack.Fault{DropAfterEffect: true})
		o.direct(ann, "list")
		time.Sleep(time.Minute)
		if answers := o.ours(o.slack.Messages(o.slack.DirectChannel(ann))); len(answers) != 1 {
			t.Errorf("told %q", answers)
		}
		if n := o.slack.Counts()["conversations.history"]; n == 0 {
			t.Error("nobody has looked whether it was said already")
		}
	})
}

func TestWhatIsNoWordOfAPersonIsNotAnswered(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		before := o.slack.Counts()
		self := "<@" + o.slack.Options().Bot.UserID + "> "
		for name, event := range map[string]map[string]any{
			"a bot that names us":               {"user": "U0OTHER", "bot_id": "B0OTHER", "channel": channel, "ts": "1700000000.000001", "text": self + "list"},
			"ourselves":                         {"user": o.slack.Options().Bot.UserID, "channel": channel, "ts": "1700000000.000002", "text": self + "list"},
			"a mention that was put in later":   {"user": eve, "channel": channel, "ts": "1700000000.000003", "text": self + "list", "edited": map[string]any{"user": eve, "ts": "1700000000.000004"}},
			"a mention of which nobody is said": {"channel": channel, "ts": "1700000000.000005", "text": self + "list"},
		} {
			d := o.slack.SendEvent("app_mention", event)
			if o.pause(); d.Err() != nil {
				t.Errorf("%s: not acknowledged: %v", name, d.Err())
			}
		}
		alone := o.slack.DirectChannel(eve)
		for name, event := range map[string]map[string]any{
			"a workflow in a direct message": {"user": eve, "bot_id": "B0OTHER", "channel": alone, "channel_type": "im", "ts": "1700000000.000007", "text": "list"},
			"what is no ordinary message":    {"user": eve, "subtype": "me_message", "channel": alone, "channel_type": "im", "ts": "1700000000.000008", "text": "list"},
			"a message in a channel":         {"user": eve, "channel": channel, "channel_type": "channel", "ts": "1700000000.000006", "text": "list"},
		} {
			d := o.slack.SendEvent("message", event)
			if o.pause(); d.Err() != nil {
				t.Errorf("%s: not acknowledged: %v", name, d.Err())
			}
		}
		said := o.direct(eve, "list")
		if _, err := o.slack.Edit(alone, o.slack.Messages(alone)[0].TS, "approve shop"); err != nil {
			t.Fatal(err)
		}
		o.pause()
		after := o.slack.Counts()
		if after["chat.postEphemeral"] != before["chat.postEphemeral"] || after["chat.postMessage"] != before["chat.postMessage"]+1 || said.Err() != nil {
			t.Errorf("answers before %v, after %v", before, after)
		}
	})
}

func TestWhereOthersReadAlongOnlyCommandsAreAnswered(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		members := []string{ann, bob, eve, o.slack.Options().Bot.UserID}
		o.slack.AddChannel(fakeslack.Channel{ID: "C0SHARED", Name: "shared", Members: members, IsExtShared: true})
		if _, err := o.slack.Mention(ann, "C0SHARED", "approve shop"); err != nil {
			t.Fatal(err)
		}
		o.pause()
		if told := o.heard(ann); len(told) != 1 || !strings.Contains(told[0].Text, "answers only `/promote`") {
			t.Errorf("Ann was told %v", told)
		}
		if strings.Contains(o.card().Text, "1 of 2") || strings.Contains(string(o.card().Blocks), render.ActionWithdraw) {
			t.Errorf("it counted: %s", o.card().Text)
		}
	})
}

func TestTheBotComesBackAndAnswersWhatWasAskedMeanwhile(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.slack.RefuseSockets(true)
		o.slack.Cut()
		d, err := o.slack.Direct(ann, "why shop")
		if err != nil {
			t.Fatal(err)
		}
		o.pause()
		o.slack.RefuseSockets(false)
		time.Sleep(7 * time.Minute) // Slack tries an event again after one minute, and after five
		o.pause()
		answers := o.ours(o.slack.Messages(o.slack.DirectChannel(ann)))
		if d.Err() != nil || d.Attempts() < 2 || len(answers) != 1 || !slices.ContainsFunc(answers, func(s string) bool { return strings.Contains(s, "approvals") }) {
			t.Errorf("after %d attempts (%v) the answers are %q", d.Attempts(), d.Err(), answers)
		}
	})
}
