package gate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
	"github.com/promotebot/promotebot/promotion/policy"
	"github.com/promotebot/promotebot/store/storetest"
)

// world is a gate on a database, and a far side (registry, Slack) that answers
// from maps. Time passes only when the test says so.
type world struct {
	t        *testing.T
	gate     *gate.Gate
	db       storetest.Store
	shut     func() error // closes the database
	path     string
	now      time.Time
	tags     map[string]promotion.Digest // what the registry holds
	people   map[promotion.PersonID]promotion.Standing
	groups   map[promotion.GroupID][]promotion.PersonID
	channel  promotion.Channel // what Slack says of any
	labels   map[string]string
	platform promotion.Digest                            // the manifest of the one platform of every image; empty where they are no indexes
	down     map[promotion.EffectKind]promotion.Kind     // what can't be performed
	pause    time.Duration                               // what is asked for by what can't be performed
	moves    []string                                    // every tag that was put, "tag=short"
	said     []string                                    // every notice and private answer
	drawn    map[promotion.ID]int64                      // the revision on each card
	draws    map[promotion.ID]int                        // how often each was drawn
	during   func()                                      // called once while a card is drawn
	before   func()                                      // called once before something is taken back
	stuck    map[promotion.Repository]*promotion.Failure // where tags can't be put,
	partly   int                                         // after so many of a move
	copy     func(e promotion.Effect) promotion.Result
	copies   []promotion.Repository                            // where copies went
	sought   []promotion.ProvenanceWork                        // what provenance was looked for of
	attested promotion.Attested                                // what is found of it
	proved   []promotion.Digest                                // what was looked for as a way back
	target   map[string]func(promotion.Order) promotion.Result // what each target says when it is told or asked
	told     []string                                          // which targets were told to run what
	asked    map[string]int                                    // how often each was asked
	running  func(promotion.Order) promotion.Result            // what is found in a target
	answer   func(promotion.MeasureWork) promotion.Result      // what a Prometheus says
	deaf     func(promotion.Order) bool                        // which orders do not get through
	gone     promotion.Digest                                  // what is not there then
	// how often each digest was inspected, and the one that can't be
	inspected  map[promotion.Digest]int
	unreadable promotion.Digest
	// what each person was told last, privately
	answers map[promotion.PersonID]promotion.Answer
	looked  int                // how many people were looked up
	late    promotion.PersonID // who is read after the others
	zones   map[promotion.PersonID]string
	wrote   []string // whom a direct message was sent to, when, and about how many promotions
	clicks  int
	effects map[promotion.EffectKind]int // what was performed, where somebody counts
}

const (
	repo = promotion.Repository("registry.example.com/shop/api")
	ann  = promotion.PersonID("U0ANN")
	bob  = promotion.PersonID("U0BOB")
	sue  = promotion.PersonID("U0SUE")
	eve  = promotion.PersonID("U0EVE") // a member without any role
)

func digest(c string) promotion.Digest { return promotion.Digest("sha256:" + strings.Repeat(c, 64)) }

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func careful() policy.Document {
	return policy.Document{Name: "careful", Soak: 24 * time.Hour, Approvals: []policy.Requirement{{Role: "leads", Count: 2}}}
}

func catalog(t *testing.T, d policy.Document) *gate.Catalog {
	t.Helper()
	watch, err := promotion.ParseTagPattern("staging-passed")
	if err != nil {
		t.Fatal(err)
	}
	daily, err := cron.ParseStandard("CRON_TZ=Europe/Berlin 0 9 * * *")
	if err != nil {
		t.Fatal(err)
	}
	return &gate.Catalog{
		Apps:         []gate.App{{Name: "shop", Repository: repo, Channel: "C0SHOP", Policies: map[string]policy.Document{"production": d}}},
		Environments: []gate.Environment{{Name: "staging", Watch: watch}, {Name: "production", Tags: []promotion.TagTemplate{"production"}}},
		Roles:        map[string]gate.Role{"leads": {People: []promotion.PersonID{ann, bob, sue}}},
		Reminders:    []gate.Reminder{{Spec: "CRON_TZ=Europe/Berlin 0 9 * * *", Schedule: daily}},
	}
}

func newWorld(t *testing.T, c *gate.Catalog) *world {
	t.Helper()
	t.Parallel()
	w := &world{
		t: t, path: filepath.Join(room(t), "bot.db"), now: start,
		tags:   map[string]promotion.Digest{"production": digest("0")},
		people: map[promotion.PersonID]promotion.Standing{ann: promotion.Member, bob: promotion.Member, sue: promotion.Member, eve: promotion.Member},
		groups: map[promotion.GroupID][]promotion.PersonID{},
		down:   map[promotion.EffectKind]promotion.Kind{},
		drawn:  map[promotion.ID]int64{}, draws: map[promotion.ID]int{},
		target: map[string]func(promotion.Order) promotion.Result{}, asked: map[string]int{},

		answers:   map[promotion.PersonID]promotion.Answer{},
		inspected: map[promotion.Digest]int{},
	}
	w.open(c)
	w.look()
	w.run()
	return w
}

// room is a directory for the database, in memory where the system has such a
// file system: a day in here takes a thousand commits, and it is not the disk
// that is tested.
func room(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "promotebot-gate-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a temporary directory
	return dir
}

func (w *world) open(c *gate.Catalog) {
	w.t.Helper()
	w.db, w.shut = database(w.t, w.path, w.db)
	shut := w.shut
	w.t.Cleanup(func() { _ = shut() }) // closed twice after a restart; the first one counts
	w.gate = gate.New(w.db, c, func() time.Time { return w.now }, func() {})
	w.must(w.db.ReleaseLeases(w.t.Context(), w.now))
	w.must(w.gate.Begin(w.t.Context()))
}

func (w *world) restart() {
	w.t.Helper()
	w.must(w.shut())
	w.open(w.gate.Catalog())
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// stage has CI move the watched tag, and the watcher see it.
func (w *world) stage(c string) {
	w.t.Helper()
	w.tags["staging-passed"] = digest(c)
	w.look()
	w.run()
}

// look is one round of the watcher.
func (w *world) look() {
	w.t.Helper()
	for env, side := range map[string]promotion.Side{"staging": promotion.Source, "production": promotion.Held} {
		s := promotion.Sighting{App: "shop", Environment: env, Side: side, At: w.now}
		tag := "staging-passed"
		if side == promotion.Held {
			tag = "production"
		}
		if d := w.tags[tag]; d != "" {
			s.Tags = []promotion.TaggedDigest{{Tag: tag, Digest: d}}
		}
		w.must(w.gate.Sight(w.t.Context(), []promotion.Sighting{s}))
	}
}

func (w *world) blind(fault string) {
	w.t.Helper()
	w.must(w.gate.Sight(w.t.Context(), []promotion.Sighting{{App: "shop", Environment: "staging", Side: promotion.Source, At: w.now, Fault: fault}}))
}

// wait lets time pass, and everything that falls due on the way happen at its
// instant.
func (w *world) wait(d time.Duration) {
	w.t.Helper()
	until := w.now.Add(d)
	for {
		due, some, err := w.db.NextDue(w.t.Context(), everything)
		w.must(err)
		if !some || due.After(until) {
			break
		}
		if due.After(w.now) {
			w.now = due
		}
		w.run()
	}
	w.now = until
}

var everything = []promotion.EffectKind{
	promotion.EffectInspect, promotion.EffectReadTags, promotion.EffectCompare, promotion.EffectResolve, promotion.EffectCopy, promotion.EffectMove, promotion.EffectUndo, promotion.EffectCard, promotion.EffectNotice,
	promotion.EffectProve, promotion.EffectAttested, promotion.EffectTell, promotion.EffectSay, promotion.EffectPerson, promotion.EffectGroup, promotion.EffectChannel, promotion.EffectWake, promotion.EffectRemind, promotion.EffectRefresh,
	promotion.EffectHome, promotion.EffectStirred, promotion.EffectDeploy, promotion.EffectObserve, promotion.EffectMeasure, promotion.EffectStock,
	promotion.EffectDirect, promotion.EffectNudge, promotion.EffectAgain, promotion.EffectCallOn, promotion.EffectSum, promotion.EffectDigest,
}

// run performs what is due until nothing is.
func (w *world) run() {
	w.t.Helper()
	for range 200 {
		if due, some, err := w.db.NextDue(w.t.Context(), everything); err == nil && (!some || due.After(w.now)) {
			return // which is cheaper to find out than by a claim
		}
		claimed, err := w.db.Claim(w.t.Context(), everything, "test", w.now, w.now.Add(time.Minute), 10)
		w.must(err)
		if len(claimed) == 0 {
			return
		}
		slices.SortStableFunc(claimed, func(a, b promotion.Effect) int { return strings.Compare(w.order(a), w.order(b)) })
		for _, e := range claimed {
			w.must(w.gate.Report(w.t.Context(), e, w.perform(e)))
		}
	}
	w.t.Fatal("effects keep falling due: something asks for itself")
}

// order has the reading of who is late come after the others.
func (w *world) order(e promotion.Effect) string {
	if w.late != "" && e.Key == "person/"+string(w.late) {
		return "late"
	}
	return ""
}

func (w *world) perform(e promotion.Effect) promotion.Result {
	w.t.Helper()
	if kind, down := w.down[e.Kind]; down {
		return promotion.Result{Failure: &promotion.Failure{Kind: kind, Text: string(e.Kind) + " is down", RetryAfter: w.pause}}
	}
	if w.effects != nil {
		w.effects[e.Kind]++
	}
	switch e.Kind {
	case promotion.EffectInspect:
		d := work[promotion.InspectWork](w, e).Digest
		if w.inspected[d]++; d == w.unreadable {
			return promotion.Result{Failure: &promotion.Failure{Kind: promotion.Unavailable, Text: d.Short() + " is unreadable"}}
		}
		image := promotion.Image{Labels: w.labels, Layers: []promotion.Layer{{Digest: d}}}
		if w.platform != "" {
			image.Manifests = []promotion.Digest{w.platform}
		}
		return promotion.Result{Image: &image}
	case promotion.EffectReadTags, promotion.EffectCompare:
		var readings []promotion.TagReading
		asked := work[struct {
			Repository promotion.Repository
			Tags       []string
		}](w, e)
		for _, tag := range asked.Tags {
			readings = append(readings, promotion.TagReading{Tag: tag, Digest: w.tags[at(asked.Repository, tag)], ReadAt: w.now})
		}
		return promotion.Result{Tags: readings}
	case promotion.EffectResolve:
		return promotion.Result{Digest: w.tags[work[promotion.ResolveWork](w, e).Tag]}
	case promotion.EffectCopy:
		w.copies = append(w.copies, work[promotion.CopyWork](w, e).To)
		if w.copy != nil {
			return w.copy(e)
		}
		return promotion.Result{Copy: &promotion.Copy{Sent: 7}}
	case promotion.EffectAttested:
		w.sought = append(w.sought, work[promotion.ProvenanceWork](w, e))
		found := w.attested
		return promotion.Result{Attested: &found}
	case promotion.EffectProve:
		proof := promotion.Proof{Manifests: 1, Blobs: 2}
		for _, d := range work[promotion.ProveWork](w, e).Digests {
			w.proved = append(w.proved, d)
			if w.gone == d {
				proof.Missing = "the manifest " + d.Short() + " is gone"
			}
		}
		return promotion.Result{Proof: &proof}
	case promotion.EffectMove:
		m := work[promotion.MoveWork](w, e)
		if f := w.stuck[m.Repository]; f != nil {
			some := m
			some.Targets = m.Targets[:w.partly]
			return promotion.Result{Failure: f, Moves: w.move(some)}
		}
		return promotion.Result{Moves: w.move(m)}
	case promotion.EffectUndo:
		if f := w.before; f != nil {
			w.before = nil
			f()
		}
		var moves []promotion.Move
		for _, m := range work[promotion.UndoWork](w, e).Moves {
			moves = append(moves, w.move(m)...)
		}
		return promotion.Result{Moves: moves}
	case promotion.EffectDeploy:
		if err := w.gate.Wanted(w.t.Context(), e); err != nil {
			return promotion.Result{Failure: promotion.FailureOf(err)}
		}
		o := work[promotion.DeployWork](w, e).Order
		if w.deaf != nil && w.deaf(o) {
			return promotion.Result{Failure: &promotion.Failure{Kind: promotion.Unavailable, Text: o.Target + " can't be reached", RetryAfter: w.pause}}
		}
		w.told = append(w.told, o.Target+"="+o.Digest.Short())
		return promotion.Result{Rollout: &promotion.Rollout{Phase: promotion.RolloutAsked, Handle: "job of " + o.Target}}
	case promotion.EffectObserve:
		if err := w.gate.Wanted(w.t.Context(), e); err != nil {
			return promotion.Result{Failure: promotion.FailureOf(err)}
		}
		o := work[promotion.DeployWork](w, e).Order
		w.asked[o.Target]++
		if say := w.target[o.Target]; say != nil {
			return say(o)
		}
		return says(promotion.RolloutDone, "")
	case promotion.EffectStock:
		return w.running(work[promotion.DeployWork](w, e).Order)
	case promotion.EffectMeasure:
		return w.answer(work[promotion.MeasureWork](w, e))
	case promotion.EffectCard:
		v, err := w.gate.View(w.t.Context(), e.Promotion)
		w.must(err)
		p := v.Facts.Promotion
		w.drawn[p.ID] = p.Revision
		w.draws[p.ID]++
		if f := w.during; f != nil {
			w.during = nil
			f()
		}
		return promotion.Result{Card: &promotion.Card{Channel: p.Card.Channel, TS: "ts", Revision: p.Revision}}
	case promotion.EffectNotice:
		n := work[promotion.NoticeWork](w, e)
		said := string(n.Kind)
		if n.Named {
			said += ", named"
		}
		w.said = append(w.said, said)
	case promotion.EffectTell:
		a := work[promotion.TellWork](w, e)
		if a.While != "" {
			waits, err := w.gate.Undecided(w.t.Context(), a.While)
			if w.must(err); !waits {
				break
			}
		}
		w.said = append(w.said, "to "+string(a.Person)+": "+string(a.Answer.Verb))
		w.answers[a.Person] = a.Answer
	case promotion.EffectHome:
		h, had, err := w.gate.Home(w.t.Context(), work[promotion.HomeWork](w, e).Person)
		w.must(err)
		had.Hash = "h" + string(h.Person)
		return promotion.Result{Home: &had}
	case promotion.EffectDirect:
		who := work[promotion.DirectWork](w, e).Person
		r, err := w.gate.Reminder(w.t.Context(), who)
		w.must(err)
		if len(r.Items) > 0 {
			w.wrote = append(w.wrote, fmt.Sprintf("%s %s %d", w.now.Format("2006-01-02 15:04:05"), who, len(r.Items)))
		}
	case promotion.EffectDigest:
		d, err := w.gate.Digest(w.t.Context(), work[promotion.DigestWork](w, e))
		w.must(err)
		told := fmt.Sprintf("%s digest: %d waiting, %d soaking, %d promoted, %d ended, %d overdue", w.now.Format("2006-01-02 15:04:05"), len(d.Waiting), len(d.Soaking), len(d.Promoted), len(d.Ended), len(d.Overdue))
		if f := d.Figures; f.Promoted > 0 {
			told += fmt.Sprintf("; %d in figures, %s waited", f.Promoted, f.Wait.Median)
		}
		w.wrote = append(w.wrote, told)
	case promotion.EffectPerson:
		id := work[promotion.PersonWork](w, e).ID
		w.looked++
		standing := w.people[id]
		if standing == "" {
			standing = promotion.Unknown
		}
		return promotion.Result{Person: &promotion.Person{ID: id, Name: string(id), TimeZone: w.zones[id], Standing: standing}}
	case promotion.EffectGroup:
		id := work[promotion.GroupWork](w, e).ID
		return promotion.Result{Group: &promotion.Group{ID: id, Members: slices.Clone(w.groups[id])}}
	}
	if e.Kind == promotion.EffectChannel {
		c := w.channel
		c.ID, c.ReadAt = work[promotion.ChannelWork](w, e).ID, &w.now
		return promotion.Result{Channel: &c}
	}
	return promotion.Result{}
}

// says is what a target answers that is as far as that.
func says(phase promotion.RolloutPhase, detail string) promotion.Result {
	return promotion.Result{Rollout: &promotion.Rollout{Phase: phase, Detail: detail}}
}

// move is the registry's side of a move: a tag that points at something nobody
// expected is a conflict.
func (w *world) move(m promotion.MoveWork) []promotion.Move {
	var moves []promotion.Move
	for _, target := range m.Targets {
		where := at(m.Repository, target.Tag)
		was := w.tags[where]
		switch {
		case was == m.Digest:
			moves = append(moves, promotion.Move{Tag: target.Tag, Outcome: promotion.MoveAlready, Found: was})
		case was == target.Now:
			w.tags[where] = m.Digest
			w.moves = append(w.moves, where+"="+m.Digest.Short())
			moves = append(moves, promotion.Move{Tag: target.Tag, Outcome: promotion.MoveDone, Found: m.Digest})
		default:
			moves = append(moves, promotion.Move{Tag: target.Tag, Outcome: promotion.MoveConflict, Found: was, Detail: target.Tag + " was moved by somebody else"})
		}
	}
	return moves
}

// at is where the world keeps a tag: those of repo under their own names, those
// of other repositories with the last part of its path.
func at(r promotion.Repository, tag string) string {
	if r == repo {
		return tag
	}
	return string(r[strings.LastIndex(string(r), "/")+1:]) + ":" + tag
}

func work[T any](w *world, e promotion.Effect) T {
	w.t.Helper()
	v, err := promotion.Work[T](e)
	w.must(err)
	return v
}

// click is a click on the card as it looks now.
func (w *world) click(who promotion.PersonID, what promotion.Decision) promotion.Answer {
	w.t.Helper()
	return w.clickOn(who, what, w.newest().Facts.Promotion)
}

func (w *world) clickOn(who promotion.PersonID, what promotion.Decision, seen promotion.Promotion) promotion.Answer {
	w.t.Helper()
	w.clicks++
	a, err := w.gate.Take(w.t.Context(), promotion.Gesture{
		Key: "click/" + string(who) + "/" + time.Duration(w.clicks).String(), Kind: promotion.GestureVote, Person: who, Channel: "C0SHOP", Reply: true,
		Promotion: seen.ID, Decision: what, Reason: "because", Terms: seen.TermsNow().Hash(), CardTS: seen.Card.TS,
	})
	w.must(err)
	w.run()
	return a
}

func (w *world) request(who promotion.PersonID, ref string) promotion.Answer {
	w.t.Helper()
	w.clicks++
	a, err := w.gate.Take(w.t.Context(), promotion.Gesture{
		Key: "command/" + time.Duration(w.clicks).String(), Kind: promotion.GestureRequest, Person: who, Channel: "C0SHOP", App: "shop", Ref: ref,
	})
	w.must(err)
	w.run()
	return a
}

func (w *world) newest() policy.View {
	w.t.Helper()
	views, err := w.gate.Views(w.t.Context(), gate.Query{Limit: 1})
	w.must(err)
	if len(views) == 0 {
		w.t.Fatal("there is no promotion")
	}
	return views[0]
}

func (w *world) get(id promotion.ID) promotion.Promotion {
	w.t.Helper()
	v, err := w.gate.View(w.t.Context(), id)
	w.must(err)
	return v.Facts.Promotion
}

func (w *world) expect(id promotion.ID, state promotion.State) {
	w.t.Helper()
	if p := w.get(id); p.State != state {
		v, _ := w.gate.View(context.Background(), id)
		w.t.Fatalf("#%d is %s (%s), want %s; verdict: %+v", id, p.State, p.Reason, state, v.Verdict.Missing())
	}
}

func (w *world) count(said string) int {
	n := 0
	for _, s := range w.said {
		if s == said {
			n++
		}
	}
	return n
}

func gateRole(group promotion.GroupID) gate.Role {
	return gate.Role{Groups: []promotion.GroupID{group}}
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
