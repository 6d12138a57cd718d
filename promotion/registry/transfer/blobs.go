package transfer

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// attempts is how often a blob is begun again. Within one, a download that is
// cut goes on where it was.
const attempts = 4

// carryBlobs brings every blob, the largest first, so that none of them is
// waited for alone in the end.
func (j *job) carryBlobs(ctx context.Context) error {
	blobs := slices.Clone(j.set.Blobs)
	slices.SortFunc(blobs, func(a, b closure.Blob) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Digest, b.Digest))
	})
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(wire.PerHost)
	for _, b := range blobs {
		g.Go(func() error {
			if err := j.carry(ctx, b); err != nil {
				return within(err, "the blob %s of %s", b.Digest.Short(), b.Of.Short())
			}
			return nil
		})
	}
	return g.Wait()
}

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
	opened, mounted, err = j.wire.Begin(ctx, j.to, b.Digest)
	switch {
	case err != nil:
	case mounted:
		j.arrived(b, b.Size)
	case opened == "":
		j.mountNot.Store(true)
	}
	return mounted, opened, err
}

// arrived counts a blob, and the bytes of it that were not counted on the way.
func (j *job) arrived(b closure.Blob, bytes int64) {
	j.tally.change(func(c *promotion.Copy) {
		c.Blobs.Done++
		c.Bytes.Done += bytes
	})
}
