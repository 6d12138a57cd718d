package gate_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// readable is production with one target, of which can be read what runs there: what
// it was told last, until a test has it otherwise.
func readable(t *testing.T) *world {
	c := deploying(t, false, nil, "eu")
	c.Environments[1].Deploy.Targets[0].Reads = true
	w := newWorld(t, c)
	w.found()
	return w
}

// found has the target run this beside what it was told.
func (w *world) found(others ...promotion.Running) {
	w.running = func(o promotion.Order) promotion.Result {
		w.asked["stock"]++
		return promotion.Result{Running: append([]promotion.Running{{Where: "Deployment shop", Digest: o.Digest, Count: 2}}, others...)}
	}
}

func (w *world) stock(id promotion.ID) promotion.Stock {
	w.t.Helper()
	v, err := w.gate.View(w.t.Context(), id)
	w.must(err)
	if len(v.Facts.Stocks) != 1 {
		w.t.Fatalf("stocks are %+v", v.Facts.Stocks)
	}
	return v.Facts.Stocks[0]
}

// strays are the targets of production that the status shows.
func (w *world) strays() []promotion.Stock {
	w.t.Helper()
	all, err := w.gate.Status(w.t.Context(), "shop")
	w.must(err)
	measured, err := w.gate.Strays(w.t.Context())
	w.must(err)
	if !reflect.DeepEqual(measured, all[0].Environments[1].Strays) {
		w.t.Errorf("the metrics have %+v", measured)
	}
	return measured
}

func TestWhatRunsIsReadForAsLongAsNothingNewerComes(t *testing.T) {
	w := readable(t)
	id := w.promote("a")
	w.wait(time.Hour)
	w.expect(id, promotion.Promoted)
	if n := w.asked["stock"]; n != 11 || len(w.strays()) != 0 || w.count("strayed") != 0 {
		t.Errorf("read %d times, %+v, said %v", n, w.strays(), w.said)
	}
	if s := w.stock(id); s.ReadAt == nil || s.Strays() {
		t.Errorf("%+v", s)
	}
}

func TestSomethingElseThatRunsIsToldOnceAndThatItIsOverToo(t *testing.T) {
	w := readable(t)
	id := w.promote("a")
	w.wait(10 * time.Minute)
	draws := w.draws[id]
	other := promotion.Running{Where: "Deployment shop, container main", Digest: digest("f"), Count: 2}
	w.found(other)
	w.wait(30 * time.Minute)
	s := w.stock(id)
	if w.count("strayed") != 1 || w.draws[id] != draws+1 || len(s.Others) != 1 || s.Others[0] != other || s.Since == nil || s.Since.After(w.now.Add(-25*time.Minute)) {
		t.Errorf("said %v, drawn %d times: %+v", w.said, w.draws[id]-draws, s)
	}
	if got := w.strays(); len(got) != 1 || got[0].Target != "eu" {
		t.Errorf("the status shows %+v", got)
	}
	since := *s.Since
	w.found(promotion.Running{Where: "Deployment shop, container main", Digest: digest("e"), Count: 1})
	w.wait(10 * time.Minute)
	if s := w.stock(id); w.count("strayed") != 2 || !s.Since.Equal(since) {
		t.Errorf("said %v: %+v", w.said, s)
	}
	w.found()
	w.wait(10 * time.Minute)
	if s := w.stock(id); w.count("strayed") != 3 || s.Strays() || s.Since != nil || len(w.strays()) != 0 {
		t.Errorf("said %v: %+v", w.said, s)
	}
	if got := w.recorded(audit.Strayed); len(got) != 3 {
		t.Errorf("recorded %d times", len(got))
	}
	w.expect(id, promotion.Promoted)
}

func TestAManifestOfThePlatformIsWhatWasPromoted(t *testing.T) {
	o := promotion.Order{Digest: digest("a"), Manifests: []promotion.Digest{digest("b")}}
	all := []promotion.Running{{Digest: digest("a")}, {Digest: digest("b")}, {Digest: digest("c")}, {Digest: ""}, {Digest: digest("a"), Set: "shop:latest"}}
	if got := o.Others(all); !slices.Equal(got, all[2:]) {
		t.Errorf("others are %+v", got)
	}
}

func TestATargetThatCannotBeReadIsSeenAndNotTakenForEqual(t *testing.T) {
	w := readable(t)
	id := w.promote("a")
	w.wait(10 * time.Minute)
	w.found(promotion.Running{Where: "Deployment shop", Digest: digest("f"), Count: 2})
	w.wait(10 * time.Minute)
	draws := w.draws[id]
	w.running = func(promotion.Order) promotion.Result {
		return promotion.Result{Failure: &promotion.Failure{Kind: promotion.Unavailable, Text: "the cluster can't be reached"}}
	}
	w.wait(20 * time.Minute)
	s := w.stock(id)
	if s.Fault != "the cluster can't be reached" || s.Blind == nil || len(s.Others) != 1 || w.draws[id] != draws+1 || w.count("strayed") != 1 {
		t.Errorf("drawn %d times, said %v: %+v", w.draws[id]-draws, w.said, s)
	}
	if got := w.strays(); len(got) != 1 || !strings.Contains(got[0].Fault, "reached") {
		t.Errorf("the status shows %+v", got)
	}
	w.found(promotion.Running{Where: "Deployment shop", Digest: digest("f"), Count: 2})
	w.wait(10 * time.Minute)
	if s := w.stock(id); s.Fault != "" || len(s.Others) != 1 || w.count("strayed") != 1 {
		t.Errorf("what was told before is told again: %v, %+v", w.said, s)
	}
	w.found()
	w.wait(10 * time.Minute)
	if s := w.stock(id); s.Strays() || s.Blind != nil || w.count("strayed") != 2 {
		t.Errorf("said %v: %+v", w.said, s)
	}
}

func TestWhatWasReadOfAnEarlierOrderDoesNotCount(t *testing.T) {
	w := readable(t)
	first := w.promote("a")
	w.wait(7 * time.Minute) // it is read again in the middle of what follows
	var asked []promotion.Digest
	w.running = func(o promotion.Order) promotion.Result {
		asked = append(asked, o.Digest)
		return promotion.Result{Running: []promotion.Running{{Where: "Deployment shop", Digest: digest("b"), Count: 2}}}
	}
	second := w.promote("b")
	w.wait(30 * time.Minute)
	w.expect(second, promotion.Promoted)
	if w.count("strayed") != 0 || len(w.strays()) != 0 || !slices.Contains(asked, digest("b")) {
		t.Errorf("said %v, asked about %v", w.said, asked)
	}
	if v, err := w.gate.View(t.Context(), first); err != nil || len(v.Facts.Stocks) != 0 {
		t.Errorf("%+v, %v", v.Facts.Stocks, err)
	}
}

func TestWhatCanNotBeReadIsNotAsked(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.found()
	w.promote("a")
	w.wait(time.Hour)
	if n := w.asked["stock"]; n != 0 {
		t.Errorf("read %d times", n)
	}
}

func TestATargetThatIsReadForTheFirstTimeAfterARestartIsRead(t *testing.T) {
	w := newWorld(t, deploying(t, false, nil, "eu"))
	w.found()
	w.promote("a")
	w.wait(time.Hour)
	c := deploying(t, false, nil, "eu")
	c.Environments[1].Deploy.Targets[0].Reads = true
	w.must(w.gate.Adopt(t.Context(), c))
	w.run()
	if n := w.asked["stock"]; n != 1 {
		t.Errorf("read %d times", n)
	}
}
