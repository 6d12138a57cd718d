package registry_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/crane"

	fixture "github.com/promotebot/promotebot/fixtures/registry"

	"github.com/promotebot/promotebot/fixtures/weather"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

// BenchmarkRetag sets one tag, verified (source hashed, target read before and
// after), beside crane's unverified Tag, on the same registry in the same run.
func BenchmarkRetag(b *testing.B) {
	s := newShelf(b)
	d := s.push("staging", nil)
	b.Run("promotebot", func(b *testing.B) {
		i := 0
		requests := s.counted(func() {
			for b.Loop() {
				i++
				if _, err := s.client.Move(b.Context(), s.plan(d, promotion.Target{Tag: fmt.Sprintf("p%d", i)})); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.ReportMetric(float64(len(requests))/float64(i), "requests/op")
	})
	b.Run("crane", func(b *testing.B) {
		i := 0
		requests := s.counted(func() {
			for b.Loop() {
				i++
				if err := crane.Tag(string(s.repo)+"@"+string(d), fmt.Sprintf("c%d", i)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.ReportMetric(float64(len(requests))/float64(i), "requests/op")
	})
}

// BenchmarkRetag100 is a morning's worth, eight at a time.
func BenchmarkRetag100(b *testing.B) {
	s := newShelf(b)
	var digests []promotion.Digest
	for i := range 100 {
		digests = append(digests, s.push(fmt.Sprintf("s%d", i), nil))
	}
	round, requests := 0, 0
	for b.Loop() {
		round++
		requests += len(s.counted(func() {
			var all sync.WaitGroup
			slots := make(chan struct{}, 8)
			for i, d := range digests {
				slots <- struct{}{}
				all.Go(func() {
					defer func() { <-slots }()
					if _, err := s.client.Move(b.Context(), s.plan(d, promotion.Target{Tag: fmt.Sprintf("r%d-%d", round, i)})); err != nil {
						b.Error(err)
					}
				})
			}
			all.Wait()
		}))
	}
	b.ReportMetric(float64(requests)/float64(round), "requests/op")
}

// BenchmarkPoll1000 is one round over a thousand watched tags.
func BenchmarkPoll1000(b *testing.B) {
	s := newShelf(b)
	d := s.push("staging", nil)
	answer := func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method != http.MethodHead {
			return false
		}
		w.Header().Set("Docker-Content-Digest", string(d))
		return true
	}
	s.spoil(answer)
	var looks []registry.Look
	for i := range 1000 {
		looks = append(looks, registry.Look{App: fmt.Sprintf("app-%d", i), Environment: "staging", Side: promotion.Source, Repository: s.repo, Tags: []string{fmt.Sprintf("t%d", i)}})
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	rounds, requests := 0, 0
	for b.Loop() {
		rounds++
		seen := make(chan struct{}, 1000)
		w := registry.NewWatcher(s.client, registry.WatchOptions{Every: time.Hour, Concurrency: 8, Logger: slog.New(slog.DiscardHandler), Report: func(context.Context, []promotion.Sighting) error {
			seen <- struct{}{}
			return nil
		}})
		w.Set(looks)
		requests += len(s.counted(func() {
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- w.Run(ctx) }()
			for range looks {
				<-seen
			}
			cancel()
			<-ended
		}))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(requests)/float64(rounds), "requests/op")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-kept")
}

// BenchmarkCopyWithinARegistry copies the fullest image there is into another
// repository, 20 ms away, beside crane copy, which leaves the attachments.
func BenchmarkCopyWithinARegistry(b *testing.B) {
	for _, options := range []fixture.Options{{}, {FallbackTags: true}} {
		y := newYard(b, options, nil)
		y.full()
		y.source.Inject(rule("", "", 0, weather.Late(20*time.Millisecond)))
		for name, run := range map[string]func(to string) error{
			"promotebot": func(to string) error {
				w := y.work
				w.To = promotion.Repository(to)
				_, err := y.client.Copy(b.Context(), w, nil)
				return err
			},
			"crane": func(to string) error {
				return crane.Copy(string(y.work.From)+"@"+string(y.work.Digest), to+":v1")
			},
		} {
			b.Run(fmt.Sprintf("%s/API=%v", name, !options.FallbackTags), func(b *testing.B) {
				y.source.Forget()
				i := 0
				for b.Loop() {
					i++
					if err := run(fmt.Sprintf("%s-%s-%d-%d", y.work.To, name, b.N, i)); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(y.source.Log()))/float64(i), "requests/op")
			})
		}
	}
}
