package edit

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/promotebot/promotebot/promotion"
)

// at puts a value at the end of a path, unless what is there is it already.
func (d *document) at(path Path, value string, already func(is string) bool) (now string, err error) {
	n, err := d.single()
	if err != nil {
		return "", err
	}
	var key *yaml.Node
	for i, segment := range path {
		switch n.Kind {
		case yaml.SequenceNode:
			item, ok := step(n, segment)
			if !ok {
				return "", missing(path, path[:i+1])
			}
			if key, n = nil, item; n.Kind == yaml.AliasNode {
				return "", aliased(n)
			}
		default:
			p, ok, err := find(n, segment)
			if err != nil {
				return "", err
			}
			if !ok {
				return "", missing(path, path[:i+1])
			}
			key, n = p.key, p.value
		}
	}
	now = n.Value
	switch {
	case n.Kind != yaml.ScalarNode:
		return "", promotion.Errorf(promotion.Invalid, "line %d: %s is not a single value: name the key that holds it", n.Line, path)
	case already(now):
		return now, nil
	case n.Tag == nullTag && now == "" && key != nil:
		return "", d.fill(key, n, value)
	}
	return now, d.replace(n, value)
}

func missing(path, gone Path) error {
	return promotion.Errorf(promotion.NotFound, "there is no %s on the way to %s: add it, so that it is clear where the digest goes", gone, path)
}

// single is the root of a file that has to be one document.
func (d *document) single() (*yaml.Node, error) {
	switch len(d.trees) {
	case 0:
		return nil, promotion.Errorf(promotion.NotFound, "the file is empty")
	case 1:
		return d.trees[0].Content[0], nil
	}
	return nil, promotion.Errorf(promotion.Invalid, "line %d: a second document begins here, and it can't be told which one counts: keep one in the file", d.trees[1].Line)
}

// manifest puts the image into every container that runs one of its repository.
func (d *document) manifest(image Image) (now string, err error) {
	var found []string
	for _, tree := range d.trees {
		if err := d.containers(tree, image, &found); err != nil {
			return "", err
		}
	}
	if len(found) == 0 {
		return "", promotion.Errorf(promotion.NotFound, "no container in it runs an image of %s: write that image into one", image.Repository)
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), ", "), nil
}

func (d *document) containers(n *yaml.Node, image Image, found *[]string) error {
	for i, child := range n.Content {
		named := n.Kind == yaml.MappingNode && i%2 == 1
		if named && child.Kind == yaml.SequenceNode && (n.Content[i-1].Value == "containers" || n.Content[i-1].Value == "initContainers") {
			for _, container := range child.Content {
				if err := d.container(container, image, found); err != nil {
					return err
				}
			}
			continue
		}
		if err := d.containers(child, image, found); err != nil {
			return err
		}
	}
	return nil
}

func (d *document) container(n *yaml.Node, image Image, found *[]string) error {
	of := n
	if of.Kind == yaml.AliasNode {
		of = n.Alias
	}
	if of.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(of.Content); i += 2 {
		key, value := of.Content[i], of.Content[i+1]
		is := value
		if is.Kind == yaml.AliasNode {
			is = is.Alias
		}
		if key.Value != "image" || is.Kind != yaml.ScalarNode || repository(is.Value) != string(image.Repository) {
			continue
		}
		for _, through := range []*yaml.Node{n, value} {
			if through.Kind == yaml.AliasNode {
				return aliased(through)
			}
		}
		*found = append(*found, value.Value)
		if _, digest, _ := strings.Cut(value.Value, "@"); digest == string(image.Digest) {
			continue
		}
		if err := d.replace(value, image.pinned()); err != nil {
			return err
		}
	}
	return nil
}
