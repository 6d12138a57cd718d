package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
)

const cartRepo = promotion.Repository("registry.example.com/shop/cart")

func quick() policy.Document {
	return policy.Document{Name: "quick", Soak: time.Minute, Approvals: []policy.Requirement{{Role: "leads", Count: 1}}}
}

// storefront has two apps that can go together.
func storefront(t *testing.T, f promotion.OnFailure) *gate.Catalog {
	t.Helper()
	c := catalog(t, quick())
	c.Apps = append(c.Apps, gate.App{Name: "cart", Repository: cartRepo, Channel: "C0CART", Policies: c.Apps[0].Policies})
	together := quick()
	together.OnFailure = f
	c.Trains = []gate.Train{{Name: "storefront", Apps: []string{"shop", "cart"}, Channel: "C0SHOP", Policies: map[string]policy.Document{"production": together}}}
	return c
}

// see is one round of the watcher over both apps.
func (w *world) see() {
	w.t.Helper()
	for _, app := range w.gate.Catalog().Apps {
		for env, side := range map[string]promotion.Side{"staging": promotion.Source, "production": promotion.Held} {
			s := promotion.Sighting{App: app.Name, Environment: env, Side: side, At: w.now}
			tag := map[promotion.Side]string{promotion.Source: "staging-passed", promotion.Held: "production"}[side]
			if d := w.tags[at(app.Repository, tag)]; d != "" {
				s.Tags = []promotion.TaggedDigest{{Tag: tag, Digest: d}}
			}
			w.must(w.gate.Sight(w.t.Context(), []promotion.Sighting{s}))
		}
	}
	w.run()
}

// yard is a world in which both apps have run something, and have a new build
// in staging: #1 is shop's, #2 is cart's.
func yard(t *testing.T, f promotion.OnFailure) *world {
	t.Helper()
	w := newWorld(t, storefront(t, f))
	w.stuck = map[promotion.Repository]*promotion.Failure{}
	w.tags["cart:production"] = digest("1")
	w.tags["staging-passed"], w.tags["cart:staging-passed"] = digest("a"), digest("b")
	w.see()
	return w
}

func (w *world) ask(who promotion.PersonID, name, ref string) promotion.Answer {
	w.t.Helper()
	w.clicks++
	a, err := w.gate.Take(w.t.Context(), promotion.Gesture{
		Key: "ask/" + time.Duration(w.clicks).String(), Kind: promotion.GestureRequest, Person: who, Channel: "C0SHOP", App: name, Ref: ref,
	})
	w.must(err)
	w.run()
	return a
}

// coupled is a yard in which #3 is the train, #4 its ride shop and #5 its ride
// cart.
func coupled(t *testing.T, f promotion.OnFailure) *world {
	t.Helper()
	w := yard(t, f)
	if a := w.ask(sue, "storefront", ""); a.Verb != promotion.Requested || a.Promotion != 3 {
		t.Fatalf("the request: %+v", a)
	}
	if p := w.get(3); p.Purpose != promotion.Train || p.State != promotion.Open || !p.Planned() {
		t.Fatalf("the train: %+v", p)
	}
	return w
}

// status is what production of the app holds, as the rows have it.
func (w *world) status(app string) policy.EnvironmentStatus {
	w.t.Helper()
	all, err := w.gate.Status(w.t.Context(), app)
	w.must(err)
	if len(all) != 1 {
		w.t.Fatalf("the status of %s: %+v", app, all)
	}
	return all[0].Environments[1]
}

func (w *world) agree(who promotion.PersonID) promotion.Answer {
	w.t.Helper()
	return w.clickOn(who, promotion.Approve, w.get(3))
}

func (w *world) holdsNow(want map[string]promotion.Digest) {
	w.t.Helper()
	for tag, d := range want {
		if w.tags[tag] != d {
			w.t.Errorf("%s is %q, want %q", tag, w.tags[tag].Short(), d.Short())
		}
	}
}

func TestATrainPromotesSeveralAppsWithOneApproval(t *testing.T) {
	w := coupled(t, promotion.Complete)
	for id := promotion.ID(1); id <= 2; id++ {
		if p := w.get(id); p.State != promotion.Superseded || p.Successor != 3 || p.Reason != "it goes with the train storefront" {
			t.Errorf("the promotion that was open before: %+v", p)
		}
	}
	p := w.get(3)
	want := []promotion.TermsItem{{Tag: string(repo) + ":production", Now: digest("0")}, {Tag: string(cartRepo) + ":production", Now: digest("1")}}
	if got := p.TermsNow().Targets; !slices.Equal(got, want) {
		t.Errorf("what is agreed to: %+v", got)
	}
	w.agree(ann)
	w.expect(3, promotion.Open) // it soaks
	if len(w.moves) != 0 {
		t.Fatalf("moved while it soaked: %v", w.moves)
	}
	w.wait(time.Minute)
	w.expect(3, promotion.Promoted)
	w.expect(4, promotion.Promoted)
	w.expect(5, promotion.Promoted)
	w.holdsNow(map[string]promotion.Digest{"production": digest("a"), "cart:production": digest("b")})
	if w.count("soaked") != 1 || w.count("executing") != 1 || w.count("ended") != 1 {
		t.Errorf("said: %q", w.said)
	}
	if w.drawn[4] != 0 || w.drawn[5] != 0 || w.drawn[3] != w.get(3).Revision {
		t.Errorf("the cards show the revisions %v, and the train has %d", w.drawn, w.get(3).Revision)
	}
	w.wait(time.Hour)
	w.see()
	if w.all() != 5 {
		t.Errorf("%d promotions when all is done", w.all())
	}
}

func TestATrainIsRefusedWhenThereIsNothingToBring(t *testing.T) {
	w := yard(t, promotion.Complete)
	if a := w.ask(sue, "storefront", "v1"); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "without a tag") {
		t.Errorf("with a tag: %+v", a)
	}
	w.tags["production"], w.tags["cart:production"] = digest("a"), digest("b")
	w.see()
	a := w.ask(sue, "storefront", "")
	if a.Verb != promotion.Refused || !strings.Contains(a.Reason, "shop aaaaaaaaaaaa is in production already") || !strings.Contains(a.Reason, "cart bbbb") {
		t.Errorf("with all of it there: %+v", a)
	}
}

func TestATrainLeavesOutWhatIsThereAlready(t *testing.T) {
	w := yard(t, promotion.Complete)
	w.tags["cart:production"] = digest("b")
	w.see()
	a := w.ask(sue, "storefront", "")
	rides, err := w.gate.Promotions(t.Context(), gate.Query{Train: a.Promotion})
	w.must(err)
	if len(rides) != 1 || rides[0].App != "shop" {
		t.Errorf("it carries %+v", rides)
	}
	if all, err := w.gate.Status(t.Context(), "shop"); err != nil || !slices.Equal(all[0].Open, []promotion.ID{a.Promotion}) {
		t.Errorf("the status of shop: %+v, %v", all, err)
	}
	if again := w.ask(ann, "storefront", ""); again.Verb != promotion.Existing || again.Promotion != a.Promotion {
		t.Errorf("asked for again: %+v", again)
	}
	if one := w.request(ann, string(digest("a"))); one.Verb != promotion.Existing || one.Promotion != a.Promotion {
		t.Errorf("one app of it asked for: %+v", one)
	}
}

func TestAVoteForATrainIsBoundToEveryRide(t *testing.T) {
	w := coupled(t, promotion.Complete)
	w.agree(ann)
	w.tags["cart:production"] = digest("9") // somebody has moved it
	w.see()
	w.wait(time.Hour)
	w.expect(3, promotion.Open)
	v, err := w.gate.View(t.Context(), 3)
	w.must(err)
	if d := v.Verdict.Discounted; len(d) != 1 || !strings.Contains(d[0].Reason, string(cartRepo)+":production pointed at 111111111111") {
		t.Errorf("discounted: %+v", d)
	}
	w.agree(ann)
	w.expect(3, promotion.Promoted)
}

func TestANewerBuildThatIsPromotedFirstBlocksTheTrain(t *testing.T) {
	w := coupled(t, promotion.Complete)
	w.now = w.now.Add(time.Second)
	w.tags["cart:staging-passed"] = digest("c")
	w.see()
	w.expect(3, promotion.Open) // the newer build has a card of its own
	w.wait(time.Hour)
	w.clickOn(bob, promotion.Approve, w.get(6))
	w.expect(6, promotion.Promoted)
	w.agree(ann)
	w.expect(3, promotion.Open)
	v, err := w.gate.View(t.Context(), 3)
	w.must(err)
	var said []string
	for _, m := range v.Verdict.Missing() {
		said = append(said, m.Reason)
	}
	if v.Verdict.Outcome != policy.Blocked || !strings.Contains(strings.Join(said, "\n"), "cart: ") || !strings.Contains(strings.Join(said, "\n"), "was promoted to production in #6") {
		t.Errorf("the verdict is %s: %q", v.Verdict.Outcome, said)
	}
}

func TestARejectedTrainRejectsItsRides(t *testing.T) {
	w := coupled(t, promotion.Complete)
	w.clickOn(ann, promotion.Reject, w.get(3))
	for id := promotion.ID(3); id <= 5; id++ {
		w.expect(id, promotion.Rejected)
	}
	w.wait(time.Hour)
	w.see()
	if w.all() != 5 || len(w.moves) != 0 {
		t.Errorf("%d promotions, moves %v", w.all(), w.moves)
	}
}

func TestTheLogSaysOfEachRideThatItsRejectionWasLifted(t *testing.T) {
	w := coupled(t, promotion.Complete)
	w.clickOn(ann, promotion.Reject, w.get(3))
	if a := w.clickOn(ann, promotion.Lift, w.get(3)); a.Verb != promotion.Counted {
		t.Fatalf("lifting it: %+v", a)
	}
	var said []promotion.ID
	for _, e := range w.entries(audit.Lifted) {
		w.expect(e.Promotion, promotion.Open)
		if said = append(said, e.Promotion); e.Actor != string(ann) || e.Detail["rejected_by"] != string(ann) {
			t.Errorf("the log says of #%d: %+v", e.Promotion, e)
		}
	}
	if slices.Sort(said); !slices.Equal(said, []promotion.ID{3, 4, 5}) {
		t.Errorf("the log says that it was lifted of %v", said)
	}
}

func TestARideHasNoVotesOfItsOwn(t *testing.T) {
	w := coupled(t, promotion.Complete)
	if a := w.clickOn(ann, promotion.Approve, w.get(4)); a.Verb != promotion.Missing {
		t.Errorf("a vote for a ride: %+v", a)
	}
	w.wait(time.Hour)
	w.expect(3, promotion.Open)
}

func TestANewerTrainTakesThePlaceOfAnOlderOne(t *testing.T) {
	w := coupled(t, promotion.Complete)
	w.now = w.now.Add(time.Second)
	w.tags["staging-passed"] = digest("c")
	w.see()
	a := w.ask(sue, "storefront", "")
	if a.Verb != promotion.Requested {
		t.Fatalf("asked again: %+v", a)
	}
	for id := promotion.ID(3); id <= 5; id++ {
		w.expect(id, promotion.Superseded)
	}
	if p := w.get(3); p.Successor != a.Promotion {
		t.Errorf("the older train: %+v", p)
	}
}

func TestATrainThatTheConfigurationDoesNotHaveAnyMoreEnds(t *testing.T) {
	for why, change := range map[string]func(*gate.Catalog){
		"the configuration has no train storefront any more":                    func(c *gate.Catalog) { c.Trains = nil },
		"the configuration does not have cart in the train storefront any more": func(c *gate.Catalog) { c.Trains[0].Apps = []string{"shop"} },
		"the configuration names another image for cart, registry.example.com/other": func(c *gate.Catalog) {
			c.Apps[1].Repository = "registry.example.com/other"
		},
	} {
		t.Run(strings.ReplaceAll(why, " ", "_"), func(t *testing.T) {
			w := coupled(t, promotion.Complete)
			c := storefront(t, promotion.Complete)
			change(c)
			w.must(w.gate.Adopt(t.Context(), c))
			w.run()
			for id := promotion.ID(3); id <= 5; id++ {
				w.expect(id, promotion.Superseded)
			}
			if p := w.get(3); p.Reason != why {
				t.Errorf("it says %q", p.Reason)
			}
		})
	}
}

func TestAVoteDoesNotOutliveWhatWasAgreedForAFailure(t *testing.T) {
	w := coupled(t, promotion.Complete)
	w.agree(ann)
	w.must(w.gate.Adopt(t.Context(), storefront(t, promotion.TakeBack)))
	w.run()
	w.see()
	w.wait(time.Hour)
	w.expect(3, promotion.Open)
	w.agree(bob)
	w.expect(3, promotion.Promoted)
	if train, ride := w.get(3), w.get(4); ride.PolicyHash != train.PolicyHash || train.OnFailure != promotion.TakeBack {
		t.Errorf("the train is under %s, its ride under %s", train.PolicyHash, ride.PolicyHash)
	}
}

func TestATrainLooksDifferentWhenARideDoes(t *testing.T) {
	w := coupled(t, promotion.Complete)
	was := w.get(3).Revision
	w.blind("the registry is down")
	w.run()
	if p := w.get(3); p.Revision == was || w.drawn[3] != p.Revision {
		t.Errorf("revision %d, %d on the card, when staging can't be read any more", p.Revision, w.drawn[3])
	}
}

func TestATrainDoesNotTakeWhatIsBeingDecidedElsewhere(t *testing.T) {
	w := yard(t, promotion.Complete)
	w.stuck[repo] = &promotion.Failure{Kind: promotion.Unavailable, Text: "the registry is down"}
	w.clickOn(ann, promotion.Approve, w.get(1))
	w.wait(time.Minute)
	w.expect(1, promotion.Executing)
	if a := w.ask(sue, "storefront", ""); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "#1 is bringing shop aaaaaaaaaaaa to production right now") {
		t.Errorf("while shop is being promoted: %+v", a)
	}
	w.stuck[repo] = nil
	w.wait(time.Hour)
	w.expect(1, promotion.Promoted)
	w.tags["production"] = digest("f")
	w.see()
	if a := w.ask(sue, "storefront", ""); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "#3 asks already whether shop aaaaaaaaaaaa is to be in production") {
		t.Errorf("while shop is to be put back: %+v", a)
	}
}

func TestWhatATrainCarriedIsNoCandidateAgain(t *testing.T) {
	w := coupled(t, promotion.Complete)
	w.clickOn(ann, promotion.Reject, w.get(3))
	w.tags["cart:staging-passed"] = digest("c")
	w.see()
	w.tags["cart:staging-passed"] = digest("b") // back to what was rejected
	w.see()
	if w.all() != 6 {
		t.Errorf("opened: %+v", w.newest().Facts.Promotion)
	}
}

func TestWhoeverWaitsForATrainSaysSo(t *testing.T) {
	w := coupled(t, promotion.Complete)
	w.now = w.now.Add(time.Second)
	w.tags["cart:staging-passed"] = digest("c")
	w.see()
	w.wait(time.Hour)
	w.stuck[cartRepo] = &promotion.Failure{Kind: promotion.Unavailable, Text: "the registry is down"}
	w.stuck[repo] = w.stuck[cartRepo]
	// The older builds are where a train departs from as long as they are there.
	w.tags["cart:staging-passed"] = digest("b")
	w.see()
	w.wait(time.Hour)
	before := w.draws[6]
	w.agree(ann)
	w.expect(3, promotion.Executing)
	if w.draws[6] == before {
		t.Error("the card of the newer build does not say that it has to wait")
	}
}

func TestTwoTrainsDoNotCarryOneDigest(t *testing.T) {
	c := storefront(t, promotion.Complete)
	c.Trains = append(c.Trains, gate.Train{Name: "other", Apps: []string{"cart"}, Policies: c.Trains[0].Policies})
	w := coupled(t, promotion.Complete)
	w.must(w.gate.Adopt(t.Context(), c))
	w.run()
	w.see()
	if a := w.ask(sue, "other", ""); a.Verb != promotion.Refused || !strings.Contains(a.Reason, "cart bbbbbbbbbbbb goes with #3, the train storefront, already") {
		t.Errorf("the second train: %+v", a)
	}
}
