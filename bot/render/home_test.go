package render_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestWhatDoesNotFitIsCountedAndSaidWhereItIs(t *testing.T) {
	v := sample.Shop(0)
	views := slices.Repeat([]policy.View{v}, 12)
	home, err := json.Marshal(render.Home(policy.Home{Person: sample.Sam, Known: true, At: sample.Monday, Waiting: views, Asked: views}))
	if err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{"2 more wait for you: `/promote list`", "4 more of yours are open: `/promote list`"} {
		if !strings.Contains(string(home), said) {
			t.Errorf("the home does not say %q", said)
		}
	}
	items := slices.Repeat([]policy.Reminded{{View: v, Wants: v.Wants()}}, 12)
	if m := render.Reminder(policy.Reminder{Person: sample.Sam, Items: items}); !strings.Contains(m.Text, "12 promotions wait for you.") || !strings.Contains(m.Text, "4 more: they are on the Home tab") {
		t.Errorf("the reminder: %s", m.Text)
	}
	past := slices.Repeat([]promotion.Promotion{v.Facts.Promotion}, 12)
	if m := render.Digest(policy.Digest{Since: sample.Monday, Promoted: past}); !strings.Contains(m.Text, "*Promoted* (12)") || !strings.Contains(m.Text, "3 more: `/promote history`") {
		t.Errorf("the digest: %s", m.Text)
	}
}

// Who could choose what becomes of what is failing can do so where they read of it.
func TestWhatIsFailingCanBeKeptOrRolledBackWhereItIsReadOf(t *testing.T) {
	for _, s := range sample.Deployments() {
		v := s.View
		if v.Facts.Promotion.State != promotion.Failing {
			continue
		}
		v.Facts.Choosers = []promotion.PersonID{sample.Sam}
		home, err := json.Marshal(render.Home(policy.Home{Person: sample.Sam, Known: true, At: sample.Monday, Waiting: []policy.View{v}}))
		if err != nil {
			t.Fatal(err)
		}
		m := render.Reminder(policy.Reminder{Person: sample.Sam, Items: []policy.Reminded{{View: v, Wants: v.Wants()}}})
		checkMessage(t, s.Name, m)
		for where, said := range map[string]string{"home": string(home), "reminder": m.Text + blocks(t, m)} {
			if !strings.Contains(said, "rolls it back or keeps it: you could") || !strings.Contains(said, render.ActionKeep) || strings.Contains(said, render.ActionRollback) != render.Returnable(v) {
				t.Errorf("%s, at the %s: %s", s.Name, where, said)
			}
		}
	}
}
