package chat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/promotebot/promotebot/bot/render"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// home is what somebody sees there, after they have opened it.
func (o *office) home(who string) fakeslack.View {
	o.t.Helper()
	d, err := o.slack.OpenHome(who)
	if err != nil {
		o.t.Fatal(err)
	}
	if o.pause(); d.Err() != nil {
		o.t.Fatal(d.Err())
	}
	v, ok := o.slack.Home(who)
	if !ok {
		o.t.Fatal("nothing was published")
	}
	return v
}

// press presses the first button of its kind on somebody's home as it is.
func (o *office) press(who, action string) *fakeslack.Delivery {
	o.t.Helper()
	v, _ := o.slack.Home(who)
	var blocks []struct {
		ID       string `json:"block_id"`
		Elements []struct {
			Action string `json:"action_id"`
		}
	}
	if err := json.Unmarshal(v.Rendered, &blocks); err != nil {
		o.t.Fatal(err)
	}
	for _, b := range blocks {
		for _, e := range b.Elements {
			if e.Action != action {
				continue
			}
			d, err := o.slack.ClickViewIn(v.ID, b.ID, action)
			if err != nil {
				o.t.Fatal(err)
			}
			o.pause()
			return d
		}
	}
	o.t.Fatalf("no %s on the home of %s: %s", action, who, v.Rendered)
	return nil
}

func (o *office) published() int { return o.slack.Counts()["views.publish"] }

// mail are the direct messages to somebody, oldest first.
func (o *office) mail(to string) (all []fakeslack.Message) {
	for _, c := range o.slack.Channels() {
		if c.User == to {
			all = o.slack.Messages(c.ID)
		}
	}
	return all
}

func TestAHomeShowsWhatWaitsForWhoLooksAtIt(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		if v := o.home(ann); !strings.Contains(string(v.Raw), "Your approval would count now") || !strings.Contains(string(v.Raw), digest("a").Short()) {
			t.Errorf("Ann's: %s", v.Raw)
		}
		if v := o.home(eve); strings.Contains(string(v.Raw), render.ActionApprove) || !strings.Contains(string(v.Raw), "no approval, sign-off, review or choice of yours is missing") || !strings.Contains(string(v.Raw), digest("a").Short()) {
			t.Errorf("Eve's, who holds no role: %s", v.Raw)
		}
		o.press(ann, render.ActionApprove)
		if c := o.card(); !strings.Contains(c.Text, "1 of 2") {
			t.Errorf("the card: %s", c.Text)
		}
		if v, _ := o.slack.Home(ann); strings.Contains(string(v.Raw), render.ActionApprove) || !strings.Contains(string(v.Raw), "approval of shop") {
			t.Errorf("Ann's after she approved: %s", v.Raw)
		}
		o.home(bob)
		o.press(bob, render.ActionDetails)
		if v, open := o.slack.View(bob); !open || !strings.Contains(string(v.Raw), digest("a").Short()) {
			t.Errorf("the details: %s", v.Raw)
		}
	})
}

func TestAHomeFollowsWithoutBeingOpenedAndNotForEver(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		if v := o.home(ann); strings.Contains(string(v.Raw), render.ActionApprove) {
			t.Errorf("before anything was there: %s", v.Raw)
		}
		before := o.published()
		time.Sleep(time.Hour)
		if n := o.published(); n != before {
			t.Errorf("published %d times while nothing happened", n-before)
		}
		o.stage("a")
		time.Sleep(5 * time.Second)
		if v, _ := o.slack.Home(ann); !strings.Contains(string(v.Raw), render.ActionApprove) {
			t.Errorf("seconds after a build came: %s", v.Raw)
		}
		time.Sleep(9 * time.Hour)
		before = o.published()
		o.stage("b")
		if time.Sleep(10 * time.Second); o.published() != before {
			t.Error("a home that nobody has opened for nine hours was published")
		}
		if v := o.home(ann); !strings.Contains(string(v.Raw), digest("b").Short()) {
			t.Errorf("opened again: %s", v.Raw)
		}
	})
}

func TestAHomeSaysSoToWhoIsNoMember(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		for id, says := range map[string]string{"U0GUEST": "guests can't decide", "U0THEIRS": "members of other workspaces"} {
			o.slack.AddUser(fakeslack.User{ID: id, IsRestricted: id == "U0GUEST", IsStranger: id != "U0GUEST"})
			if v := o.home(id); !strings.Contains(string(v.Raw), says) || strings.Contains(string(v.Raw), "shop") {
				t.Errorf("%s: %s", id, v.Raw)
			}
		}
	})
}

func TestAnAnswerToAClickAtHomeComesDirectly(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		o.home(ann)
		o.slack.Fail("views.publish", 1000, fakeslack.Fault{Status: 503})
		o.stage("b") // the first one has given way, and she can't see that
		o.slack.Fail("chat.postMessage", 1, fakeslack.Fault{DropAfterEffect: true})
		if d := o.press(ann, render.ActionApprove); d.Err() != nil {
			t.Fatal(d.Err())
		}
		time.Sleep(time.Minute)
		if all := o.mail(ann); len(all) != 1 || !strings.Contains(all[0].Text, "superseded") {
			t.Errorf("Ann was told %+v", all)
		}
	})
}

func TestAHomeThatSomebodyElsePublishedIsPublishedOver(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.home(ann)
		o.slack.Fail("views.publish", 1, fakeslack.Fault{DropAfterEffect: true}) // it is there, and nobody knows
		o.stage("a")
		time.Sleep(10 * time.Second)
		if v, _ := o.slack.Home(ann); !strings.Contains(string(v.Raw), render.ActionApprove) {
			t.Errorf("%s", v.Raw)
		}
		conflicts := 0
		for _, c := range o.slack.Calls() {
			if c.Method == "views.publish" && c.Result == "hash_conflict" {
				conflicts++
			}
		}
		if conflicts != 1 {
			t.Errorf("%d conflicts", conflicts)
		}
		o.click(ann, render.ActionApprove)
		if v, _ := o.slack.Home(ann); strings.Contains(string(v.Raw), render.ActionApprove) {
			t.Errorf("and after that: %s", v.Raw)
		}
	})
}

func TestManyHomesArePublishedOneASecond(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		const many = 50
		for i := range many {
			id := fmt.Sprintf("U0M%02d", i)
			o.slack.AddUser(fakeslack.User{ID: id})
			if err := o.gate.Visit(t.Context(), promotion.PersonID(id), ""); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Minute)
		before := o.published()
		for _, c := range []string{"a", "b", "c"} {
			o.stage(c)
		}
		time.Sleep(time.Minute)
		if n := o.published() - before; n < many || n > 70 {
			t.Errorf("three builds had %d homes published %d times in a minute", many, n)
		}
		for i := range many {
			if v, _ := o.slack.Home(fmt.Sprintf("U0M%02d", i)); !strings.Contains(string(v.Raw), digest("c").Short()) {
				t.Errorf("home %d does not show the last build", i)
			}
		}
	})
}

// wholly has everybody reminded directly, and the channel told at the times.
func wholly(t *testing.T, o *office, digests ...string) {
	t.Helper()
	morning, err := cron.ParseStandard("0 8 * * *")
	if err != nil {
		t.Fatal(err)
	}
	c := catalog(t)
	c.Reminders = []gate.Reminder{{Spec: "0 8 * * *", Schedule: morning}} // in UTC; in Berlin it is nine then
	c.Direct = &gate.Direct{Schedule: "0 9 * * *", TimeZone: "UTC"}
	for _, times := range digests {
		comes, err := policy.ParseWindow(times, "UTC", 0)
		if err != nil {
			t.Fatal(err)
		}
		c.Digests = append(c.Digests, gate.Digest{Channel: channel, Spec: comes.Spec, Comes: comes})
	}
	if err := o.gate.Adopt(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	o.stage("a") // where everybody lives, in Berlin, it is one in the morning
}

func TestSomebodyIsRemindedDirectlyOnceAndDecidesThere(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		wholly(t, o)
		time.Sleep(24*time.Hour + time.Minute) // the soak
		if all := o.mail(ann); len(all) != 0 {
			t.Errorf("while it soaked: %+v", all)
		}
		o.slack.Fail("chat.postMessage", 3, fakeslack.Fault{DropAfterEffect: true}) // of which two are these
		time.Sleep(8*time.Hour + time.Minute)
		all := o.mail(ann)
		if len(all) != 1 || len(o.mail(bob)) != 1 || !strings.Contains(all[0].Text, "A promotion waits for you") || !strings.Contains(all[0].Text, "Your approval would count now") {
			t.Errorf("Ann: %+v, Bob: %+v", all, o.mail(bob))
			return
		}
		if n := o.replies("<@" + bob + ">"); n != 0 {
			t.Errorf("Bob was mentioned %d times in the thread as well", n)
		}
		o.clickDirect(ann, render.ActionApprove)
		if c := o.card(); !strings.Contains(c.Text, "1 of 2") {
			t.Errorf("the card: %s", c.Text)
		}
		o.clickDirect(bob, render.ActionSnooze+"_1h")
		if told := o.slack.Ephemerals(bob); len(told) != 1 || !strings.Contains(told[0].Text, "You are not reminded before") {
			t.Errorf("Bob was told %+v", told)
		}
		if time.Sleep(50 * time.Minute); len(o.mail(bob)) != 1 {
			t.Error("reminded while he snoozed")
		}
		if time.Sleep(10 * time.Minute); len(o.mail(bob)) != 2 || len(o.mail(ann)) != 1 {
			t.Errorf("after the snooze: Bob %d, Ann %d", len(o.mail(bob)), len(o.mail(ann)))
		}
		o.clickDirect(bob, render.ActionApprove)
		if o.tags["production"] != digest("a") {
			t.Errorf("production is %s", o.tags["production"])
		}
		if time.Sleep(48 * time.Hour); len(o.mail(bob)) != 2 {
			t.Error("reminded of nothing")
		}
	})
}

// clickDirect presses a button on the last direct message to somebody.
func (o *office) clickDirect(who, action string) {
	o.t.Helper()
	all := o.mail(who)
	last := all[len(all)-1]
	d, err := o.slack.Click(who, last.Channel, last.TS, action)
	if err != nil {
		o.t.Fatal(err)
	}
	if o.pause(); d.Err() != nil {
		o.t.Fatal(d.Err())
	}
}

func TestAChannelIsToldOnceThoughTheAnswerWasLost(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		wholly(t, o, "0 12 * * *")
		o.click(ann, render.ActionReject)
		v, _ := o.slack.View(ann)
		if _, err := o.slack.Submit(v.ID, fakeslack.Values{"reason": {"no <!channel>"}, "ground": {"other"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Hour)
		o.slack.Fail("chat.postMessage", 1, fakeslack.Fault{DropAfterEffect: true})
		time.Sleep(2 * time.Hour)
		all := o.slack.Messages(channel)
		if len(all) != 2 || !strings.Contains(all[1].Text, "*Not promoted* (1)") || strings.Contains(all[1].Text, "<@") || strings.Contains(all[1].Text, "<!channel>") {
			t.Errorf("%d messages: %s", len(all), all[len(all)-1].Text)
			return
		}
		if time.Sleep(48 * time.Hour); len(o.slack.Messages(channel)) != 2 {
			t.Error("told of nothing")
		}
	})
}
