package chat_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/promotebot/promotebot/bot/chat"
	"github.com/promotebot/promotebot/bot/command"
)

// Lengths are those of Slack's schema for manifests; that every scope and event
// is there that is needed, all tests of this package ask.
func TestTheManifestIsWhatSlackTakes(t *testing.T) {
	m := chat.Manifest()
	for _, s := range m.Features.Shortcuts {
		if n := utf8.RuneCountInString(s.Name); n == 0 || n > 24 || s.Type != "message" || s.Description == "" || len(s.Description) > 150 {
			t.Errorf("the shortcut %+v", s)
		}
	}
	if len(m.Features.Shortcuts) != 1 || len(m.Features.SlashCommands) != 1 {
		t.Fatalf("%d shortcuts, %d commands", len(m.Features.Shortcuts), len(m.Features.SlashCommands))
	}
	hint := m.Features.SlashCommands[0].UsageHint
	if hint != command.Hint() || len(hint) > 1000 || !m.Features.SlashCommands[0].ShouldEscape {
		t.Errorf("the command is hinted at with %q", hint)
	}
	if !m.Features.AppHome.MessagesTabEnabled || m.Features.AppHome.MessagesTabReadOnlyEnabled {
		t.Error("nobody could write to the bot")
	}
	for event, scope := range map[string]string{"app_mention": "app_mentions:read", "message.im": "im:history"} {
		if !strings.Contains(strings.Join(m.Settings.EventSubscriptions.BotEvents, " "), event) || !strings.Contains(strings.Join(m.OAuthConfig.Scopes.Bot, " "), scope) {
			t.Errorf("%s is not subscribed to, or %s not asked for", event, scope)
		}
	}
}
