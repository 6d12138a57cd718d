package gate

import (
	"errors"
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// sign takes what a person says about a check that the policy has people look
// at. It is about the digest and holds for as long as that person holds the
// role: whether it counts is asked whenever the policy is.
func (t *turn) sign(g promotion.Gesture, u unknown) (promotion.Answer, error) {
	answer := promotion.Answer{Promotion: g.Promotion, Check: g.Check}
	p, err := t.load(g.Promotion)
	if errors.Is(err, promotion.NotFound) || err == nil && p.Purpose == promotion.Train {
		answer.Verb = promotion.Missing
		return answer, nil
	}
	if err != nil {
		return answer, err
	}
	answer.App, answer.Digest = p.App, p.Digest
	shown := p
	if p.Purpose == promotion.Ride {
		if shown, err = t.load(p.Train); err != nil {
			return answer, err
		}
	}
	switch {
	case p.State != promotion.Open:
		answer.Verb, answer.Reason = promotion.Closed, string(p.State)
		return answer, t.drawCard(shown)
	case g.CardTS != "" && shown.Card.TS != "" && g.CardTS != shown.Card.TS:
		answer.Verb, answer.Reason = promotion.Outdated, "that message is not the card of this promotion"
		return answer, nil
	}
	d, f, err := t.about(p, shown)
	if err != nil {
		return answer, err
	}
	if err := t.acquaint(&f, g.Person); err != nil {
		return answer, err
	}
	if stale := policy.StaleSigner(d, f, g.Check, g.Person, policy.KnownFor, t.now); slices.Contains(stale, u.subject) {
		return t.unsigned(g, p, "", answer, "it could not be read in Slack who this is and who holds the role ("+u.why+"); try again later")
	} else if len(stale) > 0 {
		answer.Verb = promotion.Checking
		return answer, t.lookUp(stale)
	}
	if _, refusal := policy.MaySign(d, f, g.Check, g.Person); refusal != "" {
		c, _ := d.Check(g.Check)
		return t.unsigned(g, p, c.ReviewedBy, answer, refusal)
	}
	return t.signed(g, p, shown, d, f, answer)
}

func (t *turn) signed(g promotion.Gesture, p, shown *promotion.Promotion, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	c := promotion.Check{App: p.App, Digest: p.Digest, Name: g.Check, Status: g.Status, Summary: g.Reason, Person: g.Person}
	if err := c.Tidy(); err != nil {
		return t.unsigned(g, p, "", answer, err.Error())
	}
	asked, _ := d.Check(g.Check)
	if had, ok := f.Report(g.Check); ok && asked.MaxAge == 0 && had.Person == c.Person && had.Status == c.Status && had.Summary == c.Summary {
		answer.Verb = promotion.Repeated
		return answer, nil
	}
	if _, err := t.reported(&c); err != nil {
		return answer, err
	}
	said := promotion.NoticeWork{Kind: promotion.NoticeSigned, Person: g.Person, App: p.App, Check: c.Name, Status: c.Status, Reason: c.Summary}
	if err := t.notice(shown, "sign/"+g.Key, said); err != nil {
		return answer, err
	}
	answer.Verb, answer.Role, answer.Reason = promotion.Counted, asked.ReviewedBy, c.Summary
	after, err := t.load(shown.ID)
	if err != nil {
		return answer, err
	}
	v, err := t.view(after)
	for _, m := range v.Verdict.Missing() {
		answer.Missing = append(answer.Missing, m.Reason)
	}
	return answer, err
}

// about is what is known about a promotion, which may be a part of the one that
// is shown.
func (t *turn) about(p, shown *promotion.Promotion) (policy.Document, policy.Facts, error) {
	d, f, err := t.facts(shown)
	for _, r := range f.Rides {
		if r.Promotion.ID == p.ID {
			r.Rosters, r.People = f.Rosters, f.People
			return d, r, err
		}
	}
	return d, f, err
}

func (t *turn) unsigned(g promotion.Gesture, p *promotion.Promotion, role string, answer promotion.Answer, refusal string) (promotion.Answer, error) {
	answer.Verb, answer.Reason = promotion.Refused, refusal
	if role != "" {
		answer.Could = []string{role}
	}
	return answer, t.record(audit.Denied, p, map[string]any{"check": g.Check, "why": refusal})
}
