package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	fixture "github.com/promotebot/promotebot/fixtures/registry"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

func outcomes(moves []promotion.Move) string {
	var all []string
	for _, m := range moves {
		all = append(all, m.Tag+" "+string(m.Outcome))
	}
	return strings.Join(all, ", ")
}

func TestMoveTakesFourRequestsAndOneWhenThereIsNothingToDo(t *testing.T) {
	s := newShelf(t)
	before, d := s.push("production", nil), s.push("staging", nil)
	if _, err := s.client.ReadTags(t.Context(), s.repo, []string{"production"}); err != nil { // warms the connection
		t.Fatal(err)
	}
	requests := s.counted(func() {
		moves, err := s.client.Move(t.Context(), s.plan(d, floating(before)))
		if err != nil || outcomes(moves) != "production moved" || moves[0].Found != d {
			t.Fatalf("%+v %v", moves, err)
		}
	})
	slices.Sort(requests[:2]) // they are under way at the same time
	want := []string{"GET manifests/" + string(d), "HEAD manifests/production", "PUT manifests/production", "GET manifests/production"}
	if !slices.Equal(requests, want) {
		t.Errorf("requests: %q", requests)
	}
	again := s.counted(func() {
		moves, err := s.client.Move(t.Context(), s.plan(d, floating(before)))
		if err != nil || outcomes(moves) != "production already" {
			t.Fatalf("%+v %v", moves, err)
		}
	})
	if slices.Sort(again); !slices.Equal(again, want[:2]) {
		t.Errorf("when it is there already, which the plan did not know: %q", again)
	}
	planned := s.counted(func() {
		moves, err := s.client.Move(t.Context(), s.plan(d, floating(d)))
		if err != nil || outcomes(moves) != "production already" {
			t.Fatalf("%+v %v", moves, err)
		}
	})
	if !slices.Equal(planned, []string{"HEAD manifests/production"}) {
		t.Errorf("when the plan knows that it is there: %q", planned)
	}
	s.push("production", nil)
	moves, err := s.client.Move(t.Context(), s.plan(d, floating(d)))
	if err != nil || outcomes(moves) != "production conflict" {
		t.Errorf("when the plan only believed that it is there: %+v %v", moves, err)
	}
}

// A token is two requests, once, and what is there already proves itself.
func TestMoveTakesSixRequestsWithAToken(t *testing.T) {
	y := newYard(t, fixture.Options{Auth: &fixture.Auth{User: "ann", Password: "secret"}}, nil)
	y.client = registry.New(registry.Options{Named: anybody, Keychain: keychain{"ann", "secret"}})
	y.full()
	for _, c := range []struct {
		tag, want string
		requests  int
		seen      promotion.Digest
	}{{"v1", "v1 moved", 6, ""}, {"v2", "v2 moved", 4, ""}, {"v2", "v2 already", 1, y.work.Digest}} {
		y.source.Forget()
		moves, err := y.client.Move(t.Context(), promotion.MoveWork{Repository: y.work.From, Digest: y.work.Digest, Targets: []promotion.Target{{Tag: c.tag, Now: c.seen}}})
		if log := y.source.Log(); err != nil || outcomes(moves) != c.want || len(log) != c.requests {
			t.Errorf("%s, %v; %d requests, want %d\n%s", outcomes(moves), err, len(log), c.requests, fixture.Describe(log))
		}
	}
}

// A morning's worth costs what a hundred single moves cost: four requests each,
// eight at a time, and one handshake for all.
func TestAHundredMovesShareOneHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, time.Hour)
		var digests []promotion.Digest
		for i := range 100 {
			digests = append(digests, w.put(fmt.Sprintf("s%d", i), fmt.Sprint(i)))
		}
		var requests atomic.Int32
		w.door.spoil(func(http.ResponseWriter, *http.Request) bool {
			requests.Add(1)
			time.Sleep(20 * time.Millisecond)
			return false
		})
		began := time.Now()
		eightAtATime(digests, func(i int, d promotion.Digest) {
			moves, err := w.client.Move(t.Context(), promotion.MoveWork{Repository: host + "/shop/api", Digest: d, Targets: []promotion.Target{{Tag: fmt.Sprintf("p%d", i)}}})
			if err != nil || outcomes(moves) != fmt.Sprintf("p%d moved", i) {
				t.Errorf("%+v %v", moves, err)
			}
		})
		if n, took := requests.Load(), time.Since(began); n > 410 || took > 1500*time.Millisecond {
			t.Errorf("it took %d requests and %v at 20 ms a request", n, took)
		}
	})
}

// eightAtATime does it for all of them.
func eightAtATime[T any](all []T, do func(i int, one T)) {
	var under sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i, one := range all {
		slots <- struct{}{}
		under.Go(func() {
			defer func() { <-slots }()
			do(i, one)
		})
	}
	under.Wait()
}

func TestMoveRefusesASchemaWhoseDigestProvesNothing(t *testing.T) {
	s := newShelf(t)
	put := httptest.NewRequest(http.MethodPut, "/v2/shop/api/manifests/old", strings.NewReader(`{"schemaVersion":1}`))
	s.inner.ServeHTTP(httptest.NewRecorder(), put)
	requests := s.counted(func() {
		moves, err := s.client.Move(t.Context(), s.plan(s.points("old"), floating("")))
		if err == nil || promotion.KindOf(err) != promotion.Invalid || !strings.Contains(err.Error(), "schema 1") {
			t.Errorf("%+v %v", moves, err)
		}
	})
	if slices.ContainsFunc(requests, func(r string) bool { return strings.HasPrefix(r, http.MethodPut) }) {
		t.Errorf("it was put all the same: %q", requests)
	}
}

func TestMoveKeepsTheBytes(t *testing.T) {
	s := newShelf(t)
	for name, d := range map[string]promotion.Digest{"an image": s.push("a", nil), "an index": s.pushIndex("b", nil)} {
		if _, err := s.client.Move(t.Context(), s.plan(d, promotion.Target{Tag: "v" + d.Short()})); err != nil {
			t.Fatal(err)
		}
		if got := s.points("v" + d.Short()); got != d {
			t.Errorf("%s: the tag points at %s, want %s", name, got, d)
		}
		desc, err := remote.Get(s.tag("v" + d.Short()))
		if err != nil || (name == "an index") != desc.MediaType.IsIndex() {
			t.Errorf("%s: media type %v (%v)", name, desc.MediaType, err)
		}
	}
}

// What each fault makes of a move. The truth is what the registry holds in the
// end; a row is wrong if it is told otherwise.
func TestMoveTellsTheTruth(t *testing.T) {
	once := func(f func(w http.ResponseWriter, r *http.Request, next http.Handler)) func(http.ResponseWriter, *http.Request, http.Handler) bool {
		done := false
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			if done || !isPut(r) {
				return false
			}
			done = true
			f(w, r, next)
			return true
		}
	}
	always := func(f func(w http.ResponseWriter, r *http.Request, next http.Handler)) func(http.ResponseWriter, *http.Request, http.Handler) bool {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
			if !isPut(r) {
				return false
			}
			f(w, r, next)
			return true
		}
	}
	refuse := func(status int, code string) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"errors":[{"code":"` + code + `","message":"no <b>secret</b>"}]}`)) // the client may have gone
		}
	}
	for _, c := range []struct {
		name   string
		spoil  func(http.ResponseWriter, *http.Request, http.Handler) bool
		want   string         // the outcomes
		kind   promotion.Kind // or the kind of the error
		moved  bool           // what the registry holds in the end
		says   string
		slowly bool
	}{
		{name: "nothing goes wrong", want: "production moved", moved: true},
		{name: "201, and nothing is stored", spoil: always(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusCreated) }), kind: promotion.Unavailable, says: "does not have it"},
		{name: "put, and the answer is lost", spoil: once(func(_ http.ResponseWriter, r *http.Request, next http.Handler) { silently(next, r); cut() }), want: "production moved", moved: true},
		{name: "every answer to a put is lost", spoil: always(func(_ http.ResponseWriter, r *http.Request, next http.Handler) { silently(next, r); cut() }), want: "production moved", moved: true},
		{name: "cut before the put", spoil: once(func(http.ResponseWriter, *http.Request, http.Handler) { cut() }), want: "production moved", moved: true},
		{name: "put, and answered 500", spoil: always(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			silently(next, r)
			refuse(500, "UNKNOWN")(w, r, next)
		}), want: "production moved", moved: true},
		{name: "the registry is in trouble", spoil: always(refuse(503, "UNAVAILABLE")), kind: promotion.Unavailable, says: "in trouble (503 UNAVAILABLE)"},
		{name: "429 once", spoil: once(refuse(429, "TOOMANYREQUESTS")), want: "production moved", moved: true},
		{name: "the tag is immutable", spoil: always(refuse(400, "TAG_INVALID")), kind: promotion.Conflict, says: "immutable"},
		{name: "the tag is immutable, as Harbor says it", spoil: always(refuse(412, "PRECONDITION")), kind: promotion.Conflict, says: "immutable"},
		{name: "the credentials may not", spoil: always(refuse(403, "DENIED")), kind: promotion.Forbidden, says: "may not tag"},
		{name: "somebody else puts right after us", spoil: once(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			silently(next, r)
			other := httptest.NewRequest(http.MethodPut, r.URL.Path, strings.NewReader(`{"schemaVersion":2}`))
			next.ServeHTTP(httptest.NewRecorder(), other)
			w.WriteHeader(http.StatusCreated)
		}), want: "production conflict"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			before, d := s.push("production", nil), s.push("staging", nil)
			s.spoil(c.spoil)
			moves, err := s.client.Move(t.Context(), s.plan(d, floating(before)))
			switch {
			case c.want != "" && (err != nil || outcomes(moves) != c.want):
				t.Errorf("told %q, %v", outcomes(moves), err)
			case c.kind != "" && (err == nil || promotion.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says)):
				t.Errorf("told %q, %v (%s)", outcomes(moves), err, promotion.KindOf(err))
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the registry's own words got out: %v", err)
			}
			if got := s.points("production"); (got == d) != c.moved {
				t.Errorf("the registry holds %s", got)
			}
		})
	}
}

func TestMoveIsAllOrNothingBeforeItBegins(t *testing.T) {
	s := newShelf(t)
	before, d := s.push("production", nil), s.push("staging", nil)
	other := s.push("v1", nil)
	for _, c := range []struct {
		name    string
		targets []promotion.Target
		want    string
	}{
		{"production is not what was expected", []promotion.Target{floating(other)}, "production conflict"},
		{"production was expected to be absent", []promotion.Target{floating("")}, "production conflict"},
		{"the version tag is taken", []promotion.Target{{Tag: "v1"}, floating(before)}, "v1 conflict, production skipped"},
		{"a version tag is never moved, even from what was expected", []promotion.Target{{Tag: "v1", Now: other}, floating(before)}, "v1 conflict, production skipped"},
		{"a floating tag has gone", []promotion.Target{{Tag: "stable", Floating: true, Now: before}, floating(before)}, "stable conflict, production skipped"},
	} {
		requests := s.counted(func() {
			moves, err := s.client.Move(t.Context(), s.plan(d, c.targets...))
			if err != nil || outcomes(moves) != c.want {
				t.Errorf("%s: %q %v", c.name, outcomes(moves), err)
			}
		})
		for _, r := range requests {
			if strings.HasPrefix(r, "PUT") {
				t.Errorf("%s: %s", c.name, r)
			}
		}
	}
	if s.points("production") != before || s.points("v1") != other {
		t.Error("something was moved")
	}
	moves, err := s.client.Move(t.Context(), s.plan(d, promotion.Target{Tag: "v2"}, floating(before)))
	if err != nil || outcomes(moves) != "v2 moved, production moved" {
		t.Errorf("as planned: %q %v", outcomes(moves), err)
	}
	moves, err = s.client.Move(t.Context(), s.plan(d, promotion.Target{Tag: "v2"}, floating(before)))
	if err != nil || outcomes(moves) != "v2 already, production already" {
		t.Errorf("again: %q %v", outcomes(moves), err)
	}
}

func TestMoveRefusesASourceThatIsNotWhatItsDigestSays(t *testing.T) {
	s := newShelf(t)
	d := s.push("staging", nil)
	missing := promotion.Digest("sha256:" + strings.Repeat("0", 64))
	if _, err := s.client.Move(t.Context(), s.plan(missing, floating(""))); promotion.KindOf(err) != promotion.NotFound {
		t.Errorf("a digest that is not there: %v", err)
	}
	s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, string(d)) {
			return false
		}
		w.Header().Set("Docker-Content-Digest", string(d)) // it lies
		_, _ = w.Write([]byte(`{"schemaVersion":2}`))      // the client may have gone
		return true
	})
	if _, err := s.client.Move(t.Context(), s.plan(d, floating(""))); promotion.KindOf(err) != promotion.Conflict {
		t.Errorf("other bytes for the digest: %v", err)
	}
	s.spoil(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method != http.MethodGet {
			return false
		}
		_, _ = w.Write(make([]byte, 5<<20)) // the client stops reading
		return true
	})
	if _, err := s.client.Move(t.Context(), s.plan(d, floating(""))); promotion.KindOf(err) != promotion.Invalid {
		t.Errorf("a manifest of 5 MiB: %v", err)
	}
	if s.points("production") != "" {
		t.Error("production was tagged")
	}
}
