// Package pipeline performs recorded effects when they are due.
//
// It decides nothing. It claims an effect under a lease, calls the function
// that performs its kind, and reports what came of it; whether to try again,
// and what follows, is for the gate to say, in the transaction that ends the
// claim. Between effects it sleeps until the next one is due or until it is
// poked after a commit.
//
// What makes this safe is small. An effect may be performed more than once (a
// killed process, a lost lease), so every performer is idempotent. A call gets
// less time than its lease has left, so that no call made under a lease is
// still under way when another performer takes over; the lease of a kind that
// takes long is extended while it lasts, and when that fails, so does the call.
// And a report is fenced by owner and attempt: the result of a performer that
// was too slow is refused.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// Queue hands out effects. It is an interface because the pipeline may not
// know SQL, and two databases stand behind it.
type Queue interface {
	// Claim takes up to limit due effects of the kinds for owner, until the
	// lease ends.
	Claim(ctx context.Context, kinds []promotion.EffectKind, owner string, now, until time.Time, limit int) ([]promotion.Effect, error)
	// Extend moves the end of the claim under which e is performed; Stale when
	// the lease went to another.
	Extend(ctx context.Context, e promotion.Effect, until time.Time) error
	// NextDue is when the next effect of the kinds is due, if there is one.
	NextDue(ctx context.Context, kinds []promotion.EffectKind) (time.Time, bool, error)
}

// Deployer brings digests to one target. It is an interface because there are
// several kinds of target, and which one an order goes to is configuration.
//
// The kind of an error says what may follow: Unavailable is tried again,
// Conflict means that somebody else changes the same thing, and of it nothing
// was overwritten; Forbidden and Invalid name what has to be changed first.
type Deployer interface {
	// Deploy asks the target to run the digest of the order, and does not wait
	// for it. Doing it twice is doing it once, also when the first answer was
	// lost: it reads what is there before it changes it.
	Deploy(ctx context.Context, o promotion.Order) (promotion.Rollout, error)
	// Observe reads how far the target is. It may wait for something to change,
	// and returns in time for ctx. A failed rollout is no error.
	Observe(ctx context.Context, o promotion.Order) (promotion.Rollout, error)
}

// Perform does what one kind of effect asks for. It must be safe to repeat.
// A result may come with an error: it is what is known so far.
type Perform func(ctx context.Context, e promotion.Effect) (promotion.Result, error)

// Report takes the result of an effect and ends its claim.
type Report func(ctx context.Context, e promotion.Effect, r promotion.Result) error

// A call may take timeout; its lease is longer by margin, which covers the
// report and the clock's grain. The timeout leaves room for a registry that
// asks for a pause and for Slack's usual Retry-After of up to 30 s.
const (
	timeout = 75 * time.Second
	margin  = 15 * time.Second
)

// maxSleep bounds a sleep, so that a clock that jumps or an effect that was
// added by another process is noticed.
const maxSleep = 30 * time.Second

// Lane performs some kinds of effect, a few at a time. Kinds that wait for
// different outsiders belong in different lanes: a Slack that hangs must not
// hold up a registry.
type Lane struct {
	Name    string
	Perform map[promotion.EffectKind]Perform
	Long    map[promotion.EffectKind]bool // kinds whose calls may outlive a lease
	Width   int                           // how many at a time
	Queue   Queue
	Report  Report
	Owner   string // unique to this process
	Log     *slog.Logger

	once sync.Once
	wake chan struct{}
}

// Poke wakes the lane: something may be due.
func (l *Lane) Poke() {
	l.init()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Lane) init() { l.once.Do(func() { l.wake = make(chan struct{}, 1) }) }

// Run performs effects until ctx ends, and returns when those under way have
// been performed and reported, or have run into their deadline.
func (l *Lane) Run(ctx context.Context) error {
	l.init()
	var kinds []promotion.EffectKind
	for kind := range l.Perform {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	slots := make(chan struct{}, l.Width)
	var under sync.WaitGroup
	defer under.Wait()
	for ctx.Err() == nil {
		// A claim writes, and there is one writer. Most of the pokes are of what is
		// for another lane, which a read finds out.
		idle, err := l.untilDue(ctx, kinds, len(slots) >= l.Width)
		var claimed []promotion.Effect
		if err == nil && idle <= 0 {
			now := time.Now()
			claimed, err = l.Queue.Claim(ctx, kinds, l.Owner, now, now.Add(timeout+margin), l.Width-len(slots))
		}
		if err != nil {
			if ctx.Err() == nil {
				l.Log.Error("can't claim effects", "lane", l.Name, "error", err)
			}
			idle = time.Second
		}
		for _, e := range claimed {
			slots <- struct{}{}
			under.Go(func() {
				defer func() { <-slots; l.Poke() }()
				l.perform(ctx, e)
			})
		}
		l.sleep(ctx, idle)
	}
	return ctx.Err()
}

// untilDue is how long there is nothing to do. With every slot taken the next
// thing to happen is that one is freed, which pokes the lane.
func (l *Lane) untilDue(ctx context.Context, kinds []promotion.EffectKind, full bool) (time.Duration, error) {
	if full {
		return maxSleep, nil
	}
	due, some, err := l.Queue.NextDue(ctx, kinds)
	if err != nil || !some {
		return maxSleep, err
	}
	return min(maxSleep, time.Until(due)), nil
}

func (l *Lane) sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-l.wake:
	case <-t.C:
	}
}

// perform ends with a report, also when the process is asked to stop: what was
// done is reported, and what was not done keeps its lease and is due again.
func (l *Lane) perform(ctx context.Context, e promotion.Effect) {
	call, cancel := l.leased(ctx, e)
	result, err := l.call(call, e)
	cancel()
	if err != nil {
		if ctx.Err() != nil {
			return
		}
		result.Failure = promotion.FailureOf(err)
		l.Log.Warn("effect failed", "lane", l.Name, "key", e.Key, "attempt", e.Attempt, "kind", string(result.Failure.Kind), "error", err, "cause", promotion.Cause(err))
	}
	l.report(ctx, e, result)
}

// report hands the result over. While the database can't take it, it is tried
// again for as long as the lease lasts: what was done need not be done again
// because the disk was full for a moment.
func (l *Lane) report(ctx context.Context, e promotion.Effect, result promotion.Result) {
	for {
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), margin/2)
		err := l.Report(once, e, result)
		cancel()
		if err == nil {
			return
		}
		l.Log.Error("result not taken", "lane", l.Name, "key", e.Key, "attempt", e.Attempt, "error", err, "cause", promotion.Cause(err))
		if promotion.KindOf(err) != promotion.Unavailable || time.Until(e.LeaseUntil) < margin {
			return // the lease will end and the effect be performed again
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// leased is the context of a call: it ends before the lease does.
func (l *Lane) leased(ctx context.Context, e promotion.Effect) (context.Context, context.CancelFunc) {
	if !l.Long[e.Kind] {
		return context.WithDeadline(ctx, e.LeaseUntil.Add(-margin))
	}
	call, cancel := context.WithCancel(ctx)
	if time.Until(e.LeaseUntil) < margin {
		cancel() // the process stood still since the claim, and the lease may be another's
	}
	var beats sync.WaitGroup
	beats.Go(func() { l.keep(call, cancel, e) })
	return call, func() { cancel(); beats.Wait() }
}

// keep extends the lease until the call ends, and ends the call when the lease
// can't be kept. A third of a lease leaves room for two attempts that fail.
func (l *Lane) keep(call context.Context, cancel context.CancelFunc, e promotion.Effect) {
	const beat = (timeout + margin) / 3
	until := e.LeaseUntil
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case <-call.Done():
			return
		case <-ticker.C:
		}
		next := time.Now().Add(timeout + margin)
		ask, done := context.WithDeadline(call, until.Add(-margin))
		err := l.Queue.Extend(ask, e, next)
		done()
		switch {
		case err == nil:
			until = next
		case errors.Is(err, promotion.Stale) || time.Until(until.Add(-margin)) < beat:
			if call.Err() == nil {
				l.Log.Error("the lease can't be kept; the call is ended", "lane", l.Name, "key", e.Key, "error", err)
			}
			cancel()
			return
		}
	}
}

func (l *Lane) call(ctx context.Context, e promotion.Effect) (result promotion.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(err, fmt.Errorf("performing %s panicked: %v", e.Kind, r))
		}
	}()
	return l.Perform[e.Kind](ctx, e)
}
