package wire

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// watching makes a stopped timer that ends a request whose body stands still.
func watching(host string, cancel context.CancelCauseFunc) *time.Timer {
	t := time.AfterFunc(idle, func() {
		cancel(promotion.Errorf(promotion.Unavailable, "%s stopped in the middle: nothing moved for %v", host, idle))
	})
	t.Stop()
	return t
}

// read is the body of an answer. It is waited for while it is being read.
type read struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	watch  *time.Timer
}

func (r *read) Read(p []byte) (int, error) {
	r.watch.Reset(idle)
	n, err := r.ReadCloser.Read(p)
	r.watch.Stop()
	if cause := context.Cause(r.ctx); err != nil && !errors.Is(err, io.EOF) && cause != nil {
		err = cause
	}
	return n, err
}

func (r *read) Close() error {
	r.watch.Stop()
	err := r.ReadCloser.Close()
	r.cancel(nil)
	return err
}

// fed is the body of an upload. It is waited for between two reads, while the
// other side has to take what it was given; how long our own side takes is
// watched where that is read. After the last read the answer is waited for,
// which has a time of its own.
type fed struct {
	io.Reader
	watch *time.Timer
}

func (f *fed) Read(p []byte) (int, error) {
	f.watch.Stop()
	n, err := f.Reader.Read(p)
	if err == nil {
		f.watch.Reset(idle)
	}
	return n, err
}
