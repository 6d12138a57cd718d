package render_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// The longest train that can be configured is named whole, in every state.
func TestATrainOfTwentyIsNamedWhole(t *testing.T) {
	var apps []string
	for i := range 20 {
		apps = append(apps, fmt.Sprintf("component-%02d", i))
	}
	for _, change := range []func(*policy.Document, *policy.Facts){
		sample.Approved(sample.Ann),
		sample.With(func(f *policy.Facts) {
			for i := range f.Rides {
				f.Rides[i].Promotion.Destination = "production.example.com/a/rather/long/path/to/a/component"
				f.Rides[i].Newer = &promotion.Promotion{ID: 25, Digest: sample.Former}
				f.Rides[i].Presence = nil
			}
		}),
		sample.With(func(f *policy.Facts) {
			for i := range f.Rides {
				sample.Rode(i, promotion.Conflicted, strings.Repeat("production points at 0badcafe0bad ", 20))(nil, f)
			}
			sample.Ended(promotion.Failed, strings.Repeat("component: production points at 0badcafe0bad ", 100))(nil, f)
		}),
	} {
		v := sample.Train(apps, sample.Later, change)
		checkAll(t, v)
		for what, doc := range map[string]any{"card": render.Card(v).Blocks, "details": render.Details(v)} {
			text := fmt.Sprint(tree(t, doc))
			for _, app := range apps {
				if !strings.Contains(text, "• *"+app+"*") {
					t.Errorf("%s of the train does not name %s", what, app)
				}
			}
		}
	}
}

func TestAnyTrainKeepsTheLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		f := v.Facts
		f.Promotion.Purpose = promotion.Train
		rides := rapid.IntRange(0, 3).Draw(t, "rides")
		for range rides {
			r := drawView(t).Facts
			r.Promotion.Purpose, r.Promotion.Train = promotion.Ride, f.Promotion.ID
			f.Rides = append(f.Rides, r)
		}
		for len(f.Rides) > 0 && len(f.Rides) < 20 && rapid.Bool().Draw(t, "more") {
			f.Rides = append(f.Rides, f.Rides[0])
		}
		checkAll(t, policy.ViewAt(v.Document, f, v.At))
	})
}
