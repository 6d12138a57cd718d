// Package strict reads a YAML file that people write by hand, and says
// everything that is wrong with it in one go: where it stands and what to write
// instead.
//
// It works on the tree of nodes instead of filling structs, because a decoder
// that stops at the first error, or forgets columns, or skips a key that it does
// not know, can't do that. It refuses what makes a file mean something else than
// it shows (aliases, merge keys, tags, duplicate keys, a second document), and
// secrets, which it never repeats.
//
// What is faulty is reported once. Fault marks a node, and whoever reads a
// marked node later gets nothing and stays silent, so that one mistake does not
// echo through the file.
package strict

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Reader turns nodes into values. A node that it has complained about is known
// to be faulty: whoever reads it gets nothing, and says nothing more.
type Reader struct {
	problems []Problem
	known    map[*yaml.Node]bool
}

// Parse reads the document's tree. The root is nil when there is nothing to go
// on with; Problems then says why.
func Parse(doc []byte, empty string) (r *Reader, root *yaml.Node) {
	r = &Reader{known: map[*yaml.Node]bool{}}
	return r, r.tree(doc, empty)
}

// Problems is everything that was reported, as *Problems, or nil.
func (r *Reader) Problems(file string) error {
	if len(r.problems) == 0 {
		return nil
	}
	return sorted(file, r.problems)
}

// Note reports something that is wrong at the node, such as a key that is
// missing from it. What else the node says is still worth reading.
func (r *Reader) Note(at *yaml.Node, message, remedy string) {
	r.problems = append(r.problems, Problem{Line: at.Line, Column: at.Column, Message: message, Remedy: remedy})
}

// Fault reports that the node itself is wrong, once.
func (r *Reader) Fault(at *yaml.Node, message, remedy string) {
	if r.known[at] {
		return
	}
	r.known[at] = true
	r.Note(at, message, remedy)
}

// Refuse reports the error of a vocabulary type; otherwise is the remedy when
// the error names none.
func (r *Reader) Refuse(at *yaml.Node, err error, otherwise string) {
	message, remedy := Said(err, otherwise)
	r.Fault(at, message, remedy)
}

// Pair is a key with its value.
type Pair struct {
	Key       string
	At, Value *yaml.Node
}

// Pairs reads a mapping with keys of any name.
func (r *Reader) Pairs(n *yaml.Node, what, example string) ([]Pair, bool) {
	if r.known[n] {
		return nil, false
	}
	if n.Kind != yaml.MappingNode {
		r.Fault(n, fmt.Sprintf("%s must be a mapping, not %s", what, Kind(n)), "write it as "+example)
		return nil, false
	}
	var pairs []Pair
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		at, value := n.Content[i], n.Content[i+1]
		key, ok := r.Text(at, "a key of "+what)
		if !ok {
			continue
		}
		if line, twice := first[key]; twice {
			r.Fault(at, fmt.Sprintf("the key %q is set on line %d already", key, line), "keep one of the two")
			continue
		}
		first[key] = at.Line
		if value.Tag == nullTag {
			r.empty(key, at, value)
		}
		pairs = append(pairs, Pair{key, at, value})
	}
	return pairs, true
}

func (r *Reader) empty(key string, at, value *yaml.Node) {
	remedy := "write one, or take the key out"
	for _, comment := range []string{at.LineComment, value.LineComment, value.HeadComment} {
		if strings.HasPrefix(comment, "#") && !strings.HasPrefix(comment, "# ") {
			remedy = "a # begins a comment, so put a text that begins with # in quotes"
		}
	}
	if !r.known[value] {
		r.Fault(at, fmt.Sprintf("the key %q has no value", key), remedy)
		r.known[value] = true
	}
}

// Fields reads a mapping whose keys are given. A key that is nearly one of them
// is reported and then read as if it had been spelled right, so that what is
// below it is checked too and nothing is called missing.
func (r *Reader) Fields(n *yaml.Node, what, example string, keys ...string) (map[string]Pair, bool) {
	pairs, ok := r.Pairs(n, what, example)
	if !ok {
		return nil, false
	}
	in := map[string]Pair{}
	var unknown []Pair
	for _, key := range keys {
		for _, p := range pairs {
			if p.Key == key {
				in[key] = p
			}
		}
	}
	for _, p := range pairs {
		if _, ok := in[p.Key]; !ok {
			unknown = append(unknown, p)
		}
	}
	for _, p := range unknown {
		near, ok := nearest(p.Key, keys)
		if secretive(p.Key) && !(ok && locates(near)) {
			message, remedy := secret(p.Key, what, keys)
			r.Fault(p.At, message, remedy)
			continue
		}
		if !ok {
			r.Fault(p.At, fmt.Sprintf("unknown key %q in %s", p.Key, what), "there are "+strings.Join(keys, ", "))
			continue
		}
		r.Fault(p.At, fmt.Sprintf("unknown key %q in %s", p.Key, what), fmt.Sprintf("did you mean %q?", near))
		if _, taken := in[near]; !taken {
			in[near] = Pair{near, p.At, p.Value}
		}
	}
	return in, true
}

// Required finds a key without which its mapping makes no sense.
func (r *Reader) Required(at *yaml.Node, in map[string]Pair, key, what, remedy string) (*yaml.Node, bool) {
	p, ok := in[key]
	merged := slices.ContainsFunc(at.Content, func(n *yaml.Node) bool { return n.Tag == mergeTag })
	if !ok && !merged { // it may be among what the merge was to bring
		r.Note(at, what+" has no "+key, remedy)
	}
	return p.Value, ok
}

// The tags of scalars, as package yaml spells them.
const (
	textTag  = "!!str"
	intTag   = "!!int"
	floatTag = "!!float"
	nullTag  = "!!null"
	boolTag  = "!!bool"
	mergeTag = "!!merge"
)

// maxText bounds a text. It is twice the longest that the vocabulary allows (a
// repository, 255); a path may be longer in Linux, and no message is better for it.
const maxText = 512

// Text reads a scalar that YAML takes for text. A number or a date is refused,
// because YAML reads more into it than was written: 1.10 is 1.1.
func (r *Reader) Text(n *yaml.Node, what string) (string, bool) {
	switch {
	case r.known[n]:
		return "", false
	case n.Kind == yaml.ScalarNode && n.Tag == nullTag:
		r.Fault(n, what+" is missing here", "write a text, or take the line out")
		return "", false
	case n.Kind == yaml.ScalarNode && n.Tag != textTag:
		r.Fault(n, fmt.Sprintf("%s must be text, not %s", what, Kind(n)), fmt.Sprintf("if it is meant, put it in quotes: \"%s\"", Clip(n.Value)))
		return "", false
	case n.Kind != yaml.ScalarNode:
		r.Fault(n, fmt.Sprintf("%s must be text, not %s", what, Kind(n)), "write one text")
		return "", false
	case len(n.Value) > maxText:
		r.Fault(n, fmt.Sprintf("%s is %d characters long", what, len(n.Value)), "check that a quotation mark is closed where it should be")
		return "", false
	}
	return n.Value, true
}

// List reads a sequence.
func (r *Reader) List(n *yaml.Node, what, example string) ([]*yaml.Node, bool) {
	if r.known[n] {
		return nil, false
	}
	if n.Kind != yaml.SequenceNode {
		r.Fault(n, fmt.Sprintf("%s must be a list, not %s", what, Kind(n)), "write it as "+example)
		return nil, false
	}
	return n.Content, true
}

// IsText tells whether the node is a text that can be read.
func (r *Reader) IsText(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == textTag && !r.known[n]
}

// Texts reads a list, or one text that stands for a list of one.
func (r *Reader) Texts(n *yaml.Node, what, example string) ([]*yaml.Node, bool) {
	if r.IsText(n) {
		return []*yaml.Node{n}, true
	}
	return r.List(n, what, example)
}

// Kind is what a node is, in words.
func Kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case textTag:
		return fmt.Sprintf("the text %q", Clip(n.Value))
	case intTag, floatTag:
		return "the number " + Clip(n.Value)
	case nullTag:
		return "nothing"
	case boolTag:
		return Clip(n.Value)
	case "!!timestamp":
		return "the date " + Clip(n.Value)
	}
	return "something else"
}

// Clip keeps a message readable whatever it quotes.
func Clip(s string) string {
	const enough = 60
	if runes := []rune(s); len(runes) > enough {
		return string(runes[:enough]) + "…"
	}
	return s
}
