package registry_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

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
