package main_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/weather"
)

// storm hits one request in so many with a fault that it draws.
type storm struct {
	mu     sync.Mutex
	random *rand.Rand
	oneIn  int
	hits   map[string]int
}

// mishap is a fault, and which requests it may hit.
type mishap struct {
	name  string
	fault weather.Fault
	spare func(*http.Request) bool
}

func nobody(*http.Request) bool { return false }

// Between the bot and a registry anything goes. An answer that was lost after
// the put is reset-after.
var mishaps = []mishap{
	{"late", weather.Late(300 * time.Millisecond), nobody},
	{"reset-before", weather.ResetBefore, nobody},
	{"reset-after", weather.ResetAfter, nobody},
	{"truncated", weather.Truncate(20), nobody},
	{"slow-down", weather.SlowDown(1), nobody},
	{"500", weather.Answer(http.StatusInternalServerError, "broken"), nobody},
	{"503", weather.Answer(http.StatusServiceUnavailable, ""), nobody},
	// What is posted twice stands there twice, and no client could tell.
	{"twice", weather.Twice, func(r *http.Request) bool { return strings.Contains(r.URL.Path, "chat.post") }},
}

func (s *storm) pass(w http.ResponseWriter, r *http.Request, next http.Handler) {
	s.mu.Lock()
	n, hit := s.random.IntN(len(mishaps)), s.random.IntN(s.oneIn) == 0
	m := mishaps[n]
	hit = hit && !m.spare(r) && r.Header.Get("Upgrade") == "" // a socket is no request
	if hit {
		s.hits[m.name]++
	}
	s.mu.Unlock()
	if hit {
		m.fault(w, r, next)
		return
	}
	next.ServeHTTP(w, r)
}

// Between the bot and the registry, and between the bot and Slack's Web API,
// requests come late, twice or not at all, and answers are lost, cut or somebody
// else's. PROMOTEBOT_STORMS says how many promotions have to get through, each
// exactly once.
func TestEveryPromotionGetsThroughAnyWeather(t *testing.T) {
	t.Parallel()
	const apps, inOneCity = 10, 50
	start, left := seed(t), scale(t, "PROMOTEBOT_STORMS", apps)
	t.Logf("PROMOTEBOT_SEED=%d", start)
	for n := uint64(0); left > 0; n++ {
		promotions := min(left, inOneCity)
		left -= promotions
		t.Run(fmt.Sprintf("city_%d", n), func(t *testing.T) {
			c := newCity(t, start+n, min(apps, promotions), "{approvals: {leads: 2}}", "{approvals: {leads: 1}}")
			s := &storm{random: rand.New(rand.NewPCG(start, n)), oneIn: 6, hits: map[string]int{}}
			c.start()
			between := weather.Fault(s.pass)
			c.between.Store(&between)
			for promotions > 0 {
				wave := c.apps[:min(promotions, len(c.apps))]
				promotions -= len(wave)
				for _, app := range wave {
					c.push(app)
				}
				c.settle()
			}
			c.between.Store(nil)
			c.whole()
			t.Logf("hit by %v", s.hits)
		})
	}
}
