package transfer

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// arrivals is what comes to the destination: each blob and each manifest once,
// however many refer to it, and a manifest after all that it refers to.
type arrivals struct {
	*job
	ctx       context.Context
	blobs     map[promotion.Digest]*arrival
	manifests map[promotion.Digest]*arrival
}

type arrival struct {
	begin sync.Once // of a manifest
	done  chan struct{}
	err   error
}

func (j *job) expect(ctx context.Context) arrivals {
	a := arrivals{j, ctx, map[promotion.Digest]*arrival{}, map[promotion.Digest]*arrival{}}
	for _, b := range j.set.Blobs {
		a.blobs[b.Digest] = &arrival{done: make(chan struct{})}
	}
	for d := range j.set.Manifests {
		a.manifests[d] = &arrival{done: make(chan struct{})}
	}
	return a
}

// blob has a blob arrive.
func (a arrivals) blob(b closure.Blob) error {
	x := a.blobs[b.Digest]
	defer close(x.done)
	if err := a.carry(a.ctx, b); err != nil {
		x.err = within(err, "the blob %s of %s", b.Digest.Short(), b.Of.Short())
	}
	return x.err
}

// one waits until the manifest has arrived.
func (a arrivals) one(d promotion.Digest) error {
	x := a.manifests[d]
	x.begin.Do(func() {
		go func() {
			defer close(x.done)
			x.err = a.bringManifest(a.set.Manifests[d])
		}()
	})
	<-x.done
	return x.err
}

func (a arrivals) bringManifest(m *closure.Manifest) error {
	if err := a.below(m); err != nil {
		return err
	}
	a.mu.Lock()
	there := a.there[m.Digest]
	a.mu.Unlock()
	if there {
		a.present(m)
		return nil
	}
	return a.put(a.ctx, string(m.Digest), m)
}

// below waits until everything has arrived that the manifest refers to.
func (a arrivals) below(m *closure.Manifest) error {
	var g errgroup.Group
	for _, d := range m.Children {
		g.Go(func() error { return a.one(d.Digest) })
	}
	for _, d := range m.Blobs {
		x := a.blobs[d.Digest]
		select {
		case <-x.done:
		case <-a.ctx.Done(): // then nobody may be bringing it any more
			return a.ctx.Err()
		}
		if x.err != nil {
			return x.err
		}
	}
	return g.Wait()
}

// attachedAtATime bounds how many lists of referrers are held.
const attachedAtATime = 8

// deliver brings the blobs, puts the image and what is attached beside it, and
// says what it found attached.
func (j *job) deliver(ctx context.Context) ([]promotion.Attachment, error) {
	g, ctx := errgroup.WithContext(ctx)
	arrive := j.expect(ctx)
	blobs := j.blobs()
	each(g, wire.PerHost, len(blobs), func(i int) error { return arrive.blob(blobs[i]) })
	g.Go(func() error {
		if err := arrive.one(j.work.Digest); err != nil {
			return err
		}
		return j.readBack(ctx)
	})

	bySubject := map[promotion.Digest][]closure.Attachment{}
	var find []func() ([]promotion.Attachment, error)
	for _, a := range j.set.Attached {
		if a.Tag == "" {
			bySubject[a.Subject] = append(bySubject[a.Subject], a)
			continue
		}
		find = append(find, func() ([]promotion.Attachment, error) { return j.attachTag(ctx, a, arrive) })
	}
	for subject, list := range bySubject {
		find = append(find, func() ([]promotion.Attachment, error) { return j.attach(ctx, subject, list, arrive) })
	}
	var mu sync.Mutex
	var found []promotion.Attachment
	each(g, attachedAtATime, len(find), func(i int) error {
		some, err := find[i]()
		mu.Lock()
		defer mu.Unlock()
		found = append(found, some...)
		return err
	})
	err := g.Wait()
	return found, err
}

// each has the group do n things, so many at a time, until one goes wrong.
func each(g *errgroup.Group, atATime, n int, do func(i int) error) {
	var next atomic.Int64
	for range min(atATime, n) {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// readBack proves that the image is there, as whoever pulls it will see it.
func (j *job) readBack(ctx context.Context) error {
	found, err := j.wire.ReadBack(ctx, j.to, string(j.work.Digest))
	if err == nil && found != j.work.Digest {
		err = promotion.Errorf(promotion.Unavailable, "%s accepted %s and does not have it", j.work.To, j.work.Digest.Short())
	}
	return err
}

// put puts a manifest as it is, under its digest or a tag. An answer that does
// not say plainly that it is there is checked.
func (j *job) put(ctx context.Context, reference string, m *closure.Manifest) error {
	header, putErr := j.wire.Put(ctx, j.to, reference, wire.Manifest{Digest: m.Digest, MediaType: m.MediaType, Bytes: m.Bytes})
	if putErr != nil || header.Get("Docker-Content-Digest") != string(m.Digest) {
		found, err := j.wire.ReadBack(ctx, j.to, reference)
		switch {
		case err == nil && found == m.Digest:
		case putErr != nil:
			return within(putErr, "the manifest %s", m.Digest.Short())
		case err != nil:
			return within(err, "the manifest %s was put and can't be read back", m.Digest.Short())
		default:
			return promotion.Errorf(promotion.Unavailable, "%s accepted the manifest %s and does not have it", j.work.To, m.Digest.Short())
		}
	}
	if putErr == nil { // an answer that was lost has not said anything
		j.mu.Lock()
		j.announced[m.Digest] = m.Subject != "" && header.Get("OCI-Subject") == string(m.Subject)
		j.mu.Unlock()
	}
	j.present(m)
	return nil
}

// present counts a manifest, once: some are found in more ways than one.
func (j *job) present(m *closure.Manifest) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counted[m.Digest] = true
	n := int64(len(j.counted))
	j.tally.change(func(c *promotion.Copy) { c.Manifests.Done = n })
}
