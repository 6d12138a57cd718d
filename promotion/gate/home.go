package gate

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// How homes are kept up to date. Slack does not say whether somebody still looks
// at theirs, so it is taken that they do for a while after they opened it; it is
// drawn anew whenever they open it again. Whatever happens, no more than one is
// published in homeEach: each has its own second in a round that is as long as
// there are homes, so that a busy hour with six hundred of them costs 60 calls a
// minute, of the 100 that Slack allows (tier 4), and one that is open alone
// follows within seconds.
const (
	homeFor   = 8 * time.Hour
	homesMost = 600
	homeEach  = time.Second
	homeLead  = 2 * time.Second // what happens within it is told together
)

// How much of it is on a home.
const (
	homeApps      = 12
	homeDecisions = 10
)

// Visit notes that somebody has opened their home, and has it drawn. hash is
// Slack's name of what it showed them; empty when that was nothing. It decides
// nothing, and so the log does not hold it.
func (g *Gate) Visit(ctx context.Context, who promotion.PersonID, hash string) error {
	return g.update(ctx, string(who), func(t *turn) error {
		h, err := t.Home(who)
		if err != nil && !errors.Is(err, promotion.NotFound) {
			return err
		}
		h.Person, h.OpenedAt = who, t.now
		if h.Hash != hash { // another view is there than the one that was published last
			h.Hash, h.Print, h.ShownAt = hash, "", nil
			if hash != "" {
				h.ShownAt = &t.now
			}
		}
		if err := t.SaveHome(h); err != nil {
			return err
		}
		known, err := t.People([]promotion.PersonID{who})
		if err != nil {
			return err
		}
		if p, ok := known[who]; !ok || t.now.Sub(p.ReadAt) > policy.KnownFor {
			if err := t.lookUp([]policy.Subject{{Person: who}}); err != nil {
				return err
			}
		}
		return t.welcome(who)
	})
}

// freshen has homes drawn when something in this turn may have changed what they
// show: that of whoever did it in the next second, the others in their turn.
func (t *turn) freshen() error {
	if !t.telling {
		return nil
	}
	if who := actorPerson(t.actor); who != "" {
		if err := t.showOpen(who); err != nil {
			return err
		}
	}
	open, err := t.Homes(t.now.Add(-homeFor), 1)
	if err != nil || len(open) == 0 {
		return err
	}
	return t.stirHomes()
}

// showOpen has the home of one person drawn in the next second, if they have
// opened it lately.
func (t *turn) showOpen(who promotion.PersonID) error {
	h, err := t.Home(who)
	switch {
	case errors.Is(err, promotion.NotFound) || err == nil && h.OpenedAt.Before(t.now.Add(-homeFor)):
		return nil
	case err != nil:
		return err
	}
	return t.showHome(who, t.now.Truncate(homeEach).Add(homeEach))
}

// showAll gives every home that was opened lately its turn.
func (t *turn) showAll() error {
	open, err := t.Homes(t.now.Add(-homeFor), homesMost)
	if err != nil {
		return err
	}
	slices.SortFunc(open, func(a, b promotion.Home) int { return cmp.Compare(a.Person, b.Person) })
	for i, h := range open {
		if err := t.showHome(h.Person, turnOf(t.now, i, len(open))); err != nil {
			return err
		}
	}
	return nil
}

// turnOf is the next second of the round that belongs to the i-th of n homes.
func turnOf(now time.Time, i, n int) time.Time {
	next, round := now.Truncate(homeEach).Add(homeEach), int64(n)
	at := next.Unix() / int64(homeEach/time.Second) % round
	return next.Add(time.Duration((int64(i)-at+round)%round) * homeEach)
}

// homeShown notes what is on a home now.
func (t *turn) homeShown(shown promotion.Home) error {
	h, err := t.Home(shown.Person)
	if err != nil {
		return err
	}
	h.ShownAt, h.Hash, h.Print = &t.now, shown.Hash, shown.Print
	return t.SaveHome(h)
}

// Home is what somebody is shown of everything, and what they have been shown
// last.
func (g *Gate) Home(ctx context.Context, who promotion.PersonID) (h policy.Home, had promotion.Home, err error) {
	err = g.read(ctx, func(t *turn) error {
		h = policy.Home{Person: who, At: t.now}
		if had, err = t.Home(who); err != nil {
			return err
		}
		people, err := t.People([]promotion.PersonID{who})
		if err != nil {
			return err
		}
		if _, h.Known = people[who]; !h.Known {
			return nil
		}
		if h.Refusal = policy.MayHold(policy.Facts{People: people}, who); h.Refusal != "" {
			return nil // whoever may not even stop anything is no member
		}
		return t.fill(&h)
	})
	return h, had, err
}

func (t *turn) fill(h *policy.Home) error {
	views, err := t.pending()
	if err != nil {
		return err
	}
	for _, v := range views {
		p := &v.Facts.Promotion
		if len(policy.Wanted(v.Wants(), h.Person)) > 0 {
			h.Waiting = append(h.Waiting, v)
		}
		if p.Requester != "" && t.catalog.Identities.Same(p.Requester, h.Person) && !p.State.Final() {
			h.Asked = append(h.Asked, v)
		}
	}
	if h.Freezes, err = t.Freezes("", t.now); err != nil {
		return err
	}
	h.Freezes = slices.DeleteFunc(slices.Concat(t.catalog.Freezes, h.Freezes), func(z promotion.Freeze) bool { return !z.At(t.now) })
	apps := t.catalog.nearest(append(slices.Clone(h.Waiting), h.Asked...))
	h.MoreApps = max(0, len(apps)-homeApps)
	for _, a := range apps[:len(apps)-h.MoreApps] {
		s, err := t.status(a)
		if err != nil {
			return err
		}
		h.Apps = append(h.Apps, s)
	}
	all, err := t.Decided(h.Person, 4*homeDecisions) // of which not all came to something
	for _, d := range all {
		if v := d.Answer.Verb; (v == promotion.Counted || v == promotion.Noted || v == promotion.Requested) && len(h.Decisions) < homeDecisions {
			h.Decisions = append(h.Decisions, d)
		}
	}
	return err
}

// pending is everything that is open, and what has ended and is still to be
// reviewed, oldest first.
func (t *turn) pending() (views []policy.View, err error) {
	open, err := t.query(Query{Apart: true, States: promotion.Unfinished()})
	if err != nil {
		return nil, err
	}
	owed, err := t.query(Query{Unreviewed: true})
	if err != nil {
		return nil, err
	}
	for _, p := range owed {
		if p.State.Final() { // the others are there already
			open = append(open, p)
		}
	}
	slices.SortFunc(open, func(a, b *promotion.Promotion) int { return cmp.Compare(a.ID, b.ID) })
	for _, p := range open {
		v, err := t.view(p)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

// nearest are the apps, first those that the views are about.
func (c *Catalog) nearest(views []policy.View) []App {
	about := map[string]bool{}
	for _, v := range views {
		about[v.Facts.Promotion.App] = true
		for _, r := range v.Facts.Rides {
			about[r.Promotion.App] = true
		}
	}
	apps := slices.Clone(c.Apps)
	slices.SortStableFunc(apps, func(a, b App) int {
		switch {
		case about[a.Name] == about[b.Name]:
			return 0
		case about[a.Name]:
			return -1
		}
		return 1
	})
	return apps
}

// quiet is what is recorded and is on nobody's home.
var quiet = []audit.Kind{audit.Denied, audit.Tokened, audit.Untokened, audit.Exposed}
