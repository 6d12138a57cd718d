package promotion_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
)

func TestWhatIsSaidToRunIsReadWholeOrNotAtAll(t *testing.T) {
	a := "sha256:" + strings.Repeat("a", 64)
	good := `{"running": [{"where": "web-1\n<!channel>", "digest": "` + a + `", "count": 3}, {"where": "web-2", "digest": "` + a + `", "count": -1}], "more": true}`
	want := []promotion.Running{{Where: "web-1 <!channel>", Digest: promotion.Digest(a), Count: 3}, {Where: "web-2", Digest: promotion.Digest(a)}}
	if got, err := promotion.ParseRunning([]byte(good)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for text, words := range map[string]string{
		``:                "what runs is not said as",
		`running`:         "what runs is not said as",
		`{"running": {}}`: "what runs is not said as",
		`{}`:              "0 places are said to run something",
		`{"running": []}`: "0 places are said to run something",
		`{"running": [` + strings.Repeat(`{},`, 100) + `{}]}`:                                         "101 places",
		`{"running": [{"where": "web-1", "digest": "shop:latest"}]}`:                                  "entry 1 of running",
		`{"running": [{"digest": "` + a + `"}]}`:                                                      "entry 1 of running",
		`{"running": [{"where": "x", "digest": "` + a + `"}, {"where": "y"}]}`:                        "entry 2 of running",
		`{"running": [{"where": "x", "digest": "` + a + `"}, {"where": " ", "digest": "` + a + `"}]}`: "entry 2 of running",
	} {
		if got, err := promotion.ParseRunning([]byte(text)); err == nil || got != nil || promotion.KindOf(err) != promotion.Invalid || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}
