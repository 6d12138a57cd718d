package gate_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
	"github.com/promotebot/promotebot/store/sqlite"
)

// BenchmarkVote is what has to happen between a click and its acknowledgement:
// one transaction on a SQLite file, down to the disk, in which a vote is
// checked, recorded, evaluated and audited. It reports the median and the
// 99th percentile.
func BenchmarkVote(b *testing.B) {
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "bot.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() }) // the file is thrown away
	const people = 64
	role := gate.Role{}
	for i := range people {
		role.People = append(role.People, promotion.PersonID(fmt.Sprintf("U%03d", i)))
	}
	now := time.Now()
	catalog := &gate.Catalog{
		Apps:         []gate.App{{Name: "shop", Repository: repo, Channel: "C0SHOP", Policies: map[string]policy.Document{"production": {Soak: time.Hour, RequesterMayApprove: true, Approvals: []policy.Requirement{{Role: "all", Count: people}}}}}},
		Environments: []gate.Environment{{Name: "staging"}, {Name: "production", Tags: []promotion.TagTemplate{"production"}}},
		Roles:        map[string]gate.Role{"all": role},
	}
	g := gate.New(db, catalog, func() time.Time { return now }, func() {})
	if err := db.Update(b.Context(), func(tx gate.Tx) error {
		for _, id := range role.People {
			if err := tx.SavePerson(promotion.Person{ID: id, Standing: promotion.Member, ReadAt: now}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	var took []time.Duration
	i := 0
	for b.Loop() {
		round, voter := i/people+1, role.People[i%people]
		if i%people == 0 {
			b.StopTimer()
			request(b, g, fmt.Sprintf("%064x", round), round)
			b.StartTimer()
		}
		i++
		begun := time.Now()
		a, err := g.Take(ctx, promotion.Gesture{Key: fmt.Sprintf("click/%d", i), Kind: promotion.GestureVote, Person: voter, Promotion: promotion.ID(round), Decision: promotion.Approve, Reply: true})
		took = append(took, time.Since(begun))
		if err != nil || a.Verb != promotion.Counted {
			b.Fatalf("%+v %v", a, err)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// request opens the promotion that the next votes are for.
func request(b *testing.B, g *gate.Gate, hex string, round int) {
	b.Helper()
	a, err := g.Take(b.Context(), promotion.Gesture{Key: fmt.Sprintf("request/%d", round), Kind: promotion.GestureRequest, Person: "U000", App: "shop", Ref: "sha256:" + hex})
	if err != nil || a.Verb != promotion.Requested || a.Promotion != promotion.ID(round) {
		b.Fatalf("%+v %v", a, err)
	}
}
