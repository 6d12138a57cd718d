package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// reject ends the promotion, for as long as nobody lifts the rejection.
func (t *turn) reject(g promotion.Gesture, p *promotion.Promotion, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	if refusal := policy.MayReject(d, f, g.Person); refusal != "" {
		return t.refuse(g, p, d, answer, refusal)
	}
	ground, reason, refusal := policy.Objection(d, g.Ground, g.Reason)
	if refusal != "" {
		return t.refuse(g, p, policy.Document{}, answer, refusal)
	}
	v := promotion.Vote{Promotion: p.ID, Person: g.Person, Decision: promotion.Reject, Ground: ground, Reason: reason, Terms: p.TermsNow(), At: t.after(f, g.Person)}
	if err := t.SaveVote(v); err != nil {
		return answer, err
	}
	// The reason is kept with the vote, where it can be erased; its hash says
	// later whether it is still the one that was given.
	sum := sha256.Sum256([]byte(g.Key + "\n" + g.Reason))
	if err := t.record(audit.Voted, p, map[string]any{"decision": promotion.Reject, "ground": ground, "gesture": g.Key, "reason_sha256": hex.EncodeToString(sum[:])}); err != nil {
		return answer, err
	}
	answer.Verb, answer.Ground, answer.Reason = promotion.Counted, ground, reason
	return answer, t.end(p, promotion.Rejected, reason, nil)
}

// lift takes a rejection back: the promotion is open again. Approvals that were
// given before count again where nothing has changed that they were given for.
func (t *turn) lift(g promotion.Gesture, p *promotion.Promotion, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	refusal := policy.MayLift(d, f, g.Person)
	if at, expired := policy.Expired(d, p, t.now); expired && refusal == "" {
		refusal = policy.Expiration(at) + "; ask for it again"
	}
	if why, err := t.displaced(p); err != nil {
		return answer, err
	} else if refusal == "" {
		refusal = why
	}
	if refusal != "" {
		return t.refuse(g, p, policy.Document{}, answer, refusal)
	}
	for _, v := range f.Votes {
		if v.Decision != promotion.Reject || v.LiftedBy != "" {
			continue
		}
		v.LiftedBy = g.Person
		if err := t.SaveVote(v); err != nil {
			return answer, err
		}
	}
	said := promotion.NoticeWork{Kind: promotion.NoticeVote, Person: g.Person, Decision: promotion.Lift}
	if err := t.notice(p, "vote/"+g.Key, said); err != nil {
		return answer, err
	}
	answer.Verb = promotion.Counted
	return answer, t.reopen(p, g)
}

// reopen lets a promotion go on that had ended, with what it carries. Nothing
// that was read of it before is taken for granted.
func (t *turn) reopen(p *promotion.Promotion, g promotion.Gesture) error {
	rides, err := t.rides(p.ID)
	if err != nil {
		return err
	}
	for _, one := range append(rides, p) {
		if one.State != promotion.Rejected {
			continue
		}
		detail := map[string]any{"rejected_by": one.EndedBy, "gesture": g.Key}
		if one.Purpose == promotion.Ride {
			detail["train"] = p.ID
		}
		if err := one.Step(promotion.Open, "", t.now); err != nil {
			return err
		}
		if err := t.record(audit.Lifted, one, detail); err != nil {
			return err
		}
		one.ReadFault = ""
		for i := range one.Targets {
			one.Targets[i].ReadAt = nil
		}
		if one.Purpose == promotion.Train {
			continue
		}
		if one.Purpose == promotion.Ride {
			if err := t.overtake(one, "", promotion.Forward, promotion.Ride); err != nil {
				return err
			}
		}
		if err := errors.Join(t.rename(one), t.inspect(one), t.save(one)); err != nil {
			return err
		}
	}
	// Saved before anything else looks at what is open.
	if err := t.save(p); err != nil {
		return err
	}
	if err := t.displace(p); err != nil {
		return err
	}
	t.stirred(p.App, p.To)
	_, err = t.settle(p)
	return err
}

// displace lets what is older give way to what is open again, as it would have
// to something new.
func (t *turn) displace(p *promotion.Promotion) error {
	switch p.Purpose {
	case promotion.Train:
		return t.supersede(p, 0, "", promotion.Train)
	case promotion.Forward:
		d, err := t.document(p)
		if err != nil {
			return err
		}
		t.stirred(p.App, p.To)
		return t.replace(p, d)
	}
	return nil
}

// overtake takes the place of what was rejected: a rejection of something older
// can't be lifted any more once something newer, or the same again, is asked
// about. What a train carries takes the train with it. With a digest, only what
// asked about that.
func (t *turn) overtake(p *promotion.Promotion, of promotion.Digest, purposes ...promotion.Purpose) error {
	old, err := t.query(Query{App: p.App, To: p.To, Digest: of, States: []promotion.State{promotion.Rejected}, Purposes: purposes, NotSucceeded: true})
	if err != nil {
		return err
	}
	for _, r := range old {
		if r.ID == p.ID || r.ObservedAt.After(p.ObservedAt) {
			continue
		}
		if err := t.give(r, p); err != nil {
			return err
		}
		if r.Purpose != promotion.Ride {
			continue
		}
		of, err := t.load(r.Train)
		if err != nil {
			return err
		}
		if of.State == promotion.Rejected && of.Successor == 0 {
			if err := t.give(of, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// give notes that p, or its train, stands in the place of what was rejected.
func (t *turn) give(old, p *promotion.Promotion) error {
	old.Successor = shownAs(p)
	old.Touch()
	return t.save(old)
}
