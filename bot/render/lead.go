package render

import (
	"strings"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// successor is what took the place of the promotion. It leads to its card, once
// it is known where that is.
func successor(v policy.View) page.Text {
	number := page.Writef("#%d", v.Facts.Promotion.Successor)
	if address, ok := linkable(v.Facts.SuccessorLink); ok {
		return "<" + address + "|" + number + ">"
	}
	return number
}

// linkable is an address as it can stand in a link, if people can be sent there.
func linkable(s string) (page.Text, bool) {
	address := strings.ReplaceAll(s, "&", "&amp;")
	return page.Text(address), promotion.ParseLink(s) == nil && !strings.ContainsAny(address, "<>|` ")
}
