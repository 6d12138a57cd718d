package registry

import (
	"context"
	"fmt"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
	"github.com/promotebot/promotebot/promotion/registry/provenance"
	"github.com/promotebot/promotebot/promotion/registry/transfer"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// What is looked at of the attachments of one digest, and told of those that do not
// count. Above the first it is said that not all of it was, since what was left out
// could name an author.
const (
	maxEnvelopes = 100
	maxRefused   = 5
)

// Attested says what trusted provenance of a digest names as authors, and what
// claims to be provenance and does not count. Attachments are found as in a copy: by
// the referrers API, by the fallback tag, and under cosign's tag. They are about the
// digest itself; of an index, what is attached to its platforms is not asked.
//
// What somebody has attached can't make it fail, and an author is never left out
// because of it: it is refused by itself, and only too much of it is an error.
func (c *Client) Attested(ctx context.Context, w promotion.ProvenanceWork) (promotion.Attested, error) {
	l := looker{client: c, at: wire.At(w.Repository), work: w, seen: map[string]bool{}}
	for _, k := range w.Trust.For(w.App).Keys {
		key, err := provenance.ParseKey(k.PEM)
		if err != nil {
			return promotion.Attested{}, fmt.Errorf("the key %s: %w", k.Name, err)
		}
		l.keys = append(l.keys, key)
	}
	attached, err := l.attached(ctx)
	if err != nil {
		return promotion.Attested{}, err
	}
	for _, m := range attached {
		if err := l.judge(ctx, m); err != nil {
			return promotion.Attested{}, err
		}
	}
	if more := len(l.found.Refused) - maxRefused; more > 0 {
		l.found.Refused = append(l.found.Refused[:maxRefused], fmt.Sprintf("and %d more", more))
	}
	l.found.Named = len(l.found.Authors)
	return l.found, nil
}

// looker gathers what is found attached to one digest.
type looker struct {
	client *Client
	at     wire.Place
	work   promotion.ProvenanceWork
	keys   []provenance.Key
	judged int
	seen   map[string]bool // the authors
	found  promotion.Attested
}

// attached reads the manifests that are listed as attached to the digest. What they
// are about is for what is signed in them to say; of a type that nobody knows there
// is nothing to be read.
func (l *looker) attached(ctx context.Context) (all []*closure.Manifest, err error) {
	listed, _, err := transfer.Referrers(ctx, l.client.wire, l.at, l.work.Digest)
	if err != nil {
		return nil, err
	}
	tag := closure.FallbackTag(l.work.Digest)
	if list, there, err := l.read(ctx, tag); err != nil {
		return nil, err
	} else if more, fault := closure.ParseList(list.Bytes); there && fault == nil {
		listed = append(listed, more...)
	}
	if len(listed) > closure.MaxAttached {
		return nil, promotion.Errorf(promotion.Invalid, "%s@%s has more than %d manifests attached to it: remove old ones", l.at.Repository, l.work.Digest.Short(), closure.MaxAttached)
	}
	known := map[promotion.Digest]bool{}
	for _, d := range listed {
		if known[d.Digest] {
			continue
		}
		known[d.Digest] = true
		m, there, err := l.read(ctx, string(d.Digest))
		if err != nil {
			return nil, err
		}
		parsed, fault := closure.Parse(l.at.Repository, m.Digest, m.MediaType, m.Bytes)
		if there && fault == nil {
			all = append(all, parsed)
		}
	}
	m, there, err := l.read(ctx, tag+".att")
	if err != nil || !there {
		return all, err
	}
	parsed, fault := closure.Parse(l.at.Repository, m.Digest, m.MediaType, m.Bytes)
	if fault == nil {
		all = append(all, parsed)
	}
	return all, nil
}

// read reads a manifest, if it is there.
func (l *looker) read(ctx context.Context, reference string) (m wire.Manifest, there bool, err error) {
	m, err = l.client.wire.Manifest(ctx, l.at, reference)
	if there = err == nil; there || promotion.KindOf(err) != promotion.NotFound {
		return m, there, err
	}
	return wire.Manifest{}, false, nil
}

// judge reads the envelopes of a manifest and adds what they are worth.
func (l *looker) judge(ctx context.Context, m *closure.Manifest) error {
	for _, layer := range m.Blobs {
		if !provenance.Holds(layer.MediaType) {
			continue
		}
		if l.judged++; l.judged > maxEnvelopes {
			return promotion.Errorf(promotion.Invalid, "%s@%s has more than %d attestations attached to it, so not all of them can be looked at: remove old ones", l.at.Repository, l.work.Digest.Short(), maxEnvelopes)
		}
		j, err := l.envelope(ctx, layer)
		switch {
		case err != nil:
			return err
		case j.Refusal != "":
			l.found.Refused = append(l.found.Refused, layer.Digest.Short()+": "+j.Refusal)
		case j.Verified:
			l.found.Verified++
		}
		for _, name := range j.Authors {
			if !l.seen[name] {
				l.seen[name] = true
				l.found.Authors = append(l.found.Authors, name)
			}
		}
	}
	return nil
}

func (l *looker) envelope(ctx context.Context, layer closure.Descriptor) (provenance.Judgement, error) {
	if layer.Size > provenance.MaxEnvelope {
		return provenance.Judgement{Refusal: fmt.Sprintf("it has more than %d bytes", provenance.MaxEnvelope)}, nil
	}
	b, err := l.client.blob(ctx, l.work.Repository, layer.Digest, provenance.MaxEnvelope)
	switch kind := promotion.KindOf(err); {
	case err != nil && (kind == promotion.NotFound || kind == promotion.Invalid):
		return provenance.Judgement{Refusal: "it is not there, or larger than it is said to be"}, nil
	case err != nil:
		return provenance.Judgement{}, err
	}
	return provenance.Judge(b, l.work.Digest, l.keys, l.work.Trust.Fields)
}
