package store

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
)

func (t *tx) AppendAudit(e audit.Entry) error {
	n, err := t.sequence("audit")
	if err != nil {
		return err
	}
	e.Seq = n - 1
	body, err := e.Body()
	if err != nil {
		return err
	}
	if _, err := t.exec("write the audit log", `INSERT INTO audit_entry (seq, at, body) VALUES ($1, $2, $3)`, e.Seq, micros(e.At), body); err != nil {
		return err
	}
	first, added, err := audit.Grow(e.Seq, body, t.nodes)
	if err != nil {
		return err
	}
	for i, h := range added {
		if _, err := t.exec("write the audit log", `INSERT INTO audit_node (id, hash) VALUES ($1, $2)`, first+int64(i), h[:]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) nodes(indexes []int64) ([]audit.Hash, error) {
	hashes := make([]audit.Hash, len(indexes))
	for i, index := range indexes {
		var b []byte
		if err := t.row(`SELECT hash FROM audit_node WHERE id = $1`, index).Scan(&b); err != nil {
			return nil, promotion.Errorf(promotion.Conflict, "audit node %d is missing: %w", index, err)
		}
		if len(b) != len(hashes[i]) {
			return nil, promotion.Errorf(promotion.Conflict, "audit node %d is %d bytes long", index, len(b))
		}
		copy(hashes[i][:], b)
	}
	return hashes, nil
}

// Audit calls f with every entry from seq on, in order, as it is stored.
func (db *DB) Audit(ctx context.Context, from int64, f func(body []byte) error) error {
	return db.View(ctx, func(v gate.Tx) error { return v.(*tx).audit(from, f) })
}

func (t *tx) audit(from int64, f func(body []byte) error) error {
	const page = 500 // entries held in memory at a time
	for {
		bodies, err := scan(t, "read the audit log", func(r row) (b []byte, err error) {
			err = r.Scan(&b)
			return b, err
		}, `SELECT body FROM audit_entry WHERE seq >= $1 ORDER BY seq LIMIT $2`, from, page)
		if err != nil {
			return err
		}
		for _, body := range bodies {
			if err := f(body); err != nil {
				return err
			}
		}
		if len(bodies) < page {
			return nil
		}
		from += int64(len(bodies))
	}
}

// VerifyAudit recomputes the whole log and compares it with what is stored. It
// returns how many entries there are and their root. The error is Conflict
// when the log was tampered with.
func (db *DB) VerifyAudit(ctx context.Context) (size int64, root audit.Hash, err error) {
	err = db.View(ctx, func(v gate.Tx) error {
		t := v.(*tx)
		var verifier audit.Verifier
		if err := t.audit(0, func(body []byte) error { return verifier.Add(body, t.nodes) }); err != nil {
			return err
		}
		if size, root, err = verifier.Root(); err != nil {
			return err
		}
		return t.nothingBeyond(size)
	})
	return size, root, err
}

// nothingBeyond refuses a log whose last entries are gone while their nodes or
// their numbers are still there.
func (t *tx) nothingBeyond(size int64) error {
	var nodes, last int64
	err := t.row(`SELECT (SELECT COUNT(*) FROM audit_node), (SELECT COALESCE(MAX(last), 0) FROM sequence WHERE name = 'audit')`).Scan(&nodes, &last)
	if err != nil {
		return broken("read the audit log", err)
	}
	if nodes != tlog.StoredHashCount(size) || last != size {
		return promotion.Errorf(promotion.Conflict, "the audit log has %d entries, and there were %d: some were removed (%d nodes, and %d belong to them)", size, last, nodes, tlog.StoredHashCount(size))
	}
	return nil
}
