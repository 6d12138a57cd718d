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
//     A card stands for hours without being drawn, so nothing on it counts down
//     but what Slack counts down itself.
//   - A mention in a new message notifies. Only reminders, and the end of what
//     somebody requested, are meant to; elsewhere people are named until the card
//     is updated, which notifies nobody.
//   - Whatever was written elsewhere (tags, labels, names, reasons, faults) can't
//     mention anyone, forge a link or end a code span. That is not left to the
//     writer of a sentence: write makes everything harmless that is not markup.
//   - What is too long is cut by rule, with "n more"; Slack never has to refuse
//     it.
package render

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/promotebot/promotebot/promotion"
)

// markup is text in which Slack interprets control sequences. It is made by
// write, and by what write uses.
type markup string

// Lengths of ours, in characters: what still reads well on a phone.
const (
	maxForeign = 300 // one foreign text in a sentence
	maxName    = 80  // a name
	maxPeople  = 5   // people in a list on a card
	maxCalled  = 10  // people mentioned in a reminder
	maxTags    = 5
)

// write fills a format. Whatever is not markup was written elsewhere: it is
// cut, and escaped, once, here.
func write(format string, args ...any) markup {
	safe := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case markup, int, int64, promotion.ID:
			safe[i] = a
		case promotion.Digest:
			safe[i] = digest(a)
		case promotion.PersonID:
			safe[i] = mention(a)
		case time.Time:
			safe[i] = date(a)
		case string:
			safe[i] = foreign(a, maxForeign)
		default:
			safe[i] = foreign(fmt.Sprint(a), maxForeign)
		}
	}
	return markup(fmt.Sprintf(format, safe...))
}

// foreign makes a text harmless and no longer than n characters when it is
// written out. Only &, < and > have an escape
// (docs.slack.dev/messaging/formatting-message-text); a backtick, which has
// none, would end the next code span.
func foreign(s string, n int) markup {
	var b strings.Builder
	runes := []rune(clean(s))
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
	return markup(b.String())
}

// clean makes one line of a text and drops what can't be seen, above all what
// turns the direction in which text is read.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == '\u200c', r == '\u200d': // they join letters in some scripts, and emoji
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}

// plain is for texts in which Slack interprets nothing. What it does there with
// the characters of control sequences is not documented, so they are left out.
func plain(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("<>&", r) {
			return -1
		}
		return r
	}, clean(s))
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// code shows foreign text letter by letter.
func code(s string) markup {
	if s = clean(s); s == "" {
		s = " "
	}
	return "`" + foreign(s, maxForeign) + "`"
}

func digest(d promotion.Digest) markup {
	if d == "" {
		return "nothing"
	}
	return code(d.Short())
}

// because shows the reason of a finding or the text of a fault, without the
// full stop that not all of them have. Instants in it become dates.
func because(s string) markup {
	m := foreign(strings.TrimRight(clean(s), ". "), 2*maxForeign)
	return markup(instants.ReplaceAllStringFunc(string(m), func(s string) string {
		t, err := time.Parse("2006-01-02 15:04:05 UTC", s)
		if err != nil {
			return s
		}
		return string(date(t))
	}))
}

// instants are what the policy writes: it knows no reader's time zone.
var instants = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`)

// date shows an instant in the reader's time zone
// (docs.slack.dev/messaging/formatting-message-text, date formatting).
func date(t time.Time) markup { return instant(t, "{date_short_pretty} {time}") }

// ago shows how far away an instant is when it is read: "in 2 hours".
func ago(t time.Time) markup { return instant(t, "{ago}") }

func instant(t time.Time, tokens string) markup {
	return markup(fmt.Sprintf("<!date^%d^%s|%s>", t.Unix(), tokens, t.UTC().Format("2006-01-02 15:04 UTC")))
}

// when is for instants that may be missing.
func when(t *time.Time) markup {
	if t == nil {
		return "at an unknown time"
	}
	return date(*t)
}

// span writes a duration without the zero units of time.Duration.
func span(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if n := len(s) - len(zero); n > 0 && s[n:] == zero {
			s = s[:n+1]
		}
	}
	return s
}

var userID = regexp.MustCompile(`^[UW][A-Z0-9]{1,30}$`)

func mention(id promotion.PersonID) markup {
	if !userID.MatchString(string(id)) {
		return code(string(id))
	}
	return markup("<@" + string(id) + ">")
}

// cast says how people are called: mentioned, or, where that would notify
// them, named.
type cast map[promotion.PersonID]promotion.Person

func (c cast) call(id promotion.PersonID) markup {
	if name := clean(c[id].Name); name != "" {
		return foreign(name, maxName)
	}
	return mention(id)
}

// all calls a few people and counts the rest.
func (c cast) all(ids []promotion.PersonID, most int) markup {
	var names []markup
	for _, id := range ids {
		names = append(names, c.call(id))
	}
	return join(names, most)
}

// join lists a few and counts the rest.
func join(all []markup, most int) markup {
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
	return markup(b.String())
}
