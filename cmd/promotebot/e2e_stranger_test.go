package main_test

import (
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// A promotion that is being executed outlives the configuration. Its repository
// is not asked while the configuration in force does not name it; what became
// of its tags is found out when it does again.
func TestARepositoryThatIsNotConfiguredAnyMoreIsNotAsked(t *testing.T) {
	w := newTown(t, oneLead)
	var shut atomic.Bool
	var here, elsewhere atomic.Int64
	w.door.set(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/v2/shop/other/"):
			elsewhere.Add(1)
		case strings.HasPrefix(r.URL.Path, "/v2/shop/api/"):
			here.Add(1)
		}
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/v1.4.2") && elsewhere.Load() == 0 {
			shut.Store(true)
		}
		if shut.Load() {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		next.ServeHTTP(rw, r)
	})
	bot := w.start()
	d := w.stage("1.4.2")
	w.eventually("a card with buttons", w.cardSays(approve))
	w.click(ann, approve)
	w.eventually("the registry lets nobody in", shut.Load)

	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(text string) {
		t.Helper()
		if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := bot.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	reload(strings.Replace(string(text), w.repo.Name(), w.repo.RegistryStr()+"/shop/other", 1))
	w.eventually("the card says why it does not get on", w.cardSays(w.repo.Name()+" is not named in the configuration"))
	shut.Store(false)
	before, rounds := here.Load(), elsewhere.Load()
	w.eventually("the other repository is looked at", func() bool { return elsewhere.Load() > rounds+4 })
	if n := here.Load() - before; n > 0 {
		t.Errorf("%d requests to a repository that is not configured", n)
	}

	reload(string(text))
	w.eventually("it is promoted", w.cardSays("*Promoted*"))
	if got := w.tag("production"); got != d.String() {
		t.Errorf("production points at %s", got)
	}
}
