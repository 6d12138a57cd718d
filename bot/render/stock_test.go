package render_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/bot/render/sample"
	"github.com/promotebot/promotebot/promotion"
)

func TestWhatATargetRunsInsteadIsToldWithoutLettingItSpeak(t *testing.T) {
	v := sample.Shop(sample.Later)
	w := promotion.NoticeWork{Kind: promotion.NoticeStrayed, Target: "eu", Running: []promotion.Running{{Where: "Deployment <!channel>", Digest: promotion.Digest("sha256:" + strings.Repeat("c", 64)), Count: 3}}}
	if m := render.Notice(w, v).Text; !strings.Contains(m, "*eu does not run what was promoted*") || !strings.Contains(m, "runs `cccccccccccc` (3)") || strings.Contains(m, "<!channel>") {
		t.Errorf("%q", m)
	}
	w.Running = nil
	if m := render.Notice(w, v).Text; !strings.Contains(m, "*eu* runs") || !strings.Contains(m, "again, and nothing else") {
		t.Errorf("%q", m)
	}
}
