package registry_test

import (
	"testing"

	fixture "github.com/promotebot/promotebot/fixtures/registry"
	"github.com/promotebot/promotebot/fixtures/registry/distribution"

	"github.com/promotebot/promotebot/promotion"
)

// Into a registry that somebody else wrote, within it, and out of it again: it
// has no referrers API, and the fake at both ends has one.
func TestACopyThroughDistribution(t *testing.T) {
	host := distribution.Start(t)
	y := newYard(t, fixture.Options{}, &fixture.Options{})
	y.full()
	first, second := promotion.Repository(host+"/staging/api"), promotion.Repository(host+"/prod/api")
	for _, step := range []struct {
		from, to promotion.Repository
		mounted  bool
	}{{y.work.From, first, false}, {first, second, true}, {second, y.work.To, false}, {first, second, true}} {
		w := y.work
		w.From, w.To = step.from, step.to
		done, err := y.client.Copy(t.Context(), w, nil)
		if err != nil {
			t.Fatalf("from %s to %s: %v", step.from, step.to, err)
		}
		if sorted(attached(done)) != sorted(everythingAttached) || (done.Sent == 0) != step.mounted {
			t.Errorf("from %s to %s: %d bytes sent, attached: %s", step.from, step.to, done.Sent, attached(done))
		}
		if step.to == y.work.To {
			y.whole(done)
		}
	}
}
