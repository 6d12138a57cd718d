package render

import (
	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// becomes says what a newer build would make of an open promotion, where that is
// not what is usual.
func becomes(v policy.View) []page.Text {
	if v.Facts.Promotion.Purpose != promotion.Forward {
		return nil
	}
	switch waits := v.Facts.Ahead != nil; {
	case v.Document.RideOldest && waits:
		return []page.Text{"A newer build replaces this one while it waits." + outlasts(v)}
	case v.Document.RideOldest:
		return []page.Text{"A newer build does not replace this one: the newest of them waits until it has ended."}
	case v.Document.Supersede == policy.Queue && waits:
		return []page.Text{"Builds go one after the other, the oldest first." + outlasts(v)}
	case v.Document.Supersede == policy.Queue:
		return []page.Text{"Builds go one after the other: newer ones wait until this one has ended."}
	case v.Document.Supersede == policy.Keep:
		return []page.Text{"A newer build does not replace this one; when the newer one is promoted, this one can't be any more."}
	}
	return nil
}

// outlasts warns who approves what has to wait: an approval is for going from
// what is there when it is given.
func outlasts(v policy.View) page.Text {
	return page.Writef(" If #%d is promoted, approvals of this one from before that stop counting: %s is another one then.", v.Facts.Ahead.ID, v.Facts.Promotion.To)
}
