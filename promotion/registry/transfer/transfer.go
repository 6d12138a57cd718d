// Package transfer brings a digest into another repository, with everything
// that belongs to it: every platform, and what is attached to any of it.
//
// It goes in three steps. The first is done before the others begin; those go
// beside each other.
//
//  1. Survey: what belongs to the digest is read from the source, and judged.
//     What is refused is refused here, before a byte was sent. Only what the image
//     itself consists of begins to be mounted meanwhile, within a registry, since
//     nobody is led to a blob by itself.
//  2. Blobs: mounted within a registry; streamed between two, one side into the
//     other, and hashed on the way.
//  3. Manifests, by digest: each after the blobs and the manifests that it refers
//     to. Then the image is read back, and what is attached is looked for as
//     somebody would who verifies a signature; what was found is reported.
//
// No tag is written but those under which attachments are found, and none of
// these loses what it said before. So the copy may be broken off anywhere and
// done again: what is there is not sent again, and until the promotion moves
// its tag, nobody has been led to half an image.
//
// When the image is there from the start, it was brought by an earlier copy or
// by somebody else, whole or not. Then everything is asked for before it is
// sent, and a copy that had come to its end writes nothing.
//
// A manifest is taken to have arrived when the answer to its put is 201 and
// names its digest, and is read back when it isn't so. Registries refuse an
// index while something in it is missing, so one that believed itself and was
// wrong is found out by the next put, or when the image is read back.
package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// Engine copies. It is safe for concurrent use.
type Engine struct {
	wire    *wire.Client
	limits  closure.Limits
	largest map[string]int64   // by the registry that is copied from
	lists   [256]chan struct{} // held while the list of a fallback tag is read and written, by the last byte of its digest
}

// New makes an engine. largest is how many bytes one blob may have, by the
// registry that it comes from, where the limits are not to hold.
func New(w *wire.Client, l closure.Limits, largest map[string]int64) *Engine {
	e := &Engine{wire: w, limits: l, largest: largest}
	for i := range e.lists {
		e.lists[i] = make(chan struct{}, 1)
	}
	return e
}

// limitsOf are the limits of what comes from a registry.
func (e *Engine) limitsOf(host string) closure.Limits {
	l := e.limits
	if most, ok := e.largest[host]; ok {
		l.Blob = most
	}
	return l
}

// job is one copy.
type job struct {
	*Engine
	work     promotion.CopyWork
	from, to wire.Place
	tally    tally

	same     bool        // one registry: blobs can be mounted
	known    bool        // the destination had the image from the start
	mountNot atomic.Bool // the registry won't mount for us
	early    map[promotion.Digest]*early
	enough   atomic.Bool // nothing more is begun early
	noAPI    struct{ from, to atomic.Bool }

	mu        sync.Mutex
	there     map[promotion.Digest]bool // manifests that were found in the destination
	announced map[promotion.Digest]bool // manifests that were put, and whether the destination noted their subject
	counted   map[promotion.Digest]bool // manifests that the tally knows of
	set       *closure.Set
}

// Copy brings the digest and all that belongs to it into the other repository.
// It may be repeated at any time. progress is told now and then how far it is;
// so is the caller in the end, also when there is an error.
func (e *Engine) Copy(ctx context.Context, w promotion.CopyWork, progress func(promotion.Copy)) (promotion.Copy, error) {
	j := &job{
		Engine: e, work: w, from: wire.At(w.From), to: wire.At(w.To), same: w.From.Registry() == w.To.Registry(),
		there: map[promotion.Digest]bool{}, announced: map[promotion.Digest]bool{}, counted: map[promotion.Digest]bool{}, early: map[promotion.Digest]*early{},
	}
	if w.From == w.To {
		return promotion.Copy{}, promotion.Errorf(promotion.Invalid, "%s is both where to copy from and where to copy to", w.From)
	}
	if j.same {
		j.to.From = w.From
	}
	j.tally.copy.StartedAt = time.Now()
	stop := j.tally.report(progress)
	err := j.run(ctx)
	stop()
	done := j.tally.snapshot()
	var own *promotion.Error
	if err != nil && !errors.As(err, &own) {
		err = &promotion.Error{Kind: promotion.Unavailable, Text: fmt.Sprintf("the copy of %s from %s to %s was broken off", w.Digest.Short(), w.From, w.To), Err: err}
	}
	if err == nil {
		now := time.Now()
		done.DoneAt = &now
	}
	return done, err
}

func (j *job) run(ctx context.Context) error {
	defer j.endEarly(ctx)
	if err := j.survey(ctx); err != nil {
		return err
	}
	found, err := j.deliver(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(found, func(a, b promotion.Attachment) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Digest, b.Digest))
	})
	j.tally.change(func(c *promotion.Copy) { c.Attached = found })
	return nil
}

// within says where an error happened, and keeps its kind and its pause.
func within(err error, format string, args ...any) error {
	f := promotion.FailureOf(err)
	return &promotion.Error{Kind: f.Kind, Text: fmt.Sprintf(format, args...) + ": " + f.Text, RetryAfter: f.RetryAfter, Err: err}
}
