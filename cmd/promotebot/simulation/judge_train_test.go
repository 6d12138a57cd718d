package simulation

import (
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
)

// What has to be true of several apps that go together.

// rides are what a train carries, as last committed.
func (j *judge) rides(of promotion.Promotion) (rides []promotion.Promotion) {
	for id := of.ID + 1; int(id) <= len(j.promotions); id++ {
		if r := j.promotions[id]; r.Train == of.ID {
			rides = append(rides, r)
		}
	}
	return rides
}

// departs judges the intent to execute a ride: it is its train's.
func (j *judge) departs(s *recorder, r promotion.Promotion) {
	j.intended[r.ID] = true
	if !slices.ContainsFunc(s.saved, func(p promotion.Promotion) bool { return p.ID == r.Train && p.State == promotion.Executing }) {
		j.w.violated("#%d is executed and its train #%d is not", r.ID, r.Train)
	}
}

// agreedTo judges whether what people have agreed to, when they agreed to a
// train, is what is done: all of it, and by that same set of approvals.
func (j *judge) agreedTo(p promotion.Promotion, rides []promotion.Promotion) {
	var targets []promotion.TermsItem
	for _, r := range rides {
		if r.State != promotion.Executing || r.PolicyHash != p.PolicyHash || len(r.Targets) == 0 {
			j.w.violated("the train #%d is executed under policy %.8s, and its ride #%d is %s under %.8s", p.ID, p.PolicyHash, r.ID, r.State, r.PolicyHash)
		}
		for _, t := range r.Targets {
			targets = append(targets, promotion.TermsItem{Tag: spot{r.Destination, t.Tag}.String(), Now: t.Now})
		}
	}
	if len(rides) == 0 || p.Digest != consist(rides) || !slices.Equal(targets, p.TermsNow().Targets) {
		j.w.violated("the train #%d is executed, and what was agreed to is not what it carries", p.ID)
	}
}

func consist(rides []promotion.Promotion) promotion.Digest {
	var all []*promotion.Promotion
	for i := range rides {
		all = append(all, &rides[i])
	}
	return promotion.Consist(all)
}

// derailed tells whether some ride of a train did not do what it should.
func (j *judge) derailed(train promotion.Promotion) bool {
	return slices.ContainsFunc(j.rides(train), func(r promotion.Promotion) bool {
		return r.State.Final() && r.State != promotion.Promoted || len(r.Moves) > 0 && r.ReadFault != ""
	})
}

// putsBack judges the move of a tag back to what it was before a ride.
func (j *judge) putsBack(e *performance, s spot, d promotion.Digest) {
	r := j.promotions[e.Promotion]
	train := j.promotions[r.Train]
	i := slices.IndexFunc(r.Targets, func(t promotion.Target) bool { return t.Tag == s.tag })
	switch {
	case r.State != promotion.Executing || train.State != promotion.Executing || train.OnFailure != promotion.TakeBack || !j.derailed(train):
		j.w.violated("%s is put back for #%d, which is %s, and its train #%d %s", s, r.ID, r.State, train.ID, train.State)
	case i < 0 || s.in != r.Destination || !r.Targets[i].Floating || r.Targets[i].Now != d:
		j.w.violated("%s is put back for #%d to %s, where it was not", s, r.ID, d.Short())
	case e.seen[s.tag] != r.Digest && e.seen[s.tag] != d:
		j.w.violated("%s is put back for #%d, and somebody else had moved it", s, r.ID)
	}
	if j.w.broken == "" && j.w.registry.at(s) != d {
		if !j.moved[moving{r.ID, s}] && j.w.registry.at(s) == r.Digest {
			j.w.violated("%s is put back for #%d, which had not moved it", s, r.ID)
		}
		delete(j.moved, moving{r.ID, s})
		j.holder[s] = 0
	}
}

// mayFail tells whether a promotion may end without having been promoted or
// having met a conflict. No registry here refuses anything for good, so it was
// taken back, or was part of what was.
func (j *judge) mayFail(p promotion.Promotion) bool {
	if p.Purpose == promotion.Train {
		return j.derailed(p)
	}
	return p.Purpose == promotion.Ride && j.promotions[p.Train].OnFailure == promotion.TakeBack
}

// trainsAreWhole: what a train carried has arrived or, if the policy says so,
// was taken back, as far as it can be.
func (j *judge) trainsAreWhole() {
	for _, p := range j.promotions {
		if p.Purpose != promotion.Train || p.StartedAt == nil {
			continue
		}
		rides := j.rides(p)
		failed := slices.ContainsFunc(rides, func(r promotion.Promotion) bool { return r.State != promotion.Promoted })
		if (p.State == promotion.Promoted) == failed {
			j.w.violated("the train #%d is %s, and that of its rides some are not promoted is %t", p.ID, p.State, failed)
		}
		for _, r := range rides {
			undone := slices.ContainsFunc(r.Moves, func(m promotion.Move) bool { return m.Outcome == promotion.MoveUndone })
			back := failed && p.OnFailure == promotion.TakeBack
			switch {
			case !r.State.Final() || r.FinishedAt.After(time.Now()):
				j.w.violated("the train #%d is %s and its ride #%d %s", p.ID, p.State, r.ID, r.State)
			case undone && !back:
				j.w.violated("#%d was taken back, and its train #%d is %s and asks for: %s", r.ID, p.ID, p.State, p.OnFailure)
			case back && r.State == promotion.Promoted && len(r.Returns()) > 0:
				j.w.violated("#%d is promoted, and the train #%d was to be taken back", r.ID, p.ID)
			}
			j.isBack(r)
		}
	}
}

// isBack: a tag that is said to have been put back was read so.
func (j *judge) isBack(r promotion.Promotion) {
	for _, m := range r.Moves {
		for _, t := range r.Targets {
			if m.Outcome == promotion.MoveUndone && m.Tag == t.Tag && j.confirmed[moving{r.ID, spot{r.Destination, t.Tag}}] != t.Now {
				j.w.violated("%s of #%d was never read as what it was before", t.Tag, r.ID)
			}
		}
	}
}
