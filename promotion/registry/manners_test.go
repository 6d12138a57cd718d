package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	fixture "github.com/promotebot/promotebot/fixtures/registry"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// ask reads n tags at once and says how long it took.
func (w *watched) ask(n int) time.Duration {
	w.t.Helper()
	var tags []string
	for i := range n {
		tags = append(tags, fmt.Sprintf("t%d", i))
	}
	began := time.Now()
	if _, err := w.client.ReadTags(w.t.Context(), host+"/shop/api", tags); err != nil {
		w.t.Fatal(err)
	}
	return time.Since(began)
}

func TestARateThatIsConfiguredIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := approached(t, time.Hour, wire.Manners{Rate: 10})
		w.ask(1) // the handshake
		time.Sleep(time.Second)
		if took := w.ask(32); took < 2900*time.Millisecond || took > 6500*time.Millisecond {
			t.Errorf("32 tags at ten requests a second took %v", took)
		}
		without := newWatched(t, time.Hour)
		without.ask(1)
		if took := without.ask(32); took > time.Second {
			t.Errorf("without a rate it took %v", took)
		}
	})
}

func TestConcurrencyThatIsConfiguredIsKept(t *testing.T) {
	for _, c := range []struct{ asked, most int }{{0, wire.PerHost}, {2, 2}} {
		synctest.Test(t, func(t *testing.T) {
			w := approached(t, time.Hour, wire.Manners{Concurrency: c.asked})
			w.ask(1)
			w.door.spoil(func(http.ResponseWriter, *http.Request) bool { time.Sleep(time.Second); return false })
			w.door.most = 0
			w.ask(20)
			if w.door.most > c.most || c.asked > 0 && w.door.most != c.most {
				t.Errorf("with concurrency %d there were %d requests at once", c.asked, w.door.most)
			}
		})
	}
}

// Whoever runs a registry has to be able to tell who asks, also who fetches a
// token, mounts and uploads.
func TestEveryRequestSaysWhoAsks(t *testing.T) {
	var nameless sync.Map
	var requests atomic.Int32
	auth := fixture.Options{Auth: &fixture.Auth{User: "ann", Password: "secret"}}
	y := newYardWith(t, auth, &auth, registry.Options{Named: anybody, UserAgent: "promotebot/v1", Keychain: keychain{"ann", "secret"}}, func(h http.Handler) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			if !strings.HasPrefix(r.UserAgent(), "promotebot/v1") {
				nameless.Store(r.Method+" "+r.URL.Path, r.UserAgent())
			}
			h.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server.Listener.Addr().String()
	})
	y.full()
	if _, err := y.copy(); err != nil {
		t.Fatal(err)
	}
	moves, err := y.client.Move(t.Context(), promotion.MoveWork{Repository: y.work.To, Digest: y.work.Digest, Targets: []promotion.Target{{Tag: "v1"}}})
	if err != nil || requests.Load() < 20 {
		t.Errorf("%s after %d requests: %v", outcomes(moves), requests.Load(), err)
	}
	nameless.Range(func(request, agent any) bool {
		t.Errorf("%s says that it is %q", request, agent)
		return true
	})
}

// Those who were turned away together do not come back together.
func TestPausesGrowAndAreNeverTwiceTheSame(t *testing.T) {
	for attempt, middle := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second} {
		seen := map[time.Duration]bool{}
		for range 20 {
			d := wire.Pause(attempt)
			seen[d] = true
			if d < middle*3/4 || d > middle*5/4 {
				t.Errorf("after attempt %d it waits %v", attempt, d)
			}
		}
		if len(seen) < 10 {
			t.Errorf("after attempt %d there are %d different pauses of 20", attempt, len(seen))
		}
	}
}
