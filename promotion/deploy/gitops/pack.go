package gitops

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/promotebot/promotebot/promotion"
)

// A pack says itself how much it is going to take, and go-git believes it: it
// makes room for as many objects as are announced, and unpacks each in memory.
// So a pack is looked at while it passes, before any of that.
const (
	// maxObjects is more than a commit of the largest repositories has.
	maxObjects = 1 << 20
	// maxObject bounds one object, unpacked: a directory of a million files, or a
	// file that a server without filters can't leave out.
	maxObject = 64 << 20
	// maxUnpacked bounds all of them together, and so the time that it takes.
	maxUnpacked = 16 << 30
)

// take puts a pack into the store. None of its objects may have more than most bytes.
func take(into *filesystem.Storage, pack io.Reader, most int64) error {
	const header = 12 // the word PACK, the version, and how many objects there are
	buffered := bufio.NewReader(pack)
	first, err := buffered.Peek(header)
	if err != nil {
		return err
	}
	if n := binary.BigEndian.Uint32(first[8:]); n > maxObjects {
		return promotion.Errorf(promotion.Invalid, "has %d objects in one commit, and more than %d are not fetched", n, maxObjects)
	}
	w, err := into.PackfileWriter()
	if err != nil {
		return err
	}
	passing := io.TeeReader(buffered, w)
	err = inspect(packfile.NewScanner(passing), most)
	if err == nil {
		_, err = io.Copy(io.Discard, passing) // the sum at the end
	}
	if closed := w.Close(); err == nil {
		err = closed
	}
	return err
}

// inspect goes through a pack.
func inspect(scanner *packfile.Scanner, most int64) error {
	_, count, err := scanner.Header()
	if err != nil {
		return err
	}
	total := int64(0)
	for range count {
		header, err := scanner.NextObjectHeader()
		if err != nil {
			return err
		}
		o := &measured{most: most, delta: header.Type.IsDelta()}
		if _, _, err := scanner.NextObject(o); err != nil {
			return err
		}
		if total += max(o.size, o.target); total > maxUnpacked {
			return promotion.Errorf(promotion.Invalid, "has more than %d GiB in one commit, unpacked", maxUnpacked>>30)
		}
	}
	return nil
}

// measured lets an object pass, and measures it. One that is written as the
// difference to another says at its beginning how large it becomes.
type measured struct {
	most         int64
	delta        bool
	size, target int64
	beginning    []byte
}

// sizes is as long as the two sizes at the beginning of a difference can be.
const sizes = 2 * binary.MaxVarintLen64

func (m *measured) Write(p []byte) (int, error) {
	if m.delta && len(m.beginning) < sizes {
		m.beginning = append(m.beginning, p[:min(len(p), sizes-len(m.beginning))]...)
		_, n := binary.Uvarint(m.beginning) // of the other
		if target, k := binary.Uvarint(m.beginning[max(0, n):]); n > 0 && k > 0 {
			m.target = int64(min(target, maxUnpacked))
		}
	}
	if m.size += int64(len(p)); max(m.size, m.target) > m.most {
		return 0, promotion.Errorf(promotion.Invalid, "has an object of more than %d MiB, unpacked: keep the deployments in a repository without such files", m.most>>20)
	}
	return len(p), nil
}

// taken says what is wrong with a pack that could not be taken.
func (r *remote) taken(err error, wanted plumbing.Hash, left int64) error {
	switch bound, ok := errors.AsType[*promotion.Error](err); {
	case ok:
		return promotion.Errorf(bound.Kind, "%s %w", r, err)
	case left <= 0:
		return promotion.Errorf(promotion.Invalid, "one commit of %s takes more than %d MiB and is not fetched: keep the deployments in a smaller repository, or on a server that can leave files out (uploadpack.allowFilter)", r, r.room>>20)
	}
	return promotion.Errorf(promotion.Unavailable, "%s does not give %s: %w", r, short(wanted), err)
}
