package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/promotebot/promotebot/fixtures/pipenet"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// watched is a watcher of a registry that lives in the same bubble.
type watched struct {
	waiting []string
	t       *testing.T
	door    *door
	client  *registry.Client
	watcher *registry.Watcher
	mu      sync.Mutex
	looks   int               // how many were reported
	last    map[string]string // what the last one said of each app, in words
	seen    []string          // each time that it said something else
	refuse  error             // what the report answers
}

type door struct {
	mu      sync.Mutex
	inner   http.Handler
	breaks  func(w http.ResponseWriter, r *http.Request) bool
	heads   int
	at      []time.Time
	current int
	most    int
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	if r.Method == http.MethodHead {
		d.heads++
		d.at = append(d.at, time.Now())
	}
	d.current++
	d.most = max(d.most, d.current)
	breaks := d.breaks
	d.mu.Unlock()
	defer func() { d.mu.Lock(); d.current--; d.mu.Unlock() }()
	if breaks == nil || !breaks(w, r) {
		d.inner.ServeHTTP(w, r)
	}
}

func (d *door) spoil(f func(w http.ResponseWriter, r *http.Request) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.breaks = f
}

const host = "localhost:5000" // go-containerregistry speaks plain HTTP to localhost

func newWatched(t *testing.T, every time.Duration) *watched {
	return approached(t, every, wire.Manners{})
}

// approached is reached with manners.
func approached(t *testing.T, every time.Duration, m wire.Manners) *watched {
	w := &watched{t: t, last: map[string]string{}, door: &door{inner: ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))}}
	network := pipenet.New()
	server := &http.Server{Handler: w.door}
	listener := network.Listen(host)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	transport := &http.Transport{DialContext: network.DialContext, MaxConnsPerHost: 8}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close() // its Serve says how it ended
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the registry ended with %v", err)
		}
	})
	w.client = registry.New(registry.Options{Named: anybody, Transport: transport, Manners: map[string]wire.Manners{host: m}})
	w.watcher = registry.NewWatcher(w.client, registry.WatchOptions{Every: every, Concurrency: 4, Report: w.report, Waiting: w.waits, Logger: slog.New(slog.DiscardHandler)})
	return w
}

func (w *watched) waits(context.Context, string, string) ([]string, error) { return w.waiting, nil }

func (w *watched) report(_ context.Context, sightings []promotion.Sighting) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		return w.refuse
	}
	for _, s := range sightings {
		var tags []string
		for _, td := range s.Tags {
			tags = append(tags, td.Tag+"="+td.Digest.Short()[:4])
		}
		what := strings.Join(tags, " ")
		if s.Fault != "" {
			what = "fault: " + s.Fault
		}
		w.looks++
		if last, known := w.last[s.App]; !known && what != "" || last != what {
			w.seen = append(w.seen, what)
		}
		w.last[s.App] = what
	}
	return nil
}

// said returns what changed in the reports since it was asked last. The first look takes
// a moment: on localhost go-containerregistry tries TLS before it speaks plain
// HTTP.
func (w *watched) said() string {
	time.Sleep(time.Second)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.seen, " | ")
	w.seen = nil
	return s
}

// put makes the tag point at a manifest of its own.
func (w *watched) put(tag, contents string) promotion.Digest {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPut, "/v2/shop/api/manifests/"+tag, strings.NewReader(`{"schemaVersion":2,"config":{"mediaType":"`+contents+`"}}`))
	r.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	rec := httptest.NewRecorder()
	w.door.inner.ServeHTTP(rec, r)
	if rec.Code != http.StatusCreated {
		w.t.Fatalf("put %s: %d %s", tag, rec.Code, rec.Body)
	}
	return promotion.Digest(rec.Header().Get("Docker-Content-Digest"))
}

func (w *watched) remove(tag string) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.door.inner.ServeHTTP(rec, httptest.NewRequest(http.MethodDelete, "/v2/shop/api/manifests/"+tag, nil))
	if rec.Code != http.StatusAccepted {
		w.t.Fatalf("delete %s: %d", tag, rec.Code)
	}
}

func (w *watched) run() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.watcher.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			w.t.Errorf("Run ended with %v", err)
		}
	}
}

func look(tags ...string) registry.Look {
	return registry.Look{App: "shop", Environment: "staging", Side: promotion.Source, Repository: host + "/shop/api", Tags: tags}
}

func TestWatchingReportsWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 30*time.Second)
		one := w.put("staging", "one")
		w.watcher.Set([]registry.Look{look("staging")})
		defer w.run()()
		if got, want := w.said(), "staging="+one.Short()[:4]; got != want {
			t.Fatalf("at once: %q, want %q", got, want)
		}
		time.Sleep(10 * time.Minute)
		if got := w.said(); got != "" {
			t.Fatalf("nothing changed, and it said %q", got)
		}
		two := w.put("staging", "two")
		time.Sleep(31 * time.Second)
		if got, want := w.said(), "staging="+two.Short()[:4]; got != want {
			t.Fatalf("a new digest: %q, want %q", got, want)
		}
		w.remove("staging")
		time.Sleep(31 * time.Second)
		if got := w.said(); got != "" || w.last["shop"] != "" {
			t.Fatalf("gone: %q", got)
		}
		w.put("staging", "two")
		time.Sleep(31 * time.Second)
		if got, want := w.said(), "staging="+two.Short()[:4]; got != want {
			t.Fatalf("back: %q, want %q", got, want)
		}
	})
}

func TestARegistryThatIsDownIsReportedAsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 30*time.Second)
		d := w.put("staging", "one")
		w.watcher.Set([]registry.Look{look("staging")})
		defer w.run()()
		w.said()
		w.door.spoil(func(rw http.ResponseWriter, _ *http.Request) bool {
			http.Error(rw, "down", http.StatusServiceUnavailable)
			return true
		})
		time.Sleep(time.Hour)
		if got := w.said(); got != "fault: localhost:5000 is in trouble (503)" {
			t.Fatalf("down: %q", got)
		}
		w.door.spoil(nil)
		time.Sleep(time.Minute)
		if got, want := w.said(), "staging="+d.Short()[:4]; got != want {
			t.Fatalf("up again: %q, want %q", got, want)
		}
	})
}

// A promotion moves the tag, somebody moves it back, and the next look finds
// what the last one found. Whoever recorded the promotion has to hear of it.
func TestALookIsReportedThoughItSaysWhatTheLastOneSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 30*time.Second)
		w.put("staging", "one")
		w.watcher.Set([]registry.Look{look("staging")})
		defer w.run()()
		w.said()
		before := w.looks
		w.put("staging", "two")
		w.put("staging", "one")
		time.Sleep(30 * time.Second)
		if got := w.said(); got != "" || w.looks != before+1 {
			t.Errorf("%d looks were reported, and they said %q", w.looks-before, got)
		}
	})
}

func TestARegistryThatAsksForAPauseGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 10*time.Second)
		w.put("staging", "one")
		w.watcher.Set([]registry.Look{look("staging")})
		defer w.run()()
		w.said()
		var asked atomic.Int32
		w.door.spoil(func(rw http.ResponseWriter, _ *http.Request) bool {
			asked.Add(1)
			rw.Header().Set("Retry-After", "600")
			rw.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		time.Sleep(9 * time.Minute)
		synctest.Wait()
		if n := asked.Load(); n != 1 {
			t.Fatalf("asked %d times in the pause", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := asked.Load(); n != 2 {
			t.Fatalf("asked %d times after the pause", n)
		}
	})
}

func TestWhatCouldNotBeRecordedIsReportedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 30*time.Second)
		d := w.put("staging", "one")
		w.refuse = errors.New("the database is locked")
		w.watcher.Set([]registry.Look{look("staging")})
		defer w.run()()
		time.Sleep(time.Minute)
		synctest.Wait()
		w.mu.Lock()
		w.refuse = nil
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if got, want := w.said(), "staging="+d.Short()[:4]; got != want {
			t.Fatalf("said %q, want %q", got, want)
		}
	})
}

func TestAPatternWatchesTheHighestVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 30*time.Second)
		for i := range 40 {
			w.put(fmt.Sprintf("v1.%d-passed", i), fmt.Sprint(i))
		}
		w.put("v9-failed", "x")
		pattern, err := promotion.ParseTagPattern("v{version}-passed")
		if err != nil {
			t.Fatal(err)
		}
		l := look()
		l.Pattern = pattern
		w.watcher.Set([]registry.Look{l})
		defer w.run()()
		tags := strings.Fields(w.said())
		if len(tags) != registry.MaxPatternTags || !strings.HasPrefix(tags[0], "v1.15-passed=") || !strings.HasPrefix(tags[len(tags)-1], "v1.39-passed=") {
			t.Fatalf("%d tags: %q", len(tags), tags)
		}
	})
}

// With builds faster than a soak, the one that soaks is soon not among the highest.
func TestAPatternWatchesWhatSomethingWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 30*time.Second)
		for i := range 40 {
			w.put(fmt.Sprintf("v1.%d-passed", i), fmt.Sprint(i))
		}
		pattern, err := promotion.ParseTagPattern("v{version}-passed")
		if err != nil {
			t.Fatal(err)
		}
		l := look()
		l.Pattern = pattern
		w.waiting = []string{"v1.3-passed", "v1.30-passed", "v1.99-passed"}
		w.watcher.Set([]registry.Look{l})
		defer w.run()()
		tags := strings.Fields(w.said())
		if len(tags) != registry.MaxPatternTags+1 || !strings.HasPrefix(tags[0], "v1.3-passed=") || !strings.HasPrefix(tags[1], "v1.15-passed=") {
			t.Fatalf("%d tags: %q", len(tags), tags)
		}
	})
}

func TestARoundIsSpreadAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, time.Minute)
		var looks []registry.Look
		for i := range 60 {
			tag := fmt.Sprintf("t%d", i)
			w.put(tag, tag)
			l := look(tag)
			l.App = tag
			looks = append(looks, l)
		}
		w.watcher.Set(looks)
		defer w.run()()
		w.said()
		if w.door.heads != 60 {
			t.Errorf("the first round took %d requests for 60 tags", w.door.heads)
		}
		if w.door.most > 8 {
			t.Errorf("%d requests at once", w.door.most)
		}
		w.door.mu.Lock()
		w.door.at, w.door.heads = nil, 0
		w.door.mu.Unlock()
		time.Sleep(2*time.Minute - time.Second)
		synctest.Wait()
		w.door.mu.Lock()
		defer w.door.mu.Unlock()
		if w.door.heads < 60 || w.door.heads > 120 {
			t.Fatalf("two minutes took %d requests", w.door.heads)
		}
		slices.SortFunc(w.door.at, time.Time.Compare)
		for i := 1; i < 60; i++ {
			if gap := w.door.at[i].Sub(w.door.at[i-1]); gap != time.Second {
				t.Fatalf("requests %d and %d are %v apart", i-1, i, gap)
			}
		}
	})
}

func TestSetChangesWhatIsWatchedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, time.Hour)
		one, two := w.put("one", "1"), w.put("two", "2")
		w.watcher.Set([]registry.Look{look("one")})
		defer w.run()()
		if got, want := w.said(), "one="+one.Short()[:4]; got != want {
			t.Fatalf("said %q", got)
		}
		w.watcher.Set([]registry.Look{look("two")})
		time.Sleep(time.Second)
		if got, want := w.said(), "two="+two.Short()[:4]; got != want {
			t.Fatalf("said %q, want %q", got, want)
		}
	})
}

func TestWhatRunsAlreadyIsReportedBeforeWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, time.Hour)
		var looks []registry.Look
		want := map[promotion.Side][]string{}
		for i := range 6 {
			source, held := look(fmt.Sprintf("s%d", i)), look(fmt.Sprintf("p%d", i))
			source.App, held.App, held.Side = source.Tags[0], held.Tags[0], promotion.Held
			for _, l := range []registry.Look{source, held} {
				d := w.put(l.Tags[0], l.Tags[0])
				want[l.Side] = append(want[l.Side], l.Tags[0]+"="+d.Short()[:4])
			}
			looks = append(looks, source, held)
		}
		w.door.spoil(func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/manifests/p") {
				time.Sleep(time.Second) // slow, and still first
			}
			return false
		})
		w.watcher.Set(looks)
		defer w.run()()
		time.Sleep(10 * time.Second)
		said := strings.Split(w.said(), " | ")
		if len(said) != len(looks) {
			t.Fatalf("said %q", said)
		}
		for i, what := range said {
			side := promotion.Held
			if i >= len(looks)/2 {
				side = promotion.Source
			}
			if !slices.Contains(want[side], what) {
				t.Errorf("report %d is %s: %q", i, what, said)
			}
		}
	})
}
