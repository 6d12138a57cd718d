package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// coupled is a train that lacks nothing, of the promotion that lacks nothing
// and another one.
func coupled() (policy.Document, policy.Facts) {
	d, f := ready()
	_, other := ready()
	ride := func(id promotion.ID, app string, of policy.Facts) policy.Facts {
		of.Votes, of.Rosters, of.People = nil, nil, nil
		p := &of.Promotion
		p.ID, p.Purpose, p.Train, p.App = id, promotion.Ride, 7, app
		p.Repository, p.Destination = promotion.Repository("registry.example.com/"+app), promotion.Repository("registry.example.com/"+app)
		return of
	}
	f.Rides = []policy.Facts{ride(8, "shop", f), ride(9, "cart", other)}
	f.Presence = nil
	f.Promotion.Purpose, f.Promotion.App = promotion.Train, "storefront"
	agree(&f)
	return d, f
}

// agree has everybody who voted see the train as it is now, and its ways back
// looked for where it goes.
func agree(f *policy.Facts) {
	for i := range f.Rides {
		p := &f.Rides[i].Promotion
		p.WayBack = &promotion.WayBack{Repository: p.Destination, Digests: p.WaysBack(), ReadAt: &noon}
	}
	f.Promotion.Targets = promotion.Coupled([]*promotion.Promotion{&f.Rides[0].Promotion, &f.Rides[1].Promotion})
	for i := range f.Votes {
		f.Votes[i].Terms = f.Promotion.TermsNow()
	}
}

func TestVerdictsOnTrains(t *testing.T) {
	until := noon.Add(-time.Hour)
	for _, c := range []struct {
		name    string
		change  func(d *policy.Document, f, cart *policy.Facts)
		outcome policy.Outcome
		rule    policy.Rule
		says    string
	}{
		{"nothing is missing", func(d *policy.Document, f, cart *policy.Facts) {}, policy.Met, policy.RuleIdentity, "read just now"},
		{"one soaks", func(d *policy.Document, f, cart *policy.Facts) { cart.Presence[0].From = noon.Add(-time.Hour) }, policy.Waiting, policy.RuleRide, "cart: soaks 24h in staging, until 2026-03-03 11:00:00 UTC"},
		{"one has left", func(d *policy.Document, f, cart *policy.Facts) { cart.Presence[0].Until = &until }, policy.Waiting, policy.RuleRide, "cart: aaaaaaaaaaaa is not in staging any more"},
		{"one can't be seen", func(d *policy.Document, f, cart *policy.Facts) {
			cart.Source = policy.Look{Fault: "the registry is down", Since: until}
		}, policy.Waiting, policy.RuleRide, "cart: staging can't be read since"},
		{"the tags of one have not been read", func(d *policy.Document, f, cart *policy.Facts) { cart.Promotion.Targets[1].ReadAt = nil }, policy.Waiting, policy.RuleRide, "cart: what production points at"},
		{"a version tag of one is taken", func(d *policy.Document, f, cart *policy.Facts) { cart.Promotion.Targets[0].Now = before }, policy.Blocked, policy.RuleRide, "cart: v1.4 already points at"},
		{"a newer build of one was promoted", func(d *policy.Document, f, cart *policy.Facts) {
			cart.Newer = &promotion.Promotion{ID: 9, Digest: before}
		}, policy.Blocked, policy.RuleRide, "cart: a newer build"},
		{"one is being promoted by itself", func(d *policy.Document, f, cart *policy.Facts) { cart.Executing = 6 }, policy.Waiting, policy.RuleRide, "cart: #6 is being promoted"},
		{"another train of the name is under way", func(d *policy.Document, f, cart *policy.Facts) { f.Executing = 6 }, policy.Waiting, policy.RuleTurn, "#6 is being promoted"},
		{"it carries nothing", func(d *policy.Document, f, cart *policy.Facts) { f.Rides = nil }, policy.Blocked, policy.RuleRide, "it carries nothing"},
		{"one lead is missing", func(d *policy.Document, f, cart *policy.Facts) { f.Votes = f.Votes[1:] }, policy.Waiting, policy.RuleApprovals, "2 of 3"},
		{"production of one was moved after the votes", func(d *policy.Document, f, cart *policy.Facts) {
			cart.Promotion.Targets[1].Now = app
			agree(f)
			for i := range f.Votes {
				f.Votes[i].Terms.Targets[3].Now = before
			}
		}, policy.Waiting, policy.RuleApprovals, "0 of 3"},
		{"one has no way back", func(d *policy.Document, f, cart *policy.Facts) {
			cart.Promotion.WayBack.Proof.Missing = "the blob 123 is gone"
		}, policy.Blocked, policy.RuleWayBack, "cart: the way back, 000000000000, is not whole"},
		{"one goes abroad and is not there", func(d *policy.Document, f, cart *policy.Facts) {
			cart.Promotion.Destination = "production.example.com/cart"
			agree(f)
		}, policy.Waiting, policy.RuleCopy, "cart: the digest is being brought to production.example.com/cart"},
		{"one goes abroad and is there", func(d *policy.Document, f, cart *policy.Facts) {
			cart.Promotion.Destination = "production.example.com/cart"
			cart.Promotion.Copy = &promotion.Copy{DoneAt: &noon}
			agree(f)
		}, policy.Met, policy.RuleCopy, "nothing is missing"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			d, f := coupled()
			c.change(&d, &f, &f.Rides[1])
			v := policy.Evaluate(d, f, noon)
			var said []string
			found := false
			for _, finding := range v.Findings {
				found = found || finding.Rule == c.rule && strings.Contains(finding.Reason, c.says)
				said = append(said, finding.Reason)
			}
			if v.Outcome != c.outcome || !found {
				t.Errorf("the verdict is %s, want %s, and %s is not said to be %q:\n%s", v.Outcome, c.outcome, c.rule, c.says, strings.Join(said, "\n"))
			}
		})
	}
}

func TestATrainIsBroughtOnlyWhenEverythingElseIsMet(t *testing.T) {
	d, f := coupled()
	f.Rides[1].Promotion.Destination = "production.example.com/cart"
	agree(&f)
	if v := policy.Evaluate(d, f, noon); len(v.Bring) != 1 || v.Bring[0] != 9 {
		t.Errorf("to be brought: %v", v.Bring)
	}
	f.Rides[0].Executing = 6
	if v := policy.Evaluate(d, f, noon); len(v.Bring) != 0 {
		t.Errorf("to be brought although shop has to wait: %v", v.Bring)
	}
}

// What is missing is said with the name of the app: a reason alone would not
// tell whose it is.
func TestWhatATrainLacksIsSaidOfTheApp(t *testing.T) {
	d, f := coupled()
	f.Rides[0].Presence[0].From = noon.Add(-time.Hour)
	f.Rides[1].Executing = 6
	f.Votes = nil
	var said []string
	for _, m := range policy.Evaluate(d, f, noon).Missing() {
		said = append(said, m.Reason)
	}
	want := "shop: soaks 24h in staging, until 2026-03-03 11:00:00 UTC|cart: #6 is being promoted to production right now|0 of 2 from leads|0 of 1 from security"
	if got := strings.Join(said, "|"); got != want {
		t.Errorf("missing: %s", got)
	}
}

// Nothing gets through in company that would not by itself.
func TestATrainIsNeverAheadOfItsRides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, f := coupled()
		for i := range f.Rides {
			r := &f.Rides[i]
			r.Presence[0].From = noon.Add(-time.Duration(rapid.IntRange(20, 28).Draw(t, "hours")) * time.Hour)
			if rapid.IntRange(0, 3).Draw(t, "left") == 0 {
				until := noon.Add(-time.Minute)
				r.Presence[0].Until = &until
			}
			r.Executing = promotion.ID(rapid.SampledFrom([]int{0, 0, 0, 6}).Draw(t, "executing"))
			if rapid.IntRange(0, 3).Draw(t, "taken") == 0 {
				r.Promotion.Targets[0].Now = before
			}
		}
		agree(&f)
		v := policy.Evaluate(d, f, noon)
		all := policy.Met
		for _, r := range f.Rides {
			alone := r
			alone.Promotion.Purpose = promotion.Forward
			alone.Votes, alone.Rosters, alone.People = slices.Clone(f.Votes), f.Rosters, f.People
			for i := range alone.Votes {
				alone.Votes[i].Terms = alone.Promotion.TermsNow()
			}
			if one := policy.Evaluate(d, alone, noon); one.Outcome != policy.Met {
				all = policy.Waiting
			}
		}
		if (v.Outcome == policy.Met) != (all == policy.Met) {
			t.Fatalf("the train is %s, its rides by themselves are %s: %+v", v.Outcome, all, v.Missing())
		}
		if v.Outcome == policy.Waiting && v.NextChange != nil && !v.NextChange.After(noon) {
			t.Fatalf("it announces a change at %s, which has been", v.NextChange)
		}
	})
}

// The soak of a train ends with that of the last of its rides, wherever it stands.
func TestASoakOfATrainEndsWithItsLast(t *testing.T) {
	d, f := coupled()
	since := func(shop, cart time.Duration) {
		f.Rides[0].Presence, f.Rides[1].Presence = []promotion.Interval{{From: *ago(shop)}}, []promotion.Interval{{From: *ago(cart)}}
	}
	for _, c := range []struct{ shop, cart time.Duration }{{23 * time.Hour, 10 * time.Hour}, {10 * time.Hour, 23 * time.Hour}} {
		since(c.shop, c.cart)
		if ends, running := f.SoakEnds(d, noon); !running || !ends.Equal(noon.Add(14*time.Hour)) {
			t.Errorf("%+v: it ends %s (%v)", c, ends, running)
		}
	}
	f.Rides[1].Presence[0].Until = ago(time.Hour)
	if ends, running := f.SoakEnds(d, noon); running {
		t.Errorf("one has left, and it ends %s", ends)
	}
}
