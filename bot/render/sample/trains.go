package sample

import (
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// storefront is a train of two apps that was asked for on monday, and what its
// policy says d later.
func storefront(d time.Duration, changes ...func(*policy.Document, *policy.Facts)) policy.View {
	return Train([]string{"shop", "cart"}, d, changes...)
}

// Train is one of these apps.
func Train(apps []string, d time.Duration, changes ...func(*policy.Document, *policy.Facts)) policy.View {
	coupled := func(doc *policy.Document, f *policy.Facts) {
		doc.OnFailure = promotion.TakeBack
		var rides []*promotion.Promotion
		for i, app := range apps {
			r := Shop(d).Facts
			p := &r.Promotion
			p.ID, p.Purpose, p.Train, p.App, p.Requester, p.Card = promotion.ID(21+i), promotion.Ride, 20, app, Eve, promotion.Card{}
			p.Repository, p.Destination = promotion.Repository("registry.example.com/team/"+app), promotion.Repository("registry.example.com/team/"+app)
			if i > 0 {
				p.Digest = Other
			}
			f.Rides = append(f.Rides, policy.Facts{Promotion: r.Promotion, Presence: r.Presence})
			rides = append(rides, p)
		}
		f.Promotion = promotion.Promotion{
			ID: 20, Purpose: promotion.Train, App: "storefront", From: "staging", To: "production", Digest: promotion.Consist(rides), Requester: Eve,
			State: promotion.Open, Revision: 4, Targets: promotion.Coupled(rides), ObservedAt: Monday, OpenedAt: Monday, Card: promotion.Card{Channel: "C1", TS: "1.1", Revision: 3},
		}
		f.Presence = nil
	}
	return Shop(d, append([]func(*policy.Document, *policy.Facts){coupled}, changes...)...)
}

// Rode ends a ride.
func Rode(i int, s promotion.State, reason string) func(*policy.Document, *policy.Facts) {
	return func(d *policy.Document, f *policy.Facts) {
		Ended(s, reason)(d, &f.Rides[i])
	}
}

// Trains are the states of several apps that go together.
func Trains() []State {
	return []State{
		{"train just asked for", storefront(time.Second, With(func(f *policy.Facts) {
			f.Promotion.Targets, f.Promotion.Card = nil, promotion.Card{Channel: "C1"}
			for i := range f.Rides {
				f.Rides[i].Promotion.Image, f.Rides[i].Promotion.Targets = nil, nil
			}
		}))},
		{"train soaking", storefront(29*time.Hour, With(func(f *policy.Facts) { f.Rides[1].Presence[0].From = Monday.Add(3 * time.Hour) }))},
		{"train waiting for approvals", storefront(Later)},
		{"train of which an app left staging", storefront(Later, Approved(Ann), With(func(f *policy.Facts) { f.Rides[1].Presence[0].Until = At(5 * time.Hour) }))},
		{"train blocked by a newer build", storefront(Later, Approved(Ann), With(func(f *policy.Facts) { f.Rides[1].Newer = &promotion.Promotion{ID: 25, Digest: Former} }))},
		{"train whose vote was for another production", storefront(Later, Approved(Ann), With(func(f *policy.Facts) {
			f.Rides[1].Promotion.Targets[1].Now, f.Promotion.Targets[3].Now = Build, Build
		}))},
		{"train copying", storefront(Later+time.Minute, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) {
			f.Rides[1].Promotion.Destination = "production.example.com/cart"
			f.Rides[1].Promotion.Copy = &promotion.Copy{StartedAt: Monday.Add(Later), Blobs: promotion.Count{Done: 3, All: 12}, Bytes: promotion.Count{Done: 40_000_000, All: 104_900_000}}
		}))},
		{"train executing", storefront(Later, Approved(Ann, Bob, Sam), With(func(f *policy.Facts) {
			f.Promotion.State, f.Promotion.StartedAt = promotion.Executing, At(Later)
			f.Rides[0].Promotion.State, f.Rides[0].Promotion.Moves = promotion.Executing, []promotion.Move{{Tag: "production", Outcome: promotion.MoveDone}}
			f.Rides[1].Promotion.State, f.Rides[1].Promotion.ReadFault = promotion.Executing, "registry.example.com answers 503 Service Unavailable"
		}))},
		{"train promoted", storefront(Later, Approved(Ann, Bob, Sam), Ended(promotion.Promoted, ""), Rode(0, promotion.Promoted, ""), Rode(1, promotion.Promoted, ""))},
		{"train taken back", storefront(Later, Approved(Ann, Bob, Sam),
			Ended(promotion.Failed, "shop: it was taken back; cart: production points at 0badcafe0bad; it was expected to point at 9e8d7c6b9e8d; promoted: nothing"),
			Rode(0, promotion.Failed, "it was taken back"), Rode(1, promotion.Conflicted, "production points at 0badcafe0bad; it was expected to point at 9e8d7c6b9e8d"))},
		{"train with a glass to break", storefront(29*time.Hour, breakable, Approved(Ann))},
		{"train whose glass is broken", storefront(29*time.Hour, breakable, Broken, With(func(f *policy.Facts) {
			f.Promotion.State, f.Promotion.StartedAt = promotion.Executing, At(29*time.Hour)
			f.Promotion.Broken.Skipped = []string{"shop: soaks 48h in staging, until 2026-11-25 09:00:00 UTC", "cart: soaks 48h in staging, until 2026-11-25 09:00:00 UTC", "0 of 2 from leads", "0 of 1 from security"}
		}))},
		{"train whose glass has to be reviewed", storefront(Later, breakable, Broken, Ended(promotion.Promoted, ""), Rode(0, promotion.Promoted, ""), Rode(1, promotion.Promoted, ""))},
		{"superseded by a train", Shop(Later, Ended(promotion.Superseded, "it goes with the train storefront"), With(func(f *policy.Facts) { f.Promotion.Successor = 20 }))},
	}
}
