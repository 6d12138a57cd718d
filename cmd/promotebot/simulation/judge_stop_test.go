package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What has to be true of what stops promotions, of what expires, and of who goes
// past that.

// people are those who can do something, each named by their first account.
var people = []promotion.PersonID{ann, bob, sue, eve}

func personOf(account promotion.PersonID) promotion.PersonID {
	if account == roy {
		return bob
	}
	return account
}

func accountsOf(person promotion.PersonID) []promotion.PersonID {
	if person == bob {
		return []promotion.PersonID{bob, roy}
	}
	return []promotion.PersonID{person}
}

// instant is now, as rows keep it.
func instant() time.Time { return time.Now().Truncate(time.Microsecond) }

// halts are what the judge knows of all that: what people were told to have been
// counted, and what was reported, since when.
type halts struct {
	gestures   map[string]promotion.Gesture // that were taken
	frozenBy   map[string]promotion.Freeze  // gestures that froze and were not undone
	incidents  map[promotion.IncidentID]promotion.Incident
	ill        []promotion.Unhealth
	glass      map[promotion.ID]*shards
	opened     map[promotion.ID]time.Time
	approvedAt map[standsBehind]time.Time
	lent       []lending
	soaks      map[string]int // by how each is told: under two configurations, it can be complete twice in one instant
}

// shards are what is left of a glass.
type shards struct {
	by       promotion.PersonID
	terms    string // of what was seen
	reviewed bool
}

func newHalts() halts {
	return halts{
		gestures: map[string]promotion.Gesture{}, frozenBy: map[string]promotion.Freeze{}, incidents: map[promotion.IncidentID]promotion.Incident{},
		glass: map[promotion.ID]*shards{}, opened: map[promotion.ID]time.Time{}, approvedAt: map[standsBehind]time.Time{}, soaks: map[string]int{},
	}
}

// taken is told what a gesture has come to, when that is true.
func (j *judge) taken(r *replica, s *recorder, is taken) {
	if is.gesture.Kind != "" {
		j.gestures[is.gesture.Key] = is.gesture
	}
	g := j.gestures[is.gesture.Key]
	if is.answer == nil || is.answer.Verb != promotion.Counted {
		return
	}
	recorded := func(kind audit.Kind, of promotion.ID) bool {
		return slices.ContainsFunc(s.entries, func(e audit.Entry) bool {
			return e.Kind == kind && e.Promotion == of && e.Actor == string(g.Person)
		})
	}
	now := instant()
	switch {
	case g.Kind == promotion.GestureFreeze:
		z := promotion.Freeze{App: g.App, From: now}
		if g.Until != "" {
			long, err := time.ParseDuration(g.Until)
			if err != nil {
				panic(err) // the script names minutes
			}
			until := g.At.Add(long)
			z.Until = &until
		}
		j.frozenBy[g.Key] = z
	case g.Kind == promotion.GestureUnfreeze:
		for key, z := range j.frozenBy {
			if z.App == g.App {
				delete(j.frozenBy, key)
			}
		}
	case g.Kind == promotion.GestureHold && !recorded(audit.Held, 0), g.Kind == promotion.GestureUnhold && !recorded(audit.Unheld, 0):
		j.w.violated("%s is told that their %s counts, and nothing is recorded", g.Person, g.Kind)
	case g.Kind == promotion.GestureIncident && (j.incidents[is.answer.Incident].Severity != g.Severity || j.incidents[is.answer.Incident].App != g.App):
		j.w.violated("%s is told that incident #%d is theirs, and it is not", g.Person, is.answer.Incident)
	case g.Kind == promotion.GestureDelegate:
		j.lends(r, s, g)
	case g.Kind == promotion.GestureUndelegate:
		j.regains(g)
	case g.Decision == promotion.BreakGlass:
		j.breaks(r, g)
		if !recorded(audit.Broken, g.Promotion) {
			j.w.violated("%s breaks the glass of #%d, and nothing is recorded", g.Person, g.Promotion)
		}
	case g.Decision.Reviews():
		j.reviews(r, g)
	}
}

// breaks judges that it takes the role.
func (j *judge) breaks(r *replica, g promotion.Gesture) {
	d := written(r.gate.Catalog(), j.promotions[g.Promotion])
	if d.BreakGlass == nil || !j.couldBe(r, g.Person, policy.KnownFor, d.BreakGlass.Role) {
		j.w.violated("%s breaks the glass of #%d, and may not", g.Person, g.Promotion)
	}
	j.glass[g.Promotion] = &shards{by: g.Person, terms: g.Terms}
}

// reviews judges that another person does.
func (j *judge) reviews(r *replica, g promotion.Gesture) {
	of := j.glass[g.Promotion]
	switch {
	case of == nil || of.reviewed:
		j.w.violated("%s reviews #%d, and nothing is to be reviewed", g.Person, g.Promotion)
		return
	case personOf(g.Person) == personOf(of.by):
		j.w.violated("%s reviews #%d, and is who broke its glass", g.Person, g.Promotion)
	case !j.couldBe(r, g.Person, policy.KnownFor, "leads", "security"):
		j.w.violated("%s reviews #%d, and may not", g.Person, g.Promotion)
	}
	of.reviewed = true
}

// couldBe tells whether somebody held one of the roles at some instant within the
// time.
func (j *judge) couldBe(r *replica, who promotion.PersonID, within time.Duration, roles ...string) bool {
	return slices.ContainsFunc(roles, func(role string) bool {
		yes, _ := j.held(r.gate.Catalog(), who, role, time.Now().Add(-within))
		return yes > 0
	})
}

func (j *judge) resolved(id promotion.IncidentID) {
	i, now := j.incidents[id], instant()
	i.ResolvedAt = &now
	j.incidents[id] = i
}

func (j *judge) healed(app, environment string) {
	now := instant()
	for i := range j.ill {
		if u := &j.ill[i]; u.App == app && u.Environment == environment && u.Until == nil {
			u.Until = &now
		}
	}
}

// lacks is what an execution goes without that it would need.
func (j *judge) lacks(r *replica, p promotion.Promotion, carried []promotion.Promotion, d policy.Document) (all []string) {
	for _, of := range append(carried, p) { // a train has a name of its own
		if why := j.frozen(of, d); why != "" {
			all = append(all, why)
		}
		if j.isHeld(of, d) {
			all = append(all, fmt.Sprintf("%s of %s is held", of.Digest.Short(), of.App))
		}
		if soaked := j.soaked(of, d); of.Purpose != promotion.Train && !of.Stays() && soaked < d.Soak {
			all = append(all, fmt.Sprintf("%s of %s has soaked %s of %s", of.Digest.Short(), of.App, soaked, d.Soak))
		}
	}
	for _, of := range carried {
		if why := j.unproved(r, of, d, policy.SureFor, false); why != "" {
			all = append(all, fmt.Sprintf("%s of %s: %s", of.Digest.Short(), of.App, why))
		}
		if j.unused(of, d) {
			all = append(all, fmt.Sprintf("%s of %s was not used enough", of.Digest.Short(), of.App))
		}
	}
	if j.outOfLine(p, d) {
		all = append(all, "something is before it")
	}
	if j.shut(p, d) {
		all = append(all, "it is not the time for it")
	}
	if j.hasExpired(p, d) {
		all = append(all, "the request has expired")
	}
	return all
}

// heeds tells whether a promotion waits for what stops others.
func heeds(p promotion.Promotion, d policy.Document, rule policy.Rule) bool {
	return p.Purpose != promotion.Rollback || d.Rollback != nil && slices.Contains(d.Rollback.Heed, rule)
}

// frozen says what freezes the app of a promotion now, or "".
func (j *judge) frozen(p promotion.Promotion, d policy.Document) string {
	if !heeds(p, d, policy.RuleFreeze) {
		return ""
	}
	now := instant()
	for key, z := range j.frozenBy {
		if (z.App == "" || z.App == p.App) && (z.Until == nil || now.Before(*z.Until)) {
			return "it is frozen by " + key
		}
	}
	for id, i := range j.incidents {
		concerned := (i.App == "" || i.App == p.App) && p.Purpose != promotion.Train
		if concerned && i.ResolvedAt == nil && slices.Contains(d.FreezeOn, i.Severity) {
			return fmt.Sprintf("incident #%d is open", id)
		}
	}
	return ""
}

// isHeld tells whether somebody holds the very build, or the app with all of them.
func (j *judge) isHeld(p promotion.Promotion, d policy.Document) bool {
	for _, h := range j.holds {
		if h.app == p.App && (h.digest == p.Digest || h.digest == "" && heeds(p, d, policy.RuleHold)) {
			return true
		}
	}
	return false
}

// interrupted tells whether something is wrong where a digest soaks.
func (j *judge) interrupted(p promotion.Promotion, d policy.Document, at time.Time) bool {
	lasts := func(from time.Time, until *time.Time) bool {
		return !at.Before(from) && (until == nil || at.Before(*until))
	}
	for _, i := range j.incidents {
		here := (i.App == "" || i.App == p.App) && i.Environment != production
		if here && d.Incidents.Interrupts(i.Severity) && lasts(i.From, i.ResolvedAt) {
			return true
		}
	}
	return slices.ContainsFunc(j.ill, func(u promotion.Unhealth) bool {
		return (u.App == "" || u.App == p.App) && u.Environment == source && lasts(u.From, u.Until)
	})
}

// soaked is for how long nothing was wrong, at most, since the digest came, or since
// the soak had to begin again: the judge knows when it came first, and not whether
// it was always there.
func (j *judge) soaked(p promotion.Promotion, d policy.Document) (soaked time.Duration) {
	now, since := instant(), j.arrived[p.Digest]
	verified, ok := j.verified(p, d)
	if !ok {
		return 0
	}
	if verified.After(since) {
		since = verified
	}
	var changes []time.Time
	change := func(at *time.Time) {
		if at != nil {
			changes = append(changes, *at)
		}
	}
	for _, i := range j.incidents {
		change(&i.From)
		change(i.ResolvedAt)
		resets := slices.Contains(d.Incidents.Reset, i.Severity) && (i.App == "" || i.App == p.App) && i.Environment != production
		if resets && i.ResolvedAt != nil && i.ResolvedAt.After(since) {
			since = *i.ResolvedAt
		}
		if resets && i.ResolvedAt == nil {
			return 0
		}
	}
	for _, u := range j.ill {
		change(&u.From)
		change(u.Until)
	}
	changes = append(changes, since, now)
	slices.SortFunc(changes, time.Time.Compare)
	for n, from := range changes[:len(changes)-1] {
		if until := changes[n+1]; !from.Before(since) && !until.After(now) && !j.interrupted(p, d, from) {
			soaked += until.Sub(from)
		}
	}
	return soaked
}

func (j *judge) hasExpired(p promotion.Promotion, d policy.Document) bool {
	return d.Expires.Request > 0 && !instant().Before(j.opened[p.ID].Add(d.Expires.Request))
}

// lapsed tells whether the approval of an account does not count any more.
func (j *judge) lapsed(account promotion.PersonID, p promotion.Promotion, d policy.Document) bool {
	return d.Expires.Approval > 0 && !instant().Before(j.approvedAt[standsBehind{account, p.ID}].Add(d.Expires.Approval))
}

// unsaid tells whether a person has said something else since, with another of
// their accounts.
func (j *judge) unsaid(account promotion.PersonID, p promotion.Promotion) bool {
	said := j.votes[standsBehind{account, p.ID}]
	return slices.ContainsFunc(accountsOf(personOf(account)), func(other promotion.PersonID) bool {
		v, voted := j.votes[standsBehind{other, p.ID}]
		return voted && v.Decision != promotion.Approve && v.At.After(said.At)
	})
}

// unbroken says why the broken glass of a promotion, if it is broken, lets nothing
// go past its policy now, or "".
func (j *judge) unbroken(r *replica, p promotion.Promotion, d policy.Document, within time.Duration) string {
	switch of := j.glass[p.ID]; {
	case of == nil:
		return "nobody has broken its glass"
	case d.BreakGlass == nil:
		return "it has no glass"
	case !j.couldBe(r, of.by, within, d.BreakGlass.Role):
		return fmt.Sprintf("%s, who broke its glass, may not any more", of.by)
	case of.reviewed:
		return "its broken glass was reviewed"
	case of.terms != p.TermsNow().Hash():
		return "its glass was broken for something else"
	}
	return ""
}

// goesPast judges that what lacks something is executed because its glass was
// broken, that the log says so, and that somebody else has to say what they think.
func (j *judge) goesPast(r *replica, s *recorder, p promotion.Promotion, d policy.Document, lacks []string) {
	i := slices.IndexFunc(s.entries, func(e audit.Entry) bool { return e.Kind == audit.Intended && e.Promotion == p.ID })
	if i < 0 {
		j.w.violated("#%d is executed, and the log does not say so", p.ID)
		return
	}
	by, past := s.entries[i].Detail["glass_broken_by"].(promotion.PersonID)
	if len(lacks) == 0 {
		return
	}
	switch why := j.unbroken(r, p, d, policy.SureFor); {
	case why != "":
		j.w.violated("#%d is executed, %s, and %s", p.ID, lacks[0], why)
	case !past || by != j.glass[p.ID].by:
		j.w.violated("#%d is executed, %s, and the log does not say who went past that", p.ID, lacks[0])
	case p.Broken == nil || p.Broken.By != by || p.Broken.Review != nil || p.Owed() == nil:
		j.w.violated("#%d is executed, %s, and nobody has to review that", p.ID, lacks[0])
	}
}

// expires judges that a request has ended because its time was over.
func (j *judge) expires(r *replica, s *recorder, p promotion.Promotion) {
	if p.Purpose == promotion.Ride {
		if !slices.ContainsFunc(s.saved, func(of promotion.Promotion) bool { return of.ID == p.Train && of.State == promotion.Expired }) {
			j.w.violated("#%d has expired, and its train #%d has not", p.ID, p.Train)
		}
		return
	}
	if d := written(r.gate.Catalog(), p); !j.hasExpired(p, d) {
		j.w.violated("#%d has expired before its time", p.ID)
	}
}

// watched judges that nothing has gone wrong, as far as the policy asks for that,
// with what was watched since its tags were moved.
func (j *judge) watched(p promotion.Promotion, d policy.Document) {
	now := instant()
	switch {
	case d.After == nil: // it is not to be watched any more
		return
	case now.Before(*p.WatchUntil):
		j.w.violated("#%d is promoted, and was to be watched until %s", p.ID, p.WatchUntil.Format(time.TimeOnly))
	}
	if why := j.wentWrong(p, d); why != "" {
		j.w.violated("#%d is promoted, and %s while it was watched", p.ID, why)
	}
}

// wentWrong says what has gone wrong since the tags of a promotion were moved, or "".
func (j *judge) wentWrong(p promotion.Promotion, d policy.Document) string {
	if d.After == nil {
		return ""
	}
	for id, i := range j.incidents {
		concerned := (i.App == "" || i.App == p.App) && i.Environment != source
		if concerned && slices.Contains(d.After.Incidents, i.Severity) && !i.ReportedAt.Before(*p.MovedAt) {
			return fmt.Sprintf("incident #%d was opened", id)
		}
	}
	over := !instant().Before(*p.WatchUntil)
	for _, u := range j.ill {
		here := d.After.Health && u.Environment == production && (u.App == "" || u.App == p.App)
		if here && (!u.From.Before(*p.MovedAt) || over && u.Until == nil) {
			return "production was not well"
		}
	}
	return ""
}
