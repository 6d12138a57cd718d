// Package edit puts a digest into a YAML file that people keep by hand, and
// changes nothing else in it.
//
// A YAML library that reads a file and writes it again loses what its tree does
// not hold: blank lines, quotes, how far a comment is indented. So the tree is
// only asked where a value stands; the bytes there are replaced, and all others
// stay as they are. Nobody has to believe that this is right, because it is not
// believed here either: what comes out is read again, and has to be the tree that
// went in with exactly the change that was meant. Whatever is too clever for that
// (an alias, a merge, an anchor on the value, a key that is there twice) is refused
// with the line on which it stands.
package edit

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/promotion"
)

// Place says where in a file the image stands. Exactly one of its fields is set.
type Place struct {
	Kustomize string // the name of the image, under images of a kustomization
	Value     Path   // to a text that is the whole image: repository@sha256:…
	Digest    Path   // to a text that is the digest alone
	Tag       Path   // to a text that is a tag with the digest behind it: v1.4.2@sha256:…
	Manifest  bool   // containers and initContainers that run an image of the repository
}

// Path leads through mappings by their keys and through lists by numbers from 0.
type Path []string

func (p Path) String() string { return strings.Join(p, ".") }

// Image is what the file is to run.
type Image struct {
	Repository promotion.Repository
	Digest     promotion.Digest
	Tag        string // that the digest carries, for a place that shows one
}

func (i Image) pinned() string { return string(i.Repository) + "@" + string(i.Digest) }

// Plan is what has to be done to a file.
type Plan struct {
	Now    string // what stands there, for people, and to notice that it is not what it was
	Done   bool   // the digest is there already
	Result []byte // the file with the digest; as it was when it is there already
}

// MaxFile is the largest file that is edited: many times what a person keeps in
// one, and little enough to be held and read twice.
const MaxFile = 1 << 20

// Make reads the file and plans the change. An error is Invalid when the file
// can't be edited as it is, and NotFound when it has no such place.
func Make(file []byte, p Place, image Image) (Plan, error) {
	d, err := parse(file)
	if err != nil {
		return Plan{}, err
	}
	now, err := d.put(p, image)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{Now: now, Done: len(d.splices) == 0, Result: d.spliced()}
	if plan.Done {
		return plan, nil
	}
	if alias := d.shared(); alias != nil {
		return Plan{}, promotion.Errorf(promotion.Invalid, "line %d: *%s is an alias of a part of the file that has to change, and would change as well: write out what is meant here", alias.Line, clip(alias.Value))
	}
	again, err := parse(plan.Result)
	if err != nil || !slices.EqualFunc(d.trees, again.trees, same) {
		return Plan{}, promotion.Errorf(promotion.Invalid, "the digest can't be put in without changing something else: write that part of the file in the usual form, one key a line")
	}
	return plan, nil
}

func (d *document) put(p Place, image Image) (now string, err error) {
	switch {
	case p.Kustomize != "":
		return d.kustomize(p.Kustomize, image)
	case p.Value != nil:
		return d.at(p.Value, image.pinned(), func(is string) bool {
			_, digest, _ := strings.Cut(is, "@")
			return digest == string(image.Digest) && repository(is) == string(image.Repository)
		})
	case p.Digest != nil:
		return d.at(p.Digest, string(image.Digest), func(is string) bool { return is == string(image.Digest) })
	case p.Tag != nil:
		if image.Tag == "" {
			return "", promotion.Errorf(promotion.Invalid, "the digest carries no tag that could stand before it: name the place of a digest instead")
		}
		return d.at(p.Tag, image.Tag+"@"+string(image.Digest), func(is string) bool { _, digest, _ := strings.Cut(is, "@"); return digest == string(image.Digest) })
	}
	return d.manifest(image)
}

// document is a file, the trees of its documents, and what is to be done to
// both: every change of a tree has its change of the bytes.
type document struct {
	text    []byte
	lines   []int // where each begins
	trees   []*yaml.Node
	splices []splice
	touched map[*yaml.Node]bool // what was changed, or got or lost a key or an item
}

// splice puts a text in the place of the bytes from one offset to another.
type splice struct {
	from, to int
	text     string
}

func parse(file []byte) (*document, error) {
	if len(file) > MaxFile {
		return nil, promotion.Errorf(promotion.Invalid, "the file has %d bytes, and files of more than %d are not edited", len(file), MaxFile)
	}
	if !utf8.Valid(file) {
		return nil, promotion.Errorf(promotion.Invalid, "the file is not UTF-8: save it as that")
	}
	d := &document{text: file, lines: lines(file), touched: map[*yaml.Node]bool{}}
	decoder := yaml.NewDecoder(bytes.NewReader(file))
	for {
		var tree yaml.Node
		err := decoder.Decode(&tree)
		if errors.Is(err, io.EOF) {
			return d, nil
		}
		if err != nil {
			return nil, promotion.Errorf(promotion.Invalid, "the file is not YAML (%s)", promotion.Line(err.Error()))
		}
		d.trees = append(d.trees, &tree)
	}
}

// lines finds where lines begin, as YAML counts them: its line breaks are more
// than others know.
func lines(text []byte) []int {
	starts := []int{0}
	if bytes.HasPrefix(text, []byte(mark)) {
		starts[0] = len(mark) // which is no column of the first line
	}
	for i := starts[0]; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		i += n
		switch {
		case r == '\r' && i < len(text) && text[i] == '\n':
		case r == '\n', r == '\r', r == '\u0085', r == '\u2028', r == '\u2029':
			starts = append(starts, i)
		}
	}
	return starts
}

// mark is the byte order mark that some editors put before a file.
const mark = "\ufeff"

// offset is where a node begins.
func (d *document) offset(n *yaml.Node) int {
	at := d.lines[min(n.Line, len(d.lines))-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(d.text[at:])
		at += size
	}
	return at
}

// extent is where a scalar stands, with its quotes. What is not written in one
// piece on one line has none.
func (d *document) extent(n *yaml.Node) (from, to int, err error) {
	from = d.offset(n)
	rest := d.text[from:]
	switch {
	case n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Style&(yaml.TaggedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0:
	case n.Style&yaml.DoubleQuotedStyle != 0:
		to = from + quoted(rest, '"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		to = from + quoted(rest, '\'')
	case n.Value != "" && bytes.HasPrefix(rest, []byte(n.Value)):
		to = from + len(n.Value)
	}
	if to <= from || bytes.ContainsAny(d.text[from:to], "\r\n") {
		return 0, 0, promotion.Errorf(promotion.Invalid, "line %d: the value is not a plain text on one line: write it so, without an anchor, a tag or a block", n.Line)
	}
	return from, to, nil
}

// quoted is the length of a text in quotes, or 0 when they are not closed.
func quoted(text []byte, quote byte) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return 0
}

// replace gives a scalar another value, in the quotes that it has.
func (d *document) replace(n *yaml.Node, value string) error {
	from, to, err := d.extent(n)
	if err != nil {
		return err
	}
	text := value
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		text = `"` + value + `"`
	case n.Style&yaml.SingleQuotedStyle != 0:
		text = `'` + value + `'`
	}
	d.splice(n, from, to, text)
	n.Value, n.Tag = value, textTag
	return nil
}

const (
	textTag  = "!!str"
	nullTag  = "!!null"
	mergeTag = "!!merge"
)

// fill gives a value to a key that has none.
func (d *document) fill(key, n *yaml.Node, value string) error {
	colon, err := d.colon(key)
	if err != nil {
		return err
	}
	d.splice(n, colon, colon, " "+value)
	n.Value, n.Tag = value, textTag
	return nil
}

// colon is the offset behind the colon of a key.
func (d *document) colon(key *yaml.Node) (int, error) {
	_, to, err := d.extent(key)
	if err != nil {
		return 0, err
	}
	at := to + len(d.text[to:]) - len(bytes.TrimLeft(d.text[to:], " \t"))
	if at == len(d.text) || d.text[at] != ':' {
		return 0, promotion.Errorf(promotion.Invalid, "line %d: the key %q has no colon behind it: write it as key: value", key.Line, clip(key.Value))
	}
	return at + 1, nil
}

// splice changes the bytes from one offset to another, for a change of n.
func (d *document) splice(n *yaml.Node, from, to int, text string) {
	d.splices, d.touched[n] = append(d.splices, splice{from, to, text}), true
}

// shared finds an alias that leads to something that was changed.
func (d *document) shared() *yaml.Node {
	changed := map[*yaml.Node]bool{} // itself, or something in it
	var aliases []*yaml.Node
	var walk func(n *yaml.Node) bool
	walk = func(n *yaml.Node) bool {
		is := d.touched[n]
		for _, child := range n.Content {
			is = walk(child) || is
		}
		if n.Kind == yaml.AliasNode {
			aliases = append(aliases, n)
		}
		changed[n] = is
		return is
	}
	for _, tree := range d.trees {
		walk(tree)
	}
	if i := slices.IndexFunc(aliases, func(n *yaml.Node) bool { return changed[n.Alias] }); i >= 0 {
		return aliases[i]
	}
	return nil
}

func (d *document) spliced() []byte {
	slices.SortStableFunc(d.splices, func(a, b splice) int { return a.from - b.from })
	var out []byte
	at := 0
	for _, s := range d.splices {
		out = append(append(out, d.text[at:s.from]...), s.text...)
		at = s.to
	}
	return append(out, d.text[at:]...)
}

// pair is a key of a mapping with its value.
type pair struct{ key, value *yaml.Node }

// find looks a key up. What an alias or a merge would bring is refused: it
// stands somewhere else, where others use it too.
func find(n *yaml.Node, key string) (p pair, ok bool, err error) {
	if n.Kind != yaml.MappingNode {
		return p, false, promotion.Errorf(promotion.Invalid, "line %d: this is no mapping that could have the key %q", n.Line, key)
	}
	merged := 0
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case k.Tag == mergeTag:
			merged = k.Line
		case k.Kind != yaml.ScalarNode || k.Value != key:
		case ok:
			return p, false, promotion.Errorf(promotion.Invalid, "line %d: the key %q is set on line %d already: keep one of the two", k.Line, key, p.key.Line)
		default:
			p, ok = pair{k, n.Content[i+1]}, true
		}
	}
	switch {
	case !ok && merged > 0:
		return p, false, promotion.Errorf(promotion.Invalid, "line %d: %q may come in with the merge (<<) here, which others use too: write the key out", merged, key)
	case ok && p.value.Kind == yaml.AliasNode:
		return p, false, aliased(p.value)
	}
	return p, ok, nil
}

func aliased(n *yaml.Node) error {
	return promotion.Errorf(promotion.Invalid, "line %d: *%s is an alias of what stands elsewhere and may be used by others too: write the value out here", n.Line, clip(n.Value))
}

// same tells whether two trees say the same. Where a node stands and how it is
// written does not count.
func same(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.ShortTag() == b.ShortTag() && a.Value == b.Value && a.Anchor == b.Anchor && slices.EqualFunc(a.Content, b.Content, same)
}

// repository is an image without its tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		image = image[:colon]
	}
	return image
}

// clip keeps a message readable whatever it quotes.
func clip(s string) string {
	const enough = 60
	if runes := []rune(promotion.Line(s)); len(runes) > enough {
		return string(runes[:enough]) + "…"
	}
	return promotion.Line(s)
}

// step goes into a list by a number.
func step(list *yaml.Node, segment string) (*yaml.Node, bool) {
	i, err := strconv.Atoi(segment)
	if err != nil || i < 0 || i >= len(list.Content) {
		return nil, false
	}
	return list.Content[i], true
}
