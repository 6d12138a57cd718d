package render_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

func TestTheDetailsSayHowOldItIsWhoIsInAUserGroup(t *testing.T) {
	read := func(role string, at time.Time) func(*policy.Document, *policy.Facts) {
		return func(_ *policy.Document, f *policy.Facts) {
			f.Rosters[role] = promotion.Roster{Role: role, Members: []promotion.PersonID{sample.Ann}, Groups: []promotion.GroupID{"S1"}, ReadAt: &at}
		}
	}
	older, newer := sample.Monday.Add(time.Hour), sample.Monday.Add(2*time.Hour)
	details := func(v policy.View) string {
		return blocks(t, render.Message{Blocks: render.Details(v).Blocks.BlockSet})
	}
	said := details(sample.Shop(3*time.Hour, read("leads", newer), read("security", older)))
	if !strings.Contains(said, fmt.Sprintf("Members of user groups as read <!date^%d^", older.Unix())) {
		t.Errorf("the details say: %s", said)
	}
	if said := details(sample.Shop(3 * time.Hour)); strings.Contains(said, "user groups") {
		t.Errorf("without any they say: %s", said)
	}
}
