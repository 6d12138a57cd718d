package chat_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/fixtures/contest"
	fakeslack "github.com/promotebot/promotebot/fixtures/slack"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
	"github.com/promotebot/promotebot/store/sqlite"
)

// leads are the people who click in the benchmarks.
const leads = 20

func lead(i int) string { return fmt.Sprintf("U%04d", i) }

// real is the office on a real network and a real disk. In the bubble of the
// tests a click takes no time, which says nothing about how long it takes.
func real(b *testing.B, path string, c *gate.Catalog) *office {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var people []promotion.PersonID
	for i := range leads {
		people = append(people, promotion.PersonID(lead(i)))
	}
	c.Roles["leads"] = gate.Role{People: people}
	o, shut := open(b, path, c, fakeslack.Options{}, l, func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
	})
	b.Cleanup(shut)
	o.until("it is connected", func() bool { return o.chat.Health().Connections == 2 })
	o.until("nothing is under way", o.idle)
	return o
}

func (o *office) until(what string, is func() bool) {
	o.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !is(); {
		if time.Now().After(deadline) {
			o.t.Fatalf("not within five minutes: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// idle tells whether nothing is being performed, or will be soon.
func (o *office) idle() bool {
	due, any, err := o.db.NextDue(o.t.Context(), []promotion.EffectKind{
		promotion.EffectCard, promotion.EffectNotice, promotion.EffectTell, promotion.EffectSay, promotion.EffectPerson, promotion.EffectInspect, promotion.EffectReadTags,
	})
	return err == nil && (!any || time.Until(due) > time.Hour)
}

// settled waits until nothing is under way, and returns what the newest card shows.
func (o *office) settled() promotion.Promotion {
	o.t.Helper()
	o.until("nothing is under way", o.idle)
	views, err := o.gate.Views(o.t.Context(), gate.Query{Limit: 1})
	if err != nil || len(views) != 1 {
		o.t.Fatalf("%d promotions: %v", len(views), err)
	}
	return views[0].Facts.Promotion
}

// BenchmarkClickToAck is what a person waits for: Slack sends the click, and
// has the acknowledgement. Beside it are the parts of which it can't be rid:
// the transaction of the gate, a transaction of one row, and a write that is on
// the disk.
func BenchmarkClickToAck(b *testing.B) {
	o := real(b, filepath.Join(b.TempDir(), "bot.db"), catalog(b))
	other, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "other.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = other.Close() }) // the file is thrown away
	file, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = file.Close() }) // as well
	var p promotion.Promotion
	round := 0
	page := make([]byte, 4096)
	contest.Run(b,
		&contest.Contestant{Name: "click", Before: func() {
			round++
			o.arrive(round)
			p = o.settled()
		}, Do: func() {
			d, err := o.slack.Click(lead(0), channel, p.Card.TS, render.ActionApprove)
			o.acked(d, err)
		}},
		&contest.Contestant{Name: "gate", Before: func() { p = o.settled() }, Do: func() {
			a, err := o.gate.Take(b.Context(), promotion.Gesture{
				Key: fmt.Sprintf("click/%d", round), Kind: promotion.GestureVote, Person: promotion.PersonID(lead(1)), Channel: channel, Reply: true,
				Promotion: p.ID, Decision: promotion.Approve, Terms: p.TermsNow().Hash(), CardTS: p.Card.TS,
			})
			if err != nil || a.Verb != promotion.Counted {
				b.Fatalf("%+v %v", a, err)
			}
		}},
		&contest.Contestant{Name: "commit", Before: func() { o.settled() }, Do: func() {
			if err := other.Update(b.Context(), func(tx gate.Tx) error {
				return tx.SaveWatch(gate.Watch{App: "shop", Environment: "staging", Side: promotion.Source, Since: time.Now()})
			}); err != nil {
				b.Fatal(err)
			}
		}},
		&contest.Contestant{Name: "fsync", Do: func() {
			if _, err := file.Write(page); err != nil {
				b.Fatal(err)
			}
			if err := file.Sync(); err != nil {
				b.Fatal(err)
			}
		}},
	)
}

// BenchmarkTwentyClicksAtOnce is the worst that a channel does: everybody
// clicks in the same instant, while the card is being redrawn for each of them.
func BenchmarkTwentyClicksAtOnce(b *testing.B) {
	o := real(b, filepath.Join(b.TempDir(), "bot.db"), catalog(b))
	var took []time.Duration
	round := 0
	for b.Loop() {
		round++
		o.arrive(round)
		p := o.settled()
		var all []*fakeslack.Delivery
		for i := range leads {
			d, err := o.slack.Click(lead(i), channel, p.Card.TS, render.ActionApprove)
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, d)
		}
		for _, d := range all {
			o.acked(d, nil)
			took = append(took, d.Took())
		}
	}
	percentiles(b, took)
}

// BenchmarkStorm is the storm of the tests in real time and six times as fast: a
// thousand clicks on a hundred cards in ten seconds, while the cards are drawn. What
// it says of the slowest click is to stay below a second.
func BenchmarkStorm(b *testing.B) {
	const voters, rooms = 10, 10
	var took []time.Duration
	for b.Loop() {
		c := crowd(b, 100, voters, rooms)
		o := real(b, filepath.Join(b.TempDir(), "bot.db"), c)
		for _, room := range c.Channels() {
			members := []string{o.slack.Options().Bot.UserID}
			for i := range leads {
				members = append(members, lead(i))
			}
			o.slack.AddChannel(fakeslack.Channel{ID: room, Members: members})
		}
		o.stageAll(c)
		o.until("every card can be clicked", func() bool { // Slack's rates let that take two minutes
			ready := 0
			for _, room := range c.Channels() {
				for _, m := range o.slack.Messages(room) {
					ready += strings.Count(string(m.Blocks), render.ActionApprove)
				}
			}
			return ready == len(c.Apps)
		})
		for _, d := range o.clickAll(c, voters, 10*time.Second) {
			o.acked(d, nil)
			took = append(took, d.Took())
		}
		views, err := o.gate.Views(b.Context(), gate.Query{States: []promotion.State{promotion.Open}})
		if err != nil || slices.ContainsFunc(views, func(v policy.View) bool { return len(v.Verdict.Assigned) != voters }) {
			b.Fatalf("not every click counts: %v", err)
		}
	}
	percentiles(b, took)
	if slowest := took[len(took)-1]; slowest > time.Second {
		b.Errorf("a click was acknowledged after %s", slowest)
	}
}

func percentiles(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(0, "ns/op") // it would contain the waiting between the rounds
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
}

// arrive has a digest of its own arrive in staging.
func (o *office) arrive(round int) {
	o.t.Helper()
	err := o.gate.Sight(o.t.Context(), []promotion.Sighting{
		{App: "shop", Environment: "production", Side: promotion.Held, At: time.Now(), Tags: []promotion.TaggedDigest{{Tag: "production", Digest: o.tags["production"]}}},
		{App: "shop", Environment: "staging", Side: promotion.Source, At: time.Now(), Tags: []promotion.TaggedDigest{{Tag: "staging", Digest: promotion.Digest(fmt.Sprintf("sha256:%064x", round))}}},
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) acked(d *fakeslack.Delivery, err error) {
	o.t.Helper()
	if err == nil {
		err = d.Wait(o.t.Context())
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// BenchmarkLongMemory asks an old bot and a young one the same. What was
// promoted long ago must not slow down what is asked today.
func BenchmarkLongMemory(b *testing.B) {
	c := catalog(b)
	shop := c.Apps[0]
	c.Apps = nil
	for i := range apps {
		shop.Name = fmt.Sprintf("app-%d", i)
		c.Apps = append(c.Apps, shop)
	}
	age := func(past int) *office {
		path := filepath.Join(b.TempDir(), "bot.db")
		fill(b, path, past)
		return real(b, path, c)
	}
	old, young := age(100_000), age(1_000)
	for _, question := range []string{"history", "history app-7", "list", "why app-7", "status app-7"} {
		b.Run(strings.ReplaceAll(question, " ", "-"), func(b *testing.B) {
			ask := func(o *office) func() {
				return func() {
					d, err := o.slack.Command(eve, channel, "/promote", question)
					o.acked(d, err)
					if !strings.Contains(string(d.Ack()), "*app-") {
						b.Fatalf("/promote %s is answered %s", question, d.Ack())
					}
				}
			}
			contest.Run(b, &contest.Contestant{Name: "100000-past", Do: ask(old)}, &contest.Contestant{Name: "1000-past", Do: ask(young)})
		})
	}
}

// apps is how many there are in a long memory.
const apps = 50

// fill makes a database in which every app has one open promotion and its
// share of the past ones, with the votes for them and their time in staging.
func fill(b *testing.B, path string, past int) {
	b.Helper()
	db, err := sqlite.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now().Add(-time.Duration(past+apps) * time.Minute)
	err = db.Update(b.Context(), func(tx gate.Tx) error {
		for i := range past + apps {
			if err := add(tx, i, begin.Add(time.Duration(i)*time.Minute), i >= past); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		b.Fatal(err)
	}
}

func add(tx gate.Tx, i int, at time.Time, open bool) error {
	left := at.Add(apps * time.Minute) // when the next build of the app arrives
	p := promotion.Promotion{
		App: fmt.Sprintf("app-%d", i%apps), From: "staging", To: "production", Repository: "registry.example.com/shop", Digest: promotion.Digest(fmt.Sprintf("sha256:%064x", i)), SourceTag: "staging",
		State: promotion.Promoted, Purpose: promotion.Forward, Destination: "registry.example.com/shop", Revision: 1, ObservedAt: at, OpenedAt: at, StartedAt: &left, FinishedAt: &left, Card: promotion.Card{Channel: channel},
	}
	if open {
		p.State, p.StartedAt, p.FinishedAt = promotion.Open, nil, nil
	}
	if err := tx.AddPromotion(&p); err != nil {
		return err
	}
	if err := tx.SaveVote(promotion.Vote{Promotion: p.ID, Person: ann, Decision: promotion.Approve, At: at}); err != nil {
		return err
	}
	if err := tx.OpenHolding(p.App, p.From, promotion.Source, gate.Holding{Tag: p.SourceTag, Digest: p.Digest, Since: at}); err != nil || open {
		return err
	}
	return tx.CloseHolding(p.App, p.From, promotion.Source, p.SourceTag, left)
}
