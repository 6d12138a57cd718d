package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

func private(t *testing.T) *gate.Catalog {
	t.Helper()
	return catalog(t, policy.Document{Approvals: []policy.Requirement{{Role: "leads", Count: 1}}, RefuseShared: true})
}

// shared has Slack say from now on that the channel is shared, and hint at it.
func (w *world) shared(is bool) {
	w.t.Helper()
	w.channel.Shared = is
	w.must(w.gate.Hint(w.t.Context(), gate.Hint{Channel: "C0SHOP"}))
	w.run()
}

func TestASharedChannelHoldsUpWhatRefusesThat(t *testing.T) {
	w := newWorld(t, private(t))
	w.stage("a")
	before := w.draws[1]
	if w.shared(true); w.draws[1] != before+1 {
		t.Errorf("the card was drawn %d times for that", w.draws[1]-before)
	}
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Open)
	if f, _ := w.newest().Verdict.Finding(policy.RuleChannel); f.Outcome != policy.Blocked {
		t.Errorf("the channel: %+v", f)
	}
	w.shared(false)
	w.expect(1, promotion.Promoted)
}

func TestAChannelThatCantBeReadIsNotTakenForOnesOwn(t *testing.T) {
	c := catalog(t, policy.Document{Approvals: []policy.Requirement{{Role: "leads", Count: 1}}})
	w := newWorld(t, c)
	w.down[promotion.EffectChannel] = promotion.Forbidden
	w.must(w.gate.Hint(t.Context(), gate.Hint{Channel: "C0SHOP"}))
	w.run()
	w.must(w.gate.Adopt(t.Context(), private(t)))
	w.stage("a")
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Open)
	f, _ := w.newest().Verdict.Finding(policy.RuleChannel)
	if f.Outcome != policy.Waiting || !strings.Contains(f.Reason, "channel is down") {
		t.Errorf("the channel: %+v", f)
	}
	delete(w.down, promotion.EffectChannel)
	w.wait(11 * time.Minute)
	w.expect(1, promotion.Promoted)
}

func TestTheChannelIsReadOnceMoreBeforeAnythingStarts(t *testing.T) {
	w := newWorld(t, private(t))
	w.stage("a")
	w.wait(5 * time.Minute)
	w.channel.Shared = true // and no hint came
	w.click(ann, promotion.Approve)
	w.expect(1, promotion.Open)
	if f, _ := w.newest().Verdict.Finding(policy.RuleChannel); f.Outcome != policy.Blocked {
		t.Errorf("the channel: %+v", f)
	}
}

func TestWhyNoCardCanBePostedIsFoundOut(t *testing.T) {
	w := newWorld(t, catalog(t, careful()))
	w.stage("a")
	w.channel.Fault = "the channel is archived"
	w.down[promotion.EffectCard] = promotion.Conflict
	w.click(ann, promotion.Approve)
	status := func() promotion.Channel {
		all, err := w.gate.Status(t.Context(), "shop")
		w.must(err)
		return all[0].Channel
	}
	since := w.now
	if c := status(); c.Fault != "the channel is archived" || c.Since == nil || !c.Since.Equal(since) {
		t.Errorf("status says %+v", c)
	}
	w.wait(time.Hour)
	if c := status(); c.Since == nil || !c.Since.Equal(since) {
		t.Errorf("an hour later it is said to have begun %v", c.Since)
	}
	if faulty, err := w.gate.Unpostable(t.Context()); err != nil || len(faulty) != 1 {
		t.Errorf("unpostable: %+v %v", faulty, err)
	}
	w.channel.Fault = ""
	delete(w.down, promotion.EffectCard)
	w.wait(11 * time.Minute)
	if p := w.get(1); status().Fault != "" || p.Card.Revision != p.Revision {
		t.Errorf("status says %+v, and the card shows %d of %d", status(), p.Card.Revision, p.Revision)
	}
}

func TestAHintIsNoFact(t *testing.T) {
	c := catalog(t, careful())
	c.Roles["leads"] = gate.Role{People: []promotion.PersonID{ann}, Groups: []promotion.GroupID{"S1"}}
	w := newWorld(t, c)
	w.stage("a")
	w.click(ann, promotion.Approve)
	hint := func(h gate.Hint) int {
		before := w.looked
		w.must(w.gate.Hint(t.Context(), h))
		w.run()
		return w.looked - before
	}
	gone := gate.Hint{Person: ann, Standing: promotion.Deactivated}
	if n := hint(gone); n != 1 {
		t.Errorf("after a hint that Ann has left she was read %d times", n)
	}
	if v := w.newest().Verdict; len(v.Assigned) != 1 {
		t.Errorf("the hint alone took her approval away: %+v", v.Discounted)
	}
	w.people[ann] = promotion.Deactivated
	if hint(gone); len(w.newest().Verdict.Assigned) != 0 {
		t.Error("she has left, and her approval counts")
	}
	if n := hint(gone); n != 0 {
		t.Errorf("after a hint that says nothing new she was read %d times", n)
	}
	if n := hint(gate.Hint{Person: "U0STRANGER", Standing: promotion.Member}); n != 0 {
		t.Errorf("somebody who has nothing to do with anything was read %d times", n)
	}
	w.groups["S1"] = []promotion.PersonID{bob}
	w.must(w.gate.Hint(t.Context(), gate.Hint{Group: "S1"}))
	w.run()
	if !w.newest().Facts.Rosters["leads"].Has(bob) {
		t.Error("after a hint the group was not read")
	}
}
