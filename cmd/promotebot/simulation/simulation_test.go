// Package simulation plays schedules: whole lives of the bot, in which
// everything goes wrong that can, each of them decided by one number.
//
// What runs is the real thing: one or two replicas, each with its gate, lanes,
// watcher, registry client, Slack performers and renderer, wired as serve wires
// them. What is simulated begins where the process ends: the database behind
// gate.Store and pipeline.Queue, the far sides of the two HTTP clients, the
// clock, and the signals. People click on what is really on the cards.
//
// In some schedules there are two apps, which also go together as a train, and in
// some production has its images elsewhere, in another repository or registry. In half
// of them things are stopped: by people, by incidents, by ill health or because their
// time is over; and some people go past that, or have others approve for them. In some
// it takes evidence: checks, use, and the right time of day.
//
// Each schedule is a testing/synctest bubble. Whenever a replica wants something
// from the outside (a transaction, a claim, a request) it hands the call to the
// scheduler and waits. When every goroutine waits, the scheduler sorts what was
// handed in, draws one, decides its fate (it works; it fails before or after it
// had its effect; it hangs; the process dies before or after) and lets that one
// go on. Time passes only when nothing is left to be let go. So a seed decides
// everything, and a schedule that broke a rule can be played again:
//
//	go test ./cmd/promotebot/simulation -run TestSchedules -seed 42
//
// The rules are in judge_test.go (what must hold at each event) and
// rest_test.go (what must hold when all trouble is over). That the rules would
// notice is proved by mutants_test.go.
//
// Some liberties are taken. A replica's lanes are poked when its goroutine that
// has committed waits again, not in the middle of it. And a registry in trouble
// names a pause, because the client jitters the pauses that it makes up itself;
// retries of connections that were cut are tried in package registry; so are
// images of several blobs, whose uploads could not be told apart here. And what
// a process had sent when it died arrives at once or never where it was alone:
// its successor takes over its leases at the start, and a request that is still
// on its way then can't be told from one of somebody else. Two replicas wait
// for the lease, and there it may arrive at any time before.
//
// The package lives here because only cmd may know all parts, and it has no
// code but tests because nothing else may use it.
package simulation

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/store/memory"
	"github.com/promotebot/promotebot/store/sqlite"
	"github.com/promotebot/promotebot/store/storetest"
)

var (
	schedules = flag.Int("schedules", 500, "how many schedules to play")
	first     = flag.Uint64("first", 0, "the seed of the first one")
	crashed   = flag.Int("crashed", 2, "in how many schedules to crash at every call")
	onSQLite  = flag.Int("sqlite", 10, "how many schedules to play on SQLite")
	within    = flag.Duration("within", 0, "begin no schedule of a test when it has taken so long, and say how many were played; 0: play all")
	seed      = flag.Int64("seed", -1, "play only the schedule with this seed, and tell its story")
	crash     = flag.Int("crash", 0, "with -seed: a day without surprises, but for a crash in this call")
	after     = flag.Bool("after", false, "with -crash: the call has its effect before")
)

func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(800) // worlds are small and many
	os.Exit(m.Run())
}

func inMemory() storetest.Store { return memory.New() }

// play plays one schedule in a bubble of its own.
func play(t *testing.T, r run) (w *world) {
	synctest.Test(t, func(*testing.T) {
		w = newWorld(r)
		w.play()
	})
	return w
}

// tell fails the test with the story of a schedule that broke a rule.
func tell(t *testing.T, r run) {
	t.Helper()
	r.trace = true
	w := play(t, r)
	t.Fatalf("schedule %d: %s\n\n%s\n\nplay it again with: %s", r.seed, w.broken, strings.Join(w.story, "\n"), r.again())
}

// again is how to play the schedule again.
func (r run) again() string {
	command := fmt.Sprintf("go test ./cmd/promotebot/simulation -run TestSchedules -seed %d", r.seed)
	if r.crashAt > 0 {
		command += fmt.Sprintf(" -crash %d -after=%t", r.crashAt, r.after)
	}
	return command
}

// each plays the runs on all processors, until one breaks a rule. It returns
// how many were played and how many calls were made in them.
func each(t *testing.T, n int, make func(i int) run) (played, calls int64) {
	var next, done, steps atomic.Int64
	began := time.Now()
	late := func() bool { return *within > 0 && time.Since(began) > *within }
	t.Run("all", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1) - 1; i < int64(n) && !late(); i = next.Add(1) - 1 {
					r := make(int(i))
					w := play(t, r)
					done.Add(1)
					if steps.Add(int64(w.step)); w.broken != "" {
						next.Store(int64(n))
						tell(t, r)
					}
				}
			})
		}
	})
	if done.Load() < int64(n) && late() {
		t.Logf("time was up: %d of %d were played", done.Load(), n)
	}
	return done.Load(), steps.Load()
}

func TestSchedules(t *testing.T) {
	if *seed >= 0 {
		w := play(t, run{seed: uint64(*seed), trace: true, calm: *crash > 0, crashAt: *crash, after: *after, open: inMemory})
		fmt.Println(strings.Join(w.story, "\n"))
		if w.broken != "" {
			t.Fatal(w.broken)
		}
		return
	}
	began := time.Now()
	played, calls := each(t, *schedules, func(i int) run { return run{seed: *first + uint64(i), open: inMemory} })
	t.Logf("%d schedules, %d calls, %v", played, calls, time.Since(began).Round(time.Millisecond))
}

func TestAScheduleIsTheSameEveryTime(t *testing.T) {
	for i := range 20 {
		r := run{seed: uint64(i), trace: true, open: inMemory}
		one, two := play(t, r), play(t, r)
		if n := slices.IndexFunc(one.story, func(line string) bool { return !slices.Contains(two.story, line) }); !slices.Equal(one.story, two.story) {
			t.Fatalf("schedule %d took another course the second time; the first line that differs: %q", i, one.story[max(0, n)])
		}
	}
}

// In a day without surprises every call is made once more, and this time the
// process dies in it: before it had its effect or after, in turns, so that over
// some days every kind of call has had both.
func TestACrashInEveryCall(t *testing.T) {
	began := time.Now()
	var all []run
	for i := range *crashed {
		calm := run{seed: uint64(i), calm: true, open: inMemory}
		w := play(t, calm)
		if w.broken != "" {
			tell(t, calm)
		}
		for at := 1; at <= w.troubled; at++ {
			all = append(all, run{seed: calm.seed, calm: true, crashAt: at, after: (i+at)%2 == 0, open: inMemory})
		}
	}
	played, calls := each(t, len(all), func(i int) run { return all[i] })
	t.Logf("%d crashes in the calls of %d schedules, %d calls, %v", played, *crashed, calls, time.Since(began).Round(time.Millisecond))
}

// The database that ships is played too, if less often: what holds on the store
// in memory has to hold on SQLite. The file is made once, and copied.
func TestSchedulesOnSQLite(t *testing.T) {
	began := time.Now()
	dir := t.TempDir()
	fresh := filepath.Join(dir, "fresh.db")
	db, err := sqlite.Open(t.Context(), fresh)
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	empty, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	played, calls := each(t, *onSQLite, func(i int) run {
		return run{seed: *first + uint64(i), open: func() storetest.Store {
			path := filepath.Join(dir, fmt.Sprintf("%d.db", i))
			if err := os.WriteFile(path, empty, 0o600); err != nil {
				panic(err)
			}
			db, err := sqlite.Open(context.Background(), path)
			if err != nil {
				panic(err)
			}
			return db
		}}
	})
	t.Logf("%d schedules, %d calls, %v", played, calls, time.Since(began).Round(time.Millisecond))
}
