package storetest

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
)

var kinds = []promotion.EffectKind{promotion.EffectCard, promotion.EffectMove}

func ask(t *testing.T, s Store, kind promotion.EffectKind, key string, due time.Time) {
	t.Helper()
	update(t, s, func(tx gate.Tx) error {
		return tx.AddEffect(promotion.NewEffect(kind, key, 3, map[string]string{"of": key}, due))
	})
}

func claim(t *testing.T, s Store, owner string, now time.Time, limit int) []promotion.Effect {
	t.Helper()
	claimed, err := s.Claim(t.Context(), kinds, owner, now, now.Add(time.Minute), limit)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(claimed, func(a, b promotion.Effect) int { return int(a.ID - b.ID) })
	return claimed
}

func effectKeys(t *testing.T, s Store) {
	ask(t, s, promotion.EffectCard, "card/1", noon)
	ask(t, s, promotion.EffectCard, "card/1", noon.Add(time.Hour))
	claimed := claim(t, s, "me", noon, 9)
	if len(claimed) != 1 {
		t.Fatalf("claimed %d effects, want the one", len(claimed))
	}
	ask(t, s, promotion.EffectCard, "card/1", noon)
	if again := claim(t, s, "me", noon, 9); len(again) != 0 {
		t.Errorf("asked for again while it is performed: %+v", again)
	}
	update(t, s, func(tx gate.Tx) error { return tx.FinishEffect(claimed[0], noon) })
	ask(t, s, promotion.EffectCard, "card/1", noon)
	if again := claim(t, s, "me", noon, 9); len(again) != 1 {
		t.Errorf("asked for after it was finished: %+v", again)
	}
}

func claims(t *testing.T, s Store) {
	ask(t, s, promotion.EffectMove, "second", noon.Add(-time.Minute))
	ask(t, s, promotion.EffectCard, "first", noon.Add(-time.Hour))
	ask(t, s, promotion.EffectCard, "later", noon.Add(time.Microsecond))
	ask(t, s, promotion.EffectPerson, "another kind", noon.Add(-time.Hour))
	due, some, err := s.NextDue(t.Context(), kinds)
	if !some || err != nil || !due.Equal(noon.Add(-time.Hour)) {
		t.Errorf("next due %v %v %v", due, some, err)
	}
	one := claim(t, s, "me", noon, 1)
	if len(one) != 1 || one[0].Key != "first" {
		t.Fatalf("with room for one: %+v", one)
	}
	e := one[0]
	var payload map[string]string
	if err := json.Unmarshal(e.Payload, &payload); err != nil || payload["of"] != "first" {
		t.Errorf("payload %s (%v)", e.Payload, err)
	}
	if e.Promotion != 3 || e.Attempt != 1 || e.Owner != "me" || !e.LeaseUntil.Equal(noon.Add(time.Minute)) {
		t.Errorf("claimed %+v", e)
	}
	if rest := claim(t, s, "me", noon, 9); len(rest) != 1 || rest[0].Key != "second" {
		t.Errorf("the rest: %+v", rest)
	}
	if none, some, err := s.NextDue(t.Context(), []promotion.EffectKind{promotion.EffectWake}); some || err != nil {
		t.Errorf("next due of a kind that is not there: %v %v", none, err)
	}
}

func leases(t *testing.T, s Store) {
	ask(t, s, promotion.EffectMove, "move/1", noon)
	if first := claim(t, s, "one", noon, 9); len(first) != 1 {
		t.Fatalf("claimed %+v", first)
	}
	if early := claim(t, s, "two", noon.Add(time.Minute-time.Microsecond), 9); len(early) != 0 {
		t.Fatalf("claimed under another's lease: %+v", early)
	}
	second := claim(t, s, "two", noon.Add(time.Minute), 9)
	if len(second) != 1 || second[0].Attempt != 2 {
		t.Fatalf("claimed after the lease: %+v", second)
	}
}

func extension(t *testing.T, s Store) {
	ask(t, s, promotion.EffectMove, "move/1", noon)
	held := claim(t, s, "one", noon, 9)[0]
	if err := s.Extend(t.Context(), held, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if early := claim(t, s, "two", noon.Add(time.Hour-time.Microsecond), 9); len(early) != 0 {
		t.Fatalf("claimed under an extended lease: %+v", early)
	}
	if late := claim(t, s, "two", noon.Add(time.Hour), 9); len(late) != 1 {
		t.Fatalf("claimed after the extended lease: %+v", late)
	}
	if err := s.Extend(t.Context(), held, noon.Add(2*time.Hour)); !errors.Is(err, promotion.Stale) {
		t.Errorf("extended without the lease: %v", err)
	}
}

func fencing(t *testing.T, s Store) {
	ask(t, s, promotion.EffectMove, "move/1", noon)
	slow := claim(t, s, "one", noon, 9)[0]
	fast := claim(t, s, "two", noon.Add(time.Hour), 9)[0]
	refused(t, s, "finishing without the lease", promotion.Stale, func(tx gate.Tx) error { return tx.FinishEffect(slow, noon) })
	refused(t, s, "postponing without the lease", promotion.Stale, func(tx gate.Tx) error { return tx.PostponeEffect(slow, noon, "") })
	update(t, s, func(tx gate.Tx) error { return tx.PostponeEffect(fast, noon.Add(2*time.Hour), "busy") })
	refused(t, s, "finishing after giving it back", promotion.Stale, func(tx gate.Tx) error { return tx.FinishEffect(fast, noon) })
	again := claim(t, s, "two", noon.Add(2*time.Hour), 9)
	if len(again) != 1 || again[0].Attempt != 3 {
		t.Fatalf("claimed %+v", again)
	}
	update(t, s, func(tx gate.Tx) error { return tx.FinishEffect(again[0], noon) })
	refused(t, s, "finishing it twice", promotion.Stale, func(tx gate.Tx) error { return tx.FinishEffect(again[0], noon) })
}

func release(t *testing.T, s Store) {
	ask(t, s, promotion.EffectMove, "move/1", noon)
	ask(t, s, promotion.EffectMove, "move/2", noon.Add(time.Hour))
	if claimed := claim(t, s, "dead", noon, 9); len(claimed) != 1 {
		t.Fatalf("claimed %+v", claimed)
	}
	if err := s.ReleaseLeases(t.Context(), noon.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	claimed := claim(t, s, "new", noon.Add(time.Second), 9)
	if len(claimed) != 1 || claimed[0].Key != "move/1" || claimed[0].Attempt != 2 {
		t.Errorf("claimed after the release: %+v", claimed)
	}
}

func numbers(t *testing.T, s Store) {
	ask(t, s, promotion.EffectMove, "a", noon)
	first := claim(t, s, "me", noon, 1)[0]
	update(t, s, func(tx gate.Tx) error { return tx.FinishEffect(first, noon) })
	ask(t, s, promotion.EffectMove, "b", noon)
	if second := claim(t, s, "me", noon, 1)[0]; second.ID <= first.ID {
		t.Errorf("effect %d came after %d", second.ID, first.ID)
	}
}

func auditLog(t *testing.T, s Store) {
	const n = 130 // across several levels of the tree
	var roots []audit.Hash
	for i := range n {
		update(t, s, func(tx gate.Tx) error {
			return tx.AppendAudit(audit.Entry{At: noon.Add(time.Duration(i) * time.Second), Actor: "U1", Kind: audit.Voted, Promotion: promotion.ID(i)})
		})
		if i%40 == 0 {
			size, root, err := s.VerifyAudit(t.Context())
			if err != nil || size != int64(i+1) {
				t.Fatalf("after %d entries: %d, %v", i+1, size, err)
			}
			roots = append(roots, root)
		}
	}
	if len(slices.Compact(slices.Clone(roots))) != len(roots) {
		t.Error("two different logs have one root")
	}
	var seqs []int64
	err := s.Audit(t.Context(), 100, func(body []byte) error {
		e, err := audit.Parse(body)
		seqs = append(seqs, e.Seq)
		return err
	})
	if err != nil || len(seqs) != n-100 || seqs[0] != 100 || seqs[len(seqs)-1] != n-1 {
		t.Errorf("entries from 100 on: %v (%v)", seqs, err)
	}
	stop := errors.New("enough")
	if err := s.Audit(t.Context(), 0, func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of the reader: %v", err)
	}
}
