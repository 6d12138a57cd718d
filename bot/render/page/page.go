// Package page makes what Slack accepts: texts in which nothing foreign can act,
// and blocks that keep its limits whatever is put into them.
//
// A sentence is written with Writef, which takes everything that is not Text
// for foreign and makes it harmless. So there is nothing to remember in the
// package where the words are, and this one can be reviewed by itself. Cutting
// is by rule: lines that don't fit are counted, and a line that is too long by
// itself is never cut through an escape, a control sequence or a code span.
package page

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/promotion"
)

// Message is what is sent: blocks, and a text that says the same without them.
type Message struct {
	Text   string
	Blocks []slack.Block
}

// Slack's limits, in characters (docs.slack.dev/reference/block-kit).
const (
	maxSection = 3000
	maxField   = 2000
	maxHeader  = 150

	// maxView is how many bytes the blocks of a view may have, in JSON: a view has
	// 250 kB (docs.slack.dev/reference/methods/views.open), of which the rest takes
	// less than the difference.
	maxView = 240_000

	MaxConfirm = 300
	MaxText    = 3500 // 4,000 are advised
)

// Page collects blocks.
type Page struct {
	// Of is the promotion that is shown, or nil. Slack asks for a new block_id
	// whenever a message is updated, so the ids hold the revision; without a
	// promotion there are no updates, and Slack makes the ids.
	Of     *promotion.Promotion
	Blocks []slack.Block
}

// ID is the block_id of the next block.
func (p *Page) ID() string {
	if p.Of == nil {
		return ""
	}
	return fmt.Sprintf("promotebot/%d/%d/%d", p.Of.ID, p.Of.Revision, len(p.Blocks))
}

// Add appends a block that was made elsewhere.
func (p *Page) Add(b slack.Block) { p.Blocks = append(p.Blocks, b) }

// Header is the title, in which nothing is interpreted.
func (p *Page) Header(text string) {
	p.Add(slack.NewHeaderBlock(Words(Plain(text, maxHeader)), slack.HeaderBlockOptionBlockID(p.ID())))
}

// Section shows the lines that fit, and nothing when there are none.
func (p *Page) Section(lines ...Text) {
	if m := Fit(lines, maxSection); m != "" {
		p.Add(slack.NewSectionBlock(mrkdwn(m), nil, nil, slack.SectionBlockOptionBlockID(p.ID())))
	}
}

// Context is a section in small print.
func (p *Page) Context(lines ...Text) {
	if m := Fit(lines, maxSection); m != "" {
		p.Add(slack.NewContextBlock(p.ID(), mrkdwn(m)))
	}
}

// Within takes blocks away from the end until what is left is no larger than a
// view may be, and says rest in their place.
func (p *Page) Within(rest Text) {
	sizes, sum := make([]int, len(p.Blocks)), 0
	for i, b := range p.Blocks {
		raw, err := json.Marshal(b)
		if err != nil {
			panic("page: a block always marshals: " + err.Error())
		}
		sizes[i] = len(raw) + 1
		sum += sizes[i]
	}
	if sum <= maxView {
		return
	}
	n := len(p.Blocks)
	for ; sum > maxView; n-- {
		sum -= sizes[n-1]
	}
	p.Blocks = p.Blocks[:n]
	p.Context(rest)
}

// Fields shows up to ten facts, two beside each other where there is room.
func (p *Page) Fields(facts ...Text) {
	var fields []*slack.TextBlockObject
	for _, f := range facts {
		if f != "" {
			fields = append(fields, mrkdwn(Clip(f, maxField)))
		}
	}
	p.Add(slack.NewSectionBlock(nil, fields, nil, slack.SectionBlockOptionBlockID(p.ID())))
}

// mrkdwn is verbatim: Slack makes no links and mentions of what only looks like
// them.
func mrkdwn(m Text) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, string(m), false, true)
}

// Words is a plain text, of which Slack wants at least one character.
func Words(s string) *slack.TextBlockObject {
	if s == "" {
		s = " "
	}
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

// Say is a message of a few lines.
func Say(lines ...Text) Message {
	var p Page
	p.Section(lines...)
	return Message{Text: string(Fit(lines, maxSection)), Blocks: p.Blocks}
}

// How much of a list is shown: what arrives whole in one acknowledgement, of
// which Slack drops everything beyond 20 kB without a word. The text is there
// twice, and a date takes 80 characters, of which JSON makes more.
const (
	maxRow  = 600
	maxRoll = 5000
)

// Roll is a message of a title and rows; rest says where those are to be found
// that don't fit.
func Roll(title string, rows []Text, rest string) Message {
	var p Page
	p.Header(title)
	text := []Text{Text(Plain(title, maxHeader))}
	left, shown := maxRoll, 0
	for _, r := range rows {
		r = Clip(r, maxRow)
		if left -= utf8.RuneCountInString(string(r)); left < 0 {
			break
		}
		text = append(text, r)
		shown++
	}
	const together = 4 // rows in a section: no four of them exceed it
	for some := range slices.Chunk(text[1:], together) {
		p.Section(some...)
	}
	if shown < len(rows) {
		more := Writef("%d more: %s", len(rows)-shown, rest)
		p.Context(more)
		text = append([]Text{text[0], more}, text[1:]...)
	}
	return Message{Text: string(Fit(text, MaxText)), Blocks: p.Blocks}
}
