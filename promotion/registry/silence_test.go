package registry_test

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

// A registry that is behind a proxy is often down with 404: the proxy's, whose
// page says nothing about a tag.
func TestOnlyARegistryCanSayThatATagIsNotThere(t *testing.T) {
	for _, c := range []struct {
		name   string
		header http.Header
		body   string
		absent bool
	}{
		{"the page of a proxy", http.Header{"Content-Type": {"text/html"}}, "<html>404 page not found</html>", false},
		{"the default backend of an ingress", nil, "default backend - 404", false},
		{"nothing at all", nil, "", false},
		{"JSON of something else", http.Header{"Content-Type": {"application/json"}}, `{"error":"not found"}`, false},
		{"a registry's code", nil, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`, true},
		{"another registry's code", nil, `{"errors":[{"code":"NOT_FOUND"}]}`, true},
		{"a registry's header", http.Header{"Docker-Distribution-Api-Version": {"registry/2.0"}}, "", true},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			s := newShelf(t)
			before, d := s.push("production", nil), s.push("staging", nil)
			s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				if !strings.HasSuffix(r.URL.Path, "/manifests/production") {
					return false
				}
				maps.Copy(w.Header(), c.header)
				w.WriteHeader(http.StatusNotFound)
				_, _ = w.Write([]byte(c.body)) // the client may have gone
				return true
			})
			readings, err := s.client.ReadTags(t.Context(), s.repo, []string{"production"})
			if c.absent && (err != nil || readings[0].Digest != "") || !c.absent && promotion.KindOf(err) != promotion.Unavailable || !c.absent && err == nil {
				t.Errorf("%+v %v", readings, err)
			}
			moves, err := s.client.Move(t.Context(), s.plan(d, floating(before)))
			if c.absent && outcomes(moves) != "production conflict" || !c.absent && (err == nil || len(moves) != 0) {
				t.Errorf("moved on that: %q %v", outcomes(moves), err)
			}
		})
	}
}

func TestATagThatIsNotThereCostsNoSecondRequestWhereTheRegistrySaysWhoItIs(t *testing.T) {
	s := newShelf(t)
	s.push("staging", nil)
	s.spoil(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		return false
	})
	if _, err := s.client.ReadTags(t.Context(), s.repo, []string{"staging"}); err != nil { // warms the connection
		t.Fatal(err)
	}
	requests := s.counted(func() {
		if _, err := s.client.ReadTags(t.Context(), s.repo, []string{"nothing"}); err != nil {
			t.Error(err)
		}
	})
	if len(requests) != 1 {
		t.Errorf("requests: %q", requests)
	}
}

// An earlier attempt may have put the tag: that it can't be read now is no
// reason to say that it failed.
func TestAMoveThatMayNotReadIsNotKnownToHaveFailed(t *testing.T) {
	s := newShelf(t)
	before, d := s.push("production", nil), s.push("staging", nil)
	s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	if _, err := s.client.Move(t.Context(), s.plan(d, floating(before))); promotion.KindOf(err) != promotion.Unavailable || err == nil || !strings.Contains(err.Error(), "may not read") {
		t.Errorf("told %v (%s)", err, promotion.KindOf(err))
	}
}

// Nor is a put that was refused, when what it did can't be read: the same put may
// have been done by an attempt before, or by this one in spite of the answer.
func TestARefusedPutThatCanNotBeReadBackIsNotKnownToHaveFailed(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusBadRequest, http.StatusPreconditionFailed, http.StatusCreated} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			s := newShelf(t)
			before, d := s.push("production", nil), s.push("staging", nil)
			var put atomic.Bool
			s.spoil(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
				switch {
				case isPut(r):
					put.Store(true)
					silently(next, r)
					w.WriteHeader(status)
					return true
				case put.Load():
					w.WriteHeader(http.StatusForbidden)
					return true
				}
				return false
			})
			moves, err := s.client.Move(t.Context(), s.plan(d, floating(before)))
			if err == nil || promotion.KindOf(err) != promotion.Unavailable || !strings.Contains(err.Error(), "can't be read back") {
				t.Errorf("told %q, %v (%s)", outcomes(moves), err, promotion.KindOf(err))
			}
			put.Store(false)
			if moves, err = s.client.Move(t.Context(), s.plan(d, floating(before))); err != nil || outcomes(moves) != "production already" {
				t.Errorf("and when it can be: %q %v", outcomes(moves), err)
			}
		})
	}
}

func TestATagThatIsGoneAfterThePutIsNotAConflict(t *testing.T) {
	s := newShelf(t)
	before, d := s.push("production", nil), s.push("staging", nil)
	var put atomic.Bool
	s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		switch {
		case isPut(r):
			put.Store(true)
			w.WriteHeader(http.StatusCreated)
			return true
		case put.Load() && strings.HasSuffix(r.URL.Path, "/manifests/production"):
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`)) // the client may have gone
			return true
		}
		return false
	})
	moves, err := s.client.Move(t.Context(), s.plan(d, floating(before)))
	if promotion.KindOf(err) != promotion.Unavailable || err == nil || !strings.Contains(err.Error(), "does not have it") {
		t.Errorf("told %q %v", outcomes(moves), err)
	}
}

func TestEveryAppOfARegistryThatAsksForAPauseIsUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 10*time.Second)
		w.put("one", "one")
		w.put("two", "two")
		first, second := look("one"), look("two")
		second.App = "wiki"
		w.watcher.Set([]registry.Look{first, second})
		defer w.run()()
		w.said()
		w.door.spoil(func(rw http.ResponseWriter, _ *http.Request) bool {
			rw.Header().Set("Retry-After", "600")
			rw.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		time.Sleep(time.Minute)
		if got := strings.Count(w.said(), "fault: "); got != 2 {
			t.Errorf("%d of 2 apps are reported as unseen", got)
		}
	})
}

func TestATagThatTheRegistryListsTwiceIsOneTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 10*time.Second)
		w.put("v1-passed", "one")
		w.door.spoil(func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/tags/list") {
				return false
			}
			_, _ = rw.Write([]byte(`{"tags":["v1-passed","v1-passed"]}`)) // the client may have gone
			return true
		})
		pattern, err := promotion.ParseTagPattern("v{version}-passed")
		if err != nil {
			t.Fatal(err)
		}
		l := look()
		l.Pattern = pattern
		w.watcher.Set([]registry.Look{l})
		defer w.run()()
		if tags := strings.Fields(w.said()); len(tags) != 1 {
			t.Errorf("tags: %q", tags)
		}
	})
}

func TestARegistryThatHangsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 10*time.Second)
		var looks []registry.Look
		for app := range strings.FieldsSeq("a b c d e f g h i j k l m n o p") {
			l := look("x")
			l.App, l.Repository = app, promotion.Repository("localhost:6000/"+app) // nobody listens there
			looks = append(looks, l)
		}
		one := w.put("staging", "one")
		looks = append(looks, look("staging"))
		w.watcher.Set(looks)
		stop := w.run()
		defer time.Sleep(time.Minute) // handshakes are not given up with their first caller
		defer stop()
		time.Sleep(time.Second)
		if got := w.said(); !strings.Contains(got, "staging="+one.Short()[:4]) {
			t.Fatalf("at once: %q", got)
		}
		two := w.put("staging", "two")
		time.Sleep(11 * time.Second)
		if got := w.said(); !strings.Contains(got, "staging="+two.Short()[:4]) {
			t.Errorf("a round later: %q", got)
		}
	})
}

// Else what runs in production already would be put forward for it at the
// first start.
func TestWhatIsInATargetIsReportedBeforeWhatComesToItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, 10*time.Second)
		w.put("staging", "one")
		w.put("production", "two")
		w.door.spoil(func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/production") {
				time.Sleep(5 * time.Second)
			}
			return false
		})
		held := look("production")
		held.Environment, held.Side = "production", promotion.Held
		w.watcher.Set([]registry.Look{look("staging"), held})
		defer w.run()()
		time.Sleep(6 * time.Second)
		if got := w.said(); !strings.HasPrefix(got, "production=") || !strings.Contains(got, "staging=") {
			t.Errorf("said %q", got)
		}
	})
}
