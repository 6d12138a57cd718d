package simulation

import (
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What has to be true of an image that goes into another repository.

// sends is told that something is about to be stored in a repository.
func (j *judge) sends(by *caller, to promotion.Repository) {
	if by.work == nil || by.work.Kind != promotion.EffectCopy {
		j.w.violated("%s sends something to %s", by.name, to)
		return
	}
	if p := j.promotions[by.work.Promotion]; p.Copy == nil || p.Destination != to {
		j.w.violated("something is sent to %s for #%d, which has not asked for it", to, p.ID)
	}
}

// compared is told that the registry shows a manifest: that it is there, or that
// it is attached.
func (j *judge) compared(by *caller, in promotion.Repository, d promotion.Digest) {
	e := by.work
	if e == nil || e.Kind != promotion.EffectCopy || in != j.promotions[e.Promotion].Destination {
		return
	}
	e.found[d] = true
	if last := j.copies[e.Promotion]; last == nil || last.Attempt <= e.Attempt {
		j.copies[e.Promotion] = e
	}
}

// copying judges what a transaction says of a copy: nothing is sent before
// people have agreed, for all that is known of them, and it has come to its end when everything was found where
// it went.
func (j *judge) copying(r *replica, was, p promotion.Promotion) {
	if p.Copy == nil {
		return
	}
	if was.Copy == nil && !j.promotions[p.ID].State.Final() { // what has ended since, in the same transaction, is not sent
		of := p
		if p.Purpose == promotion.Ride {
			of = j.promotions[p.Train]
		}
		if d := written(r.gate.Catalog(), of); !j.agree(r, of, d, policy.KnownFor) && !j.byItself(of, d) && j.unbroken(r, of, d, policy.KnownFor) != "" {
			j.w.violated("#%d is copied before enough people have agreed", p.ID)
		}
	}
	if p.Copy.DoneAt == nil || was.Copy != nil && was.Copy.DoneAt != nil && was.Copy.DoneAt.Equal(*p.Copy.DoneAt) {
		return
	}
	compared := j.copies[p.ID]
	if compared == nil || !compared.found[p.Digest] {
		j.w.violated("#%d is taken to be in %s, and nobody has read it there", p.ID, p.Destination)
		return
	}
	for _, a := range inStock().images[p.Digest].attached() {
		named := slices.ContainsFunc(p.Copy.Attached, func(b promotion.Attachment) bool { return a.digest == b.Digest })
		if !compared.found[a.digest] || !named {
			j.w.violated("#%d is taken to be in %s with all that is attached, and %s was not looked for there", p.ID, p.Destination, a.digest.Short())
		}
	}
}

// came judges whether everything is where a tag is about to point at it.
func (j *judge) came(p promotion.Promotion) {
	if !p.Abroad() {
		return
	}
	there, image := j.w.registry.shelf(p.Destination), inStock().images[p.Digest]
	_, whole := there.blob(image.blob)
	whole = whole && there.has(p.Digest) != nil
	for _, a := range image.attached() {
		whole = whole && there.has(a.digest) != nil
	}
	if whole = whole && (image.sig == nil || there.tags[sigTag(p.Digest)] == image.sig.digest); !whole {
		j.w.violated("a tag is set for #%d, and not all of it is in %s", p.ID, p.Destination)
	}
}
