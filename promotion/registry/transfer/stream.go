package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"sync"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/registry/closure"
	"github.com/promotebot/promotebot/promotion/registry/wire"
)

// stream sends a blob from one registry to the other. Nothing is kept of it but
// a buffer, and the last bytes leave only after all of them have proved to be
// the blob: an upload of other bytes stays unfinished, whatever the registry
// would have made of it.
func (j *job) stream(ctx context.Context, b closure.Blob, location string) (err error) {
	leave, err := j.wire.Lane(ctx, j.work.From, j.work.To)
	if err != nil {
		return err
	}
	defer leave()
	reading, cancel := context.WithCancel(ctx)
	body := &proof{job: j, blob: b, hash: sha256.New(), source: &source{ctx: reading, job: j, blob: b}}
	err = j.wire.Upload(ctx, j.to, location, b.Digest, body, b.Size)
	cancel()
	fault, whole := body.end()
	switch {
	case fault != nil:
		err = fault // it is why the upload failed
	case err == nil && !whole:
		err = promotion.Errorf(promotion.Unavailable, "%s ended the upload before it had all of it", j.work.To)
	}
	if err != nil {
		j.wire.Abandon(ctx, j.to, location)
		j.tally.change(func(c *promotion.Copy) { c.Bytes.Done -= body.read })
		return err
	}
	j.arrived(b, 0)
	return nil
}

// proof passes a blob on and keeps back its end until it is proved. net/http
// may still be reading when the upload has been answered, hence the lock.
type proof struct {
	*job
	blob closure.Blob

	mu     sync.Mutex
	hash   hash.Hash
	source *source
	read   int64
	fault  error // of the source, or that it is over
	ended  bool
}

func (p *proof) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.fault != nil:
		return 0, p.fault
	case p.ended:
		return 0, io.ErrClosedPipe
	case p.read == p.blob.Size:
		return 0, io.EOF
	}
	n, err := p.source.Read(b[:min(int64(len(b)), p.blob.Size-p.read)])
	p.hash.Write(b[:n])
	p.read += int64(n)
	if err == nil && p.read == p.blob.Size && !p.matches() {
		err = promotion.Errorf(promotion.Conflict, "%s gives other bytes for it: the registry or something before it is broken", p.work.From)
		p.read -= int64(n)
	}
	if err != nil {
		p.fault = err
		return 0, err
	}
	p.tally.change(func(c *promotion.Copy) {
		c.Bytes.Done += int64(n)
		c.Sent += int64(n)
	})
	return n, nil
}

func (p *proof) matches() bool {
	return "sha256:"+hex.EncodeToString(p.hash.Sum(nil)) == string(p.blob.Digest)
}

// end stops the reading, and says what went wrong in it and whether the blob
// has left as a whole.
func (p *proof) end() (fault error, whole bool) { //nolint:revive // the fault is what was found, and not that end failed
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.source.close()
	return p.fault, p.read == p.blob.Size && p.matches()
}

// source reads a blob. Where it is cut, it goes on, at the same place if the
// registry can do that and from the beginning otherwise: the upload does not
// notice.
type source struct {
	*job
	ctx  context.Context
	blob closure.Blob
	body io.ReadCloser
	at   int64
	cuts int // since the last byte
	all  int // in all
}

// maxCuts bounds what a registry can do that gives one byte at a time.
const maxCuts = 50

func (s *source) Read(p []byte) (int, error) {
	for {
		if s.body == nil {
			if err := s.open(); err != nil {
				return 0, err
			}
		}
		n, err := s.body.Read(p)
		if n > 0 {
			s.at += int64(n)
			s.cuts = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		s.close()
		s.cuts, s.all = s.cuts+1, s.all+1
		if s.cuts == attempts || s.all == maxCuts || !wire.Wait(s.ctx, wire.Pause(s.cuts)) {
			return 0, promotion.Errorf(promotion.Unavailable, "%s breaks off at byte %d of %d", s.work.From, s.at, s.blob.Size)
		}
	}
}

func (s *source) open() error {
	body, at, err := s.wire.Blob(s.ctx, s.from, s.blob.Digest, s.at)
	if err != nil {
		return err
	}
	s.body = body
	if at < s.at {
		_, err = io.CopyN(io.Discard, body, s.at-at) // if that is cut, so is the next read
	}
	return err
}

func (s *source) close() {
	if s.body != nil {
		_ = s.body.Close() // what was read of it is what counts
		s.body = nil
	}
}
