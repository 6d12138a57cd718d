package gate

import (
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// remindEvery is how often people can have others reminded of one promotion. The
// schedule of the configuration reminds besides.
const remindEvery = 4 * time.Hour

// urge asks for the approvals that are missing, or what becomes of what is failing,
// because somebody wants it now.
func (t *turn) urge(g promotion.Gesture, answer promotion.Answer) (promotion.Answer, error) {
	waiting, err := t.query(Query{App: g.App, DigestPrefix: g.Ref, Apart: true, States: []promotion.State{promotion.Open, promotion.Failing}})
	if err != nil {
		return answer, err
	}
	if len(waiting) == 0 {
		answer.Verb = promotion.Missing
		return answer, nil
	}
	refusal := ""
	for _, p := range waiting {
		v, err := t.view(p)
		if err != nil {
			return answer, err
		}
		next := t.now
		if p.RemindedAt != nil {
			next = later(t.now, p.RemindedAt.Add(remindEvery))
		}
		switch {
		case p.State == promotion.Failing && !v.OnPeople():
			refusal = "nobody is known who could choose what becomes of it"
			continue
		case !v.OnPeople():
			refusal = "approvals are not all that it lacks: " + v.Verdict.Missing()[0].Reason
			continue
		case next.After(t.now):
			refusal, answer.Next = "somebody has had them reminded already", &next
			continue
		}
		if err := t.urged(g, p); err != nil {
			return answer, err
		}
		next = t.now.Add(remindEvery)
		answer.Verb, answer.Promotion, answer.Digest, answer.Next = promotion.Counted, p.ID, p.Digest, &next
		if p.State == promotion.Failing {
			answer.Decision = promotion.Keep
		}
	}
	if answer.Verb != promotion.Counted {
		return t.refuseDeed(g, answer, policy.Document{}, refusal)
	}
	return answer, nil
}

func (t *turn) urged(g promotion.Gesture, p *promotion.Promotion) error {
	now := t.now
	p.RemindedAt = &now
	p.Touch()
	if err := t.record(audit.Reminded, p, nil); err != nil {
		return err
	}
	if err := t.notice(p, "remind/by/"+g.Key, promotion.NoticeWork{Kind: promotion.NoticeReminder, Person: g.Person}); err != nil {
		return err
	}
	return t.save(p)
}
