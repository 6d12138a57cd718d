// Package closure knows what belongs to a digest: every platform of an index,
// the blobs of each, and what is attached to any of it, and to that in turn.
//
// It reads nothing itself. A Walk says what has to be asked next, is told the
// answers, and in the end gives the Set, or the reason why there is none. So
// what belongs to a digest depends on documents alone, and every rule about
// them stands here:
//
//   - Everything in an index comes along, in an index in it too, and no deeper.
//   - A manifest of a type that is not known is refused, wherever it turns up.
//     Its bytes could be carried, but not what they refer to, and whoever pulls
//     the copy would be the first to notice. (Layers and configs may be of any
//     type: they refer to nothing.)
//   - A manifest is attached when the referrers API lists it, when the fallback
//     tag lists it, or when one of cosign's tags points at it. Both lists have
//     to be borne out by the manifest's own subject. In the API's that is a
//     fault of the registry, and is refused; in a fallback tag's the entry is
//     passed over, since some registries let that tag lead to the image itself,
//     whose platforms then look like attachments. So is an entry whose manifest
//     is gone: nobody takes deleted ones out of a fallback tag.
//   - What says where its bytes are to be had (a foreign layer) is marked. It
//     is never fetched from there, because an image could then send us anywhere.
package closure

import (
	"github.com/promotebot/promotebot/promotion"
)

// Step is something to be asked. One of its forms is set.
type Step struct {
	Manifest promotion.Digest // the manifest of this digest
	List     promotion.Digest // what the referrers API lists for this digest
	Tag      string           // the manifest behind this tag
	subject  *node            // of a List or Tag
	kind     string           // of a Tag: cosign's type, or "" for the fallback tag
}

// node is a manifest that was heard of.
type node struct {
	digest   promotion.Digest
	depth    int // indexes above it
	manifest *Manifest
	asked    bool // for its manifest
	listed   bool // asked for what is attached to it
	missing  bool // asked for, and not there
	wanted   bool // it belongs to the closure
	grown    bool // what is below it is wanted too
}

// edge says that one manifest may be attached to another.
type edge struct {
	subject, target *node
	tag, kind       string // of cosign's tags
	listed          bool   // by the referrers API
	settled         bool
}

// Walk finds out what belongs to a digest.
type Walk struct {
	repo   promotion.Repository
	root   promotion.Digest
	take   promotion.Attachments
	limits Limits

	nodes map[promotion.Digest]*node
	order []*node // as they were heard of, so that a walk goes the same way each time
	edges []*edge
	steps []Step
	held  []Step // until it is known which tags there are
	tags  func(tag string) bool
	bytes int64
	taken []Attachment

	refused error
}

// Begin starts at a digest.
func Begin(w promotion.CopyWork, l Limits) *Walk {
	walk := &Walk{repo: w.From, root: w.Digest, take: w.Attachments, limits: l, nodes: map[promotion.Digest]*node{}}
	n, _ := walk.node(w.Digest, 0) // the first can't be one too many
	_ = walk.want(n)               // nor is anything below it known yet that could be refused
	return walk
}

// Tags says which tags there may be; the others are not asked for. Steps that
// need to know wait until then.
func (w *Walk) Tags(maybe func(tag string) bool) {
	w.tags = maybe
	for _, s := range w.held {
		w.tagStep(s)
	}
	w.held = nil
}

func (w *Walk) tagStep(s Step) {
	switch {
	case w.tags == nil:
		w.held = append(w.held, s)
	case w.tags(s.Tag):
		w.steps = append(w.steps, s)
	}
}

// Next is everything that can be asked now, in any order or at once. When there
// is nothing and the tags are known, the walk is at its end.
func (w *Walk) Next() []Step {
	steps := w.steps
	w.steps = nil
	return steps
}

func (w *Walk) refuse(format string, args ...any) error {
	return promotion.Errorf(promotion.Invalid, "%s@%s "+format, append([]any{w.repo, w.root.Short()}, args...)...)
}

func (w *Walk) node(d promotion.Digest, depth int) (*node, error) {
	if n := w.nodes[d]; n != nil {
		return n, nil
	}
	if len(w.nodes) == maxManifests {
		return nil, w.refuse("has more than %d manifests, with what is attached to them", maxManifests)
	}
	n := &node{digest: d, depth: depth}
	w.nodes[d] = n
	w.order = append(w.order, n)
	return n, nil
}

// ask has the manifest read, once.
func (w *Walk) ask(n *node) {
	if !n.asked {
		n.asked = true
		w.steps = append(w.steps, Step{Manifest: n.digest})
	}
}

// list has everything asked that may be attached to the manifest, once.
func (w *Walk) list(n *node) {
	if n.listed {
		return
	}
	n.listed = true
	w.steps = append(w.steps, Step{List: n.digest, subject: n})
	w.tagStep(Step{Tag: FallbackTag(n.digest), subject: n})
	tags := cosignTags(n.digest)
	for _, tag := range sortedKeys(tags) {
		if w.take.Take(tags[tag]) {
			w.tagStep(Step{Tag: tag, subject: n, kind: tags[tag]})
		}
	}
}

// want has a manifest belong to the closure, and everything below it.
func (w *Walk) want(n *node) error {
	n.wanted = true
	w.list(n)
	w.ask(n)
	if n.grown || n.manifest == nil {
		return nil
	}
	n.grown = true
	for _, d := range n.manifest.Children {
		if n.depth+1 >= maxDepth && isIndex(d.MediaType) {
			return w.refuse("has indexes nested deeper than %d: %s is in %s", maxDepth, d.Digest.Short(), n.digest.Short())
		}
		child, err := w.node(d.Digest, n.depth+1)
		if err != nil {
			return err
		}
		if err := w.want(child); err != nil {
			return err
		}
	}
	return nil
}

// link notes that a manifest may be attached. Unless the attachments are
// picked by type, what is attached to it is asked for at the same time.
func (w *Walk) link(e *edge) error {
	for _, known := range w.edges {
		if known.subject == e.subject && known.target == e.target && known.tag == e.tag {
			known.listed = known.listed || e.listed
			return nil
		}
	}
	if len(w.edges) == MaxAttached {
		return w.refuse("has more than %d manifests attached to it and its parts: remove old ones", MaxAttached)
	}
	w.edges = append(w.edges, e)
	if len(w.take.Only)+len(w.take.Except) == 0 {
		w.list(e.target)
	}
	w.ask(e.target)
	return nil
}
