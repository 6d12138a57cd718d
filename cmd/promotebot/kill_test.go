package main_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/promotebot/promotebot/fixtures/weather"
)

// scale reads how much of a test is wanted; a plain run makes do with little.
func scale(t *testing.T, variable string, usually int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usually
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q and must be a number above 0", variable, text)
	}
	return n
}

// seed is the time, or what PROMOTEBOT_SEED says.
func seed(t *testing.T) uint64 {
	t.Helper()
	return uint64(scale(t, "PROMOTEBOT_SEED", int(time.Now().UnixNano())))
}

// Builds come, people click, and the bot is killed with kill -9 at any instant,
// also while it starts, and sometimes frozen for a while; then it is started
// again on the same database. PROMOTEBOT_KILLS says how often. After every few
// times it is left alone, and what Slack, the registry and the database know is
// compared.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	const inOneCity = 25
	start, left := seed(t), scale(t, "PROMOTEBOT_KILLS", 6)
	t.Logf("PROMOTEBOT_SEED=%d", start)
	for n := uint64(0); left > 0; n++ {
		kills := min(left, inOneCity)
		left -= kills
		t.Run(fmt.Sprintf("city_%d", n), func(t *testing.T) {
			c := newCity(t, start+n, 4, "{approvals: {leads: 2}}", "{approvals: {leads: 1}}", "{approvals: {leads: 2}}", "{soak: 1s, approvals: {leads: 1}}")
			for range kills {
				c.kill()
			}
			c.between.Store(nil) // the last fuse may not have burnt down
			for _, app := range c.apps {
				c.push(app)
			}
			last := c.start()
			c.settle()
			last.stop()
			c.whole()
		})
	}
}

// kill is one life of the bot. It ends after so many requests, or when there
// seems to be nothing to do.
func (c *city) kill() {
	c.t.Helper()
	for _, app := range c.apps {
		if c.random.IntN(2) == 0 {
			c.push(app)
		}
	}
	end := c.fuse(1 + c.random.IntN(160))
	bot := c.launch()
	runs, bored := false, time.NewTimer(c.patience)
	freeze := time.NewTimer(time.Duration(c.random.IntN(3000)) * time.Millisecond)
	thaw := time.NewTimer(time.Hour)
	tick := time.NewTicker(10 * time.Millisecond)
	defer func() { bored.Stop(); freeze.Stop(); thaw.Stop(); tick.Stop(); bot.kill() }()
	for {
		select {
		case <-bot.done:
			c.t.Fatalf("the bot gave up by itself: %v\n%s", bot.err, bot.out.String())
		case <-tick.C:
			c.act()
			if !runs && bot.ready() {
				runs = true
				bored.Reset(2 * time.Second)
			}
		case <-freeze.C:
			c.signal(bot, syscall.SIGSTOP)
			thaw.Reset(time.Duration(c.random.IntN(200)) * time.Millisecond)
		case <-thaw.C:
			c.signal(bot, syscall.SIGCONT)
		case <-end:
			return
		case <-bored.C:
			return
		}
	}
}

// fuse burns a little with each request of the bot, so that the end does not
// depend on how fast the machine is. It comes at the worst of moments: when the
// request has not had its effect, or when it has and the bot does not know. Or
// at no moment in particular.
func (c *city) fuse(length int) (end <-chan struct{}) {
	out, moment := make(chan struct{}), c.random.IntN(5)
	var burnt atomic.Int64
	between := weather.Fault(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		last := r.Header.Get("Upgrade") == "" && burnt.Add(1) == int64(length) // a socket is no request
		if !last {
			next.ServeHTTP(w, r)
			return
		}
		switch moment {
		case 0:
			next.ServeHTTP(w, r)
			close(out)
			return
		case 1, 2, 3:
			next.ServeHTTP(&deaf{header: http.Header{}}, r)
		}
		close(out)
		_, _ = io.Copy(io.Discard, r.Body) // before that a server does not notice that the client is gone
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
	c.between.Store(&between)
	return out
}

func (c *city) signal(bot *process, s os.Signal) {
	c.t.Helper()
	if err := bot.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}
