package gate_test

import (
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// oneLead asks for one approval and no soak.
func oneLead() policy.Document {
	return policy.Document{Name: "quick", Approvals: []policy.Requirement{{Role: "leads", Count: 1}}}
}

func TestWhoeverWaitsForItsTurnGoesAheadAtOnceWhateverBecameOfTheOther(t *testing.T) {
	for kind, end := range map[promotion.Kind]promotion.State{"": promotion.Promoted, promotion.Forbidden: promotion.Failed, promotion.Conflict: promotion.Conflicted} {
		t.Run(string(end), func(t *testing.T) {
			w := newWorld(t, catalog(t, oneLead()))
			w.stage("a")
			w.down[promotion.EffectMove] = promotion.Unavailable
			w.click(ann, promotion.Approve)
			w.expect(1, promotion.Executing)
			w.stage("b")
			w.click(ann, promotion.Approve)
			w.expect(2, promotion.Open)
			if f, _ := w.newest().Verdict.Finding(policy.RuleTurn); f.Outcome != policy.Waiting {
				t.Errorf("turn: %+v", f)
			}
			delete(w.down, promotion.EffectMove)
			if kind != "" {
				w.down[promotion.EffectMove] = kind
			}
			w.now = w.now.Add(time.Second) // the move is tried again
			w.run()
			w.expect(1, end)
			if p := w.get(2); kind != "" && p.State == promotion.Open {
				t.Error("the other still waits")
			}
			if kind != "" {
				return
			}
			// Production is not what Ann saw there any more: she is asked again.
			if v := w.newest(); len(v.Verdict.Discounted) != 1 || v.Facts.Executing != 0 {
				t.Errorf("discounted: %+v, executing: #%d", v.Verdict.Discounted, v.Facts.Executing)
			}
			w.click(ann, promotion.Approve)
			w.expect(2, promotion.Promoted)
		})
	}
}

func TestWhatIsOlderGivesWayWhenANewerBuildArrives(t *testing.T) {
	w := newWorld(t, catalog(t, oneLead()))
	w.must(w.gate.Sight(t.Context(), []promotion.Sighting{{App: "shop", Environment: "staging", Side: promotion.Source, At: w.now, Tags: []promotion.TaggedDigest{
		{Tag: "v1", Digest: digest("a")}, {Tag: "v2", Digest: digest("b")},
	}}}))
	w.run()
	w.request(bob, string(digest("a")))
	newer := w.get(1)
	w.clickOn(ann, promotion.Approve, newer)
	w.expect(1, promotion.Promoted)
	w.expect(2, promotion.Superseded)
	if p := w.get(2); p.Successor != 1 {
		t.Errorf("successor: #%d", p.Successor)
	}
}

func TestAPauseThatWasAskedForIsKept(t *testing.T) {
	w := newWorld(t, catalog(t, oneLead()))
	w.down[promotion.EffectCard], w.pause = promotion.Unavailable, 5*time.Minute
	w.stage("a")
	due, any, err := w.db.NextDue(t.Context(), []promotion.EffectKind{promotion.EffectCard})
	if err != nil || !any || due.Sub(w.now) != 5*time.Minute {
		t.Errorf("tried again in %v (%v, %v)", due.Sub(w.now), any, err)
	}
}

func TestALookAtFloatingTagsSaysNothingAboutVersionTags(t *testing.T) {
	c := catalog(t, oneLead())
	c.Environments[1].Tags = []promotion.TagTemplate{"production", "v-{digest}"}
	w := newWorld(t, c)
	w.down[promotion.EffectReadTags] = promotion.Unavailable
	w.stage("a")
	w.tags["production"] = digest("9")
	w.look()
	w.run()
	p := w.get(1)
	if len(p.Targets) != 2 || p.Targets[0].Tag != "v-aaaaaaaaaaaa" || p.Targets[0].ReadAt != nil || p.Targets[1].Now != digest("9") {
		t.Errorf("targets: %+v", p.Targets)
	}
}
