package render_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Nobody goes past what they were not shown, however many apps go together.
func TestTheDialogOfATrainNamesAllThatIsSkippedOfEachApp(t *testing.T) {
	var apps []string
	for i := range 20 { // as many as a train may have
		apps = append(apps, fmt.Sprintf("an-app-with-a-long-name-of-its-own-%d", i))
	}
	v := sample.Train(apps, time.Hour, func(d *policy.Document, f *policy.Facts) {
		d.BreakGlass = &policy.BreakGlass{Role: "leads", By: []string{"security"}, Within: time.Hour}
		for i := range f.Rides {
			f.Rides[i].Freezes = []promotion.Freeze{{ID: 1, From: sample.Monday, Reason: strings.Repeat("before the holidays ", 10)}}
		}
	})
	if !render.Breakable(v) {
		t.Fatal("there is no glass to break")
	}
	modal := render.GlassModal(v, "C1", "1.1", "")
	checkView(t, "glass of a train", modal)
	b, err := json.Marshal(modal.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	skips := policy.Skips(v.Document, v.Facts, v.At)
	if len(skips) < 40 {
		t.Fatalf("only %d are skipped", len(skips))
	}
	for _, s := range skips {
		if named := s.Reason[:min(len(s.Reason), 60)]; !strings.Contains(string(b), named) {
			t.Errorf("not named: %s", named)
		}
	}
}
