package page

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/promotebot/promotebot/promotion"
)

// Text is text in which Slack interprets control sequences. It is made by
// Writef, by what Writef uses, and of constants.
type Text string

// Longest is how long one foreign text in a sentence may be, in characters.
const Longest = 300

// Writef fills a format. Whatever is not Text was written elsewhere: it is cut,
// and escaped, once, here.
func Writef(format string, args ...any) Text {
	safe := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case Text, int, int64, promotion.ID:
			safe[i] = a
		case promotion.Digest:
			safe[i] = digest(a)
		case promotion.PersonID:
			safe[i] = Mention(a)
		case time.Time:
			safe[i] = Date(a)
		case string:
			safe[i] = Foreign(a, Longest)
		default:
			safe[i] = Foreign(fmt.Sprint(a), Longest)
		}
	}
	return Text(fmt.Sprintf(format, safe...))
}

// Foreign makes a text harmless and no longer than n characters when it is
// written out. Only &, < and > have an escape
// (docs.slack.dev/messaging/formatting-message-text); a backtick, which has
// none, would end the next code span.
func Foreign(s string, n int) Text {
	s = Clean(s)
	if len(s) <= n && !strings.ContainsAny(s, "&<>`") {
		return Text(s) // as nearly all are
	}
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		e := string(r)
		switch r {
		case '&':
			e = "&amp;"
		case '<':
			e = "&lt;"
		case '>':
			e = "&gt;"
		case '`':
			e = "'"
		}
		if n -= utf8.RuneCountInString(e); n < 1 && (n < 0 || i < len(runes)-1) {
			b.WriteString("…")
			break
		}
		b.WriteString(e)
	}
	return Text(b.String())
}

// Clean makes one line of a text and drops what can't be seen, above all what
// turns the direction in which text is read.
func Clean(s string) string {
	if clean(s) {
		return s
	}
	return promotion.Line(s)
}

// clean tells of most texts that need no cleaning that they are such: words of
// ASCII with one space between them.
func clean(s string) bool {
	before := byte(' ')
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == ' ' && before == ' ' {
			return false
		}
		before = s[i]
	}
	return s == "" || before != ' '
}

// Plain is for texts in which Slack interprets nothing. What it does there with
// the characters of control sequences is not documented, so they are left out.
func Plain(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("<>&", r) {
			return -1
		}
		return r
	}, Clean(s))
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// Code shows foreign text letter by letter.
func Code(s string) Text {
	if s = Clean(s); s == "" {
		s = " "
	}
	return "`" + Foreign(s, Longest) + "`"
}

func digest(d promotion.Digest) Text {
	if d == "" {
		return "nothing"
	}
	return Code(d.Short())
}

// Date shows an instant in the reader's time zone
// (docs.slack.dev/messaging/formatting-message-text, date formatting).
func Date(t time.Time) Text { return instant(t, "{date_short_pretty} {time}") }

// Ago shows how far away an instant is when it is read: "in 2 hours".
func Ago(t time.Time) Text { return instant(t, "{ago}") }

func instant(t time.Time, tokens string) Text {
	return Text(fmt.Sprintf("<!date^%d^%s|%s>", t.Unix(), tokens, t.UTC().Format("2006-01-02 15:04 UTC")))
}

var userID = regexp.MustCompile(`^[UW][A-Z0-9]{1,30}$`)

// Mention calls a person, unless the id can not be one.
func Mention(id promotion.PersonID) Text {
	if !userID.MatchString(string(id)) {
		return Code(string(id))
	}
	return Text("<@" + string(id) + ">")
}

// Join lists a few and counts the rest.
func Join(all []Text, most int) Text {
	var b strings.Builder
	for i, m := range all {
		if i == most {
			fmt.Fprintf(&b, ", %d more", len(all)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(m))
	}
	return Text(b.String())
}

// Fit joins the lines that fit into n characters, and counts the rest.
func Fit(lines []Text, n int) Text {
	const room = 16 // for "… 1234567 more"
	left := n - room
	var kept []string
	lines = slices.DeleteFunc(slices.Clone(lines), func(l Text) bool { return l == "" })
	for i, l := range lines {
		l = Clip(l, n-room-1)
		if left -= utf8.RuneCountInString(string(l)) + 1; left < 0 {
			kept = append(kept, fmt.Sprintf("… %d more", len(lines)-i))
			break
		}
		kept = append(kept, string(l))
	}
	return Text(strings.Join(kept, "\n"))
}

// Clip cuts text, but never through a control sequence, an escape or a code
// span.
func Clip(m Text, n int) Text {
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
	return Text(s + "…")
}
