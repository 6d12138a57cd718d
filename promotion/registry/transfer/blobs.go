package transfer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// attempts is how often a blob is begun again. Within one, a download that is
// cut goes on where it was.
const attempts = 4

// blobs are those of the image and of what is attached, in the order in which
// they go. Bytes that are streamed begin with the largest blob, so that none is
// waited for alone in the end; a mount takes as long for any, and there the
// image goes before what is attached to it, because more waits for it.
func (j *job) blobs() []closure.Blob {
	blobs := slices.Clone(j.set.Blobs)
	if j.mounts() {
		return blobs
	}
	slices.SortFunc(blobs, func(a, b closure.Blob) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Digest, b.Digest))
	})
	return blobs
}

// carry brings one blob.
func (j *job) carry(ctx context.Context, b closure.Blob) error {
	if b.Foreign {
		j.arrived(b, b.Size) // the survey has seen it there
		return nil
	}
	location := ""
	if j.mounts() && !j.known {
		mounted, opened, err := j.mount(ctx, b)
		if err != nil || mounted {
			return err
		}
		location = opened
	}
	for attempt := 1; ; attempt++ {
		err := j.bring(ctx, b, location)
		if err == nil || promotion.KindOf(err) != promotion.Unavailable || attempt == attempts {
			return err
		}
		if !wire.Wait(ctx, max(wire.Pause(attempt), promotion.FailureOf(err).RetryAfter)) {
			return err
		}
		location = ""
	}
}

// bring brings one blob, unless it is there. The answer to an upload may have
// been lost, so that is asked before each attempt, but where a mount that
// became an upload has shown that it is not.
func (j *job) bring(ctx context.Context, b closure.Blob, location string) error {
	if location == "" { //nolint:nestif // there, mounted, or opened: one question after the other
		there, err := j.wire.HasBlob(ctx, j.to, b.Digest, b.Size)
		if err != nil {
			return err
		}
		if there {
			j.arrived(b, b.Size)
			return nil
		}
		if j.mounts() {
			mounted, opened, err := j.mount(ctx, b)
			if err != nil || mounted {
				return err
			}
			location = opened
		}
	}
	if location == "" {
		var err error
		if location, _, err = j.wire.Begin(ctx, j.to, ""); err != nil {
			return err
		}
	}
	return j.stream(ctx, b, location)
}

func (j *job) mounts() bool { return j.same && !j.mountNot.Load() }

// mount has the registry take the blob from the other repository. One that
// refuses is not asked again in this copy; one that opens an upload instead is
// sent the bytes, and what that costs is seen in Copy.Sent.
func (j *job) mount(ctx context.Context, b closure.Blob) (mounted bool, opened string, err error) {
	e := j.early[b.Digest]
	if e != nil {
		<-e.done
	}
	if e != nil && !e.used && e.err == nil {
		e.used, opened, mounted = true, e.opened, e.mounted
	} else {
		opened, mounted, err = j.wire.Begin(ctx, j.to, b.Digest)
	}
	switch {
	case err != nil:
	case mounted:
		j.arrived(b, b.Size)
	case opened == "":
		j.mountNot.Store(true)
	}
	return mounted, opened, err
}

// early is a mount that was begun while it was still being found out what is
// attached to the image.
type early struct {
	done    chan struct{}
	used    bool // by whoever carries the blob
	opened  string
	mounted bool
	err     error
}

// earlyAtATime leaves room for what is still being asked.
const earlyAtATime = wire.PerHost * 2 / 3

// mountEarly begins to mount what the image consists of. It changes nothing that
// anybody could pull: a blob that no manifest refers to is collected again.
func (j *job) mountEarly(ctx context.Context, blobs []closure.Blob) {
	for _, b := range blobs {
		j.early[b.Digest] = &early{done: make(chan struct{})}
	}
	var next atomic.Int64
	for range min(earlyAtATime, len(blobs)) {
		go func() {
			for i := int(next.Add(1)) - 1; i < len(blobs); i = int(next.Add(1)) - 1 {
				e := j.early[blobs[i].Digest]
				if e.err = errEnough; !j.enough.Load() {
					e.opened, e.mounted, e.err = j.wire.Begin(ctx, j.to, blobs[i].Digest)
				}
				close(e.done)
			}
		}()
	}
}

var errEnough = errors.New("the copy has ended")

// endEarly begins no more, waits for what was begun, and gives up the uploads
// that nobody has come to use.
func (j *job) endEarly(ctx context.Context) {
	j.enough.Store(true)
	for _, e := range j.early {
		if <-e.done; !e.used && e.opened != "" {
			j.wire.Abandon(ctx, j.to, e.opened)
		}
	}
}

// arrived counts a blob, and the bytes of it that were not counted on the way.
func (j *job) arrived(b closure.Blob, bytes int64) {
	j.tally.change(func(c *promotion.Copy) {
		c.Blobs.Done++
		c.Bytes.Done += bytes
	})
}
