package gitops_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/deploy/gitops"
)

func TestWhatTheBranchSaysIsReadWhoeverHasPutItThere(t *testing.T) {
	w := newWorld(t)
	o := order()
	o.Handle = w.deploy(o).Handle
	d := gitops.New(w.opts)
	var fetches atomic.Int64
	w.Door(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost {
			fetches.Add(1)
		}
		next.ServeHTTP(rw, r)
	})
	where := file + " on main of " + strings.TrimPrefix(w.URL, "https://")
	reads := func(o promotion.Order, others ...promotion.Running) {
		t.Helper()
		got, err := d.Running(t.Context(), o)
		found := o.Others(got)
		if err != nil || len(got) != 1 || !strings.HasPrefix(got[0].Where, where) || len(found) != len(others) {
			t.Fatalf("%+v, %v", got, err)
		}
		for i := range others {
			if found[i] != others[i] {
				t.Errorf("got  %+v\nwant %+v", found[i], others[i])
			}
		}
	}
	reads(o)
	before := fetches.Load()
	if reads(o); before == 0 || fetches.Load() != before {
		t.Errorf("it was fetched %d times, and %d times more though nobody has pushed", before, fetches.Load()-before)
	}
	w.Commit("Somebody writes", map[string]string{"README.md": "more\n"})
	reads(o)

	by := w.Commit("By hand", map[string]string{file: kustomization(hers)})
	other := promotion.Running{Where: fmt.Sprintf("%s (commit %.8s by Ann)", where, by), Set: hers}
	reads(o, other)
	w.Commit("Somebody writes again", map[string]string{"README.md": "even more\n"})
	reads(o, other)
	by = w.Commit("Revert", map[string]string{file: kustomization(old)})
	reads(o, promotion.Running{Where: fmt.Sprintf("%s (commit %.8s by Ann)", where, by), Set: old})
	w.Commit("Put right", map[string]string{file: kustomization(next)})
	reads(o)

	newer := o
	newer.Promotion, newer.Digest = 18, hers
	by = w.In("rev-parse", "main")
	reads(newer, promotion.Running{Where: fmt.Sprintf("%s (commit %.8s by Ann)", where, by), Set: next})
}

func TestABranchThatCannotBeReadIsAnErrorAndNotNothing(t *testing.T) {
	w := newWorld(t)
	o := order()
	o.Handle = w.deploy(o).Handle
	w.opts.Path = "apps/{app}/gone.yaml"
	if got, err := gitops.New(w.opts).Running(t.Context(), o); promotion.KindOf(err) != promotion.NotFound || !strings.Contains(err.Error(), "has no apps/shop/gone.yaml on main") {
		t.Errorf("of a file that is not there: %+v, %v", got, err)
	}
	w.opts.Path = file
	w.credentials.Password = promotion.NewSecret("another")
	if got, err := gitops.New(w.opts).Running(t.Context(), o); promotion.KindOf(err) != promotion.Forbidden {
		t.Errorf("with other credentials: %+v, %v", got, err)
	}
}
