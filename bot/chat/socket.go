package chat

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

const (
	// connections: Slack replaces each one every few hours, and what is sent in
	// that moment is lost with one connection and kept with two. Ten are allowed.
	connections = 2
	// workers handle envelopes; the database lets in one writer at a time, so
	// more would only queue there.
	workers = 8
	// backlog is how many envelopes may wait for a worker. The reader must never
	// block, or Slack's pings go unanswered; what does not fit is left
	// unacknowledged, which the person sees.
	backlog = 512
	// ackWithin is what is left of Slack's three seconds for the acknowledgement
	// to leave.
	ackWithin = 2500 * time.Millisecond
	// crowded: Slack replaces a connection every few hours. When it does so this
	// often within a minute, it turns it away because there are too many (reason
	// too_many_websockets, which slack-go keeps to itself), and slack-go comes back
	// at once, for ever.
	crowded = 10
	// settled is how long a connection must have lived for the next one not to
	// wait longer.
	settled = 10 * time.Minute
	// drain gives slack-go time to write the acknowledgements that are queued
	// when the program stops; it sends them from a goroutine of its own.
	drain = 300 * time.Millisecond
)

// job is an envelope with the connection on which it has to be acknowledged.
type job struct {
	event  socketmode.Event
	client *socketmode.Client
}

// Run keeps the connections open and handles what comes in until ctx ends. It
// then stops reading, finishes what it has begun, lets the acknowledgements
// out, and only then hangs up.
func (c *Chat) Run(ctx context.Context) error {
	jobs := make(chan job, backlog)
	sockets, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()

	var busy, open, reading sync.WaitGroup
	for range workers {
		busy.Go(func() {
			for j := range jobs {
				c.handle(j)
			}
		})
	}
	reading.Add(connections)
	for range connections {
		open.Go(func() {
			quiet := sync.OnceFunc(reading.Done)
			defer quiet()
			c.supervise(ctx, sockets, jobs, quiet)
		})
	}
	<-ctx.Done()
	reading.Wait()
	close(jobs)
	busy.Wait()
	time.Sleep(drain)
	hangUp()
	open.Wait()
	return ctx.Err()
}

// supervise opens a connection again whenever slack-go gives it up, which it
// does only for a token that is no longer good, or readLoop does. It calls quiet
// once nothing more will be read because ctx has ended.
func (c *Chat) supervise(ctx, sockets context.Context, jobs chan<- job, quiet func()) {
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, time.Minute) {
		began := time.Now()
		options := []socketmode.Option{}
		if c.opts.Dialer != nil {
			options = append(options, socketmode.OptionDialer(c.opts.Dialer))
		}
		client := socketmode.New(c.api, options...)
		life, end := context.WithCancel(sockets)
		var reader sync.WaitGroup
		reader.Go(func() {
			c.readLoop(ctx, life, client, jobs)
			if ctx.Err() == nil {
				end() // a client whose events are not read must not go on
			}
			if ctx.Err() != nil {
				quiet()
			}
		})
		err := client.RunContext(life)
		end()
		reader.Wait()
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > settled {
			wait = time.Second
		}
		c.log.Error("Slack connection given up; trying again", "wait", wait, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// readLoop hands envelopes over and never blocks: a client whose events are not
// read dies silently and for good. It returns when the connection is not worth
// keeping.
func (c *Chat) readLoop(ctx, life context.Context, client *socketmode.Client, jobs chan<- job) {
	up := false
	var replaced []time.Time
	mark := func(now bool) {
		switch {
		case now && !up:
			c.connected.Add(1)
		case !now && up:
			c.connected.Add(-1)
		}
		up = now
	}
	defer mark(false)
	for {
		select {
		case <-ctx.Done():
			return // what is not read stays unacknowledged, for another connection
		case <-life.Done():
			return
		case e := <-client.Events:
			switch e.Type {
			case socketmode.EventTypeHello:
				mark(true)
			case socketmode.EventTypeConnecting:
				if up {
					c.reconnects.Add(1)
				}
				mark(false)
			case socketmode.EventTypeConnected:
				replaced = append(slices.DeleteFunc(replaced, func(t time.Time) bool { return time.Since(t) > time.Minute }), time.Now())
				if len(replaced) > crowded {
					c.log.Error("Slack keeps replacing this connection: probably too many are open, by another process that uses the same Slack app; use one app for each bot", "replaced_in_a_minute", len(replaced))
					return
				}
			case socketmode.EventTypeErrorWriteFailed:
				c.log.Warn("an acknowledgement could not be written; Slack delivers again, or shows the person that it failed")
			case socketmode.EventTypeConnectionError:
				if failure, ok := e.Data.(*slack.ConnectionErrorEvent); ok {
					c.log.Warn("can't connect to Slack", "attempt", failure.Attempt, "error", failure.ErrorObj)
				}
			case socketmode.EventTypeInteractive, socketmode.EventTypeSlashCommand, socketmode.EventTypeEventsAPI, socketmode.EventTypeErrorBadMessage:
				c.handOver(e, client, jobs)
			}
		}
	}
}

func (c *Chat) handOver(e socketmode.Event, client *socketmode.Client, jobs chan<- job) {
	select {
	case jobs <- job{e, client}:
	default:
		c.dropped.Add(1)
		c.log.Error("too many envelopes at once; one was left unacknowledged", "backlog", backlog)
	}
}

// ack lets Slack know that the envelope has been dealt with. That it got there
// is not known, here or anywhere.
func (c *Chat) ack(j job, envelope string, payload any) {
	ctx, cancel := context.WithTimeout(context.Background(), ackWithin)
	defer cancel()
	if err := j.client.AckCtx(ctx, envelope, payload); err != nil {
		c.log.Error("can't acknowledge to Slack", "envelope", envelope, "error", err)
	}
}

// badMessage acknowledges a frame that slack-go could not decode, so that Slack
// does not send it again and again. Of an event it is enough that what concerns
// us can be read.
func (c *Chat) badMessage(ctx context.Context, j job) {
	bad, ok := j.event.Data.(*socketmode.ErrorBadMessage)
	if !ok {
		return
	}
	var frame struct {
		EnvelopeID string          `json:"envelope_id"`
		Type       string          `json:"type"`
		Payload    json.RawMessage `json:"payload"`
	}
	err := json.Unmarshal(bad.Message, &frame)
	if err == nil && frame.EnvelopeID != "" && frame.Type == socketmode.RequestTypeEventsAPI {
		if err := c.hinted(ctx, frame.Payload); err != nil {
			c.log.Error("an event could not be taken; Slack sends it again", "error", err)
			return
		}
	}
	c.log.Warn("Slack sent something that can't be read", "type", frame.Type, "error", bad.Cause)
	if err == nil && frame.EnvelopeID != "" {
		c.ack(j, frame.EnvelopeID, nil)
	}
}
