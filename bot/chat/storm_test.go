package chat_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/fixtures/pipenet"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

// crowd is a catalog of many apps, each to be approved by everybody, with their
// cards in a few channels.
func crowd(t testing.TB, apps, voters, rooms int) *gate.Catalog {
	t.Helper()
	c := catalog(t)
	c.Apps, c.Reminders = nil, nil
	for i := range apps {
		c.Apps = append(c.Apps, gate.App{
			Name: fmt.Sprintf("app-%d", i), Repository: promotion.Repository(fmt.Sprintf("registry.example.com/app-%d", i)), Channel: fmt.Sprintf("C%04d", i%rooms),
			Policies: map[string]policy.Document{"production": {Soak: 24 * time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: voters}}}},
		})
	}
	var people []promotion.PersonID
	for i := range voters {
		people = append(people, promotion.PersonID(lead(i)))
	}
	c.Roles["leads"] = gate.Role{People: people}
	return c
}

// A thousand clicks on a hundred cards within a minute: everybody is
// acknowledged at once, Slack never has to turn the bot away, and in the end
// every card shows every approval. Slack's limits are those of its documents.
func TestAStormOfClicksEndsWithEveryCardRight(t *testing.T) {
	apps, voters, rooms, within := 100, 10, 10, time.Minute
	if raceEnabled { // everything takes twenty times as long there: a tenth of it, as dense
		apps, rooms, within = 10, 3, 6*time.Second
	}
	path, c := filepath.Join(t.TempDir(), "bot.db"), crowd(t, apps, voters, rooms)
	synctest.Test(t, func(t *testing.T) {
		network := pipenet.New()
		o, shut := open(t, path, c, fakeslack.Options{Tiers: true}, network.Listen(host), network.DialContext)
		var members []string
		for _, id := range c.Roles["leads"].People {
			members = append(members, string(id))
		}
		for i := range rooms {
			o.slack.AddChannel(fakeslack.Channel{ID: fmt.Sprintf("C%04d", i), Members: append(members, o.slack.Options().Bot.UserID)})
		}
		time.Sleep(time.Minute)
		o.stageAll(c)
		time.Sleep(5 * time.Minute)
		clicks := o.clickAll(c, voters, within)
		time.Sleep(time.Hour)
		synctest.Wait()
		for _, d := range clicks {
			if d.Err() != nil || d.Took() > time.Second {
				t.Errorf("a click was acknowledged after %s: %v", d.Took(), d.Err())
			}
		}
		o.cardsShow(c, fmt.Sprintf("%d of %d", voters, voters))
		for _, call := range o.slack.Calls() {
			if call.Status == http.StatusTooManyRequests {
				t.Errorf("Slack had to turn away %s at %s", call.Method, call.At.Format(time.TimeOnly))
			}
		}
		if n := o.slack.Counts()["chat.update"]; n > apps*voters/2 {
			t.Errorf("the cards were drawn again %d times for %d clicks: changes were not drawn together", n, len(clicks))
		}
		shut()
	})
}

// stageAll has a digest of every app arrive in staging.
func (o *office) stageAll(c *gate.Catalog) {
	o.t.Helper()
	var seen []promotion.Sighting
	for _, app := range c.Apps {
		seen = append(seen,
			promotion.Sighting{App: app.Name, Environment: "production", Side: promotion.Held, At: time.Now(), Tags: []promotion.TaggedDigest{{Tag: "production", Digest: digest("0")}}},
			promotion.Sighting{App: app.Name, Environment: "staging", Side: promotion.Source, At: time.Now(), Tags: []promotion.TaggedDigest{{Tag: "staging", Digest: digest("a")}}})
	}
	if err := o.gate.Sight(o.t.Context(), seen); err != nil {
		o.t.Fatal(err)
	}
}

// clickAll has everybody approve everything within a while.
func (o *office) clickAll(c *gate.Catalog, voters int, within time.Duration) (clicks []*fakeslack.Delivery) {
	o.t.Helper()
	for i := range voters {
		for n, channel := range c.Channels() {
			for _, card := range o.slack.Messages(channel) {
				if card.ThreadTS != "" && card.ThreadTS != card.TS {
					continue
				}
				d, err := o.slack.Click(lead((i+n)%voters), channel, card.TS, render.ActionApprove)
				if err != nil {
					o.t.Fatal(err)
				}
				clicks = append(clicks, d)
				time.Sleep(within / time.Duration(voters*len(c.Apps)))
			}
		}
	}
	if len(clicks) != voters*len(c.Apps) {
		o.t.Fatalf("%d clicks, want %d", len(clicks), voters*len(c.Apps))
	}
	return clicks
}

// cardsShow fails unless there is one card for each app, which says so.
func (o *office) cardsShow(c *gate.Catalog, text string) {
	o.t.Helper()
	for _, app := range c.Apps {
		cards := slices.DeleteFunc(o.slack.Messages(app.Channel), func(m fakeslack.Message) bool {
			return m.ThreadTS != "" && m.ThreadTS != m.TS || !strings.Contains(m.Text, app.Name+" ")
		})
		if len(cards) != 1 || !strings.Contains(cards[0].Text+string(cards[0].Blocks), text) {
			o.t.Errorf("%s has %d cards: %+v", app.Name, len(cards), cards)
		}
	}
}

// Slack says of each method how long it is to be left alone. Until then it is,
// whichever card is to be drawn, and the other methods go on.
func TestWhatSlackWantsLeftAloneIsLeftAlone(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "bot.db"), crowd(t, 2, 2, 1)
	synctest.Test(t, func(t *testing.T) {
		network := pipenet.New()
		o, shut := open(t, path, c, fakeslack.Options{}, network.Listen(host), network.DialContext)
		room := c.Channels()[0]
		o.slack.AddChannel(fakeslack.Channel{ID: room, Members: []string{lead(0), lead(1), o.slack.Options().Bot.UserID}})
		time.Sleep(time.Minute)
		o.stageAll(c)
		time.Sleep(time.Minute)
		before := o.slack.Counts()["chat.update"]
		o.slack.Fail("chat.update", 1, fakeslack.Fault{RetryAfter: 5 * time.Minute})
		for _, d := range o.clickAll(c, 2, time.Minute) {
			if d.Err() != nil {
				t.Errorf("a click: %v", d.Err())
			}
		}
		time.Sleep(3 * time.Minute)
		if n := o.slack.Counts()["chat.update"] - before; n != 1 {
			t.Errorf("cards were to be left alone for five minutes, and %d updates came in four", n)
		}
		said := 0
		for _, m := range o.slack.Messages(room) {
			said += len(o.slack.Thread(room, m.TS)) - 1
		}
		if said != 4 {
			t.Errorf("%d of 4 approvals were told in the threads meanwhile", said)
		}
		time.Sleep(5 * time.Minute)
		o.cardsShow(c, "2 of 2")
		shut()
	})
}
