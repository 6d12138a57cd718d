package gate

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Direct says when people are reminded by direct message, each by the clock on
// their own wall, and whom else it concerns after a while.
type Direct struct {
	Schedule string // a cron expression without a zone
	TimeZone string // of those whose own is not known
	Quiet    *Quiet
	Escalate *Escalation
}

// Quiet is from when to when, by the clock on their wall, nobody is written to.
type Quiet struct{ From, Until time.Duration } // since midnight; it may lie between

// Escalation tells those of another role that a promotion has waited for nothing
// but approvals for a while.
type Escalation struct {
	After time.Duration
	To    string
}

// zone is the time zone that a person lives in, as far as it is known.
func (d *Direct) zone(who promotion.Person) string {
	if _, err := time.LoadLocation(who.TimeZone); err != nil || who.TimeZone == "" || who.TimeZone == "Local" {
		return d.TimeZone
	}
	return who.TimeZone
}

// next is the first time after now, and after the one before it, at which those
// who live in the zone are reminded.
func (d *Direct) next(zone string, now time.Time, before *time.Time) (time.Time, error) {
	w, err := policy.ParseWindow(d.Schedule, zone, 0)
	if err != nil {
		return time.Time{}, err
	}
	if before != nil {
		now = later(now, *before)
	}
	return w.Next(now).UTC(), nil
}

// opens is now or, in quiet hours, when they end.
func (d *Direct) opens(zone string, now time.Time) time.Time {
	place, err := time.LoadLocation(zone)
	if d.Quiet == nil || err != nil {
		return now
	}
	local := now.In(place)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
	from, until, days := d.Quiet.From, d.Quiet.Until, 0
	switch {
	case from < until && (clock < from || clock >= until), from > until && clock < from && clock >= until:
		return now
	case from > until && clock >= from:
		days = 1
	}
	end := promotion.WallTime(local.Year(), local.Month(), local.Day()+days, int(until.Hours()), int(until.Minutes())%60, 0, place).UTC()
	return later(now, end)
}

// informed is the instant or, when what is watched has not been looked at since
// the start, a little later: what waits for somebody is not known before.
func (t *turn) informed(at time.Time) (time.Time, error) {
	watched := t.catalog.watchings()
	all, err := t.Watches()
	for _, w := range all {
		if _, configured := watched[watching{w.App, w.Environment, w.Side}]; configured && (w.Fault == notRead || w.Fault == notReadYet) {
			return later(at, t.now.Add(time.Minute)), err
		}
	}
	return at, err
}

// nudges has everybody reminded in time.
func (t *turn) nudges() error {
	if t.catalog.Direct == nil {
		return nil
	}
	zones, err := t.zones()
	if err != nil {
		return err
	}
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		if err := t.nudgeIn(zone); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) nudgeIn(zone string) error {
	tick, err := t.catalog.Direct.next(zone, t.now, nil)
	if err != nil {
		return err
	}
	return t.nudgeAt(promotion.NudgeWork{Schedule: t.catalog.Direct.Schedule, Zone: zone, Tick: tick}, tick)
}

// zones are those that somebody lives in who holds a role.
func (t *turn) zones() (map[string]bool, error) {
	people, groups := t.catalog.Directory()
	read, err := t.Groups(groups)
	if err != nil {
		return nil, err
	}
	for _, g := range read {
		people = append(people, g.Members...)
	}
	slices.Sort(people)
	known, err := t.People(slices.Compact(people))
	zones := map[string]bool{t.catalog.Direct.TimeZone: true}
	for _, who := range known {
		zones[t.catalog.Direct.zone(who)] = true
	}
	return zones, err
}

// nudge reminds those who live in a zone. What falls into quiet hours comes when
// they end, unless it is time for the next by then. A zone in which nobody lives
// any more is let go; it comes back with whoever moves there.
func (t *turn) nudge(e promotion.Effect) error {
	w, err := promotion.Work[promotion.NudgeWork](e)
	d := t.catalog.Direct
	if err != nil || d == nil || d.Schedule != w.Schedule {
		return err // configured in another way since
	}
	next, err := d.next(w.Zone, t.now, &w.Tick)
	if err != nil {
		return err
	}
	opens := d.opens(w.Zone, t.now)
	if opens, err = t.informed(opens); err != nil {
		return err
	}
	if opens.After(t.now) && opens.Before(next) {
		return t.nudgeAt(w, opens)
	} else if !opens.After(t.now) {
		if err := t.remindIn(w); err != nil {
			return err
		}
	}
	zones, err := t.zones()
	if err != nil || !zones[w.Zone] {
		return err
	}
	w.Tick = next
	return t.nudgeAt(w, next)
}

// remindIn has everybody reminded who lives in the zone and for whom something
// waits.
func (t *turn) remindIn(w promotion.NudgeWork) error {
	asked, err := t.asked()
	if err != nil || len(asked) == 0 {
		return err
	}
	ids := slices.Sorted(maps.Keys(asked))
	people, err := t.People(ids)
	if err != nil {
		return err
	}
	before, err := t.Reminded(ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		r := before[id]
		if t.catalog.Direct.zone(people[id]) != w.Zone || r.SnoozedUntil != nil && r.SnoozedUntil.After(t.now) {
			continue
		}
		clock := onTheWall(w.Zone, w.Tick)
		if r.Clock == clock || r.Clock == onTheWall(w.Zone, t.now) {
			continue
		}
		if err := t.SaveReminded(promotion.Reminded{Person: id, Clock: clock}); err != nil {
			return err
		}
		if err := t.direct(id, t.now); err != nil {
			return err
		}
	}
	return nil
}

// onTheWall is what a clock in the zone shows, to the minute.
func onTheWall(zone string, at time.Time) string {
	place, err := time.LoadLocation(zone)
	if err != nil {
		place = time.UTC
	}
	return at.In(place).Format("2006-01-02 15:04")
}

// asked are those for whom something waits; of a person with several accounts,
// one of them.
func (t *turn) asked() (map[promotion.PersonID]bool, error) {
	views, err := t.pending()
	if err != nil {
		return nil, err
	}
	account := map[promotion.PersonID]promotion.PersonID{} // of each person
	for _, v := range views {
		wants, err := t.due(v)
		if err != nil {
			return nil, err
		}
		for _, want := range wants {
			for _, id := range want.Who {
				of := t.catalog.Identities.Of(id)
				if had, some := account[of]; !some || id < had {
					account[of] = id
				}
			}
		}
	}
	asked := map[promotion.PersonID]bool{}
	for _, id := range account {
		asked[id] = true
	}
	return asked, nil
}

// due is what people are reminded of: of approvals when nothing else is missing,
// of sign-offs and reviews as soon as they are wanted. Those of the further role
// are told with the others from when they were told first.
func (t *turn) due(v policy.View) ([]policy.Want, error) {
	wants := v.Wants()
	if v.Facts.Promotion.State != promotion.Open {
		return wants, nil
	}
	if !v.Verdict.OnlyApprovals() {
		return slices.DeleteFunc(wants, func(w policy.Want) bool { return w.Kind == policy.WantApproval }), nil
	}
	a, err := t.Awaited(v.Facts.Promotion.ID)
	if errors.Is(err, promotion.NotFound) || err == nil && a.ToldAt == nil {
		return wants, nil
	}
	if err != nil {
		return nil, err
	}
	others, err := t.others(v, a)
	if err != nil || others == nil {
		return wants, err
	}
	return append(wants, *others), nil
}

// others are those of the further role who have not been asked anyway; nil when
// there are none.
func (t *turn) others(v policy.View, a promotion.Awaited) (*policy.Want, error) {
	if t.catalog.Direct == nil || t.catalog.Direct.Escalate == nil {
		return nil, nil
	}
	role := t.catalog.Direct.Escalate.To
	roster, err := t.roster(role)
	if err != nil {
		return nil, err
	}
	known, err := t.People(roster.Members)
	if err != nil {
		return nil, err
	}
	approvals, _ := v.Verdict.Finding(policy.RuleApprovals)
	want := policy.Want{Kind: policy.WantAnybody, Role: role, Since: &a.Since}
	for _, id := range roster.Members {
		who, read := known[id]
		if !slices.Contains(approvals.Who, id) && (!read || who.Standing == promotion.Member) {
			want.Who = append(want.Who, id)
		}
	}
	if len(want.Who) == 0 {
		return nil, nil
	}
	return &want, nil
}

// await notes since when an open promotion has waited for nothing but approvals.
// What comes between does not begin that anew, such as a registry that can't be
// read for a moment; a soak that does, does.
func (t *turn) await(p *promotion.Promotion, v policy.Verdict) error {
	if t.catalog.Direct == nil || t.catalog.Direct.Escalate == nil {
		return nil
	}
	a, err := t.Awaited(p.ID)
	switch {
	case errors.Is(err, promotion.NotFound) && !v.OnlyApprovals():
		return nil
	case errors.Is(err, promotion.NotFound):
		a = promotion.Awaited{Promotion: p.ID, Since: t.now}
		err = t.SaveAwaited(a)
	case err == nil && v.Unsoaked():
		return t.DropAwaited(p.ID)
	}
	if err != nil || a.ToldAt != nil || !v.OnlyApprovals() {
		return err
	}
	return t.callOnAt(p.ID, a.Since.Add(t.catalog.Direct.Escalate.After))
}

// callOn tells those of the further role, at the instant from which on it
// concerns them.
func (t *turn) callOn(e promotion.Effect) error {
	p, err := t.load(e.Promotion)
	if err != nil || p.State != promotion.Open || t.catalog.Direct == nil || t.catalog.Direct.Escalate == nil {
		return err
	}
	a, err := t.Awaited(p.ID)
	if errors.Is(err, promotion.NotFound) {
		return nil
	}
	if err != nil || a.ToldAt != nil || t.now.Before(a.Since.Add(t.catalog.Direct.Escalate.After)) {
		return err
	}
	v, err := t.view(p)
	if err != nil || !v.Verdict.OnlyApprovals() {
		return err // whoever settles it next asks again
	}
	a.ToldAt = &t.now
	if err := t.SaveAwaited(a); err != nil {
		return err
	}
	others, err := t.others(v, a)
	if err != nil || others == nil {
		return err
	}
	if err := t.record(audit.CalledOn, p, map[string]any{"role": others.Role, "people": others.Who, "since": a.Since}); err != nil {
		return err
	}
	people, err := t.People(others.Who)
	if err != nil {
		return err
	}
	snoozed, err := t.Reminded(others.Who)
	if err != nil {
		return err
	}
	for _, id := range others.Who {
		if until := snoozed[id].SnoozedUntil; until != nil && until.After(t.now) {
			continue // they are told with everything else then
		}
		if err := t.direct(id, t.catalog.Direct.opens(t.catalog.Direct.zone(people[id]), t.now)); err != nil {
			return err
		}
	}
	return nil
}

// snooze has somebody not reminded for a while. It concerns nobody else, and so
// nobody has to be asked who they are.
func (t *turn) snooze(g promotion.Gesture) (promotion.Answer, error) {
	answer := promotion.Answer{Deed: g.Kind}
	if t.catalog.Direct == nil {
		return t.refuseDeed(g, answer, policy.Document{}, "the configuration has nobody reminded directly any more")
	}
	people, err := t.People([]promotion.PersonID{g.Person})
	if err != nil {
		return answer, err
	}
	place, err := time.LoadLocation(t.catalog.Direct.zone(people[g.Person]))
	if err != nil {
		return answer, err
	}
	until, err := promotion.ParseUntil(g.Until, g.At, place)
	if err != nil {
		return t.refuseDeed(g, answer, policy.Document{}, err.Error())
	}
	until = until.Truncate(time.Microsecond)
	had, err := t.Reminded([]promotion.PersonID{g.Person})
	if err != nil {
		return answer, err
	}
	if err := t.SaveReminded(promotion.Reminded{Person: g.Person, Clock: had[g.Person].Clock, SnoozedUntil: &until}); err != nil {
		return answer, err
	}
	if err := t.record(audit.Snoozed, nil, map[string]any{"until": until}); err != nil {
		return answer, err
	}
	answer.Verb, answer.Until = promotion.Noted, &until
	return answer, t.againAt(g.Person, until)
}

// again reminds somebody when they wanted it. What they have chosen since counts
// instead; and when it was time to remind them in this minute anyway, that was it.
func (t *turn) again(e promotion.Effect) error {
	w, err := promotion.Work[promotion.AgainWork](e)
	if err != nil || t.catalog.Direct == nil {
		return err
	}
	had, err := t.Reminded([]promotion.PersonID{w.Person})
	if err != nil {
		return err
	}
	r := had[w.Person]
	if r.SnoozedUntil == nil || r.SnoozedUntil.After(t.now) {
		return nil
	}
	people, err := t.People([]promotion.PersonID{w.Person})
	if err != nil {
		return err
	}
	zone := t.catalog.Direct.zone(people[w.Person])
	opens, err := t.informed(t.catalog.Direct.opens(zone, t.now))
	if err != nil {
		return err
	}
	if opens.After(t.now) {
		return t.againAt(w.Person, opens)
	}
	if err := t.SaveReminded(promotion.Reminded{Person: w.Person, Clock: onTheWall(zone, t.now)}); err != nil {
		return err
	}
	return t.direct(w.Person, t.now)
}

// Reminder is what somebody is reminded of now, oldest first.
func (g *Gate) Reminder(ctx context.Context, who promotion.PersonID) (r policy.Reminder, err error) {
	err = g.read(ctx, func(t *turn) error {
		r = policy.Reminder{Person: who}
		views, err := t.pending()
		if err != nil {
			return err
		}
		for _, v := range views {
			wants, err := t.due(v)
			if err != nil {
				return err
			}
			if mine := policy.Wanted(wants, who); len(mine) > 0 {
				r.Items = append(r.Items, policy.Reminded{View: v, Wants: mine})
			}
		}
		slices.SortStableFunc(r.Items, func(a, b policy.Reminded) int {
			return cmp.Compare(urgency(a.Wants), urgency(b.Wants))
		})
		return nil
	})
	return r, err
}

// urgency has what is failing come first, and then reviews: they are about what is
// out there already.
func urgency(wants []policy.Want) int {
	for i, first := range []policy.WantKind{policy.WantChoice, policy.WantReview} {
		if slices.ContainsFunc(wants, func(w policy.Want) bool { return w.Kind == first }) {
			return i
		}
	}
	return 2
}
