package render

import (
	"time"

	"github.com/dustin/go-humanize"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
)

// progress is how far a copy has come, as of the moment of drawing.
func progress(c *promotion.Copy, now time.Time) page.Text {
	if c == nil || c.Bytes.All == 0 {
		return ""
	}
	s := page.Writef(" As of %s: %s of %s, %d of %d layers", now, size(c.Bytes.Done), size(c.Bytes.All), c.Blobs.Done, c.Blobs.All)
	if left, known := remaining(c, now); known {
		s += page.Writef(", about %s left", span(left))
	}
	return s + "."
}

func size(n int64) page.Text { return page.Text(humanize.Bytes(uint64(max(0, n)))) }

// remaining supposes that the rest goes as fast as what is done. It says
// nothing while that means little.
func remaining(c *promotion.Copy, now time.Time) (time.Duration, bool) {
	took := now.Sub(c.StartedAt)
	if c.Fault != "" || c.DoneAt != nil || took < 2*time.Second || c.Bytes.Done*50 < c.Bytes.All {
		return 0, false
	}
	left := time.Duration(float64(took) / float64(c.Bytes.Done) * float64(c.Bytes.All-c.Bytes.Done))
	return max(time.Second, left.Round(time.Second)), true
}

// attached is what came along into another repository, by type.
func attached(p *promotion.Promotion) []page.Text {
	if p.Copy == nil || p.Copy.DoneAt == nil {
		return nil
	}
	counts, types := map[string]int{}, []string{}
	for _, a := range p.Copy.Attached {
		if counts[a.Type]++; counts[a.Type] == 1 {
			types = append(types, a.Type)
		}
	}
	var each []page.Text
	for _, t := range types {
		each = append(each, page.Writef("%d × ", counts[t])+page.Code(t))
	}
	if len(each) == 0 {
		each = []page.Text{"nothing"}
	}
	return []page.Text{page.Writef("*Attached there*\n%s", page.Join(each, maxTags))}
}
