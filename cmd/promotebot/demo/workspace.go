package demo

import (
	"context"
	"html/template"
	"net/http"

	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/fixtures/slackpage"
)

// The ids that the sample configuration names.
const (
	channel       = "C0RELEASES"
	securityGroup = "S0SECURITY"
)

// people are those whom the visitor can be, the first of them at first.
var people = []slackpage.Person{
	{ID: "U0ANN", Name: "Ann", Role: "tech lead"},
	{ID: "U0BOB", Name: "Bob", Role: "tech lead"},
	{ID: "U0EVE", Name: "Eve", Role: "security"},
	{ID: "U0DAN", Name: "Dan", Role: "developer"},
	{ID: "U0SAM", Name: "Sam", Role: "no role"},
}

// workspace is the small Slack: its people, the group that holds a role, and
// the channel with the bot in it.
func workspace(base string) *fakeslack.Server {
	s := fakeslack.New(fakeslack.Options{BaseURL: base})
	members := []string{s.Options().Bot.UserID}
	for _, p := range people {
		s.AddUser(fakeslack.User{ID: p.ID, Name: p.Name})
		members = append(members, p.ID)
	}
	s.AddGroup(securityGroup, "security", "U0EVE")
	s.AddChannel(fakeslack.Channel{ID: channel, Name: "releases", Members: members})
	return s
}

// page shows the workspace, with what only the demo has beside it.
func (d *demo) page(ctx context.Context) http.Handler {
	return slackpage.New(d.slack, slackpage.Options{
		Title: "promotebot demo", Channel: channel, Command: "/promote", People: people,
		Panel: func() template.HTML { return d.panel(ctx) },
		Actions: map[string]func(string) error{
			"push": func(app string) error { return d.push(ctx, app) },
			"fail": func(string) error { d.live.Fail(!d.live.Failing()); return nil },
		},
	})
}
