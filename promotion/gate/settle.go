package gate

import (
	"errors"
	"fmt"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// settle asks the policy about an open promotion and does what follows: it
// announces a completed soak, asks for the readings that are missing, has
// itself called again when the verdict can change by itself, and writes the
// intent to execute when everything is met. It saves the promotion.
func (t *turn) settle(p *promotion.Promotion) (policy.Verdict, error) {
	if err := t.lookBack(p); err != nil {
		return policy.Verdict{}, err
	}
	if p.Purpose == promotion.Ride { // its train is settled, when all that happens now has happened
		if _, marked := t.trains[p.Train]; !marked {
			t.trains[p.Train] = false
		}
		return policy.Verdict{}, t.save(p)
	}
	if p.State != promotion.Open {
		return policy.Verdict{}, t.oversee(p)
	}
	if err := t.couple(p); err != nil {
		return policy.Verdict{}, err
	}
	d, f, err := t.facts(p)
	if err != nil {
		return policy.Verdict{}, err
	}
	if hash := d.Hash(); p.PolicyHash != hash {
		p.PolicyHash = hash
		p.Touch()
		f.Promotion = *p
		if err := t.record(audit.Repoliced, p, nil); err != nil {
			return policy.Verdict{}, err
		}
		switch alone := p.Purpose == promotion.Rollback && p.Requester == ""; {
		case alone && (d.After == nil || !d.After.RollBack):
			return policy.Verdict{}, t.leaveToPeople(p)
		case d.Automatic && !alone:
			return policy.Verdict{}, t.end(p, promotion.Superseded, loosened, nil)
		}
	}
	if at, expired := policy.Expired(d, p, t.now); expired && !policy.Breaks(d, f) {
		return policy.Verdict{}, t.expire(p, at)
	}
	v := policy.Evaluate(d, f, t.now)
	if p.SoakedAt != nil && v.Unsoaked() { // an incident had it begin again, or the policy asks for more
		p.SoakedAt = nil
		p.Touch()
	}
	if v.Soaked() && d.Soak > 0 && p.SoakedAt == nil {
		if err := t.soaked(p); err != nil {
			return v, err
		}
	}
	if err := t.await(p, v); err != nil {
		return v, err
	}
	if v.Outcome == policy.Met {
		return v, t.intend(p, d, v)
	}
	if err := t.bringAll(p, v.Bring); err != nil {
		return v, err
	}
	if err := errors.Join(t.eachOf(p, v.Prove, t.prove), t.eachOf(p, v.Attest, t.attest)); err != nil {
		return v, err
	}
	if err := t.lookUp(v.Lookups); err != nil {
		return v, err
	}
	if v.NextChange != nil {
		if err := t.wakeAt(p, *v.NextChange); err != nil {
			return v, err
		}
	}
	if mark, ok := nextMark(d, f, t.now); ok {
		if err := t.wakeAt(p, mark); err != nil {
			return v, err
		}
	}
	return v, t.save(p)
}

// loosened is why what is open ends when its policy becomes one that asks
// nobody, or another such. Where people approve, a changed policy has them asked
// again; where nobody does, it would complete by itself what it did not open. A
// rollback that nobody asked for is what every such policy opens.
const loosened = "its policy was changed since it was opened, and nobody has to approve under the new one; request it if it is still wanted"

func (t *turn) settleAll(q Query, touch bool) error {
	open, err := t.query(q)
	if err != nil {
		return err
	}
	for _, p := range open {
		if touch {
			p.Touch()
		}
		if _, err := t.settle(p); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) soaked(p *promotion.Promotion) error {
	now := t.now
	p.SoakedAt = &now
	p.Touch()
	if err := t.record(audit.Soaked, p, nil); err != nil {
		return err
	}
	// It can be complete more than once, and each time is told.
	return t.notice(p, fmt.Sprintf("soaked/%d", now.UnixMicro()), promotion.NoticeWork{Kind: promotion.NoticeSoaked})
}

// intend writes the intent to execute, with the plan: from here on the tags,
// the digest and what is expected behind each tag are fixed, and only the
// pipeline's report ends the promotion.
func (t *turn) intend(p *promotion.Promotion, d policy.Document, v policy.Verdict) error {
	p.OnFailure = d.OnFailure
	if err := p.Step(promotion.Executing, "", t.now); err != nil {
		return err
	}
	approvals := []map[string]any{}
	for _, a := range v.Assigned {
		one := map[string]any{"by": a.Person, "role": a.Role, "at": a.At}
		if a.For != "" {
			one["for"] = a.For
		}
		approvals = append(approvals, one)
	}
	detail := map[string]any{"approvals": approvals, "targets": p.TermsNow().Targets}
	if skipped := v.Skipped(); len(skipped) > 0 {
		detail["glass_broken_by"], detail["skipped"] = p.Broken.By, skipped
	}
	if err := t.record(audit.Intended, p, detail); err != nil {
		return err
	}
	if err := t.notice(p, "executing", promotion.NoticeWork{Kind: promotion.NoticeExecuting}); err != nil {
		return err
	}
	if p.Purpose == promotion.Train {
		if err := t.depart(p); err != nil {
			return err
		}
	} else {
		if err := t.chart(p, v); err != nil {
			return err
		}
		if err := t.move(p); err != nil {
			return err
		}
	}
	if err := t.save(p); err != nil {
		return err
	}
	return t.othersWait(p)
}

// othersWait has the cards say so of those whose turn it is not now.
func (t *turn) othersWait(p *promotion.Promotion) error {
	others, err := t.query(Query{App: p.App, To: p.To, States: []promotion.State{promotion.Open}})
	if err != nil {
		return err
	}
	for _, other := range others {
		other.Touch() // or a card that is being drawn just now would stay as it is
		if err := t.save(other); err != nil {
			return err
		}
	}
	return nil
}

// marks is in how many steps the card shows a soak. Four keep a card fresh at
// a cost of three updates.
const marks = 4

// nextMark is the next instant at which the card's picture of the soak moves.
func nextMark(d policy.Document, f policy.Facts, now time.Time) (time.Time, bool) {
	ends, running := f.SoakEnds(d, now)
	if !running || d.Soak == 0 || len(f.Rides) > 0 {
		return time.Time{}, false
	}
	for i := marks - 1; i > 0; i-- {
		if at := ends.Add(-d.Soak * time.Duration(i) / marks).Truncate(time.Microsecond); at.After(now) {
			return at, true
		}
	}
	return time.Time{}, false
}
