package render_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestStatusSaysHowFarWhatIsOnItsWayIs(t *testing.T) {
	for _, s := range sample.Deployments() {
		p := s.View.Facts.Promotion
		want, on := map[promotion.State]string{
			promotion.Deploying: "in production is being deployed: eu ", promotion.Watching: "in production is being watched until ", promotion.Failing: "in production is *failing*: " + strings.TrimSuffix(p.Reason, "."),
		}[p.State]
		if !on {
			continue
		}
		m := render.Status([]policy.AppStatus{{App: "shop", Following: []policy.Following{{Promotion: p, Deployments: s.View.Facts.Deployments}}}}, s.View.At, render.Pages{})
		if !strings.Contains(m.Text, want) {
			t.Errorf("%s: %s", s.Name, m.Text)
		}
	}
}

func TestAnAnswerToWhoKeepsWhatIsFailingSaysSo(t *testing.T) {
	a := promotion.Answer{Verb: promotion.Counted, Decision: promotion.Keep, App: "shop", Digest: sample.Build, Reason: "a fix is on its way"}
	if m := render.Answer(a); !strings.Contains(m.Text, "stays as it is") || !strings.Contains(m.Text, "a fix is on its way") {
		t.Error(m.Text)
	}
	a.Verb, a.Reason = promotion.Closed, string(promotion.Watching)
	if m := render.Answer(a); !strings.Contains(m.Text, "decision to keep it") || !strings.Contains(m.Text, "being watched") {
		t.Error(m.Text)
	}
}

// It can be tried again where a target does not run it, and nowhere else.
func TestWhatIsFailingCanBeTriedAgainWhereATargetDoesNotRunIt(t *testing.T) {
	for phase, want := range map[promotion.RolloutPhase]bool{
		promotion.RolloutFailed: true, promotion.RolloutPlanned: true, promotion.RolloutDone: false, promotion.RolloutUnder: false, promotion.RolloutOrdered: false,
	} {
		for _, s := range sample.Deployments() {
			v := s.View
			if v.Facts.Promotion.State != promotion.Failing {
				continue
			}
			v.Facts.Deployments = []promotion.Deployment{
				{Order: promotion.Order{Target: "us"}, Rollout: promotion.Rollout{Phase: promotion.RolloutDone}}, {Order: promotion.Order{Target: "eu-1"}, Rollout: promotion.Rollout{Phase: phase}},
			}
			card := blocks(t, render.Card(v))
			if strings.Contains(card, render.ActionRetry) != want || strings.Contains(card, "again where it does not run") != want || !strings.Contains(card, render.ActionKeep) {
				t.Errorf("%s: %s", phase, card)
			}
			if confirm := "is deployed once more, to: eu-1."; strings.Contains(card, confirm) != want {
				t.Errorf("%s: no %q in %s", phase, confirm, card)
			}
		}
	}
	a := promotion.Answer{Verb: promotion.Counted, Decision: promotion.Retry, App: "shop", Digest: sample.Build, Targets: []string{"eu", "us"}}
	if m := render.Answer(a); !strings.Contains(m.Text, "is deployed again to eu, us.") {
		t.Error(m.Text)
	}
	v := sample.Deployments()[0].View
	if m := render.Notice(promotion.NoticeWork{Kind: promotion.NoticeRetried, Person: sample.Bob, Target: "eu"}, v); !strings.Contains(m.Text, "Bob had *shop* `4f1c2a9b4f1c` deployed to production again: eu.") {
		t.Error(m.Text)
	}
}
