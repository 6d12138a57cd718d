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
			promotion.Deploying: "in production is being deployed: eu ", promotion.Watching: "in production is being watched until ", promotion.Failing: "in production is *failing*: it was not deployed to eu",
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
