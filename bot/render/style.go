// Package render turns what is known into what people read: views, verdicts
// and answers into Block Kit. It is pure, and it is the only place where words
// for Slack are made.
//
// How they are made:
//
//   - Say who did what, what did not happen, and what to do next. No blame, no
//     exclamation marks, no "please", no "oops".
//   - A state is said in words. Colour and pictures only repeat it.
//   - The text beside the blocks is complete: it is the notification, and all
//     that a screen reader reads.
//   - Digests are short (twelve digits) and in code; the whole one is in the
//     details. Times are in the reader's time zone, with UTC to fall back on.
//   - Whatever was written elsewhere (tags, labels, names, reasons, faults)
//     passes through quote or code. It can't mention anyone, forge a link or end
//     a code span.
//   - What is too long is cut by rule, with "n more"; Slack never has to refuse
//     it (limits: docs.slack.dev, Block Kit reference).
package render

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/slack-go/slack"

	"github.com/promotebot/promotebot/promotion"
)

// Message is what is sent: blocks, and a text that says the same without them.
type Message struct {
	Text   string
	Blocks []slack.Block
}

// Slack's limits, in characters.
const (
	maxSection = 3000
	maxHeader  = 150
	maxConfirm = 300
	maxText    = 3500 // advised are 4,000
	maxBlocks  = 50
	maxView    = 100
)

// Our own: what still reads well on a phone.
const (
	maxPeople = 5
	maxTags   = 6
	maxQuote  = 600
	maxLine   = 200
)

// quote makes foreign text harmless and cuts it.
func quote(s string) string { return escape(cut(plain(s), maxQuote)) }

// line is quote for what belongs into a sentence.
func line(s string) string { return escape(cut(plain(s), maxLine)) }

// code shows foreign text as it is.
func code(s string) string {
	return "`" + escape(cut(strings.ReplaceAll(plain(s), "`", "'"), maxLine)) + "`"
}

// escape is what Slack's documentation asks for, and no more
// (docs.slack.dev/messaging/formatting-message-text).
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// plain drops what can't be seen: control characters, line breaks, and
// everything that turns the direction of text.
func plain(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s))
}

// cut shortens to n characters.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

func digest(d promotion.Digest) string {
	if d == "" {
		return "nothing"
	}
	return "`" + d.Short() + "`"
}

func mention(id promotion.PersonID) string { return "<@" + escape(string(id)) + ">" }

// mentions names a few people and counts the rest.
func mentions(ids []promotion.PersonID, most int) string {
	var names []string
	for _, id := range ids[:min(most, len(ids))] {
		names = append(names, mention(id))
	}
	if more := len(ids) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// date shows an instant in the reader's time zone.
func date(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", t.Unix(), t.UTC().Format("2006-01-02 15:04 UTC"))
}

// ago shows how far away an instant is: "in 2 hours", "3 days ago".
func ago(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{ago}|%s>", t.Unix(), t.UTC().Format("2006-01-02 15:04 UTC"))
}

func section(format string, args ...any) slack.Block {
	return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, cut(fmt.Sprintf(format, args...), maxSection), false, false), nil, nil)
}

func context(format string, args ...any) slack.Block {
	return slack.NewContextBlock("", slack.NewTextBlockObject(slack.MarkdownType, cut(fmt.Sprintf(format, args...), maxSection), false, false))
}

func header(text string) slack.Block {
	return slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, cut(text, maxHeader), false, false))
}

// say is a message of one paragraph.
func say(format string, args ...any) Message {
	text := cut(fmt.Sprintf(format, args...), maxText)
	return Message{Text: text, Blocks: []slack.Block{section("%s", text)}}
}

// lines is a message of a title and lines, cut by rule.
func lines(title string, all []string) Message {
	m := Message{Blocks: []slack.Block{header(title)}}
	text := []string{title}
	room := maxText - len(title)
	shown := 0
	for _, l := range all {
		if len(m.Blocks) == maxBlocks-1 || room < len(l) {
			break
		}
		room -= len(l) + 1
		text = append(text, l)
		m.Blocks = append(m.Blocks, section("%s", l))
		shown++
	}
	if more := len(all) - shown; more > 0 {
		rest := fmt.Sprintf("%d more", more)
		text = append(text, rest)
		m.Blocks = append(m.Blocks, context("%s", rest))
	}
	m.Text = strings.Join(text, "\n")
	return m
}
