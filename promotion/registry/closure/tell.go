package closure

import (
	"slices"

	"github.com/promotebot/promotebot/promotion"
)

// TellManifest answers a Manifest step; nil when there is no such manifest.
func (w *Walk) TellManifest(s Step, served string, b []byte) error {
	return w.unlessRefused(func() error { return w.manifest(s, served, b) })
}

func (w *Walk) manifest(s Step, served string, b []byte) error {
	n := w.nodes[s.Manifest]
	if b == nil {
		n.missing = n.manifest == nil
		return w.settle()
	}
	if err := w.hold(n, served, b); err != nil {
		if !w.rumour(n, b) {
			return err
		}
		n.missing = true
	}
	return w.settle()
}

// hold judges and keeps a manifest, once.
func (w *Walk) hold(n *node, served string, b []byte) error {
	if n.manifest != nil {
		return nil
	}
	if w.bytes += int64(len(b)); w.bytes > maxTogether {
		return w.refuse("has manifests of more than %d bytes together, with what is attached to them", maxTogether)
	}
	m, err := Parse(w.repo, n.digest, served, b)
	if err == nil {
		n.manifest, n.missing = m, false
	}
	return err
}

// rumour tells whether only fallback tags speak of a manifest, and it doesn't
// bear them out: what is wrong with it can't hold up a promotion, since anybody
// may have written such an entry.
func (w *Walk) rumour(n *node, b []byte) bool {
	return !n.wanted && !slices.ContainsFunc(w.edges, func(e *edge) bool {
		return e.target == n && (e.listed || e.tag != "" || claims(b, e.subject.digest))
	})
}

// TellList answers a List step; nil when the registry has no referrers API.
func (w *Walk) TellList(s Step, listed []Descriptor) error {
	return w.unlessRefused(func() error { return w.attach(s, listed, true) })
}

// TellTag answers a Tag step; without a digest there is no such tag.
func (w *Walk) TellTag(s Step, digest promotion.Digest, served string, b []byte) error {
	return w.unlessRefused(func() error { return w.tag(s, digest, served, b) })
}

// unlessRefused goes on. A walk that was refused stays so, whatever it is told
// afterwards.
func (w *Walk) unlessRefused(on func() error) error {
	if w.refused == nil {
		w.refused = on()
	}
	return w.refused
}

func (w *Walk) tag(s Step, digest promotion.Digest, served string, b []byte) error {
	switch {
	case digest == "":
		return nil
	case s.kind == "":
		if served != ociIndex {
			return nil // some registries resolve the tag to the image itself
		}
		listed, err := ParseList(b)
		if err != nil {
			return promotion.Errorf(promotion.Invalid, "the tag %s of %s, which lists what is attached, can't be read: %w", s.Tag, w.repo, err)
		}
		return w.attach(s, listed, false)
	}
	n, err := w.node(digest, 0)
	if err != nil {
		return err
	}
	n.asked = true
	if err := w.hold(n, served, b); err != nil {
		return err
	}
	if err := w.link(&edge{subject: s.subject, target: n, tag: s.Tag, kind: s.kind}); err != nil {
		return err
	}
	return w.settle()
}

func (w *Walk) attach(s Step, listed []Descriptor, byAPI bool) error {
	for _, d := range listed {
		n, err := w.node(d.Digest, 0)
		if err != nil {
			return err
		}
		if err := w.link(&edge{subject: s.subject, target: n, listed: byAPI}); err != nil {
			return err
		}
	}
	return w.settle()
}

// settle decides about everything that enough is known of. Each decision can
// make others possible.
func (w *Walk) settle() error {
	for _, n := range w.order {
		if !n.wanted {
			continue
		}
		if n.missing && n.digest == w.root {
			return promotion.Errorf(promotion.NotFound, "%s has no %s", w.repo, n.digest.Short())
		}
		if n.missing {
			return promotion.Errorf(promotion.NotFound, "%s has no %s, which belongs to %s", w.repo, n.digest.Short(), w.root.Short())
		}
		if err := w.want(n); err != nil {
			return err
		}
		if n.manifest == nil {
			continue
		}
		for _, d := range n.manifest.Children {
			if child := w.nodes[d.Digest].manifest; child != nil && child.agrees(d) != "" {
				return w.refuse("refers in %s to %s, which %s", n.digest.Short(), d.Digest.Short(), child.agrees(d))
			}
		}
	}
	for again := true; again; {
		again = false
		for _, e := range w.edges {
			if e.settled || !e.subject.wanted || e.target.manifest == nil && !e.target.missing {
				continue
			}
			e.settled, again = true, true
			if err := w.decide(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Walk) decide(e *edge) error {
	kind, m := e.kind, e.target.manifest
	switch {
	case m == nil && e.listed:
		return promotion.Errorf(promotion.Unavailable, "%s lists %s as attached to %s and does not have it", w.repo, e.target.digest.Short(), e.subject.digest.Short())
	case m == nil:
		return nil
	case e.tag != "":
	case m.Subject != e.subject.digest && e.listed:
		return promotion.Errorf(promotion.Invalid, "%s lists %s as attached to %s, and it says something else itself", w.repo, m.Digest.Short(), e.subject.digest.Short())
	case m.Subject != e.subject.digest:
		return nil
	default:
		kind = m.Type
	}
	if !w.take.Take(kind) {
		return nil
	}
	w.taken = append(w.taken, Attachment{Attachment: promotion.Attachment{Digest: m.Digest, Subject: e.subject.digest, Type: kind}, Tag: e.tag})
	return w.want(e.target)
}

// Image is what the image itself consists of, without what is attached to it;
// whole is false while some of that was not told, and when there is something
// wrong with it.
func (w *Walk) Image() (blobs []Blob, whole bool) {
	if w.refused != nil {
		return nil, false
	}
	all := []*Manifest{}
	for queue := []promotion.Digest{w.root}; len(queue) > 0; queue = queue[1:] {
		n := w.nodes[queue[0]]
		if n == nil || n.manifest == nil {
			return nil, false
		}
		all = append(all, n.manifest)
		for _, d := range n.manifest.Children {
			queue = append(queue, d.Digest)
		}
	}
	blobs, err := w.limits.judge(w.repo, w.root, all)
	return blobs, err == nil
}

// Set is everything that belongs to a digest.
type Set struct {
	Root      *Manifest
	Manifests map[promotion.Digest]*Manifest // with the root, and with what is attached
	Blobs     []Blob
	Attached  []Attachment
}

// End is what was found.
func (w *Walk) End() (*Set, error) {
	s := &Set{Manifests: map[promotion.Digest]*Manifest{}, Attached: w.taken}
	var all []*Manifest
	for _, n := range w.order {
		if n.wanted {
			all = append(all, n.manifest)
			s.Manifests[n.digest] = n.manifest
		}
	}
	s.Root = s.Manifests[w.root]
	var err error
	s.Blobs, err = w.limits.judge(w.repo, w.root, all)
	return s, err
}
