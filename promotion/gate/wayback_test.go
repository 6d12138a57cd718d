package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestTheWayBackIsLookedForBeforeAnythingMoves(t *testing.T) {
	w := newWorld(t, catalog(t, modes(func(*policy.Document) {})))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.wait(time.Hour)
	if len(w.proved) > 0 {
		t.Errorf("%d were looked for before everything else was met", len(w.proved))
	}
	w.click(bob, promotion.Approve)
	w.expect(1, promotion.Promoted)
	if !slices.Equal(w.proved, []promotion.Digest{digest("0")}) {
		t.Errorf("looked for: %v", w.proved)
	}
}

func TestNothingMovesWithoutAWayBack(t *testing.T) {
	w := newWorld(t, catalog(t, modes(func(*policy.Document) {})))
	w.gone = digest("0")
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(time.Hour)
	w.expect(1, promotion.Open)
	f, _ := w.newest().Verdict.Finding(policy.RuleWayBack)
	if f.Outcome != policy.Blocked || !strings.Contains(f.Reason, "the manifest 000000000000 is gone") {
		t.Errorf("%+v", f)
	}
	w.gone = "" // it was pushed again
	w.wait(policy.ProvedFor - time.Second)
	w.expect(1, promotion.Open)
	w.wait(time.Second)
	w.expect(1, promotion.Promoted)
}

func TestARegistryThatDoesNotSayWhetherItHasTheWayBackIsWaitedFor(t *testing.T) {
	w := newWorld(t, catalog(t, modes(func(*policy.Document) {})))
	w.down[promotion.EffectProve] = promotion.Unavailable
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.click(bob, promotion.Approve)
	w.wait(2 * time.Hour)
	w.expect(1, promotion.Open)
	f, _ := w.newest().Verdict.Finding(policy.RuleWayBack)
	if f.Outcome != policy.Waiting || !strings.Contains(f.Reason, "prove is down") {
		t.Errorf("%+v", f)
	}
	w.restart()
	w.look()
	delete(w.down, promotion.EffectProve)
	w.wait(time.Minute)
	w.expect(1, promotion.Promoted)
}

// What was proved was the way back from what production was then.
func TestAnotherProductionHasAnotherWayBack(t *testing.T) {
	w := newWorld(t, catalog(t, policy.Document{Automatic: true}))
	w.stage("a")
	w.stage("b")
	if !slices.Equal(w.proved, []promotion.Digest{digest("0"), digest("a")}) {
		t.Errorf("looked for: %v", w.proved)
	}
}

func TestAPolicyCanDoWithoutAWayBack(t *testing.T) {
	w := newWorld(t, catalog(t, policy.Document{Automatic: true, NoWayBack: true}))
	w.gone = digest("0")
	w.stage("a")
	w.expect(1, promotion.Promoted)
	if len(w.proved) > 0 {
		t.Errorf("looked for: %v", w.proved)
	}
}
