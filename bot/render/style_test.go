package render_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// notWords are what stands in a text and is not the writer's: dates, mentions
// and links, code, what others have written, and what they are called.
var notWords = regexp.MustCompile("<[^>]*>|`[^`]*`|&lt;.*?&gt;|“[^”]*”")

// way is what a promotion is called by: the environments that it leads from and
// to.
var way = regexp.MustCompile(`[\w-]+ → [\w-]+`)

// never are words that have no place, each with what stands there instead.
var never = map[string]*regexp.Regexp{
	"nothing: nobody begs":                      regexp.MustCompile(`(?i)\b(please|oops|sorry|whoops|uh-oh|hooray|congratulations)\b`),
	"nothing: it is not for the reader":         regexp.MustCompile(`(?i)\b(simply|easily|obviously|of course|successfully)\b`),
	"digest":                                    regexp.MustCompile(`(?i)\b(hash|checksum|sha)\b`),
	"production, staging":                       regexp.MustCompile(`(?i)\b(prod|stage|stg)\b`),
	"let through, refuse":                       regexp.MustCompile(`(?i)\b(white|black)list`),
	"a date of Slack's, in the reader's zone":   regexp.MustCompile(`\b\d{4}-\d\d-\d\d\b|\b\d\d?:\d\d\b`),
	"twelve digits in code":                     regexp.MustCompile(`\b[0-9a-f]{16,}\b`),
	"one character: …":                          regexp.MustCompile(`\.\.`),
	"one space, and none before a stop":         regexp.MustCompile(`\S {2,}\S| [.,;:?](\s|$)`),
	"no exclamation":                            regexp.MustCompile(`!`),
	"from A to B":                               regexp.MustCompile(`[→←⇒]`),
	"one stop at the end of a sentence":         regexp.MustCompile(`[.?:;,][.;,]`),
	"an apostrophe, as in can't, and one of it": regexp.MustCompile(`\b(cannot|do not|does not know)\b|’`),
}

// instant is how one is written where the reader's zone can't be had.
var instant = regexp.MustCompile(`\b\d{4}-\d\d-\d\d \d\d:\d\d UTC\b|^Tomorrow at 9:00$`)

// pictures are all the symbols that there are: the bar of a soak.
const pictures = "▓░"

func TestWordsFollowThePageOfStyle(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) < 100 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		walk("", doc, func(path, s string) {
			for _, said := range style(path, s) {
				t.Errorf("%s, %s: %s: %q", filepath.Base(file), path, said, s)
			}
		}, func(string, int) {})
	}
}

// style is what is wrong with a text, by the place at which it stands.
func style(path, s string) (wrong []string) {
	if !strings.HasSuffix(path, "/text") && path != "/Text" {
		return nil // ids and values
	}
	if strings.Contains(path, "option") || strings.Contains(path, "button") {
		s = instant.ReplaceAllString(s, "an instant") // where Slack writes no date of its own
	}
	wrong = words(way.ReplaceAllString(notWords.ReplaceAllString(s, "‹›"), "a way"))
	ended := strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?")
	switch {
	case strings.HasSuffix(path, "/button/text/text"), strings.HasSuffix(path, "/header/text/text"), strings.HasSuffix(path, "/title/text") && !strings.Contains(path, "/confirm/"):
		if ended {
			wrong = append(wrong, "a title, a button or a label does not end like a sentence")
		}
	case strings.HasSuffix(path, "/confirm/text/text"), strings.HasSuffix(path, "/confirm/title/text"):
		if !ended {
			wrong = append(wrong, "a confirmation is made of sentences")
		}
	}
	return wrong
}

func words(s string) (wrong []string) {
	for instead, bad := range never {
		if m := bad.FindString(s); m != "" {
			wrong = append(wrong, m+" instead of "+instead)
		}
	}
	for _, r := range s {
		if unicode.Is(unicode.So, r) && !strings.ContainsRune(pictures, r) || unicode.Is(unicode.Sk, r) || r >= 0x1F000 {
			wrong = append(wrong, "the picture "+string(r))
		}
	}
	return wrong
}

// A rule that nothing can break says nothing.
func TestWhatIsAgainstThePageOfStyleIsFound(t *testing.T) {
	const section, button, confirm = "/blocks/section/text/text", "/blocks/actions/elements/button/text/text", "/blocks/actions/elements/button/confirm/text/text"
	for _, row := range []struct{ path, text string }{
		{section, "Please wait."}, {section, "You can simply approve it."}, {section, "The hash is wrong."}, {section, "It runs in prod."},
		{section, "It is on the whitelist."}, {section, "Soaks until 2026-11-25."}, {section, "Soaks until 09:00."}, {section, "In 0badcafe0badcafe0badcafe."}, {section, "It waits..."},
		{section, "It  waits."}, {section, "It waits ."}, {section, "Promoted!"}, {section, "From `a` → `b`."}, {section, "It failed.;"}, {section, "It cannot go ahead."}, {section, "🚀 Promoted."}, {section, "✅ Promoted."},
		{"/Text", "Promoted!"}, {button, "Approve."}, {"/blocks/header/text/text", "Promoted."}, {"/title/text", "Details."}, {confirm, "It is approved"},
	} {
		if len(style(row.path, row.text)) == 0 {
			t.Errorf("nothing is wrong with %q at %s", row.text, row.path)
		}
	}
	for _, row := range []struct{ path, text string }{
		{section, "*Soaking* in staging until <!date^1^{time}|2026-11-25 09:00 UTC>: `a → b!`, staging → production."}, {section, "Others wrote &lt;!channel&gt;."}, {button, "Reject…"}, {"/value", "12.please!"},
	} {
		if wrong := style(row.path, row.text); len(wrong) > 0 {
			t.Errorf("%q: %v", row.text, wrong)
		}
	}
}
