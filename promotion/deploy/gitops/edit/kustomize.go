package edit

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/promotion"
)

// The keys of a kustomization that concern images.
const (
	keyImages    = "images"
	keyName      = "name"
	keyNewName   = "newName"
	keyNewTag    = "newTag"
	keyTagSuffix = "tagSuffix"
	keyDigest    = "digest"
)

// kustomize pins the image of that name, and adds it where there is none.
func (d *document) kustomize(name string, image Image) (now string, err error) {
	root, err := d.single()
	if err != nil {
		return "", err
	}
	images, ok, err := find(root, keyImages)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", d.append(root, name, image)
	}
	if empty := images.value; empty.Kind == yaml.ScalarNode && empty.Tag == nullTag && empty.Value == "" {
		return "", d.first(images, name, image)
	}
	if images.value.Kind != yaml.SequenceNode {
		return "", promotion.Errorf(promotion.Invalid, "line %d: images is no list: write it as images: [{name: %s}]", images.value.Line, name)
	}
	var entry *yaml.Node
	for _, item := range images.value.Content {
		of := item
		if of.Kind == yaml.AliasNode {
			of = item.Alias
		}
		named, _, err := find(of, keyName)
		switch {
		case err != nil:
			return "", err
		case named.value == nil || named.value.Value != name:
		case item.Kind == yaml.AliasNode:
			return "", aliased(item)
		case entry != nil:
			return "", promotion.Errorf(promotion.Invalid, "line %d: the image %s is there on line %d already: keep one of the two", item.Line, name, entry.Line)
		default:
			entry = item
		}
	}
	if entry == nil {
		return "", d.first(images, name, image)
	}
	return d.entry(entry, name, image)
}

// entry pins an image that is there.
func (d *document) entry(n *yaml.Node, name string, image Image) (now string, err error) {
	in := map[string]pair{}
	for _, key := range []string{keyName, keyNewName, keyNewTag, keyTagSuffix, keyDigest} {
		p, ok, err := find(n, key)
		if err != nil {
			return "", err
		}
		if ok {
			in[key] = p
		}
	}
	text := func(key string) string {
		if p, ok := in[key]; ok {
			return p.value.Value
		}
		return ""
	}
	now = strings.TrimSuffix(strings.TrimSuffix(text(keyNewName)+":"+text(keyNewTag), ":")+"@"+text(keyDigest), "@")
	now = strings.TrimLeft(now, ":@")
	if suffix, ok := in[keyTagSuffix]; ok {
		return "", promotion.Errorf(promotion.Invalid, "line %d: a digest takes no tagSuffix: take it out", suffix.key.Line)
	}
	switch newName, ok := in[keyNewName]; {
	case ok:
		err = d.set(newName, string(image.Repository))
	case name != string(image.Repository):
		err = d.insert(n, in[keyName], keyNewName, string(image.Repository))
	}
	if err != nil {
		return "", err
	}
	digest, pinned := in[keyDigest]
	tag, tagged := in[keyNewTag]
	switch {
	case pinned && tagged && n.Content[0] == tag.key: // what comes first can't be taken out without moving the dash
		if err := d.rename(tag, image); err != nil {
			return "", err
		}
		return now, d.remove(n, digest)
	case tagged && !pinned:
		return now, d.rename(tag, image)
	case tagged:
		if err := d.remove(n, tag); err != nil {
			return "", err
		}
		return now, d.set(digest, string(image.Digest))
	case pinned:
		return now, d.set(digest, string(image.Digest))
	}
	return now, d.insert(n, in[keyName], keyDigest, string(image.Digest))
}

// set gives a key that is there a value.
func (d *document) set(p pair, value string) error {
	switch {
	case p.value.Kind == yaml.ScalarNode && p.value.Value == value && p.value.Tag == textTag:
		return nil
	case p.value.Kind == yaml.ScalarNode && p.value.Tag == nullTag && p.value.Value == "":
		return d.fill(p.key, p.value, value)
	}
	return d.replace(p.value, value)
}

// rename makes a digest of a tag, where it stands, so that a comment beside it
// stays there.
func (d *document) rename(tag pair, image Image) error {
	if err := d.replace(tag.key, keyDigest); err != nil {
		return err
	}
	return d.set(tag, string(image.Digest))
}

// insert adds a key to a mapping, behind one that is there.
func (d *document) insert(n *yaml.Node, behind pair, key, value string) error {
	_, to, err := d.extent(behind.value)
	if err != nil {
		return err
	}
	if n.Style&yaml.FlowStyle != 0 {
		d.splice(n, to, to, ", "+key+": "+value)
	} else {
		d.lineBehind(n, to, n.Column-1, key+": "+value)
	}
	at := 0
	for n.Content[at] != behind.value {
		at++
	}
	// Of two keys that are added the second comes behind the first.
	for at+1 < len(n.Content) && n.Content[at+1].Line == 0 {
		at += 2
	}
	n.Content = append(n.Content[:at+1:at+1], append([]*yaml.Node{scalar(key), scalar(value)}, n.Content[at+1:]...)...)
	return nil
}

// remove takes a key out of a mapping of which it is not the first. Its comment
// stays.
func (d *document) remove(n *yaml.Node, p pair) error {
	refusal := promotion.Errorf(promotion.Invalid, "line %d: %s has to go, because the image gets a digest, and can't be told from what is around it: take it out", p.key.Line, p.key.Value)
	key, _, err := d.extent(p.key)
	if err != nil {
		return err
	}
	colon, err := d.colon(p.key)
	if err != nil {
		return err
	}
	to := colon
	if p.value.Tag != nullTag || p.value.Value != "" {
		if _, to, err = d.extent(p.value); err != nil {
			return err
		}
	}
	if n.Style&yaml.FlowStyle != 0 {
		comma := len(bytes.TrimRight(d.text[:key], " \t\r\n")) - 1
		if d.text[comma] != ',' {
			return refusal
		}
		d.splice(n, comma, to, "")
	} else {
		begin, end := d.lineAround(key)
		rest := bytes.TrimLeft(d.text[to:end], " \t")
		switch {
		case len(bytes.TrimSpace(d.text[begin:key])) > 0 || to > end:
			return refusal
		case bytes.HasPrefix(rest, []byte("#")):
			d.splice(n, key, end-len(rest), "")
		default:
			d.splice(n, begin, end, "")
		}
	}
	for i, k := range n.Content {
		if k == p.key {
			n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
			return nil
		}
	}
	return refusal
}

// first adds the image before all others.
func (d *document) first(images pair, name string, image Image) error {
	pairs := pairsFor(name, image)
	list := images.value
	colon, err := d.colon(images.key)
	switch {
	case err != nil:
		return err
	case list.Anchor != "":
		return promotion.Errorf(promotion.Invalid, "line %d: the list of images has an anchor, so others may use it too: take it off", list.Line)
	case list.Kind == yaml.SequenceNode && list.Style&yaml.FlowStyle != 0:
		open := d.offset(list) + 1
		text := "{" + strings.Join(pairs, ", ") + "}"
		if len(list.Content) > 0 {
			text += ", "
		}
		d.splice(list, open, open, text)
	default:
		indent := images.key.Column - 1
		if list.Kind == yaml.SequenceNode {
			indent = list.Column - 1
		}
		d.lineBehind(list, colon, indent, item(pairs, indent, d.newline()))
	}
	list.Kind, list.Tag, list.Value = yaml.SequenceNode, "!!seq", ""
	list.Content = append([]*yaml.Node{entryFor(name, image)}, list.Content...)
	return nil
}

// append adds the list of images, with the one, behind all that is there.
func (d *document) append(root *yaml.Node, name string, image Image) error {
	if root.Style&yaml.FlowStyle != 0 {
		return promotion.Errorf(promotion.Invalid, "line %d: the file has no images, and is all braces: add images: [{name: %s}]", root.Line, name)
	}
	indent := root.Column - 1
	d.lineBehind(root, len(d.text), indent, keyImages+":"+d.newline()+strings.Repeat(" ", indent)+item(pairsFor(name, image), indent, d.newline()))
	root.Content = append(root.Content, scalar(keyImages), &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: []*yaml.Node{entryFor(name, image)}})
	return nil
}

func pairsFor(name string, image Image) []string {
	pairs := []string{keyName + ": " + name}
	if name != string(image.Repository) {
		pairs = append(pairs, keyNewName+": "+string(image.Repository))
	}
	return append(pairs, keyDigest+": "+string(image.Digest))
}

func item(pairs []string, indent int, newline string) string {
	return "- " + strings.Join(pairs, newline+strings.Repeat(" ", indent+2))
}

func entryFor(name string, image Image) *yaml.Node {
	entry := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{scalar(keyName), scalar(name)}}
	if name != string(image.Repository) {
		entry.Content = append(entry.Content, scalar(keyNewName), scalar(string(image.Repository)))
	}
	entry.Content = append(entry.Content, scalar(keyDigest), scalar(string(image.Digest)))
	return entry
}

func scalar(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: textTag, Value: value}
}

// lineBehind adds a line to n, after the one in which the offset lies.
func (d *document) lineBehind(n *yaml.Node, at, indent int, text string) {
	_, end := d.lineAround(at)
	line := strings.Repeat(" ", indent) + text + d.newline()
	if end > 0 && d.text[end-1] != '\n' {
		line = d.newline() + strings.TrimSuffix(line, d.newline()) // the file ends without one, and stays so
	}
	d.splice(n, end, end, line)
}

// lineAround is the line in which an offset lies, with the break at its end.
func (d *document) lineAround(at int) (begin, end int) {
	begin = bytes.LastIndexByte(d.text[:at], '\n') + 1
	if at == len(d.text) {
		return begin, at
	}
	if n := bytes.IndexByte(d.text[at:], '\n'); n >= 0 {
		return begin, at + n + 1
	}
	return begin, len(d.text)
}

// newline is how the lines of the file end.
func (d *document) newline() string {
	if bytes.Contains(d.text, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}
