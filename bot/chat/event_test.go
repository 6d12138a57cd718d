package chat_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/bot/chat"
	"github.com/promotebot/promotebot/bot/render"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// byGroup has the leads be a user group, and the channel one's own.
func (o *office) byGroup() {
	o.t.Helper()
	o.slack.AddGroup(group, "leads", ann, bob)
	c := catalog(o.t)
	c.Roles = map[string]gate.Role{"leads": {Groups: []promotion.GroupID{group}}}
	d := c.Apps[0].Policies["production"]
	d.RefuseShared = true
	c.Apps[0].Policies["production"] = d
	if err := o.gate.Adopt(o.t.Context(), c); err != nil {
		o.t.Fatal(err)
	}
	o.pause()
}

// everyEventAcked fails if one was left for Slack to send again.
func (o *office) everyEventAcked() {
	o.t.Helper()
	for _, d := range o.slack.Deliveries() {
		if d.Kind == "events_api" && (d.Err() != nil || d.Attempts() != 1) {
			o.t.Errorf("%s was delivered %d times: %v", d.Type, d.Attempts(), d.Err())
		}
	}
}

func TestWhatChangesInSlackCountsAtOnce(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.byGroup()
		o.stage("a")
		o.click(ann, render.ActionApprove)
		o.click(bob, render.ActionApprove)
		assigned := func() int {
			v, err := o.gate.View(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			return len(v.Verdict.Assigned)
		}
		if assigned() != 2 {
			t.Fatalf("%d approvals count before anything has changed", assigned())
		}
		o.slack.SetGroupMembers(group, ann)
		if o.pause(); assigned() != 1 {
			t.Errorf("Bob has left the group, and %d approvals count", assigned())
		}
		o.slack.SetGroupMembers(group, ann, bob)
		o.slack.AddUser(fakeslack.User{ID: bob, Name: "bob", IsRestricted: true})
		if o.pause(); assigned() != 1 {
			t.Errorf("Bob is a guest, and %d approvals count", assigned())
		}
		o.slack.AddUser(fakeslack.User{ID: bob, Name: "bob"})
		if o.pause(); assigned() != 2 {
			t.Errorf("Bob is a member again, and %d approvals count", assigned())
		}
		o.slack.DisableGroup(group)
		if o.pause(); assigned() != 0 {
			t.Errorf("the group is switched off, and %d approvals count", assigned())
		}
		members := []string{ann, bob, eve, o.slack.Options().Bot.UserID}
		o.slack.AddChannel(fakeslack.Channel{ID: channel, Name: "shop", Members: members, IsExtShared: true})
		if o.pause(); !strings.Contains(string(o.card().Blocks), "another organisation") {
			t.Errorf("the channel is shared, and the card says: %s", o.card().Blocks)
		}
		o.slack.AddChannel(fakeslack.Channel{ID: channel, Name: "shop", Members: members})
		if o.pause(); strings.Contains(string(o.card().Blocks), "another organisation") {
			t.Errorf("the channel is shared no longer, and the card says: %s", o.card().Blocks)
		}
		o.everyEventAcked()
	})
}

func TestSomebodyElsesStatusIsNotLookedUp(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		before := o.slack.Counts()["users.info"]
		for range 50 {
			o.slack.AddUser(fakeslack.User{ID: ann, Name: "ann"})
			o.slack.AddUser(fakeslack.User{ID: eve, Name: "eve", Deleted: true})
		}
		o.pause()
		if n := o.slack.Counts()["users.info"] - before; n != 0 {
			t.Errorf("people were looked up %d times, of whom nothing was new or nothing depends on", n)
		}
		o.everyEventAcked()
	})
}

func TestWhatEndsTheBotsWorkIsSaidInTheLog(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.slack.SendEvent("channel_id_changed", map[string]any{"old_channel_id": channel, "new_channel_id": "C0NEW"})
		o.slack.SendEvent("tokens_revoked", map[string]any{"tokens": map[string]any{"oauth": []string{}, "bot": []string{"U0PROMOTE"}}})
		o.slack.SendEvent("app_uninstalled", map[string]any{})
		o.slack.SendEvent("emoji_changed", map[string]any{"subtype": "add"})
		o.slack.SendEvent("nothing_that_exists", map[string]any{})
		o.pause()
		for _, said := range []string{"new=C0NEW", "was revoked", "was removed from the workspace"} {
			if o.log.count(said) != 1 {
				t.Errorf("the log says %q %d times", said, o.log.count(said))
			}
		}
		o.everyEventAcked()
	})
}

// Slack's documents have counts as texts, at which slack-go gives up.
func TestAnEventCountsWhateverElseIsInIt(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.byGroup()
		before := o.slack.Counts()["usergroups.users.list"]
		o.slack.SendEvent("subteam_members_changed", map[string]any{"subteam_id": group, "added_users": []string{}, "added_users_count": "0", "removed_users": []string{bob}, "removed_users_count": "1"})
		o.pause()
		if n := o.slack.Counts()["usergroups.users.list"] - before; n != 1 {
			t.Errorf("the group was read %d times", n)
		}
		o.everyEventAcked()
	})
}

// What can't be recorded is left unacknowledged, and Slack sends it again.
func TestAnEventThatCantBeTakenComesAgain(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.byGroup()
		o.stage("a")
		held, release := make(chan error, 1), make(chan struct{})
		go func() {
			held <- o.db.Update(t.Context(), func(gate.Tx) error { <-release; return nil })
		}()
		synctest.Wait()
		o.slack.SetGroupMembers(group, ann)
		time.Sleep(5 * time.Second)
		close(release)
		if err := <-held; err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		v, err := o.gate.View(t.Context(), 1)
		if err != nil || v.Facts.Rosters["leads"].Has(bob) {
			t.Errorf("Bob is out of the group, and holds the role (%v)", err)
		}
		if last := o.slack.Deliveries(); last[len(last)-1].Attempts() < 2 {
			t.Error("it came once, so nothing was tested")
		}
	})
}

func TestEveryEventOfTheManifestDoesSomething(t *testing.T) {
	names := chat.Manifest().Settings.EventSubscriptions.BotEvents
	for _, known := range []string{"subteam_members_changed", "subteam_updated", "user_change", "channel_shared", "channel_unshared", "channel_id_changed", "app_uninstalled", "tokens_revoked"} {
		if !slices.Contains(names, known) {
			t.Errorf("%s is not asked for", known)
		}
	}
}

func TestAChannelInWhichNothingCanBePostedIsReported(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.stage("a")
		members := []string{ann, bob, eve, o.slack.Options().Bot.UserID}
		o.slack.AddChannel(fakeslack.Channel{ID: channel, Name: "shop", Members: members, IsArchived: true})
		if _, err := o.slack.Click(ann, channel, o.card().TS, render.ActionApprove); err != nil {
			t.Fatal(err)
		}
		o.pause()
		before := o.slack.Counts()["chat.update"]
		time.Sleep(6 * time.Hour)
		if n := o.slack.Counts()["chat.update"] - before; n == 0 || n > 6*6+10 {
			t.Errorf("it was tried %d times in six hours", n)
		}
		status := func() string {
			o.slack.AddChannel(fakeslack.Channel{ID: "C0ELSE", Name: "else", Members: []string{ann}})
			d, err := o.slack.Command(ann, "C0ELSE", "/promote", "status")
			if err != nil {
				t.Fatal(err)
			}
			o.pause()
			return string(d.Ack())
		}
		if said := status(); !strings.Contains(said, "no card can be posted") || !strings.Contains(said, "archived") {
			t.Errorf("status: %s", said)
		}
		o.slack.AddChannel(fakeslack.Channel{ID: channel, Name: "shop", Members: members})
		time.Sleep(21 * time.Minute)
		if said := status(); strings.Contains(said, "no card can be posted") {
			t.Errorf("status: %s", said)
		}
		if c := o.card(); !strings.Contains(c.Text+string(c.Blocks), "1 of 2") {
			t.Errorf("the card: %s", c.Text)
		}
	})
}
