package transfer

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// survey finds out what belongs to the digest. Everything that can be asked is
// asked at once, as far as the registry's gate lets it; an answer is told to
// the walk as soon as it is there, so that not more is held than the walk puts
// up with.
func (j *job) survey(ctx context.Context) error {
	s := &surveyor{job: j, whole: ctx, walk: closure.Begin(j.work, j.limitsOf(j.work.From.Registry())), opening: make(chan struct{}), left: 2}
	s.g, s.ctx = errgroup.WithContext(ctx)
	s.g.Go(func() error {
		maybe, err := j.sourceTags(s.ctx)
		return s.tell(err, func() error { s.walk.Tags(maybe); return nil })
	})
	j.wire.Greet(ctx, j.to) // a bot that watches the destination has a way to read there, and need not wait for this one
	s.g.Go(func() error {
		d, err := j.wire.Head(s.ctx, wire.At(j.work.To), string(j.work.Digest))
		if err != nil && promotion.KindOf(err) == promotion.Forbidden {
			err = nil // some registries say so of what is not there; if it is true, the puts will show it
		}
		return s.tell(err, func() error {
			if j.known = d == j.work.Digest; j.known {
				j.found(d)
			}
			s.open()
			return nil
		})
	})
	if err := s.tell(nil, func() error { return nil }); err != nil {
		return err
	}
	if err := s.g.Wait(); err != nil {
		return err
	}
	var err error
	if j.set, err = s.walk.End(); err != nil {
		return err
	}
	j.tally.change(func(c *promotion.Copy) {
		c.Manifests.All, c.Blobs.All = int64(len(j.set.Manifests)), int64(len(j.set.Blobs))
		for _, b := range j.set.Blobs {
			c.Bytes.All += b.Size
		}
	})
	if j.same && j.noAPI.from.Load() {
		j.noAPI.to.Store(true)
	}
	return j.foreign(ctx)
}

// surveyor asks for the steps of a walk.
type surveyor struct {
	*job
	g     *errgroup.Group
	ctx   context.Context // ends with the survey
	whole context.Context // of the copy

	mu      sync.Mutex
	walk    *closure.Walk
	opening chan struct{} // closed when it is known whether the destination has the image, and whether the source has a referrers API
	left    int           // of those two
	begun   bool          // it was seen whether something can be mounted early
}

// tell has the walk told an answer, one at a time, and starts what it wants to
// know next.
func (s *surveyor) tell(err error, f func() error) error {
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := f(); err != nil {
		return err
	}
	for _, step := range s.walk.Next() {
		s.g.Go(func() error { return s.take(step) })
	}
	if blobs, all := s.walk.Image(); all && s.left == 0 && !s.begun {
		s.begun = true
		foreign := slices.ContainsFunc(blobs, func(b closure.Blob) bool { return b.Foreign }) // then it may still be refused
		if s.mounts() && !s.known && !foreign {
			s.mountEarly(s.whole, blobs)
		}
	}
	return nil
}

func (s *surveyor) open() {
	if s.left--; s.left == 0 {
		close(s.opening)
	}
}

// take asks for one step and tells the answer.
func (s *surveyor) take(step closure.Step) error {
	root := s.work.Digest
	if step.Manifest != root && step.List != root {
		select {
		case <-s.opening:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	switch {
	case step.List != "":
		listed, err := s.referrers(s.ctx, s.from, step.List, &s.noAPI.from)
		return s.tell(err, func() error {
			if step.List == root {
				s.open()
			}
			return s.walk.TellList(step, listed)
		})
	case step.Tag != "":
		return s.read(s.ctx, s.from, step.Tag, func(m wire.Manifest) error {
			return s.tell(nil, func() error { return s.walk.TellTag(step, m.Digest, m.MediaType, m.Bytes) })
		})
	}
	return s.readEither(s.ctx, step.Manifest, func(m wire.Manifest) error {
		return s.tell(nil, func() error {
			s.tally.change(func(c *promotion.Copy) { c.Manifests.All++ })
			return s.walk.TellManifest(step, m.MediaType, m.Bytes)
		})
	})
}

// read reads a manifest; one without a digest when there is no such thing.
func (j *job) read(ctx context.Context, at wire.Place, reference string, use func(wire.Manifest) error) error {
	used := false
	err := j.wire.UseManifest(ctx, at, reference, func(m wire.Manifest) error {
		used = true
		return use(m)
	})
	switch {
	case used || err == nil:
		return err
	case promotion.KindOf(err) == promotion.NotFound:
		return use(wire.Manifest{})
	}
	return within(err, "the manifest %s", reference)
}

// readEither reads a manifest by its digest. The bytes are the same wherever
// they come from; read from the destination, they are also proved to be there.
func (j *job) readEither(ctx context.Context, d promotion.Digest, use func(wire.Manifest) error) error {
	if d == j.work.Digest || !j.known { // which is settled before any but the first is read
		return j.read(ctx, j.from, string(d), use)
	}
	there := false
	err := j.read(ctx, j.to, string(d), func(m wire.Manifest) error {
		if there = m.Digest != ""; there {
			j.found(d)
			return use(m)
		}
		return nil
	})
	if err != nil || there {
		return err
	}
	return j.read(ctx, j.from, string(d), use)
}

// found notes that a manifest is in the destination.
func (j *job) found(d promotion.Digest) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.there[d] = true
}

// sourceTags says which tags the source may have, so that five tags for each
// manifest need not be tried. Where tags can't be listed, or are too many, each
// is tried.
func (j *job) sourceTags(ctx context.Context) (maybe func(string) bool, err error) {
	tags, err := j.wire.Tags(ctx, j.from)
	if err != nil {
		switch promotion.KindOf(err) {
		case promotion.NotFound, promotion.Forbidden, promotion.Invalid:
			return func(string) bool { return true }, nil
		}
		return func(string) bool { return false }, err
	}
	set := map[string]bool{}
	for _, tag := range tags {
		if strings.HasPrefix(tag, "sha256-") {
			set[tag] = true
		}
	}
	return func(tag string) bool { return set[tag] }, nil
}

// referrers lists what the referrers API knows to be attached, unless there is none.
func (j *job) referrers(ctx context.Context, at wire.Place, subject promotion.Digest, noAPI *atomic.Bool) ([]closure.Descriptor, error) {
	if noAPI.Load() {
		return nil, nil
	}
	all, api, err := Referrers(ctx, j.wire, at, subject)
	if err == nil && !api {
		noAPI.Store(true)
	}
	return all, err
}

// Referrers lists what the referrers API knows to be attached, over all pages; api
// is false where there is none. Only 404 means that: whatever else goes wrong, an
// attachment could be lost by taking it for "none".
func Referrers(ctx context.Context, c *wire.Client, at wire.Place, subject promotion.Digest) (all []closure.Descriptor, api bool, err error) {
	err = c.Pages(ctx, at, "/referrers/"+string(subject), func(body []byte) error {
		api = true
		page, err := closure.ParseList(body)
		if err != nil {
			return promotion.Errorf(promotion.Unavailable, "what is attached to %s@%s can't be read: %w", at.Repository, subject.Short(), err)
		}
		if all = append(all, page...); len(all) > closure.MaxAttached {
			return promotion.Errorf(promotion.Invalid, "%s@%s has more than %d manifests attached to it: remove old ones", at.Repository, subject.Short(), closure.MaxAttached)
		}
		return nil
	})
	if err != nil && !api && promotion.KindOf(err) == promotion.NotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, api, within(err, "what is attached to %s", subject.Short())
	}
	return all, true, nil
}

// foreign refuses layers whose bytes are said to be somewhere else, unless the
// destination has them.
func (j *job) foreign(ctx context.Context) error {
	for _, b := range j.set.Blobs {
		if !b.Foreign {
			continue
		}
		there, err := j.wire.HasBlob(ctx, j.to, b.Digest, b.Size)
		if err != nil {
			return err
		}
		if !there {
			return promotion.Errorf(promotion.Invalid, "%s@%s has the foreign layer %s: an image may not say where its bytes come from, so they are not fetched; push that blob into %s first, or build the image without it",
				j.work.From, b.Of.Short(), b.Digest.Short(), j.work.To)
		}
	}
	return nil
}
