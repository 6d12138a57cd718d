package registry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/crane"

	"github.com/promotebot/promotebot/fixtures/contest"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

// road is a way to a registry, behind TLS. Crane goes the same one.
type road struct {
	*shelf
	repo      string
	transport *http.Transport
	client    *registry.Client
	crane     crane.Option

	requests map[string]int // by who made them
	times    map[string]int // how often
}

// roads runs the benchmark on a registry beside us, and on one that is a round
// trip of 20 ms away: every request takes that much longer, and every new
// connection twice as much (TCP, TLS 1.3).
func roads(b *testing.B, f func(b *testing.B, r *road)) {
	for _, away := range []struct {
		name      string
		roundTrip time.Duration
	}{{"near", 0}, {"far", 20 * time.Millisecond}} {
		b.Run(away.name, func(b *testing.B) {
			s := newShelf(b)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				<-time.After(away.roundTrip)
				s.ServeHTTP(w, r)
			}))
			server.Listener = &distant{server.Listener, 2 * away.roundTrip}
			server.StartTLS()
			b.Cleanup(server.Close)
			t := server.Client().Transport.(*http.Transport) // it leads example.com to the server
			t.MaxConnsPerHost, t.MaxIdleConnsPerHost = 8, 8
			r := &road{shelf: s, repo: "registry.example.com/shop/api", transport: t, crane: crane.WithTransport(t), requests: map[string]int{}, times: map[string]int{}}
			r.anew()
			f(b, r)
		})
	}
}

// distant is a listener whose connections take a while to be of use.
type distant struct {
	net.Listener
	opening time.Duration
}

func (l *distant) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &late{Conn: c, opening: l.opening}, err
}

type late struct {
	net.Conn
	once    sync.Once
	opening time.Duration
}

func (c *late) Read(b []byte) (int, error) {
	c.once.Do(func() { <-time.After(c.opening) })
	return c.Conn.Read(b)
}

// anew is how a process begins: without connections, and with a handshake
// before it.
func (r *road) anew() {
	r.transport.CloseIdleConnections()
	r.client = registry.New(registry.Options{Named: anybody, UserAgent: "promotebot-test", Transport: r.transport})
}

// contestant counts the requests of what it does.
func (r *road) contestant(name string, do func()) *contest.Contestant {
	return &contest.Contestant{Name: name, Do: func() {
		r.requests[name] += len(r.counted(do))
		r.times[name]++
	}}
}

func (r *road) report(b *testing.B) {
	for name, n := range r.requests {
		b.ReportMetric(float64(n)/float64(r.times[name]), name+"-requests")
	}
}

// move sets one tag, and everything is verified: the source is hashed, the
// target read before and after.
func (r *road) move(d promotion.Digest, tag string) {
	w := promotion.MoveWork{Repository: promotion.Repository(r.repo), Digest: d, Targets: []promotion.Target{{Tag: tag}}}
	moves, err := r.client.Move(r.t.Context(), w)
	r.must(err)
	if moves[0].Found != d {
		r.t.Errorf("%+v", moves)
	}
}

// BenchmarkRetag sets one tag, verified, beside crane's Tag, which verifies
// nothing; and does it again when there is nothing left to do.
func BenchmarkRetag(b *testing.B) {
	roads(b, func(b *testing.B, r *road) {
		d := r.push("staging", nil)
		i := 0
		contest.Run(b,
			r.contestant("promotebot", func() { i++; r.move(d, fmt.Sprintf("p%d", i)) }),
			r.contestant("crane-tag", func() { r.must(crane.Tag(r.repo+"@"+string(d), fmt.Sprintf("c%d", i), r.crane)) }),
			r.contestant("again", func() { r.move(d, fmt.Sprintf("p%d", i)) }),
		)
		r.report(b)
	})
}

// BenchmarkRetag100 sets a hundred tags of a hundred images, each time anew.
func BenchmarkRetag100(b *testing.B) {
	roads(b, func(b *testing.B, r *road) {
		var digests []promotion.Digest
		for i := range 100 {
			digests = append(digests, r.push(fmt.Sprintf("s%d", i), nil))
		}
		round := 0
		contest.Run(b,
			r.contestant("promotebot", func() {
				round++
				r.anew()
				eightAtATime(digests, func(i int, d promotion.Digest) { r.move(d, fmt.Sprintf("p%d-%d", round, i)) })
			}),
			r.contestant("crane-tag", func() {
				r.anew()
				eightAtATime(digests, func(i int, d promotion.Digest) {
					if err := crane.Tag(r.repo+"@"+string(d), fmt.Sprintf("c%d-%d", round, i), r.crane); err != nil {
						b.Error(err)
					}
				})
			}),
		)
		r.report(b)
	})
}

// BenchmarkPoll1000 is one round over a thousand watched tags, beside
// crane.Digest for each of them; and what the watcher keeps in memory.
func BenchmarkPoll1000(b *testing.B) {
	roads(b, func(b *testing.B, r *road) {
		digests := make([]promotion.Digest, 1000)
		var looks []registry.Look
		d := r.push("staging", nil)
		for i := range digests {
			tag := fmt.Sprintf("t%d", i)
			r.must(crane.Tag(string(r.shelf.repo)+"@"+string(d), tag))
			digests[i] = d
			looks = append(looks, registry.Look{App: fmt.Sprintf("app-%d", i), Environment: "staging", Side: promotion.Source, Repository: promotion.Repository(r.repo), Tags: []string{tag}})
		}
		var kept *registry.Watcher
		before := heap()
		contest.Run(b,
			r.contestant("promotebot", func() { kept = r.round(looks) }),
			r.contestant("crane-digest", func() {
				eightAtATime(digests, func(i int, d promotion.Digest) {
					if found, err := crane.Digest(fmt.Sprintf("%s:t%d", r.repo, i), r.crane); err != nil || found != string(d) {
						b.Error(found, err)
					}
				})
			}),
		)
		r.report(b)
		r.counted(func() {}) // forgets its own notes
		b.ReportMetric((heap()-before)/(1<<20), "MiB-kept")
		runtime.KeepAlive(kept)
	})
}

// round has a new watcher look at everything once.
func (r *road) round(looks []registry.Look) *registry.Watcher {
	w, faults := lookOnce(r.t.Context(), r.client, looks)
	for _, fault := range faults {
		r.t.Error(fault)
	}
	return w
}

// lookOnce is a watcher's first round, and what it could not read.
func lookOnce(ctx context.Context, client *registry.Client, looks []registry.Look) (*registry.Watcher, []string) {
	var faults []string
	sightings := make(chan promotion.Sighting, len(looks))
	w := registry.NewWatcher(client, registry.WatchOptions{Every: time.Hour, Concurrency: 8, Logger: slog.New(slog.DiscardHandler), Report: func(_ context.Context, seen []promotion.Sighting) error {
		sightings <- seen[0]
		return nil
	}})
	w.Set(looks)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for range looks {
		if s := <-sightings; s.Fault != "" || len(s.Tags) == 0 {
			faults = append(faults, fmt.Sprintf("%+v", s))
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		faults = append(faults, fmt.Sprintf("the watcher ended with %v", err))
	}
	return w, faults
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
