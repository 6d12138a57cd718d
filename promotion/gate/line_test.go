package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// builds is a world in which each build has a tag of its own, and stays.
type builds struct {
	*world
	there []string
}

func newBuilds(t *testing.T, d policy.Document) *builds {
	t.Helper()
	c := catalog(t, d)
	watch, err := promotion.ParseTagPattern("{build}-passed")
	if err != nil {
		t.Fatal(err)
	}
	c.Environments[0].Watch = watch
	return &builds{world: newWorld(t, c)}
}

// pass has builds come to staging, one after the other.
func (b *builds) pass(names ...string) {
	b.t.Helper()
	for _, name := range names {
		b.there = append(b.there, name)
		b.see()
		b.wait(time.Second) // whatever comes in one instant is told apart by microseconds
	}
}

func (b *builds) vanish(name string) {
	b.t.Helper()
	b.there = slices.DeleteFunc(b.there, func(other string) bool { return other == name })
	b.see()
}

func (b *builds) see() {
	b.t.Helper()
	s := promotion.Sighting{App: "shop", Environment: "staging", Side: promotion.Source, At: b.now}
	for _, name := range b.there {
		s.Tags = append(s.Tags, promotion.TaggedDigest{Tag: name + "-passed", Digest: digest(name), Captures: map[string]string{"build": name}})
	}
	b.must(b.gate.Sight(b.t.Context(), []promotion.Sighting{s}))
	b.run()
}

func (b *builds) approve(id promotion.ID) {
	b.t.Helper()
	for _, who := range []promotion.PersonID{ann, bob} {
		if a := b.clickOn(who, promotion.Approve, b.get(id)); a.Verb != promotion.Counted && a.Verb != promotion.Checking {
			b.t.Fatalf("%s approves #%d: %+v", who, id, a)
		}
	}
}

func (b *builds) says(id promotion.ID, rule policy.Rule, words string) {
	b.t.Helper()
	v, err := b.gate.View(b.t.Context(), id)
	b.must(err)
	if f, _ := v.Verdict.Finding(rule); !strings.Contains(f.Reason, words) {
		b.t.Errorf("#%d: %s says %q, not %q", id, rule, f.Reason, words)
	}
}

func modes(change func(*policy.Document)) policy.Document {
	d := careful()
	d.Soak = time.Hour
	change(&d)
	return d
}

func TestKeptBuildsAreOpenBesideEachOther(t *testing.T) {
	b := newBuilds(t, modes(func(d *policy.Document) { d.Supersede = policy.Keep }))
	b.pass("a", "b")
	b.wait(time.Hour)
	b.expect(1, promotion.Open)
	b.approve(1)
	b.expect(1, promotion.Promoted)
	b.approve(2)
	b.expect(2, promotion.Promoted)
}

// An older request approved after a newer promotion must not downgrade silently.
func TestAnOlderRequestApprovedAfterANewerPromotionMustNotDowngradeSilently(t *testing.T) {
	b := newBuilds(t, modes(func(d *policy.Document) { d.Supersede = policy.Keep }))
	b.pass("a", "b")
	b.wait(time.Hour)
	b.approve(2)
	b.expect(2, promotion.Promoted)
	b.approve(1)
	b.wait(24 * time.Hour)
	b.expect(1, promotion.Open)
	b.says(1, policy.RuleOrder, "a newer build, bbbbbbbbbbbb, was promoted to production in #2")
	if b.tags["production"] != digest("b") {
		t.Errorf("production is %s", b.tags["production"].Short())
	}
}

func TestAQueueGoesOneAfterTheOther(t *testing.T) {
	b := newBuilds(t, modes(func(d *policy.Document) { d.Supersede = policy.Queue }))
	b.pass("a", "b", "c")
	b.wait(2 * time.Hour)
	b.approve(2)
	b.expect(2, promotion.Open)
	b.says(2, policy.RuleLine, "waits for #1, which is before it")
	b.says(3, policy.RuleLine, "waits for #1, which is before it")
	before := b.draws[3]
	b.clickOn(sue, promotion.Reject, b.get(1))
	b.expect(1, promotion.Rejected)
	b.expect(2, promotion.Promoted) // it had soaked and was approved: only that was missing
	b.says(3, policy.RuleLine, "nothing is before it")
	if b.draws[3] == before {
		t.Error("the card of the third still says that it waits for the first")
	}
	b.approve(3)
	b.expect(3, promotion.Promoted)
	if want := []string{"production=bbbbbbbbbbbb", "production=cccccccccccc"}; !slices.Equal(b.moves, want) {
		t.Errorf("%q, not %q", b.moves, want)
	}
}

func TestAnApprovalInAQueueIsForWhatWasThereThen(t *testing.T) {
	b := newBuilds(t, modes(func(d *policy.Document) { d.Supersede = policy.Queue }))
	b.pass("a", "b")
	b.approve(2)
	b.wait(time.Hour)
	b.approve(1)
	b.expect(1, promotion.Promoted)
	b.wait(time.Hour)
	b.expect(2, promotion.Open)
	v, err := b.gate.View(t.Context(), 2)
	b.must(err)
	if len(v.Verdict.Discounted) != 2 || !strings.Contains(v.Verdict.Discounted[0].Reason, "production pointed at") {
		t.Errorf("the approvals: %+v", v.Verdict.Discounted)
	}
}

func TestWhatHasLeftHoldsUpNobody(t *testing.T) {
	b := newBuilds(t, modes(func(d *policy.Document) { d.Supersede = policy.Queue }))
	b.pass("a", "b")
	b.wait(time.Hour)
	b.approve(2)
	b.expect(2, promotion.Open)
	b.vanish("a")
	b.expect(2, promotion.Promoted)
	b.expect(1, promotion.Superseded)
}

// With builds faster than the soak, none would ever be promoted if each newer one
// made it begin anew.
func TestWithBuildsFasterThanTheSoakTheOldestMatures(t *testing.T) {
	b := newBuilds(t, modes(func(d *policy.Document) { d.RideOldest = true }))
	for _, build := range []string{"1", "2", "3", "4", "5"} {
		b.pass(build)
		b.wait(15 * time.Minute)
	}
	b.expect(1, promotion.Open)
	for _, between := range []promotion.ID{2, 3, 4} {
		b.expect(between, promotion.Superseded)
		if p := b.get(between); p.Successor != between+1 || !strings.Contains(p.Reason, "#1 keeps maturing") {
			t.Errorf("#%d gave way to #%d: %s", between, p.Successor, p.Reason)
		}
	}
	b.says(5, policy.RuleLine, "waits for #1, which came first and keeps maturing")
	b.approve(1)
	b.expect(1, promotion.Promoted)
	b.says(5, policy.RuleLine, "nothing is before it")
	b.pass("6") // now 5 rides
	b.expect(5, promotion.Open)
	b.approve(5)
	b.wait(time.Hour)
	b.expect(5, promotion.Promoted)
	b.expect(6, promotion.Open)
}

func TestWithoutThatTheNewestStartsOver(t *testing.T) {
	b := newBuilds(t, modes(func(*policy.Document) {}))
	b.pass("1", "2", "3")
	b.expect(1, promotion.Superseded)
	b.expect(2, promotion.Superseded)
	b.expect(3, promotion.Open)
}

// A build that is stuck is not kept from anything by being the oldest.
func TestABuildThatIsStuckDoesNotRide(t *testing.T) {
	d := modes(func(d *policy.Document) { d.RideOldest, d.Approvals, d.Automatic = true, nil, true })
	b := newBuilds(t, d)
	c := b.gate.Catalog()
	fresh := *c
	fresh.Environments = slices.Clone(c.Environments)
	fresh.Environments[1].Tags = []promotion.TagTemplate{"release-{build}", "production"}
	b.must(b.gate.Adopt(t.Context(), &fresh))
	b.see()
	b.production()
	b.tags["release-a"] = digest("9")
	b.pass("a")
	b.expect(1, promotion.Open)
	b.says(1, policy.RuleTags, "a version tag is never moved")
	b.pass("b")
	b.expect(1, promotion.Superseded)
	b.wait(time.Hour)
	b.expect(2, promotion.Promoted)
}

// production is a look at production alone.
func (b *builds) production() {
	b.t.Helper()
	s := promotion.Sighting{App: "shop", Environment: "production", Side: promotion.Held, At: b.now}
	if d := b.tags["production"]; d != "" {
		s.Tags = []promotion.TaggedDigest{{Tag: "production", Digest: d}}
	}
	b.must(b.gate.Sight(b.t.Context(), []promotion.Sighting{s}))
}

func TestTheTagsOfWhatIsOpenAreLookedAt(t *testing.T) {
	b := newBuilds(t, modes(func(d *policy.Document) { d.Supersede = policy.Queue }))
	b.pass("a", "b")
	tags, err := b.gate.Waiting(t.Context(), "shop", "staging")
	b.must(err)
	slices.Sort(tags)
	if !slices.Equal(tags, []string{"a-passed", "b-passed"}) {
		t.Errorf("%q", tags)
	}
}

// Asking for a card that is being drawn changes nothing: what is drawn then is older
// than what it is asked for. That it grew is how it is noticed.
func TestACardThatIsBeingDrawnIsDrawnAgainWhenAnotherGoesFirst(t *testing.T) {
	b := newBuilds(t, modes(func(d *policy.Document) { d.Supersede = policy.Keep }))
	b.pass("a", "b")
	b.wait(25 * time.Hour)
	b.down[promotion.EffectMove] = promotion.Unavailable
	was := b.get(1).Revision
	b.approve(2)
	b.expect(2, promotion.Executing)
	if is := b.get(1); is.Revision == was || b.drawn[1] != is.Revision {
		t.Errorf("#1 was at revision %d and is at %d, and its card shows %d", was, is.Revision, b.drawn[1])
	}
	b.says(1, policy.RuleTurn, "#2 is being promoted")
}
