package transfer

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// attach brings what is attached to a subject, and then looks for it: in the
// referrers API, and where the registry has none, or has neither listed it nor said
// that it noted the subject, in the list under the fallback tag, which is then for
// us to keep (distribution specification, "Pushing Manifests with Subject").
func (j *job) attach(ctx context.Context, subject promotion.Digest, want []closure.Attachment, arrive arrivals) ([]promotion.Attachment, error) {
	var digests []promotion.Digest
	var manifests []*closure.Manifest
	for _, a := range want {
		digests = append(digests, a.Digest)
		manifests = append(manifests, j.set.Manifests[a.Digest])
	}
	var g errgroup.Group
	for _, d := range digests {
		g.Go(func() error { return arrive.one(d) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	listed, err := j.referrers(ctx, j.to, subject, &j.noAPI.to)
	if err != nil {
		return nil, err
	}
	if j.fallsBack(digests, listed) {
		kept, err := j.keepList(ctx, subject, manifests)
		if err != nil {
			return nil, err
		}
		listed = append(listed, kept...)
	}
	if lost := missing(digests, listed); len(lost) > 0 {
		return nil, promotion.Errorf(promotion.Unavailable, "%s was given %s, attached to %s, and does not list it", j.work.To, j.names(lost, want), subject.Short())
	}
	var found []promotion.Attachment
	for _, a := range want {
		found = append(found, a.Attachment)
	}
	return found, nil
}

// fallsBack tells whether the list under the fallback tag has to be kept: there
// is no API, or it does not know all of them and no put was answered with word of
// the subject. A registry that did speak of it keeps its own list.
func (j *job) fallsBack(digests []promotion.Digest, listed []closure.Descriptor) bool {
	if j.noAPI.to.Load() {
		return true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	put, announced := false, true
	for _, d := range digests {
		if a, was := j.announced[d]; was {
			put, announced = true, announced && a
		}
	}
	return !(put && announced) && len(missing(digests, listed)) > 0
}

func missing(digests []promotion.Digest, listed []closure.Descriptor) []promotion.Digest {
	there := map[promotion.Digest]bool{}
	for _, d := range listed {
		there[d.Digest] = true
	}
	var lost []promotion.Digest
	for _, d := range digests {
		if !there[d] {
			lost = append(lost, d)
		}
	}
	return lost
}

func (j *job) names(digests []promotion.Digest, among []closure.Attachment) string {
	var names []string
	for _, d := range digests {
		for _, a := range among {
			if a.Digest == d {
				names = append(names, fmt.Sprintf("%s (%s)", d.Short(), a.Type))
			}
		}
	}
	return strings.Join(names, ", ")
}

// rounds is how often a list is written when others write it too.
const rounds = 5

// keepList adds to the list of a fallback tag and reads it again, until it has
// everything: there is no way to write it only if nobody else did meanwhile.
func (j *job) keepList(ctx context.Context, subject promotion.Digest, add []*closure.Manifest) ([]closure.Descriptor, error) {
	lastByte, err := strconv.ParseUint(string(subject[len(subject)-2:]), 16, 8)
	if err != nil {
		return nil, fmt.Errorf("the digest %s: %w", subject, err)
	}
	select {
	case j.lists[lastByte] <- struct{}{}:
		defer func() { <-j.lists[lastByte] }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	tag := closure.FallbackTag(subject)
	var putErr error
	for round := 1; ; round++ {
		var merged []byte
		var listed []closure.Descriptor
		err := j.read(ctx, j.to, tag, func(m wire.Manifest) (err error) {
			merged, listed, err = j.merge(tag, subject, m, add)
			return err
		})
		switch {
		case err != nil:
			return nil, err
		case merged == nil:
			return listed, nil
		case putErr != nil:
			return nil, within(putErr, "the tag %s, which lists what is attached to %s", tag, subject.Short())
		case round > 1 && (round > rounds || !wire.Wait(ctx, wire.Pause(round))):
			return nil, promotion.Errorf(promotion.Unavailable, "the tag %s in %s is written by others too, and loses what is written", tag, j.work.To)
		}
		_, putErr = j.wire.Put(ctx, j.to, tag, wire.Manifest{MediaType: closure.ListType, Bytes: merged})
	}
}

// merge adds to a list as it was read. There is nothing merged when it had
// everything already.
func (j *job) merge(tag string, subject promotion.Digest, m wire.Manifest, add []*closure.Manifest) (merged []byte, listed []closure.Descriptor, err error) {
	if m.Digest == subject {
		m = wire.Manifest{} // some registries resolve the tag to the image itself
	}
	if m.Digest != "" && m.MediaType != closure.ListType {
		return nil, nil, promotion.Errorf(promotion.Conflict, "the tag %s in %s should list what is attached to %s and points at something else (%s): nothing was overwritten", tag, j.work.To, subject.Short(), m.Digest.Short())
	}
	merged, added, err := closure.Merge(m.Bytes, add)
	if err == nil && !added {
		merged = nil
		listed, err = closure.ParseList(m.Bytes)
	}
	if err != nil {
		return nil, nil, promotion.Errorf(promotion.Conflict, "the tag %s in %s, which lists what is attached to %s, can't be read: %w", tag, j.work.To, subject.Short(), err)
	}
	return merged, listed, nil
}

// attachTag brings what one of cosign's tags points at. A tag of the
// destination that says something else already loses nothing: it is replaced
// when the source's says all of it too, and left when it says more.
func (j *job) attachTag(ctx context.Context, a closure.Attachment, arrive arrivals) ([]promotion.Attachment, error) {
	m := j.set.Manifests[a.Digest]
	if err := arrive.below(m); err != nil {
		return nil, err
	}
	for put := false; ; put = true {
		done := false
		err := j.read(ctx, j.to, a.Tag, func(there wire.Manifest) error {
			switch {
			case there.Digest == m.Digest || closure.Within(m.Bytes, there.Bytes):
				done = true
				a.Attachment.Digest = there.Digest
			case there.Digest != "" && !closure.Within(there.Bytes, m.Bytes):
				return promotion.Errorf(promotion.Conflict, "the tag %s in %s points at %s, which says things that %s in %s does not: neither was overwritten; remove the one that is wrong",
					a.Tag, j.work.To, there.Digest.Short(), m.Digest.Short(), j.work.From)
			case put:
				return promotion.Errorf(promotion.Unavailable, "%s accepted the tag %s and does not have it", j.work.To, a.Tag)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if done {
			j.present(m)
			return []promotion.Attachment{a.Attachment}, nil
		}
		if err := j.put(ctx, a.Tag, m); err != nil {
			return nil, err
		}
	}
}
