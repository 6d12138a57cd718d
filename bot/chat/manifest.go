package chat

import (
	"slices"
	"strings"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"

	"github.com/promotebot/promotebot/bot/command"
	"github.com/promotebot/promotebot/bot/render"
)

// Scopes are the bot token scopes that promotebot uses, and what for.
var Scopes = []struct{ Name, For string }{
	{"chat:write", "post and update cards"},
	{"commands", "the /promote command"},
	{"users:read", "who clicked, and in which standing"},
	{"usergroups:read", "the members of user groups that are named as roles"},
	{"channels:read", "whether the channel of a card is archived or shared with others"},
	{"groups:read", "the same of private channels"},
	{"channels:history", "find a card again after a crash instead of posting a second one"},
	{"groups:history", "the same in private channels"},
	{"app_mentions:read", "answer where @promotebot is named"},
	{"im:history", "answer direct messages, and find one of its own again after a crash instead of sending a second one"},
	{"im:write", "open the conversation in which somebody is told something directly"},
}

// Events are what Slack tells by itself, and what for. Those about people and
// channels are hints: what they are about is read again, and counts only then. The scopes that Slack sends
// them for are all among those above.
var Events = []struct {
	Name slackevents.EventsAPIType
	For  string
}{
	{slackevents.AppHomeOpened, "somebody looks at the home of the app"},
	{slackevents.AppMention, "@promotebot was named in a channel"},
	{"message.im", "somebody wrote to promotebot alone"},
	{slackevents.SubteamMembersChanged, "somebody came to hold a role, or holds it no longer"},
	{slackevents.SubteamUpdated, "a user group was switched off, or on again"},
	{slackevents.UserChange, "somebody was deactivated, or became a guest"},
	{slackevents.ChannelShared, "the channel of a card was shared with another organisation"},
	{slackevents.ChannelUnshared, "that is over"},
	{slackevents.ChannelIDChanged, "the configuration names a channel by an id that it has no longer"},
	{slackevents.AppUninstalled, "the app was removed from the workspace"},
	{slackevents.TokensRevoked, "its token was revoked"},
}

// missingScopes are those that were not granted, given Slack's header that names
// those that were.
func missingScopes(header string) []string {
	var granted, missing []string
	for scope := range strings.SplitSeq(header, ",") {
		granted = append(granted, strings.TrimSpace(scope))
	}
	for _, s := range Scopes {
		if !slices.Contains(granted, s.Name) {
			missing = append(missing, s.Name)
		}
	}
	return missing
}

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
		Settings: slack.Settings{Interactivity: &slack.Interactivity{IsEnabled: true}, EventSubscriptions: &slack.EventSubscriptions{}, SocketModeEnabled: true},
	}
	m.Features.AppHome = slack.AppHome{HomeTabEnabled: true, MessagesTabEnabled: true}
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
	for _, e := range Events {
		m.Settings.EventSubscriptions.BotEvents = append(m.Settings.EventSubscriptions.BotEvents, string(e.Name))
	}
	return m
}
