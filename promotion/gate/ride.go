package gate

import (
	"slices"
	"strings"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// How a train goes, once it has departed. All rides are executed at once, each
// by a move of its own. Where a failure is completed, a ride ends when its tags
// have been put. Where it is taken back, a ride whose tags have been put is not
// at its end before every other one has got as far: until then its app is locked
// for everything else, and what was there before can be put back.

// depart writes the intent of every ride, in the transaction that writes the
// train's.
func (t *turn) depart(p *promotion.Promotion) error {
	rides, err := t.rides(p.ID)
	if err != nil {
		return err
	}
	for _, r := range rides {
		r.PolicyHash = p.PolicyHash
		if err := r.Step(promotion.Executing, "", t.now); err != nil {
			return err
		}
		if err := t.record(audit.Intended, r, map[string]any{"train": p.ID, "targets": r.TermsNow().Targets}); err != nil {
			return err
		}
		if err := t.move(r); err != nil {
			return err
		}
		if err := t.save(r); err != nil {
			return err
		}
		if err := t.othersWait(r); err != nil {
			return err
		}
	}
	return nil
}

// waits tells whether a ride that has been executed waits for the others,
// because it may have to be taken back or has something to take back itself.
func (t *turn) waits(r *promotion.Promotion, why string) (bool, error) {
	train, err := t.Promotion(r.Train)
	if err != nil || train.OnFailure != promotion.TakeBack || why != "" && len(r.Returns()) == 0 {
		return false, err
	}
	r.ReadFault = why
	r.Touch()
	return true, t.save(r)
}

// underway does what follows from how the rides of a train have gone so far.
func (t *turn) underway(p *promotion.Promotion) error {
	rides, err := t.rides(p.ID)
	if err != nil {
		return err
	}
	var wait []*promotion.Promotion
	moving, broken := false, false
	for _, r := range rides {
		switch {
		case r.State.Final():
			broken = broken || r.State != promotion.Promoted
		case len(r.Moves) == 0:
			moving = true
		default:
			wait = append(wait, r)
			broken = broken || r.ReadFault != ""
		}
	}
	for _, r := range wait {
		switch {
		case broken:
			err = t.takeBack(r)
		case !moving:
			err = t.close(r, promotion.Promoted, "")
		}
		if err != nil {
			return err
		}
	}
	if slices.ContainsFunc(rides, func(r *promotion.Promotion) bool { return !r.State.Final() }) {
		return t.save(p)
	}
	return t.arrive(p, rides)
}

// arrive ends a train whose rides have all come to their end.
func (t *turn) arrive(p *promotion.Promotion, rides []*promotion.Promotion) error {
	p.ReadFault = ""
	var failed, promoted []string
	for _, r := range rides {
		switch {
		case r.State != promotion.Promoted:
			failed = append(failed, r.App+": "+r.Reason)
		case r.Reason != "":
			promoted = append(promoted, r.App+" ("+r.Reason+")")
		default:
			promoted = append(promoted, r.App)
		}
	}
	if len(failed) == 0 {
		return t.close(p, promotion.Promoted, "")
	}
	why := strings.Join(failed, "; ") + "; promoted: "
	if len(promoted) == 0 {
		promoted = []string{"nothing"}
	}
	return t.close(p, promotion.Failed, why+strings.Join(promoted, ", "))
}

// takeBack has the tags of a ride moved back to what they pointed at.
func (t *turn) takeBack(r *promotion.Promotion) error {
	back := r.Returns()
	if len(back) == 0 {
		return t.close(r, promotion.Promoted, "it has no tag that could be moved back")
	}
	return t.undo(r, promotion.UndoWork{Moves: back})
}

// undone takes what became of that. Failure says why it could not be done, when
// trying again would not help.
func (t *turn) undone(e promotion.Effect, moves []promotion.Move, failure string) error {
	r, err := t.load(e.Promotion)
	if err != nil {
		return err
	}
	var conflict string
	var stay []string
	back := map[string]promotion.Digest{}
	for i, had := range r.Moves {
		for _, m := range moves {
			switch {
			case m.Tag != had.Tag:
			case m.Outcome == promotion.MoveConflict:
				r.Moves[i], conflict = m, m.Detail
			case m.Outcome == promotion.MoveDone, m.Outcome == promotion.MoveAlready:
				r.Moves[i].Outcome, r.Moves[i].Found = promotion.MoveUndone, m.Found
				back[m.Tag] = m.Found
			}
		}
		if o := r.Moves[i].Outcome; o == promotion.MoveDone || o == promotion.MoveAlready {
			stay = append(stay, had.Tag)
		}
	}
	to, why := promotion.Failed, "it was taken back"
	if len(stay) > 0 {
		why += ", and " + strings.Join(stay, ", ") + " stays"
	}
	switch {
	case conflict != "":
		to, why = promotion.Conflicted, "it could not be taken back: "+conflict
	case failure != "":
		why = "it could not be taken back: " + failure
		if len(back) == 0 && r.ReadFault == "" {
			to = promotion.Promoted
		}
	}
	if r.ReadFault != "" {
		why = r.ReadFault + "; " + why
	}
	r.ReadFault = ""
	if err := t.returned(r, back); err != nil {
		return err
	}
	return t.close(r, to, why)
}

// undoDelayed lets the card of the train say why a ride has not been taken back
// so far.
func (t *turn) undoDelayed(e promotion.Effect, f promotion.Failure) error {
	r, err := t.load(e.Promotion)
	if err != nil {
		return err
	}
	p, err := t.load(r.Train)
	if err != nil || p.ReadFault == f.Text {
		return err
	}
	p.ReadFault = f.Text
	p.Touch()
	return t.save(p)
}

// returned notes that tags are where they were before the ride, before the next
// look says so.
func (t *turn) returned(r *promotion.Promotion, back map[string]promotion.Digest) error {
	pins, err := t.Pins(r.App, r.To)
	if err != nil {
		return err
	}
	for _, pin := range pins {
		if back[pin.Tag] == pin.Digest {
			pin.At = t.now // a look that is under way may show what was taken back
			if err := t.SavePin(pin); err != nil {
				return err
			}
		}
	}
	holdings, err := t.Holdings(r.App, r.To, promotion.Held)
	if err != nil {
		return err
	}
	s := promotion.Sighting{App: r.App, Environment: r.To, Side: promotion.Held}
	var tags []string
	for _, h := range holdings {
		d, moved := back[h.Tag]
		if moved {
			tags = append(tags, h.Tag)
		} else {
			d = h.Digest
		}
		s.Tags = append(s.Tags, promotion.TaggedDigest{Tag: h.Tag, Digest: d})
	}
	return t.held(s, t.now, tags)
}
