package chat_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/chat"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/promotion"
)

const group = "S0LEADS"

// clinic is a workspace in which all is well, until the test spoils it.
func clinic(t *testing.T, o fakeslack.Options) (*fakeslack.Server, chat.Options) {
	t.Helper()
	s := workspace(o, []promotion.PersonID{ann, bob})
	s.AddGroup(group, "leads", ann, bob)
	server := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); server.Close() })
	return s, chat.Options{AppToken: promotion.NewSecret("xapp-1"), BotToken: promotion.NewSecret("xoxb-1"), APIURL: server.URL + "/api/"}
}

var named = chat.Named{Channels: []string{channel}, Groups: []promotion.GroupID{group}, People: []promotion.PersonID{ann}}

func examined(t *testing.T, all []promotion.Diagnosis, about string) promotion.Diagnosis {
	t.Helper()
	i := slices.IndexFunc(all, func(d promotion.Diagnosis) bool { return d.About == about })
	if i < 0 {
		t.Fatalf("nothing was found about %s: %+v", about, all)
	}
	return all[i]
}

func TestAHealthyWorkspaceIsExaminedWithoutATrace(t *testing.T) {
	s, o := clinic(t, fakeslack.Options{})
	for _, d := range chat.Examine(t.Context(), o, named) {
		if d.Condition != promotion.Well && d.About != "events" {
			t.Errorf("%+v", d)
		}
	}
	if len(s.Messages(channel)) != 0 || s.Sockets() != 0 {
		t.Errorf("%d messages, %d connections", len(s.Messages(channel)), s.Sockets())
	}
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("Slack's rules were broken: %q", v)
	}
}

func TestWhatIsWrongInSlackIsNamedWithARemedy(t *testing.T) {
	scopes := func(without string) (left []string) {
		for _, s := range chat.Scopes {
			if s.Name != without {
				left = append(left, s.Name)
			}
		}
		return left
	}
	for name, c := range map[string]struct {
		options     fakeslack.Options
		spoil       func(*fakeslack.Server, *chat.Options)
		about, says string
		condition   promotion.Condition
	}{
		"the tokens are confused": {about: "SLACK_APP_TOKEN", says: `does not begin with "xapp-"`, condition: promotion.Ill,
			spoil: func(_ *fakeslack.Server, o *chat.Options) { o.AppToken, o.BotToken = o.BotToken, o.AppToken }},
		"a token is missing": {about: "SLACK_BOT_TOKEN", says: "is not set", condition: promotion.Ill,
			spoil: func(_ *fakeslack.Server, o *chat.Options) { o.BotToken = promotion.Secret{} }},
		"a token was revoked": {about: "SLACK_BOT_TOKEN", says: "does not accept the token", condition: promotion.Ill,
			spoil: func(_ *fakeslack.Server, o *chat.Options) { o.BotToken = promotion.NewSecret("xoxb-2") }},
		"a scope is missing": {about: "scope groups:history", says: "the same in private channels", condition: promotion.Ill,
			options: fakeslack.Options{Scopes: scopes("groups:history")}},
		"Slack is down": {about: "SLACK_BOT_TOKEN", says: "could not be reached", condition: promotion.Unexamined,
			spoil: func(s *fakeslack.Server, _ *chat.Options) {
				s.Fail("auth.test", 9, fakeslack.Fault{Status: 502})
			}},
		"the clock is ahead": {about: "clock", says: "ahead of Slack's", condition: promotion.Ill,
			options: fakeslack.Options{Clock: func() time.Time { return time.Now().Add(-time.Hour) }}},
		"the clock is behind": {about: "clock", says: "behind Slack's", condition: promotion.Ill,
			options: fakeslack.Options{Clock: func() time.Time { return time.Now().Add(time.Hour) }}},
		"the bot is not in the channel": {about: "channel " + channel, says: "not in it", condition: promotion.Ill,
			spoil: func(s *fakeslack.Server, _ *chat.Options) {
				s.AddChannel(fakeslack.Channel{ID: channel, Members: []string{ann}})
			}},
		"the channel is archived": {about: "channel " + channel, says: "archived", condition: promotion.Ill,
			spoil: func(s *fakeslack.Server, _ *chat.Options) {
				s.AddChannel(fakeslack.Channel{ID: channel, Members: []string{s.Options().Bot.UserID}, IsArchived: true})
			}},
		"the channel is shared": {about: "channel " + channel, says: "other organisations", condition: promotion.Remarked,
			spoil: func(s *fakeslack.Server, _ *chat.Options) {
				s.AddChannel(fakeslack.Channel{ID: channel, Members: []string{s.Options().Bot.UserID}, IsExtShared: true})
			}},
		"a private channel that the bot is not in": {about: "channel " + channel, says: "invite the bot", condition: promotion.Ill,
			spoil: func(s *fakeslack.Server, _ *chat.Options) {
				s.AddChannel(fakeslack.Channel{ID: channel, Members: []string{ann}, IsPrivate: true})
			}},
		"a user group is switched off": {about: "user group " + group, says: "switched off", condition: promotion.Ill,
			spoil: func(s *fakeslack.Server, _ *chat.Options) { s.DisableGroup(group) }},
		"a user group is empty": {about: "user group " + group, says: "nobody is in it", condition: promotion.Ill,
			spoil: func(s *fakeslack.Server, _ *chat.Options) { s.SetGroupMembers(group) }},
		"user groups are not paid for": {about: "user groups", says: "need a paid Slack plan", condition: promotion.Ill,
			spoil: func(s *fakeslack.Server, _ *chat.Options) {
				s.Fail("usergroups.list", 1, fakeslack.Fault{Code: "plan_upgrade_required"})
			}},
		"somebody has left": {about: "person " + ann, says: "deactivated", condition: promotion.Ill,
			spoil: func(s *fakeslack.Server, _ *chat.Options) { s.AddUser(fakeslack.User{ID: ann, Deleted: true}) }},
		"Slack asks for a pause": {about: "person " + ann, says: "asks promotebot to wait", condition: promotion.Unexamined,
			spoil: func(s *fakeslack.Server, _ *chat.Options) {
				s.Fail("users.info", 1, fakeslack.Fault{RetryAfter: time.Minute})
			}},
	} {
		t.Run(name, func(t *testing.T) {
			s, o := clinic(t, c.options)
			if c.spoil != nil {
				c.spoil(s, &o)
			}
			all := chat.Examine(t.Context(), o, named)
			if d := examined(t, all, c.about); d.Condition != c.condition || !strings.Contains(d.Says, c.says) {
				t.Errorf("found %+v", d)
			}
		})
	}
}

func TestAUserGroupThatIsNotThereIsNamed(t *testing.T) {
	_, o := clinic(t, fakeslack.Options{})
	all := chat.Examine(t.Context(), o, chat.Named{Groups: []promotion.GroupID{"S0NONE"}})
	if d := examined(t, all, "user group S0NONE"); d.Condition != promotion.Ill || d.Remedy == "" {
		t.Errorf("found %+v", d)
	}
}
