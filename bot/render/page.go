package render

import (
	"fmt"
	"slices"
	"strings"
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
	maxSection      = 3000
	maxField        = 2000
	maxHeader       = 150
	maxConfirmTitle = 100
	maxConfirm      = 300
	maxText         = 3500 // 4,000 are advised
)

// page collects blocks. Slack asks for a new block_id whenever a message is
// updated, so the ids of a promotion's page hold its revision.
type page struct {
	of     *promotion.Promotion // nil for what is never updated: Slack makes the ids
	blocks []slack.Block
}

func (p *page) id() string {
	if p.of == nil {
		return ""
	}
	return fmt.Sprintf("promotebot/%d/%d/%d", p.of.ID, p.of.Revision, len(p.blocks))
}

func (p *page) header(text string) {
	p.blocks = append(p.blocks, slack.NewHeaderBlock(words(plain(text, maxHeader)), slack.HeaderBlockOptionBlockID(p.id())))
}

// section shows the lines that fit, and nothing when there are none.
func (p *page) section(lines ...markup) {
	if m := fit(lines, maxSection); m != "" {
		p.blocks = append(p.blocks, slack.NewSectionBlock(mrkdwn(m), nil, nil, slack.SectionBlockOptionBlockID(p.id())))
	}
}

// context is a section in small print.
func (p *page) context(lines ...markup) {
	if m := fit(lines, maxSection); m != "" {
		p.blocks = append(p.blocks, slack.NewContextBlock(p.id(), mrkdwn(m)))
	}
}

// fields shows up to ten facts, two beside each other where there is room.
func (p *page) fields(facts ...markup) {
	var fields []*slack.TextBlockObject
	for _, f := range facts {
		if f != "" {
			fields = append(fields, mrkdwn(clip(f, maxField)))
		}
	}
	p.blocks = append(p.blocks, slack.NewSectionBlock(nil, fields, nil, slack.SectionBlockOptionBlockID(p.id())))
}

// mrkdwn is verbatim: Slack makes no links and mentions of what only looks like
// them.
func mrkdwn(m markup) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, string(m), false, true)
}

func words(s string) *slack.TextBlockObject {
	if s == "" {
		s = " "
	}
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

// say is a message of a few lines.
func say(lines ...markup) Message {
	var p page
	p.section(lines...)
	return Message{Text: string(fit(lines, maxSection)), Blocks: p.blocks}
}

// How much of a list is shown: what arrives whole in one acknowledgement, of
// which Slack drops everything beyond 20 kB without a word. The text is there
// twice, and a date takes 80 characters, of which JSON makes more.
const (
	maxRow  = 600
	maxRoll = 5000
)

// roll is a message of a title and rows; rest says where those are to be found
// that don't fit.
func roll(title string, rows []markup, rest string) Message {
	var p page
	p.header(title)
	text := []markup{markup(plain(title, maxHeader))}
	left, shown := maxRoll, 0
	for _, r := range rows {
		r = clip(r, maxRow)
		if left -= utf8.RuneCountInString(string(r)); left < 0 {
			break
		}
		text = append(text, r)
		shown++
	}
	const together = 4 // rows in a section: no four of them exceed it
	for some := range slices.Chunk(text[1:], together) {
		p.section(some...)
	}
	if shown < len(rows) {
		more := write("%d more: %s", len(rows)-shown, rest)
		p.context(more)
		text = append([]markup{text[0], more}, text[1:]...)
	}
	return Message{Text: string(fit(text, maxText)), Blocks: p.blocks}
}

// fit joins the lines that fit into n characters, and counts the rest.
func fit(lines []markup, n int) markup {
	const room = 16 // for "… 1234567 more"
	left := n - room
	var kept []string
	for i, l := range lines {
		if l == "" {
			continue
		}
		l = clip(l, n-room-1)
		if left -= utf8.RuneCountInString(string(l)) + 1; left < 0 {
			kept = append(kept, fmt.Sprintf("… %d more", len(lines)-i))
			break
		}
		kept = append(kept, string(l))
	}
	return markup(strings.Join(kept, "\n"))
}

// clip cuts markup, but never through a control sequence, an escape or a code
// span.
func clip(m markup, n int) markup {
	r := []rune(m)
	if len(r) <= n {
		return m
	}
	s := string(r[:n-2]) // room for a backtick and the dots
	if i := strings.LastIndexAny(s, "<>"); i >= 0 && s[i] == '<' {
		s = s[:i]
	}
	if i := strings.LastIndexByte(s, '&'); i >= 0 && !strings.Contains(s[i:], ";") {
		s = s[:i]
	}
	if strings.Count(s, "`")%2 == 1 {
		s += "`"
	}
	return markup(s + "…")
}
