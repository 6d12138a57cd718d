package gate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Take records a gesture and decides it, once: a gesture that was taken before
// is answered as it was then. One that can't be decided from what is known is
// kept, answered with Checking, and decided when the readings have come in.
//
// A refusal is an answer. An error means that nothing was recorded.
func (g *Gate) Take(ctx context.Context, gesture promotion.Gesture) (promotion.Answer, error) {
	var answer promotion.Answer
	err := g.update(ctx, string(gesture.Person), func(t *turn) (err error) {
		answer, err = t.take(gesture)
		return err
	})
	return answer, err
}

func (t *turn) take(g promotion.Gesture) (answer promotion.Answer, err error) {
	_, decided, err := t.Gesture(g.Key)
	switch {
	case err == nil && decided != nil:
		return *decided, nil
	case err == nil:
		answer = promotion.Answer{Verb: promotion.Checking, Decision: g.Decision, Promotion: g.Promotion, App: g.App, Check: g.Check}
		if g.Kind != promotion.GestureVote && g.Kind != promotion.GestureRequest && g.Kind != promotion.GestureSign {
			answer.Deed = g.Kind
		}
		return answer, nil
	case !errors.Is(err, promotion.NotFound):
		return answer, err
	}
	g.At = t.now
	if answer, err = t.decide(g, unknown{}); err != nil {
		return answer, err
	}
	answer.Typed = inVain(g, answer)
	// A click that counts needs no words: the card shows it.
	if g.Reply && (answer.Verb != promotion.Counted || g.Message != "") {
		if err := t.tell(g, answer); err != nil {
			return answer, err
		}
	}
	if answer.Verb == promotion.Checking {
		return answer, t.AddGesture(g, nil)
	}
	return answer, t.AddGesture(g, &answer)
}

// inVain is what somebody has typed that came to nothing. A dialog is gone with
// it, so it is said back; a message still stands there.
func inVain(g promotion.Gesture, a promotion.Answer) string {
	if g.Message != "" || a.Lasts() {
		return ""
	}
	return g.Reason
}

// Undecided tells whether a gesture was kept and still waits for what has to be
// read first.
func (g *Gate) Undecided(ctx context.Context, key string) (waits bool, err error) {
	err = g.read(ctx, func(t *turn) error {
		_, decided, err := t.Gesture(key)
		waits = err == nil && decided == nil
		if errors.Is(err, promotion.NotFound) {
			return nil
		}
		return err
	})
	return waits, err
}

// Say has the answer sent to what somebody asked in a message or with a button,
// once however often that is delivered.
func (g *Gate) Say(ctx context.Context, gesture promotion.Gesture, w promotion.SayWork) error {
	return g.update(ctx, string(gesture.Person), func(t *turn) error {
		if _, _, err := t.Gesture(gesture.Key); !errors.Is(err, promotion.NotFound) {
			return err
		}
		gesture.Kind, gesture.At = promotion.GestureAsk, t.now
		w.Reply = reply(gesture, false)
		if err := t.say(gesture, w); err != nil {
			return err
		}
		return t.AddGesture(gesture, &promotion.Answer{Verb: promotion.Answered})
	})
}

// unknown is what could not be read although it was asked for. What waits for
// it is decided without it, which denies; what waits for something else still
// waits.
type unknown struct {
	subject policy.Subject // whom or whose members
	gesture string         // whose tag
	why     string
}

func (t *turn) decide(g promotion.Gesture, u unknown) (promotion.Answer, error) {
	switch g.Kind {
	case promotion.GestureRequest:
		if g.Token != "" {
			return t.offered(g, u)
		}
		return t.request(g, u)
	case promotion.GestureSign:
		return t.sign(g, u)
	case promotion.GestureVote:
		return t.vote(g, u)
	case promotion.GestureSnooze:
		return t.snooze(g)
	case promotion.GestureRollback:
		return t.askBack(g, u)
	case promotion.GestureWithdraw:
		return t.condemn(g, u)
	case promotion.GestureReinstate:
		return t.reinstate(g, u)
	}
	return t.deed(g, u)
}

func anyone(promotion.Gesture) bool { return true }

// undecided decides again what was waiting for a reading, for the gestures
// that match, and tells the people what came of it.
func (t *turn) undecided(u unknown, match func(promotion.Gesture) bool) error {
	waiting, err := t.UndecidedGestures()
	if err != nil {
		return err
	}
	actor := t.actor
	defer func() { t.actor = actor }()
	for _, g := range waiting {
		if !match(g) {
			continue
		}
		t.actor = g.Actor()
		answer, err := t.decide(g, u)
		if err != nil {
			return err
		}
		if answer.Verb == promotion.Checking {
			continue
		}
		answer.Late, answer.Typed = true, inVain(g, answer)
		if err := t.DecideGesture(g.Key, answer, t.now); err != nil {
			return err
		}
		if err := t.tell(g, answer); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) vote(g promotion.Gesture, u unknown) (promotion.Answer, error) {
	answer := promotion.Answer{Decision: g.Decision, Promotion: g.Promotion}
	p, err := t.load(g.Promotion)
	if errors.Is(err, promotion.NotFound) {
		answer.Verb = promotion.Missing
		return answer, nil
	}
	if err != nil {
		return answer, err
	}
	if p.Purpose == promotion.Ride { // nothing has ever shown buttons for it
		answer.Verb = promotion.Missing
		return answer, nil
	}
	answer.App, answer.Digest = p.App, p.Digest
	switch {
	case g.Decision == promotion.Lift && p.State == promotion.Open:
		return t.refuse(g, p, policy.Document{}, answer, "it is open: there is no rejection to lift")
	case p.State != promotion.Open && !g.Decision.Reviews() && (g.Decision != promotion.Lift || p.State != promotion.Rejected) && (!g.Decision.Settles() || p.State != promotion.Failing):
		answer.Verb, answer.Reason = promotion.Closed, string(p.State)
		return answer, t.drawCard(p) // whoever still saw buttons saw an old card
	case g.CardTS != "" && p.Card.TS != "" && g.CardTS != p.Card.TS: // Slack may show a card before we are told where
		answer.Verb, answer.Reason = promotion.Outdated, "that message is not the card of this promotion"
		return answer, nil
	case agrees(g.Decision) && g.Terms != "" && g.Terms != p.TermsNow().Hash():
		answer.Verb, answer.Reason = promotion.Outdated, "what the card showed has changed since; look at it again and decide anew"
		return answer, t.drawCard(p)
	}
	d, f, err := t.votersFacts(g, p)
	if err != nil {
		return answer, err
	}
	if at, expired, err := t.lapsed(d, p); err != nil {
		return answer, err
	} else if expired && p.State == promotion.Open && !g.Decision.Reviews() { // whether or not a wake has noticed
		answer.Verb, answer.Reason = promotion.Closed, string(promotion.Expired)
		return answer, t.expire(p, at)
	}
	if stale := policy.StaleFor(g.Decision, d, f, g.Person, policy.KnownFor, t.now); slices.Contains(stale, u.subject) {
		return t.refuse(g, p, policy.Document{}, answer, "it could not be read in Slack who this is and who holds the roles ("+u.why+"); try again later")
	} else if len(stale) > 0 {
		answer.Verb = promotion.Checking
		return answer, t.lookUp(stale)
	}
	switch g.Decision {
	case promotion.Reject:
		return t.reject(g, p, d, f, answer)
	case promotion.Instead:
		return t.adopt(g, p, d, f, answer)
	case promotion.PlanFor:
		return t.planFor(g, p, d, f, answer)
	case promotion.Withdraw:
		return t.withdraw(g, p, f, answer)
	case promotion.Lift:
		return t.lift(g, p, d, f, answer)
	case promotion.Keep:
		return t.keep(g, p, d, f, answer)
	case promotion.Retry:
		return t.tryAgain(g, p, d, f, answer)
	case promotion.BreakGlass:
		return t.breakGlass(g, p, d, f, answer)
	case promotion.Fine, promotion.NotFine:
		return t.review(g, p, d, f, answer)
	}
	return t.approve(g, p, d, f, answer)
}

// votersFacts are the policy and the facts by which it is decided whether whoever
// makes the gesture may.
func (t *turn) votersFacts(g promotion.Gesture, p *promotion.Promotion) (d policy.Document, f policy.Facts, err error) {
	if d, f, err = t.facts(p); err != nil {
		return d, f, err
	}
	if g.Decision.Settles() {
		if d, f, err = t.keepers(p, d, f); err != nil {
			return d, f, err
		}
	}
	return d, f, t.acquaint(&f, g.Person)
}

// keepers are the policy and the facts by which it is decided who may keep what is
// failing, or have it tried again: where nobody is asked for anything, somebody has to be able to.
func (t *turn) keepers(p *promotion.Promotion, d policy.Document, f policy.Facts) (policy.Document, policy.Facts, error) {
	if !d.Automatic {
		return d, f, nil
	}
	d = t.catalog.asked(p.App)
	d.RequesterMayApprove = true
	var err error
	f.Rosters, f.People, err = t.people(d, nil, f.Delegations)
	return d, f, err
}

// after is the time of a vote: now, unless the clock was set back. A person's
// last word has to come last, from whichever account it was said.
func (t *turn) after(f policy.Facts, who promotion.PersonID) time.Time {
	at := t.now
	for _, v := range f.Votes {
		if f.Identities.Same(v.Person, who) {
			at = later(at, v.At.Add(time.Microsecond))
		}
	}
	return at
}

// agrees tells whether the decision is about exactly what was shown. Saying no,
// or taking something back, is about the promotion whatever it is now.
func agrees(d promotion.Decision) bool {
	return d == promotion.Approve || d == promotion.Instead || d == promotion.BreakGlass
}

func (t *turn) approve(g promotion.Gesture, p *promotion.Promotion, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	if _, refusal := policy.MayApprove(d, f, g.Person, t.now); refusal != "" {
		return t.refuse(g, p, d, answer, refusal)
	}
	if !p.Planned() {
		return t.refuse(g, p, policy.Document{}, answer, "the image and the tags to set have not been read yet, so there is nothing to agree to; wait for the card")
	}
	if d.AsksForPlan(p) && p.Plan == "" {
		return t.refuse(g, p, policy.Document{}, answer, "there is no rollback plan yet, and an approval is also for that: /promote plan "+p.App)
	}
	if policy.Counts(d, f, g.Person, t.now) {
		answer.Verb = promotion.Repeated
		return answer, nil
	}
	terms := p.TermsNow()
	if err := t.SaveVote(promotion.Vote{Promotion: p.ID, Person: g.Person, Decision: promotion.Approve, Terms: terms, At: t.after(f, g.Person)}); err != nil {
		return answer, err
	}
	if err := t.record(audit.Voted, p, map[string]any{"decision": promotion.Approve, "terms": terms.Hash()}); err != nil {
		return answer, err
	}
	said := promotion.NoticeWork{Kind: promotion.NoticeVote, Person: g.Person, Decision: promotion.Approve}
	if err := t.notice(p, "vote/"+g.Key, said); err != nil {
		return answer, err
	}
	p.Touch()
	v, err := t.settle(p)
	if err != nil {
		return answer, err
	}
	answer.Verb = promotion.Counted
	for _, a := range v.Assigned {
		if a.Person == g.Person {
			answer.Role = a.Role
		}
	}
	for _, m := range v.Missing() {
		answer.Missing = append(answer.Missing, m.Reason)
	}
	return answer, nil
}

func (t *turn) refuse(g promotion.Gesture, p *promotion.Promotion, d policy.Document, answer promotion.Answer, refusal string) (promotion.Answer, error) {
	answer.Verb, answer.Reason = promotion.Refused, refusal
	answer.Could = append(answer.Could, d.Approvers()...)
	return answer, t.record(audit.Denied, p, map[string]any{"decision": g.Decision, "why": refusal})
}
