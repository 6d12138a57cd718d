package gate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func (w *world) offer(ref string) promotion.Receipt {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	r, err := w.gate.Candidate(w.t.Context(), gate.Call{Token: "t1"}, "shop", ref)
	w.must(err)
	w.run()
	return r
}

func TestACandidateOfAWatchedEnvironmentIsOnlyAHint(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.token("t1", promotion.ScopeCandidates)
	if r := w.offer(string(digest("a"))); r.Verb != promotion.Checking || !slices.Equal(r.Look, []string{"staging"}) {
		t.Errorf("a digest that nobody has seen: %+v", r)
	}
	if n := len(w.everyView()); n != 0 {
		t.Fatalf("%d promotions were opened because of what a machine said", n)
	}
	w.stage("a")
	if r := w.offer(string(digest("a"))); r.Verb != promotion.Existing || !slices.Equal(r.Promotions, []promotion.ID{1}) {
		t.Errorf("what is open: %+v", r)
	}
	w.click(ann, promotion.Reject)
	if r := w.offer("staging-passed"); r.Verb != promotion.Refused || !strings.Contains(r.Reason, "a person can request it") {
		t.Errorf("what was rejected: %+v", r)
	}
	w.expect(1, promotion.Rejected)
	if _, err := w.gate.Candidate(t.Context(), gate.Call{Token: "t1"}, "shop", "no tag!"); !errors.Is(err, promotion.Invalid) {
		t.Errorf("what is neither a tag nor a digest: %v", err)
	}
}

func (w *world) everyView() []policy.View {
	w.t.Helper()
	views, err := w.gate.Views(w.t.Context(), gate.Query{})
	w.must(err)
	return views
}

func TestACandidateFeedsWhatNobodyWatchesWhenTheRegistryHasIt(t *testing.T) {
	c := catalog(t, careful())
	c.Environments[0].Watch = promotion.TagPattern{}
	w := newWorld(t, c)
	w.token("t1", promotion.ScopeCandidates)
	if r := w.offer("v1"); r.Verb != promotion.Checking || len(r.Look) != 0 {
		t.Errorf("a tag that does not exist: %+v", r)
	}
	if n := len(w.everyView()); n != 0 {
		t.Fatalf("%d promotions of a tag that does not exist", n)
	}
	w.tags["v1"], w.tags[string(digest("b"))] = digest("a"), digest("b") // the world resolves digests as it does tags
	w.offer("v1")
	w.expect(1, promotion.Open)
	if p := w.get(1); p.Digest != digest("a") || p.SourceTag != "v1" || p.Requester != "" {
		t.Errorf("it is %+v", p)
	}
	w.offer(string(digest("b")))
	w.expect(1, promotion.Superseded)
	w.expect(2, promotion.Open)
	if p := w.get(2); p.Digest != digest("b") || p.SourceTag != "" {
		t.Errorf("it is %+v", p)
	}
	w.down[promotion.EffectResolve] = promotion.Forbidden
	w.offer("v2")
	if n := len(w.everyView()); n != 2 {
		t.Errorf("%d promotions", n)
	}
}
