package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// A call is the bot's side of one exchange with the outside: a transaction, a
// claim, a request. Its goroutine waits in ask until the scheduler has said what
// becomes of it.
type call struct {
	by    *replica
	what  what
	name  string // the same in every run of a schedule; pending calls are sorted by it
	land  func() // what a request does to the far side; nil for the store, which its caller works on
	order int    // tells two calls of one name apart
	fate  chan fate
	lies  bool // a yes to it proves nothing
	sure  bool // nothing can go wrong with it

	deadline time.Time // when its caller gives up
	held     time.Time // not let go before; the outside is slow
}

// what is the kind of outsider that a call goes to.
type what int

const (
	commit what = iota
	view
	claim
	registryCall
	slackCall
	deployCall
)

func (x what) String() string {
	return [...]string{"database for writing", "database for reading", "queue", "registry", "Slack", "deploy service"}[x]
}

// fate is what becomes of a call.
type fate int

const (
	fine        fate = iota
	failBefore       // an error, and nothing happened
	failAfter        // an error, and yet it happened
	crashBefore      // the replica dies, and nothing happened
	crashAfter       // the replica dies, and it happened
	hang             // no answer until the caller gives up; it may happen meanwhile
	lie              // a yes, and nothing happened
	slowDown         // refused with the wish for a pause
)

func (f fate) String() string {
	return [...]string{"", "fails before", "fails after", "crash before", "crash after", "hangs", "lies", "asks for a pause"}[f]
}

var errGone = errors.New("the process is gone")

// caller says on whose behalf a call is made. It travels in the context, from
// the lanes and the drivers of this package through the real code.
type caller struct {
	by   *replica
	name string
	work *performance // the effect that is being performed, if any
}

type callerKey struct{}

func as(ctx context.Context, c *caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) *caller { return ctx.Value(callerKey{}).(*caller) }

// desk is where calls are handed in, and what came of deliveries.
type desk struct {
	mu       sync.Mutex
	pending  []*call
	handed   int
	outcomes []outcome
	arrived  chan struct{}
}

// outcome is something that a goroutine of this package has to tell. Several
// can end at the same instant, so it is heard when all goroutines wait.
type outcome struct {
	name string
	tell func()
}

func (d *desk) report(name string, tell func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outcomes = append(d.outcomes, outcome{name, tell})
}

func (w *world) hear() {
	w.desk.mu.Lock()
	outcomes := w.desk.outcomes
	w.desk.outcomes = nil
	w.desk.mu.Unlock()
	slices.SortFunc(outcomes, func(a, b outcome) int { return cmp.Compare(a.name, b.name) })
	for _, o := range outcomes {
		o.tell()
	}
}

// ask hands a call in and waits for its fate. The error says that the caller
// has given up, or is dead.
func (w *world) ask(ctx context.Context, c *call) (fate, error) {
	if c.by.isDead() {
		return 0, errGone
	}
	c.fate = make(chan fate, 1)
	c.deadline, _ = ctx.Deadline()
	w.desk.mu.Lock()
	w.desk.handed++
	c.order = w.desk.handed
	w.desk.pending = append(w.desk.pending, c)
	w.desk.mu.Unlock()
	select {
	case w.desk.arrived <- struct{}{}:
	default:
	}
	select {
	case f := <-c.fate:
		return f, nil
	case <-ctx.Done():
		w.desk.withdraw(c)
		return 0, ctx.Err()
	case <-c.by.dead:
		w.desk.withdraw(c)
		return 0, errGone
	}
}

func (d *desk) withdraw(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pending = slices.DeleteFunc(d.pending, func(other *call) bool { return other == c })
}

// ready are the calls that may go on now, in an order that does not depend on
// how the runtime ran their goroutines, and when the next one may.
func (w *world) ready() (ready []*call, next time.Time) {
	w.desk.mu.Lock()
	defer w.desk.mu.Unlock()
	now := time.Now()
	for _, c := range w.desk.pending {
		until := c.held
		if c.by.frozen.After(until) {
			until = c.by.frozen
		}
		switch {
		case !until.After(now):
			ready = append(ready, c)
		case next.IsZero() || until.Before(next):
			next = until
		}
	}
	slices.SortFunc(ready, func(a, b *call) int {
		return cmp.Or(cmp.Compare(a.by.name, b.by.name), cmp.Compare(a.name, b.name), cmp.Compare(a.order, b.order))
	})
	return ready, next
}

// deed is something that the outside does by itself, at its time.
type deed struct {
	at time.Time
	do func()
}

// after has the world do something after a while.
func (w *world) after(d time.Duration, do func()) {
	w.deeds = append(w.deeds, deed{time.Now().Add(d), do})
	slices.SortStableFunc(w.deeds, func(a, b deed) int { return a.at.Compare(b.at) })
}

// live lets everything happen until the instant, or until a rule was broken.
//
// Nothing happens but here. All goroutines of the bubble are blocked whenever a
// decision is taken, so that what a schedule does depends on its seed alone:
// one call at a time is let go, and runs until its replica waits again. Time
// passes only when there is nothing to let go.
func (w *world) live(until time.Time) {
	for w.broken == "" {
		synctest.Wait()
		w.hear()
		w.bury()
		if w.pokeLanes() {
			continue
		}
		ready, next := w.ready()
		n := len(ready)
		if len(w.deeds) > 0 && !w.deeds[0].at.After(time.Now()) {
			n++
		}
		switch i := w.draw(n); {
		case n == 0 && !time.Now().Before(until):
			return
		case n == 0:
			w.pass(next, until)
		case i == len(ready):
			d := w.deeds[0]
			w.deeds = w.deeds[1:]
			d.do()
		default:
			w.settle(ready[i])
		}
	}
}

// pass lets time go by until something can happen.
func (w *world) pass(next, until time.Time) {
	if !next.IsZero() && next.Before(until) {
		until = next
	}
	if len(w.deeds) > 0 && w.deeds[0].at.Before(until) {
		until = w.deeds[0].at
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.desk.arrived:
	}
}

// pokeLanes wakes the lanes of a replica after its commits. The gate does so in
// the goroutine that has committed; here it is put off until that one waits
// again, which is one of the orders in which the runtime could have run them.
func (w *world) pokeLanes() (any bool) {
	for _, r := range w.replicas {
		if r != nil && r.poked.Swap(false) {
			any = true
			for _, l := range r.lanes {
				l.Poke()
			}
		}
	}
	return any
}

// settle decides what becomes of a call and lets its goroutine go on.
func (w *world) settle(c *call) {
	w.step++
	f := w.weather(c)
	if f == fine && w.slow(c) {
		return
	}
	w.desk.withdraw(c)
	w.note("%s: %s %s", c.by.name, c.name, f)
	switch {
	case f == crashBefore, f == crashAfter && c.land != nil:
		if f == crashAfter {
			c.land()
		}
		c.by.crash()
		return
	case c.land != nil && (f == fine || f == failAfter):
		c.land()
	case f == hang && w.draw(2) == 0:
		longest := 15 * time.Second
		if !c.deadline.IsZero() {
			longest = min(longest, time.Until(c.deadline))
		}
		w.after(time.Duration(w.draw(int(longest/time.Millisecond)))*time.Millisecond, func() {
			if !w.alone || !c.by.isDead() {
				w.note("%s: %s lands late", c.by.name, c.name)
				c.land()
			}
		})
	}
	c.fate <- f
}

// note writes a line of the story of this schedule.
func (w *world) note(format string, args ...any) {
	if w.run.trace {
		w.story = append(w.story, fmt.Sprintf("%s  %s", time.Now().Format("15:04:05.000"), fmt.Sprintf(format, args...)))
	}
}

// violated ends the schedule: a rule was broken.
func (w *world) violated(format string, args ...any) {
	w.note("VIOLATED: "+format, args...)
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}
