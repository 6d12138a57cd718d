// Package storetest is the conformance suite that any store must pass. It says
// what the gate and the pipeline rely on; a database that passes it can stand
// behind them. It tests behaviour, through the same interfaces, and knows no
// SQL.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/gate"
)

// Store is everything that a database does for promotebot.
type Store interface {
	gate.Store
	Claim(ctx context.Context, kinds []promotion.EffectKind, owner string, now, until time.Time, limit int) ([]promotion.Effect, error)
	Extend(ctx context.Context, e promotion.Effect, until time.Time) error
	NextDue(ctx context.Context, kinds []promotion.EffectKind) (time.Time, bool, error)
	ReleaseLeases(ctx context.Context, now time.Time) error
	Audit(ctx context.Context, from int64, f func(body []byte) error) error
	VerifyAudit(ctx context.Context) (size int64, root audit.Hash, err error)
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 123_000, time.UTC)

// Run runs the suite; open gives each test an empty store.
func Run(t *testing.T, open func(*testing.T) Store) {
	for name, test := range map[string]func(*testing.T, Store){
		"a promotion comes back as it was saved":             promotionRoundTrip,
		"a save on an old revision is stale":                 staleSave,
		"what the schema forbids is refused":                 forbidden,
		"votes, looks and people have to make sense":         forbiddenRows,
		"an effect that is asked for again stays as it was":  onlyAdds,
		"a view can't write":                                 viewsOnlyRead,
		"what was read can be scribbled on":                  ownCopies,
		"one promotion at a time executes":                   oneExecuting,
		"queries select what they say":                       queries,
		"a broken glass is found until it is reviewed":       glass,
		"a person's later vote replaces the earlier":         votes,
		"a rejection comes back with all that was said":      rejections,
		"a failed update leaves no trace":                    rollback,
		"updates exclude each other":                         exclusion,
		"a view sees one instant":                            snapshot,
		"presence joins the tags of a digest":                presence,
		"a pin says what was set last":                       pins,
		"watches, people and groups come back":               directory,
		"channels come back":                                 channels,
		"a gesture is recorded once and decided once":        gestures,
		"a home comes back, and those opened last":           homes,
		"what somebody has done is found, newest first":      decided,
		"who was reminded comes back":                        remindedPeople,
		"since when a promotion waits comes back":            awaited,
		"the newest report of a check comes back":            checkReports,
		"reports of authors only add":                        authorReports,
		"what the schema forbids of evidence is refused":     forbiddenEvidence,
		"a token comes back and is revoked once":             tokens,
		"a receipt is kept once, and for a while":            receipts,
		"an effect is asked for once while unfinished":       effectKeys,
		"a claim takes what is due, oldest first":            claims,
		"a lease that ended is claimed by another":           leases,
		"a lease is extended only by who holds it":           extension,
		"a report without the lease is stale":                fencing,
		"released leases are due at once":                    release,
		"numbers are never given twice":                      numbers,
		"the audit log grows without gaps and can be proved": auditLog,

		"an incident is open once for a key":                incidents,
		"ill health lasts until good health is reported":    unhealth,
		"the newest reading of each counter counts":         exposures,
		"a freeze holds until it is over or lifted":         freezes,
		"a hold is there once for each person until lifted": holds,
		"what was rolled back is held, be it by nobody":     heldBack,
		"a digest is withdrawn once until it is reinstated": withdrawals,
		"a rollback comes back with what it took back":      rolledBack,
		"what stops time and promotions has to make sense":  forbiddenStops,

		"a delegation is there until it is over or ended": delegations,
		"delegations have to make sense":                  forbiddenDelegations,
		"a long list is read in pages":                    pages,
		"a card is found by where it is":                  cards,
		"deployments come back in their order":            deployments,
		"stocks come back by environment and target":      stocks,
		"a stock has to make sense":                       forbiddenStocks,
		"measurements come back by name":                  measurements,
		"a measurement has to make sense":                 forbiddenMeasurements,
		"a deployment has to make sense":                  forbiddenDeployments,
		"what follows the tags has states of its own":     following,
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func digest(c string) promotion.Digest { return promotion.Digest("sha256:" + strings.Repeat(c, 64)) }

func sample(app, c string) promotion.Promotion {
	created := noon.Add(-time.Hour)
	return promotion.Promotion{
		Purpose: promotion.Forward, App: app, From: "staging", To: "production", Repository: "registry.example.com/" + promotion.Repository(app), Destination: "production.example.com/" + promotion.Repository(app), Digest: digest(c), SourceTag: "staging-passed",
		Captures: map[string]string{"version": "1.2"}, State: promotion.Open, Revision: 1, PolicyHash: "p",
		Image:      &promotion.Image{MediaType: "m", Labels: map[string]string{"k": "<v>"}, Created: &created, ReadAt: noon},
		Targets:    []promotion.Target{{Tag: "production", Floating: true, Now: digest("0"), ReadAt: &created}},
		Former:     &promotion.Former{Digest: digest("0"), Image: &promotion.Image{Layers: []promotion.Layer{{Digest: digest("1"), Size: 7}}}},
		ObservedAt: noon, OpenedAt: noon, Card: promotion.Card{Channel: "C1"},
	}
}

func update(t *testing.T, s Store, f func(gate.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, s Store, f func(gate.Tx) error) {
	t.Helper()
	if err := s.View(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, s Store, p promotion.Promotion) promotion.Promotion {
	t.Helper()
	update(t, s, func(tx gate.Tx) error { return tx.AddPromotion(&p) })
	return p
}

func refused(t *testing.T, s Store, why string, kind promotion.Kind, f func(gate.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), f); !errors.Is(err, kind) {
		t.Errorf("%s: got %v, want an error of kind %s", why, err, kind)
	}
}

func promotionRoundTrip(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	if p.ID != 1 {
		t.Errorf("the first promotion is #%d", p.ID)
	}
	later := noon.Add(time.Minute)
	p.State, p.StartedAt, p.FinishedAt, p.Revision = promotion.Promoted, &later, &later, 4
	p.Copy = &promotion.Copy{StartedAt: noon, DoneAt: &later, Bytes: promotion.Count{Done: 7, All: 7}, Attached: []promotion.Attachment{{Digest: digest("2"), Subject: p.Digest, Type: "cosign/sig"}}}
	p.Plan = "go back to the one before"
	p.Former = &promotion.Former{Digest: digest("0"), Fault: "down", Image: &promotion.Image{
		Of: "linux/amd64", Layers: []promotion.Layer{{Digest: digest("1"), Size: 7}}, Size: 7, Platforms: []string{"linux/amd64"}, Labels: map[string]string{"k": "v"}, Created: &later, ReadAt: noon,
	}}
	p.Card.Link = "https://example.slack.com/archives/C1/p12"
	p.WayBack = &promotion.WayBack{Repository: p.Destination, Digests: []promotion.Digest{digest("0")}, ReadAt: &later, Proof: promotion.Proof{Manifests: 1, Blobs: 2, Missing: "a blob"}, Fault: "down"}
	p.Provenance = &promotion.Provenance{Repository: p.Repository, By: "9f", ReadAt: &later, Found: promotion.Attested{Verified: 1, Named: 2, Refused: []string{"another"}}, Said: "1a", Fault: "down"}
	p.Moves = []promotion.Move{{Tag: "production", Outcome: promotion.MoveDone, Found: p.Digest}}
	p.Broken = &promotion.Broken{
		By: "U1", Reason: "the shop is down", At: noon, Terms: p.TermsNow(), Skipped: []string{"0 of 2 from leads"}, Due: later, Reviewers: []string{"security"},
		Review: &promotion.Review{By: "U2", At: later, Fine: true, Note: "right"},
	}
	p.Purpose, p.Train, p.OnFailure = promotion.Ride, add(t, s, sample("storefront", "b")).ID, promotion.TakeBack
	p.MovedAt, p.WatchUntil = &noon, &later
	p.Card.TS, p.Card.Revision, p.SoakedAt, p.RemindedAt, p.Reason, p.EndedBy = "1.2", 3, &later, &later, "it's \"done\"", "U1"
	update(t, s, func(tx gate.Tx) error { return tx.SavePromotion(p, 1) })
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Promotion(p.ID)
		if !reflect.DeepEqual(got, p) {
			t.Errorf("got  %+v\nwant %+v", got, p)
		}
		return err
	})
	if err := s.View(t.Context(), func(tx gate.Tx) error { _, err := tx.Promotion(99); return err }); !errors.Is(err, promotion.NotFound) {
		t.Errorf("a promotion that is not there: %v", err)
	}
}

func pins(t *testing.T, s Store) {
	one, two := add(t, s, sample("shop", "a")), add(t, s, sample("shop", "b"))
	pin := gate.Pin{App: "shop", Environment: "production", Tag: "production", Digest: one.Digest, Promotion: one.ID, At: noon}
	update(t, s, func(tx gate.Tx) error {
		v1, other := pin, pin
		v1.Tag, other.App, other.Digest = "v1", "cart", digest("c")
		return errors.Join(tx.SavePin(pin), tx.SavePin(v1), tx.SavePin(other))
	})
	pin.Digest, pin.Promotion, pin.At = two.Digest, two.ID, noon.Add(time.Second)
	update(t, s, func(tx gate.Tx) error { return tx.SavePin(pin) })
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Pins("shop", "production")
		if len(got) != 2 || got[0] != pin || got[1].Tag != "v1" || got[1].Digest != one.Digest {
			t.Errorf("pins: %+v", got)
		}
		return err
	})
}

func staleSave(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	p.Revision = 2
	update(t, s, func(tx gate.Tx) error { return tx.SavePromotion(p, 1) })
	refused(t, s, "saving over revision 1 again", promotion.Stale, func(tx gate.Tx) error { return tx.SavePromotion(p, 1) })
}

func forbidden(t *testing.T, s Store) {
	for why, spoil := range map[string]func(*promotion.Promotion){
		"finished without being final":  func(p *promotion.Promotion) { p.FinishedAt = &noon },
		"final without being finished":  func(p *promotion.Promotion) { p.State = promotion.Rejected },
		"promoted without an intent":    func(p *promotion.Promotion) { p.State, p.FinishedAt = promotion.Promoted, &noon },
		"an unknown state":              func(p *promotion.Promotion) { p.State = "pending" },
		"a short digest":                func(p *promotion.Promotion) { p.Digest = "sha256:abc" },
		"from an environment to itself": func(p *promotion.Promotion) { p.To = p.From },
		"a digest of another kind":      func(p *promotion.Promotion) { p.Digest = "sha512:" + p.Digest[7:] },
		"a purpose that is none":        func(p *promotion.Promotion) { p.Purpose = "" },
		"a train that is not there":     func(p *promotion.Promotion) { p.Train = 99 },
		"a failure nobody provides for": func(p *promotion.Promotion) { p.OnFailure = "panic" },
		"a revision below the first":    func(p *promotion.Promotion) { p.Revision = 0 },
		"a successor that is not there": func(p *promotion.Promotion) { p.Successor = 99 },
		"a plan that is a book":         func(p *promotion.Promotion) { p.Plan = strings.Repeat("ä", 501) },
		"a card that is nowhere near":   func(p *promotion.Promotion) { p.Card.Link = strings.Repeat("ä", 501) },
		"a card from the future":        func(p *promotion.Promotion) { p.Card.Revision = 9 },
		"expired and not finished":      func(p *promotion.Promotion) { p.State = promotion.Expired },
		"ended by somebody, and open":   func(p *promotion.Promotion) { p.EndedBy = "U1" },
	} {
		p := sample("shop", "a")
		spoil(&p)
		if err := s.Update(t.Context(), func(tx gate.Tx) error { return tx.AddPromotion(&p) }); err == nil {
			t.Errorf("%s was stored", why)
		}
	}
}

func oneExecuting(t *testing.T, s Store) {
	a, b := add(t, s, sample("shop", "a")), add(t, s, sample("shop", "b"))
	execute := func(p promotion.Promotion) func(gate.Tx) error {
		p.State, p.StartedAt = promotion.Executing, &noon
		return func(tx gate.Tx) error { return tx.SavePromotion(p, 1) }
	}
	update(t, s, execute(a))
	refused(t, s, "a second one into the same target", promotion.Conflict, execute(b))
	c := add(t, s, sample("wiki", "b"))
	update(t, s, execute(c))
	again := sample("shop", "b")
	refused(t, s, "the same digest twice at once", promotion.Conflict, func(tx gate.Tx) error { return tx.AddPromotion(&again) })
}

func queries(t *testing.T, s Store) {
	for _, c := range []string{"a", "b", "c"} {
		p := sample("shop", c)
		p.ObservedAt = noon.Add(time.Duration(c[0]) * time.Minute)
		add(t, s, p)
	}
	rejected := sample("wiki", "a")
	rejected.State, rejected.FinishedAt, rejected.Successor = promotion.Rejected, &noon, 3
	add(t, s, rejected)
	ride := sample("cart", "d")
	ride.Purpose, ride.Train = promotion.Ride, 4
	add(t, s, ride)
	update(t, s, func(tx gate.Tx) error {
		return errors.Join(
			tx.SaveVote(promotion.Vote{Promotion: 2, Person: "U1", Decision: promotion.Approve, At: noon}),
			tx.SaveVote(promotion.Vote{Promotion: 3, Person: "U1", Decision: promotion.Reject, At: noon}))
	})
	update(t, s, func(tx gate.Tx) error {
		first, second := report("perf"), report("review")
		second.Digest, second.Person, second.Token = digest("d"), "U1", ""
		second.App = "cart"
		return errors.Join(tx.AddCheck(&first), tx.AddCheck(&second))
	})
	b := noon.Add('b' * time.Minute)
	for want, q := range map[string]gate.Query{
		"5 4 3 2 1": {},
		"4 3 2 1":   {Apart: true},
		"5":         {Train: 4},
		" 4":        {Successor: 3},
		"3 2 1":     {App: "shop"},
		"4":         {States: []promotion.State{promotion.Rejected}},
		"3 2":       {App: "shop", Limit: 2},
		"2 1":       {App: "shop", Before: 3},
		"4 1":       {Digest: digest("a")},
		"2":         {DigestPrefix: "bbbbbb"},
		"3":         {App: "shop", ObservedAfter: &b},
		"2 ":        {ApprovedBy: "U1"},
		"":          {To: "staging"},
		" 5":        {SignedBy: "U1"},
		"5 3 2 1":   {From: "staging", States: []promotion.State{promotion.Open, promotion.Executing}},
	} {
		view(t, s, func(tx gate.Tx) error {
			found, err := tx.Promotions(q)
			var ids []string
			for _, p := range found {
				ids = append(ids, fmt.Sprint(p.ID))
			}
			if got := strings.Join(ids, " "); got != strings.TrimSpace(want) {
				t.Errorf("%+v selects %q, want %q", q, got, want)
			}
			return err
		})
	}
}

func votes(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	first := promotion.Vote{Promotion: p.ID, Person: "U2", Decision: promotion.Approve, Terms: p.TermsNow(), At: noon.Add(time.Second)}
	second := promotion.Vote{Promotion: p.ID, Person: "U1", Decision: promotion.Approve, Terms: p.TermsNow(), At: noon}
	changed := promotion.Vote{Promotion: p.ID, Person: "U2", Decision: promotion.Reject, Reason: "no", Terms: promotion.Terms{Digest: digest("c"), Targets: []promotion.TermsItem{}}, At: noon.Add(time.Minute)}
	for _, v := range []promotion.Vote{first, second, changed} {
		update(t, s, func(tx gate.Tx) error { return tx.SaveVote(v) })
	}
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Votes(p.ID)
		if want := []promotion.Vote{second, changed}; !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		return err
	})
}

func rollback(t *testing.T, s Store) {
	stop := errors.New("changed my mind")
	p := sample("shop", "a")
	err := s.Update(t.Context(), func(tx gate.Tx) error {
		return errors.Join(tx.AddPromotion(&p), tx.AppendAudit(audit.Entry{At: noon, Kind: audit.Opened}), tx.AddEffect(promotion.Effect{Kind: "k", Key: "x", DueAt: noon}), stop)
	})
	if !errors.Is(err, stop) {
		t.Fatalf("got %v", err)
	}
	view(t, s, func(tx gate.Tx) error {
		found, err := tx.Promotions(gate.Query{})
		if len(found) != 0 {
			t.Errorf("it left %+v", found)
		}
		return err
	})
	if _, some, err := s.NextDue(t.Context(), []promotion.EffectKind{"k"}); some || err != nil {
		t.Errorf("it left an effect (%v)", err)
	}
	if n, _, err := s.VerifyAudit(t.Context()); n != 0 || err != nil {
		t.Errorf("it left %d audit entries (%v)", n, err)
	}
}

func exclusion(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	const writers, each = 8, 10
	failures := make(chan error, writers*each)
	done := make(chan struct{})
	for range writers {
		go func() {
			defer func() { done <- struct{}{} }()
			for range each {
				failures <- s.Update(context.Background(), func(tx gate.Tx) error {
					got, err := tx.Promotion(p.ID)
					if err != nil {
						return err
					}
					got.Revision++
					return tx.SavePromotion(got, got.Revision-1)
				})
			}
		}()
	}
	for range writers {
		<-done
	}
	close(failures)
	for err := range failures {
		if err != nil {
			t.Fatalf("an update failed: %v", err)
		}
	}
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Promotion(p.ID)
		if got.Revision != 1+writers*each {
			t.Errorf("%d updates left revision %d", writers*each, got.Revision)
		}
		return err
	})
}

func snapshot(t *testing.T, s Store) {
	p := add(t, s, sample("shop", "a"))
	view(t, s, func(tx gate.Tx) error {
		before, err := tx.Promotion(p.ID)
		if err != nil {
			return err
		}
		changed := before
		changed.Revision++
		update(t, s, func(tx gate.Tx) error { return tx.SavePromotion(changed, before.Revision) })
		after, err := tx.Promotion(p.ID)
		if after.Revision != before.Revision {
			t.Error("a view saw what was committed while it looked")
		}
		return err
	})
}

func presence(t *testing.T, s Store) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	open := func(tag, c string, from int) {
		update(t, s, func(tx gate.Tx) error {
			return tx.OpenHolding("shop", "staging", promotion.Source, gate.Holding{Tag: tag, Digest: digest(c), Captures: map[string]string{"v": tag}, Since: at(from)})
		})
	}
	shut := func(tag string, until int) {
		update(t, s, func(tx gate.Tx) error {
			return tx.CloseHolding("shop", "staging", promotion.Source, tag, at(until))
		})
	}
	open("one", "a", 0)
	open("two", "a", 5)
	shut("one", 10)
	shut("two", 15)
	open("one", "b", 20)
	shut("one", 25)
	open("one", "a", 30)
	view(t, s, func(tx gate.Tx) error {
		got, err := tx.Presence("shop", "staging", promotion.Source, digest("a"))
		end := at(15)
		if want := []promotion.Interval{{From: at(0), Until: &end}, {From: at(30)}}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		held, err2 := tx.Holdings("shop", "staging", promotion.Source)
		if len(held) != 1 || held[0].Tag != "one" || held[0].Digest != digest("a") || !held[0].Since.Equal(at(30)) || held[0].Captures["v"] != "one" {
			t.Errorf("holdings: %+v", held)
		}
		other, err3 := tx.Holdings("shop", "staging", promotion.Held)
		if len(other) != 0 {
			t.Errorf("the other side holds %+v", other)
		}
		return errors.Join(err, err2, err3)
	})
	refused(t, s, "a tag that points at two digests", promotion.Conflict, func(tx gate.Tx) error {
		return tx.OpenHolding("shop", "staging", promotion.Source, gate.Holding{Tag: "one", Digest: digest("c"), Since: at(31)})
	})
	refused(t, s, "closing what is not open", promotion.Stale, func(tx gate.Tx) error {
		return tx.CloseHolding("shop", "staging", promotion.Source, "two", at(31))
	})
}

func directory(t *testing.T, s Store) {
	w := gate.Watch{App: "shop", Environment: "staging", Side: promotion.Source, Fault: "down", Since: noon, LookedAt: &noon}
	p := promotion.Person{ID: "U1", Name: "Änn", TimeZone: "Europe/Berlin", Standing: promotion.Member, ReadAt: noon}
	g := promotion.Group{ID: "S1", Handle: "leads", Members: []promotion.PersonID{"U1", "U2"}, ReadAt: noon}
	for range 2 { // the second time it is replaced
		w.Fault += "!"
		p.Name += "a"
		g.Members = append(g.Members, "U9")
		update(t, s, func(tx gate.Tx) error { return errors.Join(tx.SaveWatch(w), tx.SavePerson(p), tx.SaveGroup(g)) })
	}
	view(t, s, func(tx gate.Tx) error {
		gotW, err := tx.Watch("shop", "staging", promotion.Source)
		all, err2 := tx.Watches()
		if !reflect.DeepEqual(gotW, w) || !reflect.DeepEqual(all, []gate.Watch{w}) {
			t.Errorf("watch: %+v, all: %+v", gotW, all)
		}
		people, err3 := tx.People([]promotion.PersonID{"U1", "U404"})
		if len(people) != 1 || people["U1"] != p {
			t.Errorf("people: %+v", people)
		}
		groups, err4 := tx.Groups([]promotion.GroupID{"S1"})
		if !reflect.DeepEqual(groups, map[promotion.GroupID]promotion.Group{"S1": g}) {
			t.Errorf("groups: %+v", groups)
		}
		_, missing := tx.Watch("shop", "staging", promotion.Held)
		if !errors.Is(missing, promotion.NotFound) {
			t.Errorf("a watch that never was: %v", missing)
		}
		return errors.Join(err, err2, err3, err4)
	})
}
