package registry_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry"
)

func TestAHintHasItLookedAtAtOnceAndManyAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, time.Hour)
		w.put("staging", "one")
		w.watcher.Set([]registry.Look{look("staging")})
		defer w.run()()
		w.said()
		two := w.put("staging", "two")
		time.Sleep(time.Minute)
		if got := w.said(); got != "" {
			t.Fatalf("without a hint, a minute later: %q", got)
		}
		looks := w.looks
		for range 1000 {
			w.watcher.Hint("shop", "staging")
			w.watcher.Hint("shop", "nowhere")
		}
		if got, want := w.said(), "staging="+two.Short()[:4]; got != want {
			t.Errorf("with one: %q, want %q", got, want)
		}
		if n := w.looks - looks; n > 10 {
			t.Errorf("a thousand hints were %d looks", n)
		}
	})
}

func TestADigestIsThereWhenItsManifestIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t, time.Hour)
		one := w.put("staging", "one")
		here, elsewhere := promotion.Repository(host+"/shop/api"), promotion.Repository(host+"/other")
		for _, c := range []struct {
			ref  string
			want promotion.Digest
		}{{"staging", one}, {string(one), one}, {"nothing", ""}, {"sha256:" + strings.Repeat("0", 64), ""}} {
			if got, err := w.client.Resolve(t.Context(), []promotion.Repository{elsewhere, here}, c.ref); got != c.want || err != nil {
				t.Errorf("%s is %q, %v", c.ref, got, err)
			}
		}
		if got, err := w.client.Resolve(t.Context(), []promotion.Repository{here}, "../../x"); err == nil {
			t.Errorf("what is no tag is %q", got)
		}
	})
}
