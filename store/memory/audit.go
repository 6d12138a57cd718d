package memory

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// AppendAudit implements gate.Tx. A rolled-back entry may be left in the array
// behind the committed ones, where the next one overwrites it: whoever holds a
// version sees only as many entries as it had.
func (t *tx) AppendAudit(e audit.Entry) error {
	if err := t.writable(); err != nil {
		return err
	}
	e.Seq = int64(len(t.entries))
	body, err := e.Body()
	if err != nil {
		return err
	}
	_, added, err := audit.Grow(e.Seq, body, t.read)
	if err != nil {
		return err
	}
	t.entries, t.nodes = append(t.entries, body), append(t.nodes, added...)
	return nil
}

func (t *tx) read(indexes []int64) ([]audit.Hash, error) {
	hashes := make([]audit.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(t.nodes)) {
			return nil, promotion.Errorf(promotion.Conflict, "audit node %d is missing", index)
		}
		hashes[i] = t.nodes[index]
	}
	return hashes, nil
}

// Audit calls f with every entry from seq on, in order, as it is stored.
func (s *Store) Audit(_ context.Context, from int64, f func(body []byte) error) error {
	entries := s.look().entries
	for _, body := range entries[min(from, int64(len(entries))):] {
		if err := f(body); err != nil {
			return err
		}
	}
	return nil
}

// VerifyAudit recomputes the whole log and compares it with what is stored.
func (s *Store) VerifyAudit(context.Context) (size int64, root audit.Hash, err error) {
	t := s.look()
	var verifier audit.Verifier
	for _, body := range t.entries {
		if err := verifier.Add(body, t.read); err != nil {
			return 0, root, err
		}
	}
	if int64(len(t.nodes)) != tlog.StoredHashCount(int64(len(t.entries))) {
		return 0, root, promotion.Errorf(promotion.Conflict, "%d nodes do not belong to %d audit entries", len(t.nodes), len(t.entries))
	}
	return verifier.Root()
}
