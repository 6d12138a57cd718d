package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/pipeline"
	"github.com/promotebot/promotebot/store/sqlite"
)

// bench is a lane on a real queue, with a report that only finishes.
type bench struct {
	t       *testing.T
	db      *sqlite.DB
	lane    *pipeline.Lane
	mu      sync.Mutex
	did     []string // "key attempt"
	results []promotion.Result
}

func newBench(t *testing.T, db *sqlite.DB, perform pipeline.Perform) *bench {
	b := &bench{t: t, db: db}
	b.lane = &pipeline.Lane{
		Name: "test", Width: 2, Queue: db, Owner: "one", Log: slog.New(slog.DiscardHandler),
		Perform: map[promotion.EffectKind]pipeline.Perform{promotion.EffectMove: func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			b.mu.Lock()
			b.did = append(b.did, fmt.Sprintf("%s %d", e.Key, e.Attempt))
			b.mu.Unlock()
			return perform(ctx, e)
		}},
		Report: b.report,
	}
	return b
}

func (b *bench) report(ctx context.Context, e promotion.Effect, r promotion.Result) error {
	err := b.db.Update(ctx, func(tx gate.Tx) error {
		if r.Failure != nil {
			return tx.PostponeEffect(e, time.Now().Add(time.Second), r.Failure.Text)
		}
		return tx.FinishEffect(e, time.Now())
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.results = append(b.results, r)
	}
	return err
}

func (b *bench) ask(key string, in time.Duration) {
	b.t.Helper()
	err := b.db.Update(b.t.Context(), func(tx gate.Tx) error {
		return tx.AddEffect(promotion.NewEffect(promotion.EffectMove, key, 1, struct{}{}, time.Now().Add(in)))
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.lane.Poke()
}

func (b *bench) done() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.did, ", ")
}

// run starts the lane and returns what stops it and waits.
func (b *bench) run() (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.lane.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			b.t.Errorf("Run ended with %v", err)
		}
	}
}

// bubble opens the database outside the bubble, where the temporary directory
// belongs, and runs the test inside.
func bubble(t *testing.T, test func(t *testing.T, open func() *sqlite.DB)) {
	path := filepath.Join(t.TempDir(), "bot.db")
	synctest.Test(t, func(t *testing.T) {
		test(t, func() *sqlite.DB {
			db, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			return db
		})
	})
}

func shut(t *testing.T, db *sqlite.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func nothing(context.Context, promotion.Effect) (promotion.Result, error) {
	return promotion.Result{}, nil
}

func TestAnEffectIsPerformedAtItsInstant(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		defer shut(t, db)
		b := newBench(t, db, nothing)
		defer b.run()()
		b.ask("soak", 48*time.Hour)
		time.Sleep(48*time.Hour - time.Millisecond)
		synctest.Wait()
		if got := b.done(); got != "" {
			t.Fatalf("a millisecond early: %s", got)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got := b.done(); got != "soak 1" {
			t.Fatalf("at the instant: %q", got)
		}
	})
}

func TestAPokeWakesASleepingLane(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		defer shut(t, db)
		b := newBench(t, db, nothing)
		defer b.run()()
		b.ask("later", time.Hour)
		synctest.Wait()
		b.ask("now", 0)
		synctest.Wait()
		if got := b.done(); got != "now 1" {
			t.Fatalf("without time passing: %q", got)
		}
	})
}

func TestAPerformerThatIsTooSlowIsCutOffBeforeItsLeaseEnds(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		defer shut(t, db)
		var took time.Duration
		var lease time.Time
		b := newBench(t, db, func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			begun := time.Now()
			lease = e.LeaseUntil
			<-ctx.Done()
			if e.Attempt == 1 {
				took = time.Since(begun)
			}
			if !time.Now().Before(lease) {
				t.Errorf("the call ran until %v, its lease only until %v", time.Now(), lease)
			}
			return promotion.Result{}, ctx.Err()
		})
		stop := b.run()
		b.ask("hung", 0)
		time.Sleep(80 * time.Second)
		synctest.Wait()
		stop()
		if took != 75*time.Second {
			t.Errorf("cut off after %v", took)
		}
		if len(b.results) == 0 || b.results[0].Failure == nil || b.results[0].Failure.Kind != promotion.Unavailable {
			t.Errorf("reported %+v", b.results)
		}
	})
}

func TestALongCallKeepsItsLease(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		defer shut(t, db)
		b := newBench(t, db, func(ctx context.Context, _ promotion.Effect) (promotion.Result, error) {
			select {
			case <-ctx.Done():
				return promotion.Result{}, ctx.Err()
			case <-time.After(time.Hour):
				return promotion.Result{}, nil
			}
		})
		b.lane.Long = map[promotion.EffectKind]bool{promotion.EffectMove: true}
		defer b.run()()
		b.ask("copy", 0)
		time.Sleep(time.Hour - time.Second)
		if taken, err := db.Claim(t.Context(), []promotion.EffectKind{promotion.EffectMove}, "two", time.Now(), time.Now().Add(time.Minute), 1); err != nil || len(taken) != 0 {
			t.Fatalf("another took %v (%v) while it was under way", taken, err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := b.done(); got != "copy 1" || len(b.results) != 1 || b.results[0].Failure != nil {
			t.Errorf("performed %q, reported %+v", got, b.results)
		}
	})
}

// deaf is a queue on which no lease can be extended.
type deaf struct {
	pipeline.Queue
	err error
}

func (d deaf) Extend(context.Context, promotion.Effect, time.Time) error { return d.err }

func TestALongCallEndsBeforeALeaseThatCannotBeKept(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		within time.Duration
	}{
		"it went to another":           {promotion.Errorf(promotion.Stale, "gone"), 30 * time.Second},
		"the database does not answer": {promotion.Errorf(promotion.Unavailable, "locked"), 75 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, open func() *sqlite.DB) {
				db := open()
				defer shut(t, db)
				began, took := time.Now(), time.Duration(0)
				b := newBench(t, db, func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
					<-ctx.Done()
					if e.Attempt == 1 {
						took = time.Since(began)
					}
					return promotion.Result{}, ctx.Err()
				})
				b.lane.Long = map[promotion.EffectKind]bool{promotion.EffectMove: true}
				b.lane.Queue = deaf{db, c.err}
				stop := b.run()
				b.ask("copy", 0)
				time.Sleep(89 * time.Second)
				synctest.Wait()
				stop()
				if took == 0 || took > c.within {
					t.Errorf("it was ended after %v", took)
				}
			})
		})
	}
}

// slow is a queue whose first claim is answered when its lease is over: the
// process stood still meanwhile.
type slow struct {
	pipeline.Queue
	once *sync.Once
}

func (s slow) Claim(ctx context.Context, kinds []promotion.EffectKind, owner string, now, until time.Time, limit int) ([]promotion.Effect, error) {
	taken, err := s.Queue.Claim(ctx, kinds, owner, now, until, limit)
	if len(taken) > 0 {
		s.once.Do(func() { time.Sleep(2 * time.Minute) })
	}
	return taken, err
}

func TestALongCallDoesNotBeginUnderALeaseThatIsOver(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		defer shut(t, db)
		began := map[int]bool{}
		b := newBench(t, db, func(ctx context.Context, e promotion.Effect) (promotion.Result, error) {
			began[e.Attempt] = ctx.Err() == nil
			return promotion.Result{}, ctx.Err()
		})
		b.lane.Long = map[promotion.EffectKind]bool{promotion.EffectMove: true}
		b.lane.Queue = slow{db, &sync.Once{}}
		b.ask("copy", 0)
		defer b.run()()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if began[1] || !began[2] {
			t.Errorf("which attempts began: %v", began)
		}
	})
}

func TestAFailureIsReportedWithWhatIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		defer shut(t, db)
		calls := 0
		b := newBench(t, db, func(context.Context, promotion.Effect) (promotion.Result, error) {
			if calls++; calls == 1 {
				return promotion.Result{Moves: []promotion.Move{{Tag: "v1"}}}, promotion.Errorf(promotion.Unavailable, "the registry is down")
			}
			return promotion.Result{}, nil
		})
		defer b.run()()
		b.ask("move", 0)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := b.done(); got != "move 1, move 2" {
			t.Fatalf("performed %q", got)
		}
		first := b.results[0]
		if first.Failure == nil || first.Failure.Text != "the registry is down" || len(first.Moves) != 1 {
			t.Errorf("reported %+v", first)
		}
	})
}

func TestAPanicIsAFailureOfThatEffectOnly(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		defer shut(t, db)
		b := newBench(t, db, func(_ context.Context, e promotion.Effect) (promotion.Result, error) {
			if e.Attempt == 1 {
				panic("boom at 10.0.0.7")
			}
			return promotion.Result{}, nil
		})
		defer b.run()()
		b.ask("move", 0)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := b.done(); got != "move 1, move 2" {
			t.Fatalf("performed %q", got)
		}
		if text := b.results[0].Failure.Text; strings.Contains(text, "10.0.0.7") {
			t.Errorf("what panicked is told to people: %q", text)
		}
	})
}

func TestAKilledPerformersEffectIsPerformedAgainAfterTheRestart(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		b := newBench(t, db, nothing)
		b.ask("move", 0)
		// Claimed, and then the process is gone: nobody reports.
		if _, err := db.Claim(t.Context(), []promotion.EffectKind{promotion.EffectMove}, "dead", time.Now(), time.Now().Add(90*time.Second), 1); err != nil {
			t.Fatal(err)
		}
		shut(t, db)

		db = open()
		defer shut(t, db)
		if err := db.ReleaseLeases(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		again := newBench(t, db, nothing)
		defer again.run()()
		synctest.Wait()
		if got := again.done(); got != "move 2" {
			t.Fatalf("without waiting for the lease: %q", got)
		}
	})
}

func TestAResultOutlivesADatabaseThatIsAwayForAMoment(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		defer shut(t, db)
		b := newBench(t, db, nothing)
		var away atomic.Bool
		b.lane.Report = func(ctx context.Context, e promotion.Effect, r promotion.Result) error {
			if away.Load() {
				return promotion.Errorf(promotion.Unavailable, "the disk is full")
			}
			return b.report(ctx, e, r)
		}
		away.Store(true)
		defer b.run()()
		b.ask("move", 0)
		time.Sleep(20 * time.Second)
		away.Store(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.did) != 1 || len(b.results) != 1 {
			t.Errorf("performed: %q; %d results were taken", b.did, len(b.results))
		}
	})
}

func TestAReportAfterTheLeaseIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		defer shut(t, db)
		b := newBench(t, db, nothing)
		b.ask("move", 0)
		claim := func(owner string) promotion.Effect {
			claimed, err := db.Claim(t.Context(), []promotion.EffectKind{promotion.EffectMove}, owner, time.Now(), time.Now().Add(time.Minute), 1)
			if err != nil || len(claimed) != 1 {
				t.Fatalf("claimed %d (%v)", len(claimed), err)
			}
			return claimed[0]
		}
		slow := claim("slow")
		time.Sleep(time.Minute)
		claim("fast")
		if err := b.report(t.Context(), slow, promotion.Result{}); !errors.Is(err, promotion.Stale) {
			t.Errorf("the slow one's report: %v", err)
		}
	})
}

func TestNoMoreAtOnceThanTheLaneIsWide(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		defer shut(t, db)
		var mu sync.Mutex
		running, most := 0, 0
		b := newBench(t, db, func(context.Context, promotion.Effect) (promotion.Result, error) {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			return promotion.Result{}, nil
		})
		defer b.run()()
		for i := range 7 {
			b.ask(fmt.Sprintf("move/%d", i), 0)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		if most != 2 || len(slices.Compact(slices.Sorted(slices.Values(b.did)))) != 7 {
			t.Errorf("%d at once, performed %q", most, b.did)
		}
	})
}

func TestStoppingReportsWhatWasDone(t *testing.T) {
	bubble(t, func(t *testing.T, open func() *sqlite.DB) {
		db := open()
		defer shut(t, db)
		b := newBench(t, db, func(context.Context, promotion.Effect) (promotion.Result, error) {
			time.Sleep(time.Second) // does not listen to the context, and succeeds
			return promotion.Result{}, nil
		})
		stop := b.run()
		b.ask("move", 0)
		time.Sleep(500 * time.Millisecond)
		stop()
		if len(b.results) != 1 {
			t.Fatalf("reported %+v", b.results)
		}
		if _, some, err := db.NextDue(t.Context(), []promotion.EffectKind{promotion.EffectMove}); some || err != nil {
			t.Errorf("it would be performed again (%v)", err)
		}
	})
}
