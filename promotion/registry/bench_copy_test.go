package registry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/crane"

	fixture "github.com/promotebot/promotebot/fixtures/registry"
	"github.com/promotebot/promotebot/fixtures/weather"
	"github.com/promotebot/promotebot/promotion"
)

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
