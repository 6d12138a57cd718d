package command

import (
	"regexp"
	"strings"

	"github.com/promotebot/promotebot/promotion"
)

// Slack delivers a typed name or address as a control sequence (<@U1|ann>,
// <#C1|general>, <http://shop.api|shop.api>), and escapes what was typed of &,
// < and > (docs.slack.dev/interactivity/implementing-slash-commands).
var sequence = regexp.MustCompile(`<([^<>|]*)(?:\|([^<>]*))?>`)

var unescape = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

// mention is what split leaves of a person: the id for what needs it, and the
// name for what is shown.
var mention = regexp.MustCompile(`@([UW][A-Z0-9]{2,20})\|(\S*)`)

// split undoes what Slack has made of the text, and cuts it into words.
func split(text string) []string {
	text = sequence.ReplaceAllStringFunc(text, func(s string) string {
		m := sequence.FindStringSubmatch(s)
		inner, label := m[1], m[2]
		kind := ""
		if strings.HasPrefix(inner, "@") || strings.HasPrefix(inner, "#") {
			kind, inner = inner[:1], inner[1:]
		}
		if kind == "@" {
			if label != "" {
				inner += "|" + strings.ReplaceAll(strings.TrimPrefix(label, kind), " ", "_") // one word
			}
			return kind + inner
		}
		if label == "" {
			label = strings.TrimPrefix(inner, "!")
		}
		return kind + strings.TrimPrefix(label, kind)
	})
	return strings.Fields(promotion.Line(unescape.Replace(text)))
}

// bare takes off a word what people put around names when they copy them.
func bare(word string) string { return strings.Trim(word, "`'\"“”„‘’‚«»<>,;…") }

// quotes are the pairs that phones, languages and programmers put around text.
var quotes = []string{`""`, `''`, "``", "“”", "„“", "„”", "‘’", "‚‘", "«»", "»«"}

// unquote takes off the quotation marks around a whole text, but not those of
// which only one belongs to it, as in: "slow" and "leaky".
func unquote(s string) string {
	for again := true; again; {
		again = false
		for _, pair := range quotes {
			q := []rune(pair)
			inner, opened := strings.CutPrefix(s, string(q[0]))
			inner, closed := strings.CutSuffix(inner, string(q[1]))
			if opened && closed && !strings.ContainsAny(inner, pair) {
				s, again = strings.TrimSpace(inner), true
			}
		}
	}
	return s
}

// clip keeps a sentence readable whatever was typed.
func clip(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// nearest is the candidate that is fewest edits away, if it is near at all: at
// most two, and fewer than half of the word.
func nearest(word string, candidates []string) string {
	best, distance := "", 3
	if len(word) > 64 { // longer than any name
		return ""
	}
	for _, c := range candidates {
		d := edits(word, c)
		if begun := len(word) >= 3 && strings.HasPrefix(c, word); begun {
			d = 1
		}
		if d < distance && 2*d < max(len(c), 3) {
			best, distance = c, d
		}
	}
	return best
}

// edits counts insertions, deletions, replacements and swaps of neighbours.
func edits(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last = last, row
		row = make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
