package gate

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Catalog is what the configuration says about promotions. It is replaced as
// a whole (Gate.Adopt) and never modified in place.
type Catalog struct {
	Apps         []App
	Trains       []Train
	Environments []Environment // the chain, first to last
	Roles        map[string]Role
	Identities   promotion.Identities // who has several accounts
	Reminders    []Reminder
	Digests      []Digest
	Direct       *Direct            // nil: nobody is reminded by direct message
	Freezes      []promotion.Freeze // of everything
	Trust        promotion.Trust    // whose word about how an image was built is taken
}

// App is an image and the policy of each environment that it can be promoted
// into.
type App struct {
	Name       string
	Repository promotion.Repository
	Images     map[string]promotion.Repository // by environment: those that have images of their own
	Channel    string                          // Slack channel id of its cards
	Policies   map[string]policy.Document      // by environment; every one but the first
}

// In is the repository with the app's images in an environment.
func (a App) In(environment string) promotion.Repository {
	if r, ok := a.Images[environment]; ok {
		return r
	}
	return a.Repository
}

// Knows tells whether the catalog names the repository, as one that an app has
// its images in.
func (c *Catalog) Knows(r promotion.Repository) bool {
	return slices.ContainsFunc(c.Apps, func(a App) bool {
		for _, own := range a.Images {
			if own == r {
				return true
			}
		}
		return a.Repository == r
	})
}

// Train is a list of apps that can be promoted as one, and the policy of each
// environment that they can be promoted into together.
type Train struct {
	Name     string // no app has it
	Apps     []string
	Channel  string                     // Slack channel id of its cards
	Policies map[string]policy.Document // by environment; every one but the first
}

// Environment is a link of the chain.
type Environment struct {
	Name  string
	Watch promotion.TagPattern    // zero when it is fed explicitly
	Tags  []promotion.TagTemplate // set by a promotion into it; none for the first
	// Attachments are what goes along when an image is brought into it from
	// another repository.
	Attachments promotion.Attachments
	Deploy      Deploy
}

// Role is a list of people, directly, through Slack user groups, or through
// other roles.
type Role struct {
	People []promotion.PersonID
	Groups []promotion.GroupID
	Roles  []string
}

// Reminder is a recurring instant at which missing approvals are asked for.
type Reminder struct {
	Spec     string // the cron expression, with CRON_TZ; it identifies the schedule
	Schedule cron.Schedule
}

// App finds an app by its name.
func (c *Catalog) App(name string) (App, bool) {
	i := slices.IndexFunc(c.Apps, func(a App) bool { return a.Name == name })
	if i < 0 {
		return App{}, false
	}
	return c.Apps[i], true
}

// Train finds a train by its name.
func (c *Catalog) Train(name string) (Train, bool) {
	i := slices.IndexFunc(c.Trains, func(t Train) bool { return t.Name == name })
	if i < 0 {
		return Train{}, false
	}
	return c.Trains[i], true
}

// Names are what can be promoted: the apps, and the trains.
func (c *Catalog) Names() []string {
	var names []string
	for _, a := range c.Apps {
		names = append(names, a.Name)
	}
	for _, t := range c.Trains {
		names = append(names, t.Name)
	}
	return names
}

// Environment finds an environment by its name.
func (c *Catalog) Environment(name string) (Environment, bool) {
	i := c.position(name)
	if i < 0 {
		return Environment{}, false
	}
	return c.Environments[i], true
}

// Next is the environment that follows in the chain.
func (c *Catalog) Next(name string) (Environment, bool) {
	i := c.position(name)
	if i < 0 || i+1 >= len(c.Environments) {
		return Environment{}, false
	}
	return c.Environments[i+1], true
}

func (c *Catalog) position(name string) int {
	return slices.IndexFunc(c.Environments, func(e Environment) bool { return e.Name == name })
}

// members resolves a role, through other roles, to the people and groups that
// it names. Cycles are refused when the configuration is read; here they end.
func (c *Catalog) members(role string) (people []promotion.PersonID, groups []promotion.GroupID) {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		r := c.Roles[name]
		people = append(people, r.People...)
		groups = append(groups, r.Groups...)
		for _, other := range r.Roles {
			visit(other)
		}
	}
	visit(role)
	slices.Sort(people)
	slices.Sort(groups)
	return slices.Compact(people), slices.Compact(groups)
}

// Roster is who holds the role, given what was read of the groups that it leads
// to.
func (c *Catalog) Roster(role string, read map[promotion.GroupID]promotion.Group) promotion.Roster {
	people, groups := c.members(role)
	roster := promotion.Roster{Role: role, Members: people, Groups: groups}
	var oldest *time.Time
	for _, id := range groups {
		g, ok := read[id]
		switch {
		case !ok:
			return roster // never read: ReadAt stays nil, which is what "not known" means
		case g.Fault != "":
			roster.Fault = g.Fault
		}
		if oldest == nil || g.ReadAt.Before(*oldest) {
			oldest = &g.ReadAt
		}
		roster.Members = append(roster.Members, g.Members...)
	}
	roster.ReadAt = oldest
	slices.Sort(roster.Members)
	roster.Members = slices.Compact(roster.Members)
	return roster
}

// Directory is everybody and every group that some role names.
func (c *Catalog) Directory() (people []promotion.PersonID, groups []promotion.GroupID) {
	for _, role := range slices.Sorted(maps.Keys(c.Roles)) {
		p, g := c.members(role)
		people, groups = append(people, p...), append(groups, g...)
	}
	slices.Sort(people)
	slices.Sort(groups)
	return slices.Compact(people), slices.Compact(groups)
}

// Channels are those that cards are posted in.
func (c *Catalog) Channels() []string {
	var ids []string
	for _, a := range c.Apps {
		ids = append(ids, a.Channel)
	}
	for _, t := range c.Trains {
		ids = append(ids, t.Channel)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// nextTick is the first instant of the schedule after now and after the tick
// before, if there was one. A clock that was set back repeats none, and the hour
// that comes twice in autumn counts once.
func (r Reminder) nextTick(now time.Time, before *time.Time) time.Time {
	if before == nil {
		return r.Schedule.Next(now).UTC()
	}
	next := r.Schedule.Next(later(now, *before))
	if s, ok := r.Schedule.(*cron.SpecSchedule); ok && next.In(s.Location).Format(time.DateTime) == before.In(s.Location).Format(time.DateTime) {
		next = r.Schedule.Next(next)
	}
	return next.UTC()
}

// watching names what is looked at.
type watching struct {
	app, environment string
	side             promotion.Side
}

// watchings are everything that is looked at, and where: what that is compares
// equal for as long as the same tags of the same image are.
func (c *Catalog) watchings() map[watching]string {
	all := map[watching]string{}
	for _, app := range c.Apps {
		for _, env := range c.Environments {
			if !env.Watch.IsZero() {
				all[watching{app.Name, env.Name, promotion.Source}] = fmt.Sprint(app.In(env.Name), env.Watch)
			}
			if floating := env.FloatingTags(); len(floating) > 0 {
				all[watching{app.Name, env.Name, promotion.Held}] = fmt.Sprint(app.In(env.Name), floating)
			}
		}
	}
	return all
}

// owner is another environment than to for which the tag means something where
// the app's images of to are: that watches it, or in which it says what runs
// there.
func (c *Catalog) owner(app App, tag, to string) (string, bool) {
	for _, e := range c.Environments {
		_, watched := e.Watch.Match(tag)
		if e.Name != to && app.In(e.Name) == app.In(to) && (watched || slices.Contains(e.FloatingTags(), tag)) {
			return e.Name, true
		}
	}
	return "", false
}

// FloatingTags are the tags that say what is in the environment now.
func (e Environment) FloatingTags() []string {
	var tags []string
	for _, t := range e.Tags {
		if t.Floating() {
			tags = append(tags, string(t))
		}
	}
	return tags
}
