package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxDocument is far above any real configuration (a thousand apps take about
// 100 KiB) and far below what would make the process swell.
const maxDocument = 1 << 20

// MaxDocument is how much of a file is worth reading: one byte more than is
// accepted, so that a larger one is recognized.
const MaxDocument = maxDocument + 1

// tree parses the document and refuses what YAML allows and this file does
// not. It returns nil when there is nothing to go on with.
func (r *Reader) tree(doc []byte, empty string) *yaml.Node {
	at := func(line, column int) *yaml.Node { return &yaml.Node{Line: line, Column: column} }
	if len(doc) > maxDocument {
		r.Fault(at(1, 1), fmt.Sprintf("the file is larger than %d bytes", maxDocument), "check that it is the configuration")
		return nil
	}
	if line, column, what := unreadable(doc); what != "" {
		r.Fault(at(line, column), what, "save the file as plain UTF-8 text")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(doc))
	var root, second yaml.Node
	err := decoder.Decode(&root)
	if errors.Is(err, io.EOF) || err == nil && root.Content[0].Tag == nullTag {
		r.Fault(at(1, 1), "the file is empty", empty)
		return nil
	}
	if err == nil {
		err = decoder.Decode(&second)
		if err == nil {
			// What the first lacks may stand in the second.
			r.Fault(&second, "a second document begins here", "keep one document in a file, and take the line --- out")
			return nil
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.syntax(doc, err)
		return nil
	}
	r.plain(root.Content[0])
	return root.Content[0]
}

// unreadable finds what is not text. Carriage returns are, as Windows writes
// them, and so is the byte order mark.
func unreadable(doc []byte) (line, column int, what string) {
	line, column = 1, 1
	for i := 0; i < len(doc); {
		c, size := utf8.DecodeRune(doc[i:])
		switch {
		case c == utf8.RuneError && size <= 1:
			return line, column, fmt.Sprintf("the byte 0x%02x is not UTF-8", doc[i])
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f:
			return line, column, fmt.Sprintf("there is a control character, %U", c)
		}
		i, column = i+size, column+1
		if c == '\n' {
			line, column = line+1, 1
		}
	}
	return 0, 0, ""
}

var slackToken = regexp.MustCompile(`^(xox[a-z]|xapp|xwfp)-`)

// plain refuses what would let the file mean something else than it shows:
// aliases and merge keys pull in text from elsewhere, tags change the type of a
// value. It also refuses tokens, before any message could quote one.
func (r *Reader) plain(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		r.Fault(n, fmt.Sprintf("the alias *%s is used", Clip(n.Value)), "aliases are not supported, so that each line reads as it stands: write the value out, or give it a name where names can be used")
		return
	case n.Tag == mergeTag:
		r.Fault(n, "the merge key << is used", "merging is not supported, so that each line reads as it stands: write the keys out")
	case n.Anchor != "":
		r.Note(n, fmt.Sprintf("the anchor &%s is set", Clip(n.Anchor)), "anchors are not supported: take it out")
	case n.Style&yaml.TaggedStyle != 0 && n.Kind != yaml.ScalarNode:
		r.Note(n, fmt.Sprintf("the tag %s is used", Clip(n.Tag)), "tags are not supported: take it out")
	case n.Style&yaml.TaggedStyle != 0:
		r.Fault(n, fmt.Sprintf("the tag %s is used", Clip(n.Tag)), "tags are not supported: write the plain value")
	case n.Kind == yaml.ScalarNode && slackToken.MatchString(n.Value):
		r.Fault(n, "this is a Slack token, and secrets never live in this file", "set SLACK_APP_TOKEN and SLACK_BOT_TOKEN in the environment, and revoke this one if others could read it")
	}
	for i, child := range n.Content {
		if i%2 == 1 && n.Kind == yaml.MappingNode && n.Content[i-1].Tag == mergeTag {
			continue
		}
		r.plain(child)
	}
}

var (
	yamlLine = regexp.MustCompile(`^yaml: (?:line \d+: )?`)
	anAnchor = regexp.MustCompile(`^unknown anchor '`)
)

// syntax reports an error of the YAML parser. The parser says no column, and
// often the line on which the enclosing block began, so the place is found by
// asking how much of the file can be read.
func (r *Reader) syntax(doc []byte, err error) {
	lines := bytes.SplitAfter(doc, []byte("\n"))
	n := readable(lines)
	line := strings.TrimRight(string(lines[min(n, len(lines)-1)]), "\r\n")
	text := strings.TrimLeft(line, " ")
	place := &yaml.Node{Line: min(n, len(lines)-1) + 1, Column: len(line) - len(text) + 1}
	message, remedy := explain(yamlLine.ReplaceAllString(err.Error(), ""), text)
	r.Fault(place, message, remedy)
}

// readable counts the lines from the top that are YAML by themselves. A prefix
// that ends inside brackets or quotes is not, even when the whole is, so the
// boundary that halving finds is believed only when nothing shortly after it
// can be read either.
func readable(lines [][]byte) int {
	const (
		longestBracket = 50       // lines; a longer one is reported where it begins
		budget         = 16 << 20 // bytes to parse, less than a second; then the place is approximate
	)
	spent := 0
	ok := func(n int) bool {
		prefix := bytes.Join(lines[:n], nil)
		spent += len(prefix)
		var node yaml.Node
		decoder := yaml.NewDecoder(bytes.NewReader(prefix))
		err := decoder.Decode(&node)
		for err == nil {
			err = decoder.Decode(&node)
		}
		return errors.Is(err, io.EOF)
	}
	low, high := 0, len(lines)
	for low < high-1 && spent < budget {
		if middle := (low + high) / 2; ok(middle) {
			low = middle
		} else {
			high = middle
		}
		if low < high-1 {
			continue
		}
		for n := high + 1; n < min(low+longestBracket, len(lines)) && spent < budget; n++ {
			if ok(n) {
				low, high = n, len(lines)
				break
			}
		}
	}
	return low
}

// explain says in the reader's words what the parser meant. Its own messages
// are of libyaml, whose every implementation shares them.
func explain(problem, text string) (message, remedy string) {
	switch {
	case strings.HasPrefix(text, "\t"):
		return "the line is indented with a tab", "indent with spaces, two for each level"
	case strings.HasPrefix(problem, "found character that cannot start any token"):
		return "a value begins with a character that YAML keeps for itself", "put values that begin with @, ` or % in quotes, and indent with spaces"
	case strings.HasPrefix(problem, "mapping values are not allowed"):
		return "there is a colon where no key can be", "put the text in quotes, or indent the line like its neighbours"
	case strings.HasPrefix(problem, "could not find expected ':'"):
		return "a key has no colon", "write it as key: value, or indent the line as a part of the value above"
	case strings.Contains(problem, "end of stream"):
		return "a quotation mark or bracket is not closed", "close what is opened on this line"
	case strings.HasPrefix(problem, "did not find expected ',' or"):
		return "a bracket is not closed", "close what is opened on this line, and put commas between the parts"
	case strings.HasPrefix(problem, "did not find expected key"), strings.HasPrefix(problem, "did not find expected '-' indicator"):
		return "the indentation does not fit the lines above", "begin keys of one level in the same column, and items of a list with -"
	case anAnchor.MatchString(problem):
		return "an alias is used", "aliases are not supported: write the value out"
	}
	return fmt.Sprintf("this is not YAML (%s)", Clip(problem)), "compare indentation, quotes and colons with the lines above"
}
