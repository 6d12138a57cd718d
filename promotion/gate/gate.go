// Package gate is where things are decided. Whatever happens (a click, a look
// at a registry, an effect that has been performed, an instant that has come)
// ends in one of its methods, and each method is one transaction: it reads the
// clock once, loads the rows, asks the policy, steps the state machine, writes
// the audit log and the effects that follow, and commits. What has been
// committed is true; nothing else is.
//
// The gate performs nothing. It never touches the network, so that a click is
// acknowledged only after its commit and yet within Slack's three seconds.
//
// An open promotion is settled after every change: settle is the one place
// where "the policy is satisfied" becomes "it is executed", in the very
// transaction that evaluated the policy. A vote, a wake-up or a changed
// configuration never starts anything by another way.
package gate

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Store runs transactions. It is an interface because the gate may not know
// SQL, and two databases stand behind it.
type Store interface {
	// Update runs f in a transaction that excludes every other Update. It
	// commits when f returns nil and else leaves no trace.
	Update(ctx context.Context, f func(Tx) error) error
	// View runs f on a consistent snapshot; f must not write.
	View(ctx context.Context, f func(Tx) error) error
}

// Tx is what the gate does to rows. Errors have kinds: NotFound for a row that
// is not there, Stale for one that somebody else has changed, Unavailable for
// a database that does not answer.
type Tx interface {
	Promotion(id promotion.ID) (promotion.Promotion, error)
	Promotions(q Query) ([]promotion.Promotion, error)
	// AddPromotion numbers the promotion and stores it.
	AddPromotion(p *promotion.Promotion) error
	// SavePromotion stores it if its revision is still was; else Stale.
	SavePromotion(p promotion.Promotion, was int64) error

	Votes(of promotion.ID) ([]promotion.Vote, error) // oldest first
	SaveVote(v promotion.Vote) error                 // replaces the person's earlier vote

	Holdings(app, environment string, side promotion.Side) ([]Holding, error)
	Presence(app, environment string, side promotion.Side, d promotion.Digest) ([]promotion.Interval, error)
	OpenHolding(app, environment string, side promotion.Side, h Holding) error
	CloseHolding(app, environment string, side promotion.Side, tag string, at time.Time) error

	Watches() ([]Watch, error)
	Watch(app, environment string, side promotion.Side) (Watch, error)
	SaveWatch(w Watch) error

	// Pins are what was last set behind the tags of an app in an environment.
	Pins(app, environment string) ([]Pin, error)
	SavePin(p Pin) error

	People(ids []promotion.PersonID) (map[promotion.PersonID]promotion.Person, error)
	SavePerson(p promotion.Person) error
	Groups(ids []promotion.GroupID) (map[promotion.GroupID]promotion.Group, error)
	SaveGroup(g promotion.Group) error
	Channels(ids []string) (map[string]promotion.Channel, error)
	SaveChannel(c promotion.Channel) error

	// Checks are the newest report of each name, oldest first.
	Checks(app string, d promotion.Digest) ([]promotion.Check, error)
	// Reports are all of them, oldest first.
	Reports(app string, d promotion.Digest) ([]promotion.Check, error)
	// AddCheck numbers the report and stores it.
	AddCheck(c *promotion.Check) error

	// Authors are all that were reported of the digest, by name.
	Authors(app string, d promotion.Digest) ([]string, error)
	// AddAuthors adds those that were not reported before.
	AddAuthors(a promotion.Authorship) error

	Tokens() ([]promotion.Token, error) // by name; of one name, the newest last
	Token(id string) (promotion.Token, error)
	AddToken(t promotion.Token) error
	RevokeToken(id string, at time.Time) error
	Kept(token, key string) (promotion.Kept, error)
	// Keep adds a receipt and forgets those that are older than since.
	Keep(k promotion.Kept, since time.Time) error

	Gesture(key string) (promotion.Gesture, *promotion.Answer, error) // nil answer: undecided
	AddGesture(g promotion.Gesture, a *promotion.Answer) error
	DecideGesture(key string, a promotion.Answer, at time.Time) error
	UndecidedGestures() ([]promotion.Gesture, error)

	// Decided are what the person has done that was decided, newest first.
	Decided(by promotion.PersonID, limit int) ([]promotion.Decided, error)

	Home(of promotion.PersonID) (promotion.Home, error)
	// Homes are those that were opened since then, the ones opened last when there
	// are more than the limit.
	Homes(since time.Time, limit int) ([]promotion.Home, error)
	SaveHome(h promotion.Home) error

	Reminded(ids []promotion.PersonID) (map[promotion.PersonID]promotion.Reminded, error)
	SaveReminded(r promotion.Reminded) error
	// Awaited is since when a promotion has waited for nothing but approvals.
	Awaited(id promotion.ID) (promotion.Awaited, error)
	SaveAwaited(a promotion.Awaited) error
	DropAwaited(id promotion.ID) error

	// AddIncident numbers the incident and stores it; Conflict when one with its
	// key is open.
	AddIncident(i *promotion.Incident) error
	// ResolveIncident ends it; Stale when it is not open.
	ResolveIncident(id promotion.IncidentID, at time.Time, by string) error
	Incident(id promotion.IncidentID) (promotion.Incident, error)
	IncidentByKey(key string) (promotion.Incident, error) // the newest
	// Incidents are those of an app and those of all apps that are open and, given
	// an instant, those that were resolved since.
	Incidents(app string, since *time.Time) ([]promotion.Incident, error)
	// Unhealth is the same of ill health in an environment.
	Unhealth(app, environment string, since *time.Time) ([]promotion.Unhealth, error)
	OpenUnhealth(u promotion.Unhealth) error
	CloseUnhealth(app, environment string, at time.Time) error
	Exposure(app, environment string, d promotion.Digest) (map[string]promotion.Exposure, error) // by source
	SaveExposure(r promotion.ExposureReport) error

	// Freezes are those of an app and those of everything that are neither over
	// nor lifted.
	Freezes(app string, now time.Time) ([]promotion.Freeze, error)
	AddFreeze(f *promotion.Freeze) error
	LiftFreeze(id int64, at time.Time, by promotion.PersonID) error
	Holds(app string) ([]promotion.Hold, error) // that have not been lifted
	AddHold(h *promotion.Hold) error
	LiftHold(id int64, at time.Time, by promotion.PersonID) error

	// Delegations are those that were not over at the instant.
	Delegations(since time.Time) ([]promotion.Delegation, error)
	// AddDelegation numbers the delegation and stores it; Conflict when its person
	// has one for the same that nobody has ended, be it over.
	AddDelegation(d *promotion.Delegation) error
	EndDelegation(id int64, at time.Time, by promotion.PersonID) error

	// Deployments are the orders to the targets of a promotion, in their order.
	Deployments(of promotion.ID) ([]promotion.Deployment, error)
	SaveDeployment(d promotion.Deployment) error

	// Stocks are what runs in the targets of an app, by environment and target.
	Stocks(app string) ([]promotion.Stock, error)
	SaveStock(s promotion.Stock) error

	// Measurements are what the queries about a promotion have answered, by name.
	Measurements(of promotion.ID) ([]promotion.Measurement, error)
	SaveMeasurement(m promotion.Measurement) error

	// Withdrawals are all that there ever were of an app, oldest first.
	Withdrawals(app string) ([]promotion.Withdrawal, error)
	// AddWithdrawal numbers it and stores it; Conflict when its digest is withdrawn
	// already.
	AddWithdrawal(w *promotion.Withdrawal) error
	// Reinstate ends it; Stale when it is not in force.
	Reinstate(id int64, at time.Time, by promotion.PersonID) error

	// AddEffect adds the effect unless an unfinished one has its key.
	AddEffect(e promotion.Effect) error
	// FinishEffect and PostponeEffect end the claim under which e was
	// performed; Stale when the lease went to somebody else.
	FinishEffect(e promotion.Effect, at time.Time) error
	PostponeEffect(e promotion.Effect, due time.Time, why string) error

	// AppendAudit numbers the entry and writes it.
	AppendAudit(e audit.Entry) error
}

// Query selects promotions, newest first. Zero fields select everything.
type Query struct {
	App, From, To string
	Digest        promotion.Digest
	DigestPrefix  string // hexadecimal digits
	States        []promotion.State
	Purposes      []promotion.Purpose
	Train         promotion.ID // the rides of this train
	Successor     promotion.ID // only what this one took the place of
	Apart         bool         // only what is decided by itself: no rides
	NotSucceeded  bool         // only what nothing has taken the place of
	Standing      bool         // only what no rollback has taken back
	Rollbacks     bool         // only those
	Unreviewed    bool         // only whose glass was broken, and nobody has reviewed that
	ApprovedBy    promotion.PersonID
	SignedBy      promotion.PersonID // who has signed off a check of the digest, be it that another report came after
	ObservedAfter *time.Time
	FinishedSince *time.Time
	Before        promotion.ID
	After         promotion.ID // with a Limit, those that are nearest to it
	CardChannel   string       // whose card is there,
	CardTS        string       // under this timestamp
	Skip          int
	Limit         int
}

// Holding is a tag that points at a digest, since an instant.
type Holding struct {
	Tag      string
	Digest   promotion.Digest
	Captures map[string]string
	Since    time.Time
}

// Pin is what promotebot last set behind a tag, or was told to accept there.
type Pin struct {
	App, Environment string
	Tag              string
	Digest           promotion.Digest
	Promotion        promotion.ID // that set it
	At               time.Time
}

// Watch is how well the tags of an app in an environment can be seen.
type Watch struct {
	App, Environment string
	Side             promotion.Side
	Fault            string // empty when the last look succeeded
	Since            time.Time
	LookedAt         *time.Time // when the last look that said something new began; nil: there was none
}

// Gate decides. It is safe for concurrent use.
type Gate struct {
	store   Store
	now     func() time.Time
	poke    func()
	catalog atomic.Pointer[Catalog]
}

// New makes a gate on a store. now is read once per transaction; poke is
// called after every commit, to wake whoever performs effects.
func New(store Store, catalog *Catalog, now func() time.Time, poke func()) *Gate {
	g := &Gate{store: store, now: now, poke: poke}
	g.catalog.Store(catalog)
	return g
}

// Catalog is the one in force.
func (g *Gate) Catalog() *Catalog { return g.catalog.Load() }

// turn is one transaction of the gate: its rows, its one time, its catalog.
type turn struct {
	Tx
	now     time.Time
	catalog *Catalog
	actor   string
	loaded  map[promotion.ID]int64 // revisions as loaded, for the version check
	lines   map[line]bool          // in which something came, went or ended in this turn
	telling bool                   // what homes show may have changed
	trains  map[promotion.ID]bool  // of which a ride was settled in this turn; true when it has changed
}

func (g *Gate) update(ctx context.Context, actor string, f func(*turn) error) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		t := &turn{Tx: tx, now: g.instant(), catalog: g.Catalog(), actor: actor, loaded: map[promotion.ID]int64{}, lines: map[line]bool{}, trains: map[promotion.ID]bool{}}
		if err := f(t); err != nil {
			return err
		}
		return t.conclude()
	})
	if err == nil {
		g.poke()
	}
	return err
}

// instant is the clock as the rows keep it: UTC, in microseconds.
func (g *Gate) instant() time.Time { return g.now().UTC().Truncate(time.Microsecond) }

// conclude settles what waited for all of the turn to have happened. That can
// concern more of the same.
func (t *turn) conclude() error {
	for len(t.trains)+len(t.lines) > 0 {
		if err := t.pull(); err != nil {
			return err
		}
		if err := t.moveUp(); err != nil {
			return err
		}
	}
	return t.freshen()
}

func (t *turn) load(id promotion.ID) (*promotion.Promotion, error) {
	p, err := t.Promotion(id)
	if err != nil {
		return nil, err
	}
	t.loaded[p.ID] = p.Revision
	return &p, nil
}

func (t *turn) query(q Query) ([]*promotion.Promotion, error) {
	rows, err := t.Promotions(q)
	if err != nil {
		return nil, err
	}
	found := make([]*promotion.Promotion, len(rows))
	for i := range rows {
		t.loaded[rows[i].ID] = rows[i].Revision
		found[i] = &rows[i]
	}
	return found, nil
}

// save writes the promotion back, if it has changed, and has its card drawn
// again. Whatever changes it touches it.
func (t *turn) save(p *promotion.Promotion) error {
	was := t.loaded[p.ID]
	if p.Revision == was {
		return nil
	}
	if err := t.SavePromotion(*p, was); err != nil {
		return err
	}
	t.loaded[p.ID], t.telling = p.Revision, true
	if p.Purpose == promotion.Ride {
		t.trains[p.Train] = true
	}
	return t.drawCard(p)
}

func (t *turn) record(kind audit.Kind, p *promotion.Promotion, detail map[string]any) error {
	t.telling = t.telling || !slices.Contains(quiet, kind)
	e := audit.Entry{At: t.now, Actor: t.actor, Kind: kind, Detail: detail}
	if p != nil {
		e.Promotion, e.App, e.From, e.To, e.Digest, e.Policy = p.ID, p.App, p.From, p.To, p.Digest, p.PolicyHash
	}
	return t.AppendAudit(e)
}

// end steps the promotion to a final state and says so.
func (t *turn) end(p *promotion.Promotion, to promotion.State, reason string, detail map[string]any) error {
	kept := p.State == promotion.Failing && to == promotion.Promoted
	if err := p.Step(to, reason, t.now); err != nil {
		return err
	}
	if to == promotion.Rejected || kept {
		p.EndedBy = actorPerson(t.actor)
	}
	if detail == nil {
		detail = map[string]any{}
	}
	detail["state"] = to
	if err := t.record(audit.Ended, p, detail); err != nil {
		return err
	}
	if err := t.uncouple(p, to, reason); err != nil {
		return err
	}
	t.stirred(p.App, p.To)
	kind := promotion.NoticeEnded
	if to == promotion.Superseded {
		kind = promotion.NoticeSuperseded
	}
	// A promotion can end more than once, when a rejection is lifted.
	if err := t.notice(p, fmt.Sprintf("end/%d", p.Revision), promotion.NoticeWork{Kind: kind, Person: actorPerson(t.actor), Reason: reason}); err != nil {
		return err
	}
	return t.save(p)
}

func actorPerson(actor string) promotion.PersonID {
	if actor == audit.Self {
		return ""
	}
	return promotion.PersonOf(actor)
}

func (t *turn) view(p *promotion.Promotion) (policy.View, error) {
	d, f, err := t.facts(p)
	if err != nil {
		return policy.View{}, err
	}
	if p.State == promotion.Failing {
		by, of, err := t.keepers(p, d, f)
		if err != nil {
			return policy.View{}, err
		}
		f.Choosers = policy.Choosers(by, of, t.now)
	}
	return policy.ViewAt(d, f, t.now), nil
}
