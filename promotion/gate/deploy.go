package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What follows the tags. The orders are planned with the intent to execute, so
// that what was agreed to is written down before anything is done. A target hears
// of its order when the tags have been read back, and is then asked how far it is
// until it is done, has failed, or its deadline has passed.
//
// Approvals are not asked about again: the tags have been moved. What people hold
// is not given to the targets that have not heard of it yet, for as long as they
// hold it.

// Deploy is how what is promoted into an environment is brought to run there.
type Deploy struct {
	Targets  []Target // in the order of the configuration
	Together bool     // all at once; else each when the one before it is done
	Deadline time.Duration
}

// Target is something that runs images, as far as decisions know of it.
type Target struct {
	Name  string
	Apps  []string // that run there; empty for all
	Tells bool     // it may say itself how far it is; else it is read there, and nobody's word counts
	Reads bool     // what runs there can be read at any time
}

// For are the targets of an app.
func (d Deploy) For(app string) (names []string) {
	for _, t := range d.Targets {
		if len(t.Apps) == 0 || slices.Contains(t.Apps, app) {
			names = append(names, t.Name)
		}
	}
	return names
}

// chart writes down the orders that will follow, with those who have agreed.
func (t *turn) chart(p *promotion.Promotion, v policy.Verdict) error {
	env, _ := t.catalog.Environment(p.To)
	targets := env.Deploy.For(p.App)
	if len(targets) == 0 || !p.Deploys() {
		return nil
	}
	order := promotion.Order{Promotion: p.ID, Purpose: p.Purpose, App: p.App, Environment: p.To, Repository: p.Destination, Digest: p.Digest}
	if p.Image != nil {
		order.Manifests = p.Image.Manifests
	}
	if before := p.WaysBack(); len(before) > 0 {
		order.Previous = before[len(before)-1] // behind the tag that moves last
	}
	for _, target := range p.Targets {
		order.Tags = append(order.Tags, target.Tag)
	}
	var ids []promotion.PersonID
	for _, a := range v.Assigned {
		ids = append(ids, a.Person)
	}
	var err error
	if order.Approvers, err = t.names(ids); err != nil {
		return err
	}
	for i, name := range targets {
		order.Target = name
		if err := t.SaveDeployment(promotion.Deployment{Place: i, Order: order, Rollout: promotion.Rollout{Phase: promotion.RolloutPlanned}}); err != nil {
			return err
		}
	}
	return nil
}

// names are what people are called, as far as that is known.
func (t *turn) names(ids []promotion.PersonID) (all []string, err error) {
	people, err := t.People(ids)
	for _, id := range ids {
		if name := people[id].Name; name != "" {
			all = append(all, name)
		} else {
			all = append(all, string(id))
		}
	}
	return all, err
}

// deploy begins what follows the tags, and tells whether anything does.
func (t *turn) deploy(p *promotion.Promotion, detail map[string]any) (bool, error) {
	if !p.Deploys() {
		return false, nil
	}
	orders, err := t.Deployments(p.ID)
	if err != nil {
		return false, err
	}
	d, err := t.document(p)
	if err != nil || len(orders) == 0 && d.After == nil {
		return false, err
	}
	now := t.now
	p.MovedAt = &now
	if err := t.record(audit.Moved, p, detail); err != nil {
		return false, err
	}
	if len(orders) == 0 {
		return true, t.watch(p, d)
	}
	if err := p.Step(promotion.Deploying, "", t.now); err != nil {
		return false, err
	}
	return true, t.proceed(p)
}

// proceed does what follows from how far the targets are, and saves the
// promotion.
func (t *turn) proceed(p *promotion.Promotion) error {
	if p.State != promotion.Deploying {
		return t.halted(p)
	}
	all, err := t.Deployments(p.ID)
	if err != nil {
		return err
	}
	of := map[promotion.RolloutPhase][]promotion.Deployment{}
	for _, d := range all {
		of[d.Rollout.Phase] = append(of[d.Rollout.Phase], d)
	}
	failed, planned := of[promotion.RolloutFailed], of[promotion.RolloutPlanned]
	switch done := len(of[promotion.RolloutDone]); {
	case len(failed) > 0:
		return t.failing(p, undeployed(failed))
	case done == len(all):
		return t.deployed(p)
	case len(planned) == 0:
		return t.save(p)
	}
	env, _ := t.catalog.Environment(p.To)
	if !env.Deploy.Together {
		if len(of[promotion.RolloutDone])+len(planned) < len(all) {
			return t.save(p) // one is under way
		}
		planned = planned[:1]
	}
	if back, err := t.waysBack(p, live); err != nil {
		return err
	} else if len(back) > 0 {
		if err := t.fail(p, notEverywhere); err != nil {
			return err
		}
		return t.nextTurn(p)
	}
	if p.Purpose != promotion.Rollback {
		withdrawn, err := t.Withdrawals(p.App)
		if err != nil {
			return err
		}
		if policy.Withdrawn(withdrawn, p.Digest) != nil && len(planned)+len(of[promotion.RolloutDone]) == len(all) {
			return t.failing(p, "the digest was withdrawn before every target had it")
		}
	}
	if held, err := t.heldBack(p); err != nil {
		return err
	} else if held {
		p.Touch() // the card says who holds it
		return t.save(p)
	}
	for _, d := range planned {
		if gone := t.gone(d); gone != "" {
			return t.lost(p, d, gone)
		}
	}
	for _, d := range planned {
		if err := t.order(p, d); err != nil {
			return err
		}
	}
	p.Touch()
	return t.save(p)
}

// gone says that the configuration has no such target any more, or "".
func (t *turn) gone(d promotion.Deployment) string {
	env, _ := t.catalog.Environment(d.Order.Environment)
	if slices.Contains(env.Deploy.For(d.Order.App), d.Order.Target) {
		return ""
	}
	return fmt.Sprintf("the configuration has no target %s for %s any more", d.Order.Target, d.Order.App)
}

// heldBack tells whether somebody holds what the next target would get. Nobody
// holds up a rollback.
func (t *turn) heldBack(p *promotion.Promotion) (bool, error) {
	if p.Purpose == promotion.Rollback {
		return false, nil
	}
	holds, err := t.Holds(p.App)
	return slices.ContainsFunc(holds, func(h promotion.Hold) bool { return h.Stops(p) }), err
}

// order has a target told. From here on the order does not change.
func (t *turn) order(p *promotion.Promotion, d promotion.Deployment) error {
	env, _ := t.catalog.Environment(p.To)
	d.Order.OrderedAt, d.Order.Deadline = t.now, t.now.Add(env.Deploy.Deadline)
	d.Rollout = promotion.Rollout{Phase: promotion.RolloutOrdered, ReadAt: t.now}
	if err := t.keepRollout(p, d, promotion.RolloutPlanned); err != nil {
		return err
	}
	return t.tellTarget(d)
}

// abandoned fails the orders to targets that another catalog has no more: nobody
// can ask them. What has not been ordered yet fails when its turn comes.
func (t *turn) abandoned() error {
	following, err := t.query(Query{States: []promotion.State{promotion.Deploying, promotion.Failing}})
	if err != nil {
		return err
	}
	for _, p := range following {
		all, err := t.Deployments(p.ID)
		if err != nil {
			return err
		}
		for _, d := range all {
			gone := t.gone(d)
			if gone == "" || d.Rollout.Phase == promotion.RolloutPlanned || d.Rollout.Phase.Ended() {
				continue
			}
			if err := t.lost(p, d, gone); err != nil {
				return err
			}
		}
	}
	return nil
}

// undeployed says what has failed.
func undeployed(failed []promotion.Deployment) string {
	var all []string
	for _, d := range failed {
		all = append(all, d.Order.Target+": "+d.Rollout.Detail)
	}
	return "it was not deployed to " + strings.Join(all, "; ")
}

// deployed is what follows when it runs everywhere.
func (t *turn) deployed(p *promotion.Promotion) error {
	d, err := t.document(p)
	if err != nil {
		return err
	}
	if d.After != nil {
		err = t.watch(p, d)
	} else {
		err = t.settled(p)
	}
	return errors.Join(err, t.takeStock(p.App, p.To, t.now.Add(stockEvery)))
}

// settled ends what has come to run, and lets go on what waited for that.
func (t *turn) settled(p *promotion.Promotion) error {
	if err := t.end(p, promotion.Promoted, "", nil); err != nil {
		return err
	}
	return t.nextTurn(p)
}

// failing leaves it to people what becomes of a promotion, unless the policy says
// that it goes back.
func (t *turn) failing(p *promotion.Promotion, why string) error {
	if err := t.fail(p, why); err != nil {
		return err
	}
	if err := t.goBack(p, why); err != nil {
		return err
	}
	return t.nextTurn(p)
}

// stopShort has a promotion count as failing that somebody holds up between two of
// its targets: with nothing under way, a way back need not wait for it.
func (t *turn) stopShort(p *promotion.Promotion) error {
	if p.State != promotion.Deploying {
		return nil
	}
	if under, err := t.underWay(p.ID); err != nil || under {
		return err
	}
	return t.fail(p, notEverywhere)
}

const notEverywhere = "a rollback was asked for before every target had it"

func (t *turn) fail(p *promotion.Promotion, why string) error {
	if err := p.Step(promotion.Failing, why, t.now); err != nil {
		return err
	}
	if err := t.record(audit.Failing, p, map[string]any{"why_sha256": sealed(fmt.Sprintf("failing/%d", p.ID), why)}); err != nil {
		return err
	}
	if err := t.notice(p, "failing", promotion.NoticeWork{Kind: promotion.NoticeFailing, Reason: why}); err != nil {
		return err
	}
	return t.save(p)
}

// goBack opens the rollback of what is failing, where the policy says that nobody
// has to be asked for that. A rollback that fails is for people.
func (t *turn) goBack(p *promotion.Promotion, why string) error {
	d, err := t.document(p)
	if err != nil || d.After == nil || !d.After.RollBack || p.Purpose != promotion.Forward {
		return err
	}
	to, refusal, err := t.earlier(p, "")
	if err == nil && refusal == "" {
		_, refusal, err = t.rollBack(p, to, promotion.Gesture{Key: fmt.Sprintf("failing/%d", p.ID), Reason: clipped(why)})
	}
	if err != nil || refusal == "" {
		return err
	}
	p.Reason += "; it was to be rolled back by itself, and can't be: " + refusal
	p.Touch()
	return t.save(p)
}

// keep leaves what is failing as it is, in the name of somebody who could have
// approved it.
func (t *turn) keep(g promotion.Gesture, p *promotion.Promotion, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	if p.State != promotion.Failing {
		return t.refuse(g, p, policy.Document{}, answer, "it is not failing, so there is nothing to decide")
	}
	if _, refusal := policy.MayApprove(d, f, g.Person, t.now); refusal != "" {
		return t.refuse(g, p, d, answer, refusal)
	}
	if g.Reason == "" {
		return t.refuse(g, p, policy.Document{}, answer, "it has to be said why it is kept: others will read it")
	}
	if under, err := t.underWay(p.ID); err != nil {
		return answer, err
	} else if under {
		return t.refuse(g, p, policy.Document{}, answer, "it is still under way to another target: it can be kept when that has ended")
	}
	answer.Verb, answer.Reason = promotion.Counted, g.Reason
	detail := map[string]any{"kept": true, "gesture": g.Key, "reason_sha256": hashed(g)}
	if err := t.end(p, promotion.Promoted, g.Reason, detail); err != nil {
		return answer, err
	}
	if err := t.left(p); err != nil {
		return answer, err
	}
	return answer, errors.Join(t.takeStock(p.App, p.To, t.now.Add(stockEvery)), t.nextTurn(p))
}

// left ends what was to take back by itself what somebody has kept.
func (t *turn) left(p *promotion.Promotion) error {
	by, err := t.names([]promotion.PersonID{p.EndedBy})
	if err != nil {
		return err
	}
	return t.giveWay(p, by[0]+" kept what it was to take back", func(o *promotion.Promotion) bool {
		return o.Purpose == promotion.Rollback && o.Requester == "" && o.Back.Bad == p.Digest
	})
}

// leaveToPeople ends a rollback that nobody asked for, of which the policy says no
// more that it is to be, and has them decide.
func (t *turn) leaveToPeople(back *promotion.Promotion) error {
	if err := t.end(back, promotion.Superseded, "its policy"+sayNoMore, nil); err != nil {
		return err
	}
	failing, err := t.query(Query{App: back.App, To: back.To, Digest: back.Back.Bad, States: []promotion.State{promotion.Failing}})
	if err != nil {
		return err
	}
	for _, p := range failing {
		p.Reason += "; the policy" + sayNoMore
		p.Touch()
		if err := t.notice(p, fmt.Sprintf("failing/%d", back.ID), promotion.NoticeWork{Kind: promotion.NoticeFailing, Reason: p.Reason}); err != nil {
			return err
		}
		if err := t.save(p); err != nil {
			return err
		}
	}
	return nil
}

const sayNoMore = " does not say any more that it goes back by itself"

// outlived ends what was watched, or waited for a decision, when p has taken its
// place.
func (t *turn) outlived(p *promotion.Promotion) error {
	before, err := t.query(Query{App: p.App, To: p.To, States: []promotion.State{promotion.Watching, promotion.Failing}})
	if err != nil {
		return err
	}
	for _, old := range before {
		if old.ID == p.ID || old.Digest == p.Digest {
			continue
		}
		why := fmt.Sprintf("#%d has taken its place", p.ID)
		if p.Purpose == promotion.Rollback {
			why = p.Outdid()
		}
		if old.Reason != "" {
			why = old.Reason + "; " + why
		}
		if err := t.end(old, promotion.Failed, why, map[string]any{"outlived_by": p.ID}); err != nil {
			return err
		}
	}
	return nil
}

// stirDeployments lets go on, or has redrawn, what is being deployed of an app.
func (t *turn) stirDeployments(app string) error {
	under, err := t.query(Query{App: app, States: []promotion.State{promotion.Deploying}})
	if err != nil {
		return err
	}
	for _, p := range under {
		p.Touch()
		if err := t.proceed(p); err != nil {
			return err
		}
	}
	return nil
}
