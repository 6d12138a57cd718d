package render

import (
	"fmt"

	"github.com/promotebot/promotebot/bot/render/page"
	"github.com/promotebot/promotebot/promotion"
)

// changes are what is different from what the promotion takes the place of,
// with what is lost first. Nothing is said of a train, whose rides say it, and of
// what has ended without moving a tag.
func changes(p *promotion.Promotion) []page.Text {
	if p.Purpose == promotion.Train || p.Purpose == promotion.Adopt || !p.Planned() || p.State.Final() && p.StartedAt == nil {
		return nil
	}
	f := p.Former
	switch {
	case f == nil && p.Replaces() != "": // from before it was looked at
		return nil
	case f == nil:
		return []page.Text{page.Writef("*What changes*: nothing is replaced, no tag of %s points at another build.", p.To)}
	case f.Image == nil && f.Fault != "":
		return []page.Text{page.Writef("*What changes* can't be said: %s, which is replaced, could not be read so far: %s.", f.Digest, because(f.Fault))}
	case f.Image == nil || p.Image == nil:
		return []page.Text{page.Writef("*What changes* is not known yet: %s, which is replaced, is being read.", f.Digest)}
	}
	begins := page.Text("*What changes*")
	switch p.State {
	case promotion.Promoted:
		begins = "*What changed*"
	case promotion.Conflicted, promotion.Failed:
		begins = "*What was to change*"
	}
	lines := []page.Text{begins + page.Writef(" in %s, from %s to %s", p.To, f.Digest, p.Digest)}
	return append(lines, compared(p.Image, f.Image)...)
}

// tells tells whether the changes say what the image says of itself.
func tells(p *promotion.Promotion) bool {
	return p.Former != nil && p.Former.Image != nil && p.Image != nil && len(changes(p)) > 1
}

func compared(is, was *promotion.Image) []page.Text {
	c := is.Since(was)
	lines := []page.Text{lost(c), "• Version: " + versions(is, was), "• Commits: " + commits(is, was)}
	if c.Layers != nil {
		lines = append(lines, "• Layers: "+layers(c.Layers, is.Of))
	}
	return append(lines, "• Base image: "+base(is, was, c), "• Platforms: "+platforms(is, was, c), "• Built: "+ages(is, was))
}

// lost warns in words: where such a machine is, nothing would start any more.
func lost(c promotion.Change) page.Text {
	if len(c.Lost) == 0 {
		return ""
	}
	return "*Warning*: there is no image for " + several(c.Lost) + " any more. What runs on that can't be updated to this build."
}

func several(names []string) page.Text {
	var all []page.Text
	for _, name := range names {
		all = append(all, page.Foreign(name, maxName))
	}
	return page.Join(all, maxTags)
}

func versions(is, was *promotion.Image) page.Text {
	from, to := was.Labels[promotion.LabelVersion], is.Labels[promotion.LabelVersion]
	switch {
	case to == "":
		return "not told by this image"
	case from == "":
		return page.Code(to) + "; the one before does not tell"
	case from == to:
		return page.Code(to) + ", as before"
	}
	return page.Writef("from %s to %s", page.Code(from), page.Code(to))
}

func layers(l *promotion.Layers, of string) page.Text {
	var s page.Text
	switch {
	case l.New == 0:
		s = page.Writef("none of %d is new", l.All)
	case l.New == 1:
		s = page.Writef("1 of %d is new", l.All)
	case l.New == l.All:
		s = page.Writef("all %d are new", l.All)
	default:
		s = page.Writef("%d of %d are new", l.New, l.All)
	}
	s += ", " + size(l.Size) + " compressed"
	switch {
	case l.Size > l.Before:
		s += ", " + size(l.Size-l.Before) + " more than before"
	case l.Size < l.Before:
		s += ", " + size(l.Before-l.Size) + " less than before"
	}
	if of != "" {
		s += page.Writef(" (%s)", of)
	}
	return s
}

// base compares what the images were built on: by the labels for that, and
// where there are none by the layers with which both begin.
func base(is, was *promotion.Image, c promotion.Change) page.Text {
	name, before := is.Labels[promotion.LabelBaseName], was.Labels[promotion.LabelBaseName]
	at, then := promotion.Digest(is.Labels[promotion.LabelBaseDigest]), promotion.Digest(was.Labels[promotion.LabelBaseDigest])
	built := func(name string, at promotion.Digest) page.Text {
		if at == "" {
			return page.Code(name)
		}
		if name == "" {
			return page.Writef("%s", at)
		}
		return page.Writef("%s at %s", page.Code(name), at)
	}
	known, knew := name != "" || at != "", before != "" || then != ""
	switch {
	case known && knew && name == before && at == "" && then == "":
		return page.Code(name) + ", a name that was there before; which build of it is not told"
	case known && knew && name == before && at == then:
		return "the same, " + built(name, at)
	case known && knew && name == before && at != "" && then != "":
		return page.Writef("another build of %s, from %s to %s", orNone(name), then, at)
	case known && knew:
		return "from " + built(before, then) + " to " + built(name, at)
	case known:
		return built(name, at) + "; the one before does not tell"
	}
	switch {
	case c.Layers == nil:
		return "not told by this image"
	case c.Layers.Shared == 0:
		return "not told by this image; not even the first layer is the same"
	}
	return "not told by this image; " + first(c.Layers.Shared) + " the same as before"
}

func first(n int) page.Text {
	if n == 1 {
		return "the first layer is"
	}
	return page.Text(fmt.Sprintf("the first %d layers are", n))
}

func platforms(is, was *promotion.Image, c promotion.Change) page.Text {
	switch {
	case len(is.Platforms) == 0:
		return "not told by this image"
	case len(was.Platforms) == 0:
		return several(is.Platforms) + "; the one before does not tell"
	}
	s := several(is.Platforms)
	if len(c.Lost)+len(c.Gained) == 0 {
		return s + ", as before"
	}
	if len(c.Lost) > 0 {
		s += "; lost: " + several(c.Lost)
	}
	if len(c.Gained) > 0 {
		s += "; new: " + several(c.Gained)
	}
	return s
}

func ages(is, was *promotion.Image) page.Text {
	switch {
	case is.Created == nil:
		return "not told by this image"
	case was.Created == nil:
		return page.Date(*is.Created) + "; the one before does not tell"
	}
	return page.Writef("%s; the one before %s", *is.Created, *was.Created)
}

// shift is how a ride changes what runs, in a few words: a train has a line for
// each.
func shift(r *promotion.Promotion) page.Text {
	if r.Image == nil {
		return ""
	}
	version := r.Image.Labels[promotion.LabelVersion]
	if r.Former == nil || r.Former.Image == nil {
		if version == "" {
			return ""
		}
		return ", version " + page.Code(version)
	}
	s := page.Text("")
	if version != "" {
		s = ", version " + versions(r.Image, r.Former.Image)
	}
	if gone := r.Image.Since(r.Former.Image).Lost; len(gone) > 0 {
		s += ", *no image for " + several(gone) + " any more*"
	}
	return s
}
