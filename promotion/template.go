package promotion

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// TagPattern matches tags and captures parts of them: in
// "v{version}-staging-passed" the braces name a capture of one or more tag
// characters. A pattern without braces is a tag.
type TagPattern struct {
	text     string
	pattern  *regexp.Regexp // nil for a tag
	captures []string
}

var (
	placeholder = regexp.MustCompile(`\{([^{}]*)\}`)
	captureName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	reserved    = map[string]bool{"date": true, "digest": true}
)

// ParseTagPattern accepts a tag or a pattern. Its error is Invalid.
func ParseTagPattern(s string) (TagPattern, error) {
	if !strings.ContainsAny(s, "{}") {
		_, err := ParseTag(s)
		return TagPattern{text: s}, err
	}
	p := TagPattern{text: s}
	var expr strings.Builder
	expr.WriteString("^")
	rest := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(s, -1) {
		name := s[at[2]:at[3]]
		switch {
		case !captureName.MatchString(name):
			return p, Errorf(Invalid, "{%s} in %q is not a capture: use lower-case letters, digits and '_'", name, s)
		case reserved[name]:
			return p, Errorf(Invalid, "{%s} in %q has a meaning of its own in tag templates: use another name", name, s)
		case at[0] == rest && rest > 0:
			return p, Errorf(Invalid, "%q has two captures without a text between them: it can't be told where one ends", s)
		}
		if slices.Contains(p.captures, name) {
			return p, Errorf(Invalid, "%q captures {%s} twice", s, name)
		}
		expr.WriteString(regexp.QuoteMeta(s[rest:at[0]]))
		expr.WriteString(`([A-Za-z0-9_.-]+)`)
		p.captures = append(p.captures, name)
		rest = at[1]
	}
	expr.WriteString(regexp.QuoteMeta(s[rest:]) + "$")
	if probe := placeholder.ReplaceAllString(s, "x"); strings.ContainsAny(probe, "{}") || !tagPattern.MatchString(probe) {
		return p, Errorf(Invalid, "%q can't match any tag: write something like v{version}-passed", s)
	}
	p.pattern = regexp.MustCompile(expr.String())
	return p, nil
}

func (p TagPattern) String() string { return p.text }

// Tag is the one tag that is meant, if it is a tag and not a pattern.
func (p TagPattern) Tag() (string, bool) { return p.text, p.pattern == nil && p.text != "" }

// IsZero tells that nothing is watched.
func (p TagPattern) IsZero() bool { return p.text == "" }

// Captures are the names between braces.
func (p TagPattern) Captures() []string { return p.captures }

// Match returns what the braces captured.
func (p TagPattern) Match(tag string) (map[string]string, bool) {
	if p.pattern == nil {
		return nil, tag == p.text
	}
	m := p.pattern.FindStringSubmatch(tag)
	if m == nil {
		return nil, false
	}
	captured := make(map[string]string, len(p.captures))
	for i, name := range p.captures {
		captured[name] = m[i+1]
	}
	return captured, true
}

// TagTemplate makes a tag for a promotion. Between braces stand a capture of
// the source tag, "label.NAME" (an OCI label of the image), "date" (the UTC day
// on which the promotion was opened, 20060102) or "digest" (its first twelve
// digits). A template without braces is a floating tag: it moves from one
// promoted digest to the next. Every other tag is set once and never moved.
type TagTemplate string

// ParseTagTemplate checks a template against the captures that its source tag
// offers. Its error is Invalid.
func ParseTagTemplate(s string, captures []string) (TagTemplate, error) {
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		name := m[1]
		label, isLabel := strings.CutPrefix(name, "label.")
		known := reserved[name] || isLabel && label != ""
		for _, c := range captures {
			known = known || c == name
		}
		if !known {
			offer := append([]string{"date", "digest", "label.NAME"}, captures...)
			return "", Errorf(Invalid, "{%s} in tag %q means nothing here: there are {%s}", name, s, strings.Join(offer, "}, {"))
		}
	}
	if probe := placeholder.ReplaceAllString(s, "x"); !tagPattern.MatchString(probe) {
		return "", Errorf(Invalid, "%q does not make a tag: up to 128 letters, digits, '_', '.', '-', and {placeholders}", s)
	}
	return TagTemplate(s), nil
}

// Floating tells whether the tag may move from one digest to the next.
func (t TagTemplate) Floating() bool { return !strings.Contains(string(t), "{") }

// Expand makes the tag for the promotion. The error is Invalid and says which
// part is missing or what is wrong with the result.
func (t TagTemplate) Expand(p *Promotion) (string, error) {
	var fault error
	tag := placeholder.ReplaceAllStringFunc(string(t), func(m string) string {
		value, err := t.value(m[1:len(m)-1], p)
		if err != nil && fault == nil {
			fault = err
		}
		return value
	})
	if fault != nil {
		return "", fault
	}
	if _, err := ParseTag(tag); err != nil {
		return "", fmt.Errorf("tag template %s: %w", t, err)
	}
	return tag, nil
}

func (t TagTemplate) value(name string, p *Promotion) (string, error) {
	switch label, isLabel := strings.CutPrefix(name, "label."); {
	case name == "date":
		return p.OpenedAt.UTC().Format("20060102"), nil
	case name == "digest":
		return p.Digest.Short(), nil
	case isLabel:
		if p.Image == nil || p.Image.Labels[label] == "" {
			return "", Errorf(Invalid, "tag %s needs the label %s, which this image does not have", t, label)
		}
		return p.Image.Labels[label], nil
	default:
		value, ok := p.Captures[name]
		if !ok {
			return "", Errorf(Invalid, "tag %s needs {%s} from the source tag, and this promotion was not noticed behind such a tag", t, name)
		}
		return value, nil
	}
}
