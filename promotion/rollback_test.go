package promotion_test

import (
	"strings"
	"testing"

	"github.com/promotebot/promotebot/promotion"
)

func TestTheCauseOfAnEndDoesNotSayTheRollbackAgain(t *testing.T) {
	back := promotion.Promotion{ID: 14, Digest: promotion.Digest("sha256:" + strings.Repeat("9e8d7c6b", 8))}
	for _, c := range []struct {
		reason string
		by     promotion.ID
		want   string
	}{
		{"it crashes; " + back.Outdid(), 14, "it crashes"},
		{back.Outdid(), 14, ""},
		{back.Outdid() + "; " + back.Outdid(), 14, "it was rolled back to 9e8d7c6b9e8d in #14"},
		{"it crashes", 14, "it crashes"},
		{"it crashes; " + back.Outdid(), 15, "it crashes; it was rolled back to 9e8d7c6b9e8d in #14"}, // of another rollback nothing else tells
		{"it crashes; " + back.Outdid(), 0, "it crashes; it was rolled back to 9e8d7c6b9e8d in #14"},
		{back.Outdid() + ", says somebody", 14, "it was rolled back to 9e8d7c6b9e8d in #14, says somebody"},
	} {
		p := promotion.Promotion{Reason: c.reason, UndoneBy: c.by}
		if got := p.Cause(); got != c.want {
			t.Errorf("%q, undone by #%d: %q, want %q", c.reason, c.by, got, c.want)
		}
	}
}
