package memory_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/store/memory"
	"github.com/promotebot/promotebot/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Store { return memory.New() })
}

// In a bubble an update may block on something that only passing time brings.
// A second one that waits for its turn must not keep time from passing.
func TestWaitingForATurnLetsABubbleGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		done := make(chan error, 2)
		for range 2 {
			go func() {
				done <- s.Update(t.Context(), func(tx gate.Tx) error {
					time.Sleep(time.Hour)
					return tx.AppendAudit(audit.Entry{At: time.Now(), Kind: audit.Voted})
				})
			}()
		}
		if err := errors.Join(<-done, <-done); err != nil {
			t.Fatal(err)
		}
		if n, _, err := s.VerifyAudit(t.Context()); n != 2 || err != nil {
			t.Errorf("%d entries (%v)", n, err)
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	s := memory.New()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for b.Loop() {
		err := s.Update(b.Context(), func(tx gate.Tx) error {
			return errors.Join(
				tx.SavePerson(promotion.Person{ID: "U1", Standing: promotion.Member, ReadAt: now}),
				tx.AddEffect(promotion.Effect{Kind: promotion.EffectCard, Key: "card/1", DueAt: now}))
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
