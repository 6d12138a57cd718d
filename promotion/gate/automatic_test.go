package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func automatic(soak time.Duration) policy.Document {
	return policy.Document{Name: "automatic", Soak: soak, Automatic: true}
}

func TestAStepThatAsksNobodyGoesByItself(t *testing.T) {
	w := newWorld(t, catalog(t, automatic(time.Hour)))
	w.stage("a")
	w.wait(time.Hour - time.Second)
	w.expect(1, promotion.Open)
	w.wait(time.Second)
	w.expect(1, promotion.Promoted)
}

func TestWhoeverRequestedItCanStopAStepThatAsksNobody(t *testing.T) {
	w := newWorld(t, catalog(t, automatic(2*time.Hour)))
	w.stage("a")
	w.must(w.gate.Adopt(t.Context(), catalog(t, automatic(time.Hour)))) // which ends #1
	w.look()
	w.request(eve, "")
	w.expect(2, promotion.Open)
	if a := w.click(ann, promotion.Approve); a.Verb != promotion.Refused {
		t.Errorf("Ann's approval: %+v", a)
	}
	if a := w.click(ann, promotion.Reject); a.Verb != promotion.Refused {
		t.Errorf("Ann's rejection: %+v", a)
	}
	if a := w.click(eve, promotion.Reject); a.Verb != promotion.Counted {
		t.Errorf("Eve's rejection: %+v", a)
	}
	w.expect(2, promotion.Rejected)
}

// What was opened for approvers never goes by itself because they were taken
// out of the policy afterwards.
func TestAPolicyThatIsWeakenedCompletesNothingByItself(t *testing.T) {
	for name, before := range map[string]policy.Document{"approvals were asked for": careful(), "it asked nobody, after a longer soak": automatic(24 * time.Hour)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, catalog(t, before))
			w.stage("a")
			w.wait(2 * time.Hour)
			w.must(w.gate.Adopt(t.Context(), catalog(t, automatic(time.Hour))))
			w.look()
			w.run()
			w.expect(1, promotion.Superseded)
			if why := w.get(1).Reason; !strings.Contains(why, "request it") {
				t.Errorf("it ended because %q", why)
			}
			if a := w.request(eve, ""); a.Verb != promotion.Requested && a.Verb != promotion.Checking {
				t.Errorf("the request: %+v", a)
			}
			w.expect(2, promotion.Promoted)
		})
	}
}

func TestWhatSomebodyMovedIsPutBackByItselfWhereNobodyIsAsked(t *testing.T) {
	w := newWorld(t, catalog(t, automatic(0)))
	w.stage("a")
	w.expect(1, promotion.Promoted)
	w.wait(time.Minute)
	w.tags["production"] = digest("9")
	w.look()
	w.run()
	w.expect(2, promotion.Promoted)
	if p := w.get(2); p.Purpose != promotion.Restore || w.tags["production"] != digest("a") {
		t.Errorf("%s, and production is %s", p.Purpose, w.tags["production"].Short())
	}
}
