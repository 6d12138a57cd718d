package simulation

import (
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What has to be true where one build goes after the other, and of what goes back
// by itself.

// appears and leaves are told what the bot has come to believe of the tags that bring
// builds.
func (j *judge) appears(app, tag string, d promotion.Digest) { j.there[spot{home(app), tag}] = d }

func (j *judge) leaves(app, tag string) { delete(j.there, spot{home(app), tag}) }

// ahead is what was there before a promotion, is still where it comes from as far as
// the bot knows, and is on its way.
func (j *judge) ahead(p promotion.Promotion) (first promotion.Promotion, some bool) {
	for id := promotion.ID(1); int(id) <= len(j.promotions); id++ {
		other := j.promotions[id]
		live := other.State == promotion.Open || other.State == promotion.Executing
		older := other.ObservedAt.Before(p.ObservedAt) || other.ObservedAt.Equal(p.ObservedAt) && other.ID < p.ID
		here := false
		for at, d := range j.there {
			here = here || at.in == home(p.App) && d == other.Digest
		}
		if other.App == p.App && other.Purpose == promotion.Forward && live && older && here {
			return other, true
		}
	}
	return first, false
}

// outOfLine tells whether a promotion goes before one that has come earlier, where
// they go one after the other.
func (j *judge) outOfLine(p promotion.Promotion, d policy.Document) bool {
	if p.Purpose != promotion.Forward || d.Supersede != policy.Queue && !d.RideOldest {
		return false
	}
	_, some := j.ahead(p)
	return some
}

// givesWay judges that what is the first in a line in which the oldest is to go on
// does so when a newer build comes, at least when people have agreed to it.
func (j *judge) givesWay(r *replica, s *recorder, p promotion.Promotion) {
	d := written(r.gate.Catalog(), p)
	newer := slices.ContainsFunc(s.saved, func(other promotion.Promotion) bool {
		return other.ID == p.Successor && other.Purpose == promotion.Forward && other.Digest != p.Digest && j.promotions[other.ID].ID == 0
	})
	was := j.promotions[p.ID]
	if !newer || !d.RideOldest || p.Purpose != promotion.Forward || j.withdrawn[build{p.App, p.Digest}] != "" || p.PolicyHash != d.Hash() {
		return
	}
	here := false
	for at, digest := range j.there {
		here = here || at.in == home(p.App) && digest == p.Digest
	}
	_, some := j.ahead(was)
	if here && !some && was.ReadFault == "" && !j.overtaken(p) && j.agree(r, was, d, policy.SureFor) && j.unproved(r, was, d, policy.SureFor, true) == "" {
		j.w.violated("#%d gives way to #%d, and was the first, and agreed to", p.ID, p.Successor)
	}
}

// overtaken tells whether something newer was promoted, or a version is taken that
// the promotion would set.
func (j *judge) overtaken(p promotion.Promotion) bool {
	for _, other := range j.promotions {
		if other.App == p.App && other.ID != p.ID && cameToBe(other) && !other.ObservedAt.Before(p.ObservedAt) {
			return true
		}
	}
	return slices.ContainsFunc(p.Targets, func(t promotion.Target) bool { return !t.Floating && t.Now != "" && t.Now != p.Digest })
}

// byItself tells whether nobody has asked for a promotion but the policy, which has
// to want that: it takes back what is failing, and that has come forward.
func (j *judge) byItself(p promotion.Promotion, d policy.Document) bool {
	if p.Purpose != promotion.Rollback || p.Requester != "" || d.After == nil || !d.After.RollBack {
		return false
	}
	for _, other := range j.promotions {
		if other.App == p.App && other.To == p.To && other.Digest == p.Back.Bad && other.Purpose == promotion.Forward && other.State == promotion.Failing {
			return true
		}
	}
	return false
}
