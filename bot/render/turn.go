package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
)

// The buttons that turn the pages of a list.
const (
	ActionPrevious = "promotebot_previous"
	ActionNext     = "promotebot_next"
)

// How many rows a page has: as many as fit into one message, of rows that are cut
// at maxListed, and of the longer ones of a status.
const (
	PageSize   = 10
	StatusSize = 8
	maxListed  = 480
)

// Turn is a page of a list: the first, one by its number, or what is next to a
// promotion or, in a status, to an app. The buttons say the last, so that nothing is
// left out and nothing comes twice when the list has changed between two pages.
type Turn struct {
	List          string // as the command is called
	App           string
	Before, After promotion.ID
	Behind, Ahead string // the app that the page comes after, or that comes after it
	Page          int
}

func (t Turn) value() string {
	switch {
	case t.Before != 0:
		return fmt.Sprintf("%s/%s/before/%d", t.List, t.App, t.Before)
	case t.After != 0:
		return fmt.Sprintf("%s/%s/after/%d", t.List, t.App, t.After)
	case t.Behind != "":
		return fmt.Sprintf("%s/%s/behind/%s", t.List, t.App, t.Behind)
	case t.Ahead != "":
		return fmt.Sprintf("%s/%s/ahead/%s", t.List, t.App, t.Ahead)
	}
	return fmt.Sprintf("%s/%s/page/%d", t.List, t.App, t.Page)
}

// ParseTurn reads what a button that turns pages carries. The error is Invalid.
func ParseTurn(s string) (t Turn, err error) {
	parts := strings.Split(s, "/")
	if len(parts) != 4 {
		return t, promotion.Errorf(promotion.Invalid, "a button without a page")
	}
	t.List, t.App = parts[0], parts[1]
	switch parts[2] {
	case "behind":
		t.Behind = parts[3]
		return t, nil
	case "ahead":
		t.Ahead = parts[3]
		return t, nil
	}
	n, err := strconv.ParseInt(parts[3], 10, 32)
	if err != nil || n < 1 {
		return Turn{}, promotion.Errorf(promotion.Invalid, "a button without a page")
	}
	switch parts[2] {
	case "before":
		t.Before = promotion.ID(n)
	case "after":
		t.After = promotion.ID(n)
	default:
		t.Page = int(n)
	}
	return t, nil
}

// Pages are those beside the one that is shown; nil where there is none. From and
// Until say from when to when what is on it was opened, where it is not the last
// or the first.
type Pages struct {
	Previous, Next *Turn
	From, Until    *time.Time
}

// on puts the buttons below a list, and says for whoever hears it what they are
// for.
func (p Pages) on(m Message) Message {
	below := page.Page{Blocks: m.Blocks}
	var buttons []slack.BlockElement
	if p.Previous != nil {
		buttons = append(buttons, slack.NewButtonBlockElement(ActionPrevious, p.Previous.value(), page.Words("Previous")))
	}
	if p.Next != nil {
		buttons = append(buttons, slack.NewButtonBlockElement(ActionNext, p.Next.value(), page.Words("Next")))
		m.Text += "\nThere is more on the next page."
	}
	if len(buttons) > 0 {
		below.Add(slack.NewActionBlock("", buttons...))
	}
	m.Blocks = below.Blocks
	return m
}

// between are those of the happenings that belong on the page.
func (p Pages) between(all []happening) []happening {
	return slices.DeleteFunc(all, func(h happening) bool {
		return p.From != nil && h.at.Before(*p.From) || p.Until != nil && !h.at.Before(*p.Until)
	})
}

// NoPage is said of a page that there is not.
func NoPage(n int) Message {
	return page.Say(page.Writef("There is no page %d: the list is shorter.", n))
}

// listed cuts the rows of a page so that all of them fit.
func listed(rows []page.Text) []page.Text {
	for i := range rows {
		rows[i] = page.Clip(rows[i], maxListed)
	}
	return rows
}
