package chat

import (
	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/bot/render"
)

// Manifest is the Slack app manifest: everything promotebot needs and nothing
// else, with Socket Mode on, so that no address has to be reachable from
// outside (docs.slack.dev/reference/app-manifest).
func Manifest() slack.Manifest {
	m := slack.Manifest{
		Metadata: slack.ManifestMetadata{MajorVersion: 1, MinorVersion: 1},
		Display: slack.Display{
			Name: "promotebot", BackgroundColor: "#1d3b36",
			Description: "Promotes container images by digest, when the policy and the people say so",
		},
		Settings: slack.Settings{Interactivity: &slack.Interactivity{IsEnabled: true}, SocketModeEnabled: true},
	}
	m.Settings.EventSubscriptions = &slack.EventSubscriptions{BotEvents: Events}
	m.Features.AppHome = slack.AppHome{MessagesTabEnabled: true}
	m.Features.BotUser = slack.BotUser{DisplayName: "promotebot", AlwaysOnline: true}
	m.Features.SlashCommands = []slack.ManifestSlashCommand{{
		Command: "/promote", Description: "Promote a container image: see, ask, approve", UsageHint: command.Hint(), ShouldEscape: true,
	}}
	m.Features.Shortcuts = []slack.Shortcut{{
		Name: "What is this?", CallbackID: render.ShortcutWhatIs, Description: "Shows the promotion that the message is about", Type: slack.MessageShortcut,
	}}
	for _, s := range Scopes {
		m.OAuthConfig.Scopes.Bot = append(m.OAuthConfig.Scopes.Bot, s.Name)
	}
	return m
}
