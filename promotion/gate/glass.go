package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// breakGlass has a promotion go ahead without what it lacks. Whoever does that has
// seen what it is and what is skipped: when either has changed since, nothing is
// done.
func (t *turn) breakGlass(g promotion.Gesture, p *promotion.Promotion, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	if refusal := policy.MayBreak(d, f, g.Person); refusal != "" {
		if d.BreakGlass != nil {
			answer.Could = []string{d.BreakGlass.Role}
		}
		return t.refuse(g, p, policy.Document{}, answer, refusal)
	}
	skips := policy.Skips(d, f, t.now)
	switch {
	case !p.Planned():
		return t.refuse(g, p, policy.Document{}, answer, "the image and the tags to set have not been read yet, so there is nothing to agree to; wait for the card")
	case policy.Breaks(d, f):
		answer.Verb = promotion.Repeated
		return answer, nil
	case len(skips) == 0:
		return t.refuse(g, p, policy.Document{}, answer, "nothing is missing that could be skipped; /promote why "+p.App+" says what it waits for")
	case g.Terms == "" || g.Skips != policy.HashOf(skips):
		answer.Verb, answer.Reason = promotion.Outdated, "what would be skipped is not what was shown any more; look at it again and decide anew"
		return answer, t.drawCard(p)
	}
	b := &promotion.Broken{By: g.Person, Reason: g.Reason, At: t.now, Terms: p.TermsNow(), Due: t.now.Add(d.BreakGlass.Within), Reviewers: d.BreakGlass.By}
	var rules []policy.Rule
	for _, s := range skips {
		b.Skipped, rules = append(b.Skipped, s.Reason), append(rules, s.Rule)
	}
	p.Broken = b
	p.Touch()
	// What people have typed, the reasons of holds among it, stays with the
	// promotion, where it can be erased.
	detail := map[string]any{"gesture": g.Key, "reason_sha256": hashed(g), "skipped": rules, "terms": b.Terms.Hash(), "review_due": b.Due}
	if err := t.record(audit.Broken, p, detail); err != nil {
		return answer, err
	}
	if err := t.notice(p, "broken/"+g.Key, promotion.NoticeWork{Kind: promotion.NoticeBroken, Person: g.Person, Reason: g.Reason}); err != nil {
		return answer, err
	}
	if err := t.wakeAt(p, b.Due); err != nil {
		return answer, err
	}
	v, err := t.settle(p)
	if err != nil {
		return answer, err
	}
	answer.Verb, answer.Reason = promotion.Counted, g.Reason
	for _, m := range v.Missing() {
		answer.Missing = append(answer.Missing, m.Reason)
	}
	return answer, nil
}

func hashed(g promotion.Gesture) string {
	sum := sha256.Sum256([]byte(g.Key + "\n" + g.Reason))
	return hex.EncodeToString(sum[:])
}

// review takes what another person says about a broken glass, whatever has become
// of the promotion.
func (t *turn) review(g promotion.Gesture, p *promotion.Promotion, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	refusal := policy.MayReview(d, f, g.Person)
	if refusal == "" && g.Decision == promotion.NotFine && g.Reason == "" {
		refusal = "it has to be said what was not right: others will read it"
	}
	if refusal != "" {
		if p.Owed() != nil {
			answer.Could = p.Broken.Reviewers
		}
		return t.refuse(g, p, policy.Document{}, answer, refusal)
	}
	b := *p.Broken
	b.Review = &promotion.Review{By: g.Person, At: t.now, Fine: g.Decision == promotion.Fine, Note: g.Reason}
	late := p.Overdue(t.now)
	p.Broken = &b
	p.Touch()
	detail := map[string]any{"gesture": g.Key, "fine": b.Review.Fine, "broken_by": b.By, "note_sha256": hashed(g), "late": late}
	if err := t.record(audit.Reviewed, p, detail); err != nil {
		return answer, err
	}
	if err := t.notice(p, "reviewed/"+g.Key, promotion.NoticeWork{Kind: promotion.NoticeReviewed, Person: g.Person, Decision: g.Decision, Reason: g.Reason}); err != nil {
		return answer, err
	}
	answer.Verb, answer.Reason = promotion.Counted, g.Reason
	_, err := t.settle(p)
	return answer, err
}

// concerned adds who broke the glass, who has reviewed that and who could: the
// policy may name others since.
func (t *turn) concerned(p *promotion.Promotion, f *policy.Facts) error {
	b := p.Broken
	if b == nil {
		return nil
	}
	ids := []promotion.PersonID{b.By}
	if b.Review != nil {
		ids = append(ids, b.Review.By)
	}
	for _, role := range b.Reviewers {
		roster, err := t.roster(role)
		if err != nil {
			return err
		}
		f.Rosters[role] = roster
		ids = append(ids, roster.Members...)
	}
	people, err := t.People(ids)
	maps.Copy(f.People, people)
	return err
}

// settleBroken settles what waits for who broke the glass to be read once more.
// What is open is not reviewed while that counts, so all of it is found.
func (t *turn) settleBroken(by promotion.PersonID) error {
	open, err := t.query(Query{Unreviewed: true, States: []promotion.State{promotion.Open}})
	if err != nil {
		return err
	}
	for _, p := range open {
		if p.Broken.By != by {
			continue
		}
		if _, err := t.settle(p); err != nil {
			return err
		}
	}
	return nil
}

// demand reminds of every review that has not been given.
func (t *turn) demand(tick time.Time) error {
	owed, err := t.query(Query{Unreviewed: true})
	if err != nil {
		return err
	}
	for _, p := range owed {
		if p.State == promotion.Open {
			continue // there is nothing to look at yet
		}
		if err := t.notice(p, "review/"+tick.Format(time.RFC3339), promotion.NoticeWork{Kind: promotion.NoticeReview, Named: t.catalog.Direct != nil}); err != nil {
			return err
		}
	}
	return nil
}

// lapsed tells whether a promotion is over by the clock. What somebody has broken
// the glass of goes past that, too.
func (t *turn) lapsed(d policy.Document, p *promotion.Promotion) (at time.Time, yes bool, err error) {
	if at, yes = policy.Expired(d, p, t.now); !yes || p.Broken == nil {
		return at, yes, nil
	}
	d, f, err := t.facts(p)
	return at, !policy.Breaks(d, f), err
}
