package gate

import (
	"fmt"
	"slices"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// condemn decides a gesture that withdraws a digest: it is known to be bad, and goes
// nowhere any more. What runs somewhere goes on running, and that is said.
func (t *turn) condemn(g promotion.Gesture, u unknown) (promotion.Answer, error) {
	return t.judge(g, u, func(d policy.Document, f policy.Facts, digest promotion.Digest, had *promotion.Withdrawal, answer promotion.Answer) (promotion.Answer, error) {
		switch refusal := policy.MayWithdraw(d, f, g.Person); {
		case refusal != "":
			return t.refuseDeed(g, answer, d, refusal)
		case had != nil:
			answer.Verb = promotion.Repeated
			return answer, nil
		}
		w := promotion.Withdrawal{App: g.App, Digest: digest, By: g.Person, Reason: g.Reason, At: t.now}
		if err := t.AddWithdrawal(&w); err != nil {
			return answer, err
		}
		detail := map[string]any{"withdrawal": w.ID, "app": w.App, "digest": w.Digest, "reason_sha256": sealed(fmt.Sprintf("withdrawal/%d", w.ID), w.Reason)}
		if err := t.record(audit.Condemned, nil, detail); err != nil {
			return answer, err
		}
		in, err := t.runs(g.App, digest)
		if err != nil {
			return answer, err
		}
		beside, err := t.runsBeside(g.App, digest)
		if err != nil {
			return answer, err
		}
		answer.Verb, answer.Reason, answer.In, answer.Targets = promotion.Counted, w.Reason, in, beside
		if err := t.stirDeployments(g.App); err != nil {
			return answer, err
		}
		return answer, t.told(w, promotion.NoticeWork{Kind: promotion.NoticeWithdrawn, Person: g.Person, Reason: w.Reason}, fmt.Sprintf("withdrawn/%d", w.ID))
	})
}

// reinstate decides a gesture that takes a withdrawal back.
func (t *turn) reinstate(g promotion.Gesture, u unknown) (promotion.Answer, error) {
	return t.judge(g, u, func(d policy.Document, f policy.Facts, _ promotion.Digest, had *promotion.Withdrawal, answer promotion.Answer) (promotion.Answer, error) {
		if had == nil {
			return t.refuseDeed(g, answer, policy.Document{}, "it is not withdrawn")
		}
		if refusal := policy.MayReinstate(d, f, *had, g.Person); refusal != "" {
			return t.refuseDeed(g, answer, policy.Document{}, refusal)
		}
		if err := t.Reinstate(had.ID, t.now, g.Person); err != nil {
			return answer, err
		}
		detail := map[string]any{"withdrawal": had.ID, "app": had.App, "digest": had.Digest, "withdrawn_by": had.By, "reason_sha256": hashed(g)}
		if err := t.record(audit.Reinstated, nil, detail); err != nil {
			return answer, err
		}
		answer.Verb, answer.Reason = promotion.Counted, g.Reason
		return answer, t.told(*had, promotion.NoticeWork{Kind: promotion.NoticeReinstated, Person: g.Person, Reason: g.Reason}, fmt.Sprintf("reinstated/%d", had.ID))
	})
}

// judge finds out who speaks of which digest, and lets it be decided.
func (t *turn) judge(g promotion.Gesture, u unknown, decide func(policy.Document, policy.Facts, promotion.Digest, *promotion.Withdrawal, promotion.Answer) (promotion.Answer, error)) (promotion.Answer, error) {
	answer := promotion.Answer{Deed: g.Kind, App: g.App}
	if _, ok := t.catalog.App(g.App); !ok {
		answer.Verb = promotion.Missing
		return answer, nil
	}
	d := t.catalog.asked(g.App)
	f, wait, refusal, err := t.who(g, u, d)
	if err != nil || wait {
		answer.Verb = promotion.Checking
		return answer, err
	}
	if refusal == "" {
		answer.Digest, refusal, err = t.knownBuild(g)
	}
	if err != nil {
		return answer, err
	}
	if refusal != "" {
		return t.refuseDeed(g, answer, policy.Document{}, refusal)
	}
	withdrawn, err := t.Withdrawals(g.App)
	if err != nil {
		return answer, err
	}
	return decide(d, f, answer.Digest, policy.Withdrawn(withdrawn, answer.Digest), answer)
}

// knownBuild is the digest that a gesture names: one that was ever on a card or is
// in an environment or, written out, any.
func (t *turn) knownBuild(g promotion.Gesture) (promotion.Digest, string, error) {
	if d, err := promotion.ParseDigest("sha256:" + g.Ref); err == nil {
		return d, "", nil
	}
	d, refusal, err := t.meantDigest(g, "")
	if err != nil || refusal == "" {
		return d, refusal, err
	}
	return d, refusal + "; write out the whole digest", nil
}

// runs are the environments in which a digest is behind the tags that say what is
// there.
func (t *turn) runs(app string, d promotion.Digest) (in []string, err error) {
	for _, env := range t.catalog.Environments {
		holdings, err := t.Holdings(app, env.Name, promotion.Held)
		if err != nil {
			return nil, err
		}
		if holds(holdings, d) {
			in = append(in, env.Name)
		}
	}
	return in, nil
}

// runsBeside are the targets, as "TARGET of ENVIRONMENT", in which a digest was last
// seen to run though something else was promoted there. Machines may report the
// manifest of their platform.
func (t *turn) runsBeside(app string, d promotion.Digest) (in []string, err error) {
	brought, err := t.query(Query{App: app, Digest: d})
	if err != nil {
		return nil, err
	}
	for _, env := range t.catalog.Environments {
		strays, err := t.strays(app, env.Name)
		if err != nil {
			return nil, err
		}
		for _, s := range strays {
			if slices.ContainsFunc(s.Others, func(r promotion.Running) bool {
				return r.Digest == d || slices.ContainsFunc(brought, func(p *promotion.Promotion) bool {
					return p.Image != nil && slices.Contains(p.Image.Manifests, r.Digest)
				})
			}) {
				in = append(in, s.Target+" of "+env.Name)
			}
		}
	}
	return in, nil
}

// told says so on every card of the digest: of what is open, and of what brought it
// to an environment where it is.
func (t *turn) told(w promotion.Withdrawal, said promotion.NoticeWork, occasion string) error {
	if err := t.stir(w.App, func(p *promotion.Promotion) (bool, *promotion.NoticeWork, error) {
		return p.Digest == w.Digest, &said, nil
	}, occasion); err != nil {
		return err
	}
	brought, err := t.query(Query{App: w.App, Digest: w.Digest, States: []promotion.State{promotion.Executing, promotion.Deploying, promotion.Watching, promotion.Failing, promotion.Promoted}})
	if err != nil {
		return err
	}
	in, err := t.runs(w.App, w.Digest)
	if err != nil {
		return err
	}
	for _, p := range brought {
		if pin, some, err := t.current(p.App, p.To); err != nil {
			return err
		} else if some && pin.Promotion == p.ID && slices.Contains(in, p.To) {
			if err := t.notice(p, occasion, said); err != nil {
				return err
			}
		}
		p.Touch()
		if err := t.save(p); err != nil {
			return err
		}
	}
	return t.reoffer(w.App)
}
