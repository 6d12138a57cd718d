// Package command understands what people type after /promote. One table is
// the grammar: parsing, help and the words of a usage error all come from it.
//
// It forgives what phones and Slack do to text (curly quotes, odd spaces,
// capitals, links made of names), takes an app by the beginning of its name, and
// suggests the nearest word for one that it does not know. It decides nothing
// and asks nobody.
package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Name is the first word of a command.
type Name string

// The commands.
const (
	Help    Name = "help"
	Status  Name = "status"
	List    Name = "list"
	Show    Name = "show"
	Why     Name = "why"
	Request Name = "request"
	Approve Name = "approve"
	Reject  Name = "reject"
	History Name = "history"
)

// Command is what was meant.
type Command struct {
	Name   Name
	Topic  Name   // of help; empty for all of it
	App    string // one of the apps, or empty
	Digest string // the first digits of a digest, in hexadecimal, or empty
	Ref    string // a tag or a whole digest, of a request
	Reason string
}

// argument says what stands at a place of a command.
type argument int

const (
	topic argument = iota
	app
	appAndDigest
	ref
	reason
)

type rule struct {
	name     Name
	args     []argument
	optional int // how many of args, from the end, may be left out
	usage    string
	about    string
}

var grammar = []rule{
	{Help, []argument{topic}, 1, "help [command]", "what there is"},
	{Status, []argument{app}, 1, "status [app]", "what is where, and which registry can't be read"},
	{List, nil, 0, "list", "everything that is open"},
	{Show, []argument{appAndDigest}, 0, "show <app>[@digest]", "the newest promotion of an app, in full"},
	{Why, []argument{appAndDigest}, 0, "why <app>[@digest]", "why it is not out yet, and who could change that"},
	{Request, []argument{app, ref}, 1, "request <app> [tag|digest]", "ask for a promotion; without a tag, of what is in the environment now"},
	{Approve, []argument{appAndDigest}, 0, "approve <app>[@digest]", "the same as the button"},
	{Reject, []argument{appAndDigest, reason}, 0, "reject <app>[@digest] <reason>", "the same as the button"},
	{History, []argument{app}, 1, "history [app]", "past promotions"},
}

// The length of a reason, in characters: long enough to say something, short
// enough for a card.
const (
	MinReason = 3
	MaxReason = 500
)

// Usage says what can't be understood and what could have been meant.
type Usage struct {
	Problem string
	Lines   []string // the usage of what was probably meant
}

func (u *Usage) Error() string { return u.Problem }

// Lines is the help text: the whole grammar, or the line of one command.
func Lines(of Name) []string {
	var lines []string
	for _, r := range grammar {
		if of == "" || r.name == of {
			lines = append(lines, fmt.Sprintf("/promote %s: %s", r.usage, r.about))
		}
	}
	return lines
}

// Parse understands the text; apps are the names that there are. Its error is
// a *Usage.
func Parse(text string, apps []string) (Command, error) {
	words := split(text)
	if len(words) == 0 {
		return Command{Name: Help}, nil
	}
	word := strings.ToLower(words[0])
	i := slices.IndexFunc(grammar, func(r rule) bool { return string(r.name) == word })
	if i < 0 {
		names := make([]string, len(grammar))
		for i, r := range grammar {
			names[i] = string(r.name)
		}
		if near := nearest(word, names); near != "" {
			return Command{}, &Usage{Problem: fmt.Sprintf("There is no command %q. Did you mean %q?", clip(words[0]), near), Lines: Lines(Name(near))}
		}
		return Command{}, &Usage{Problem: fmt.Sprintf("There is no command %q.", clip(words[0])), Lines: Lines("")}
	}
	return grammar[i].parse(words[1:], apps)
}

func (r rule) parse(words []string, apps []string) (Command, error) {
	c := Command{Name: r.name}
	fail := func(format string, args ...any) (Command, error) {
		return Command{}, &Usage{Problem: fmt.Sprintf(format, args...), Lines: Lines(r.name)}
	}
	for i, kind := range r.args {
		if len(words) == 0 {
			if i >= len(r.args)-r.optional {
				return c, nil
			}
			return fail("Something is missing.")
		}
		word := words[0]
		words = words[1:]
		var problem string
		switch kind {
		case topic:
			if c.Topic = Name(strings.ToLower(word)); len(Lines(c.Topic)) == 0 {
				return Parse(word, apps) // says what is near
			}
		case app:
			c.App, problem = findApp(word, apps)
		case appAndDigest:
			name, digest, _ := strings.Cut(word, "@")
			if c.App, problem = findApp(name, apps); problem == "" {
				c.Digest, problem = digits(digest)
			}
		case ref:
			c.Ref = word
		case reason:
			c.Reason = strings.Trim(strings.Join(append([]string{word}, words...), " "), `"' `)
			words = nil
			switch n := utf8.RuneCountInString(c.Reason); {
			case n < MinReason:
				problem = "The reason is too short: say in a few words why, others will read it."
			case n > MaxReason:
				problem = fmt.Sprintf("The reason is too long: %d characters, and %d are allowed.", n, MaxReason)
			}
		}
		if problem != "" {
			return fail("%s", problem)
		}
	}
	if len(words) > 0 {
		return fail("%q is one word too many.", clip(words[0]))
	}
	return c, nil
}

// split cleans the text of what phones and Slack make of it, and cuts it into
// words.
func split(text string) []string {
	text = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("“”„«»", r):
			return '"'
		case strings.ContainsRune("‘’‚", r):
			return '\''
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == utf8.RuneError:
			return -1 // among them everything that turns the direction of text
		}
		return r
	}, text)
	text = link.ReplaceAllString(text, "$2")
	words := strings.Fields(text)
	for i, w := range words[:min(3, len(words))] {
		words[i] = strings.Trim(w, `"'`+"`")
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}

// link is a name that Slack has made a link of: <http://shop.api|shop.api>.
var link = regexp.MustCompile(`<(https?://[^|>]*)\|([^>]*)>`)

func findApp(word string, apps []string) (app, problem string) {
	word = strings.ToLower(word)
	if slices.Contains(apps, word) {
		return word, ""
	}
	var begun []string
	for _, a := range apps {
		if word != "" && strings.HasPrefix(a, word) {
			begun = append(begun, a)
		}
	}
	switch near := nearest(word, apps); {
	case len(begun) == 1:
		return begun[0], ""
	case len(begun) > 1:
		return "", fmt.Sprintf("%q could be %s.", clip(word), strings.Join(begun[:min(5, len(begun))], ", "))
	case near != "":
		return "", fmt.Sprintf("There is no app %q. Did you mean %q?", clip(word), near)
	}
	return "", fmt.Sprintf("There is no app %q.", clip(word))
}

var hex = regexp.MustCompile(`^[0-9a-f]{6,64}$`)

func digits(digest string) (string, string) {
	if digest == "" {
		return "", ""
	}
	d := strings.TrimPrefix(strings.ToLower(digest), "sha256:")
	if !hex.MatchString(d) {
		return "", "After @ comes a digest: at least six of its hexadecimal digits."
	}
	return d, ""
}

// clip keeps a message readable whatever was typed.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// nearest is the candidate that is fewest edits away, if it is near at all.
func nearest(word string, candidates []string) string {
	best, distance := "", 3
	if len(word) > 64 {
		return ""
	}
	for _, c := range candidates {
		if d := edits(word, c); d < distance && d < len(c) {
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
