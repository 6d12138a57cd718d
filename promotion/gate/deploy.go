package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	Name string
	Apps []string // that run there; empty for all
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
	people, err := t.People(ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if name := people[id].Name; name != "" {
			order.Approvers = append(order.Approvers, name)
		} else {
			order.Approvers = append(order.Approvers, string(id))
		}
	}
	for i, name := range targets {
		order.Target = name
		if err := t.SaveDeployment(promotion.Deployment{Place: i, Order: order, Rollout: promotion.Rollout{Phase: promotion.RolloutPlanned}}); err != nil {
			return err
		}
	}
	return nil
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
		return t.save(p)
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
	return slices.ContainsFunc(holds, func(h promotion.Hold) bool { return h.Digest == "" || h.Digest == p.Digest }), err
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

// rolledOut takes what a target has said of its order.
func (t *turn) rolledOut(e promotion.Effect, r promotion.Rollout) error {
	p, d, err := t.ordered(e)
	if err != nil || d.EndedAt != nil { // it has said so itself meanwhile
		return err
	}
	return t.heard(p, d, r)
}

func (t *turn) ordered(e promotion.Effect) (*promotion.Promotion, promotion.Deployment, error) {
	w, err := promotion.Work[promotion.DeployWork](e)
	if err != nil {
		return nil, promotion.Deployment{}, err
	}
	return t.orderTo(e.Promotion, w.Order.Target)
}

func (t *turn) orderTo(id promotion.ID, target string) (*promotion.Promotion, promotion.Deployment, error) {
	p, err := t.load(id)
	if err != nil {
		return nil, promotion.Deployment{}, err
	}
	all, err := t.Deployments(id)
	if err != nil {
		return nil, promotion.Deployment{}, err
	}
	i := slices.IndexFunc(all, func(d promotion.Deployment) bool { return d.Order.Target == target })
	if i < 0 {
		return nil, promotion.Deployment{}, promotion.Errorf(promotion.NotFound, "promotion #%d has no order to %s", id, target)
	}
	return p, all[i], nil
}

// heard takes how far a target is, and does what follows.
func (t *turn) heard(p *promotion.Promotion, d promotion.Deployment, r promotion.Rollout) error {
	was := d
	r.Detail, r.ReadAt = clipped(r.Detail), t.now
	r.Lines = tail(r.Lines)
	if r.Handle == "" {
		r.Handle = d.Order.Handle
	}
	if r.Phase == promotion.RolloutAsked && d.Rollout.Phase == promotion.RolloutUnder {
		r.Phase = promotion.RolloutUnder // what it says of the order may come after what it says of the work
	}
	d.Order.Handle, d.Rollout, d.Fault = r.Handle, r, ""
	if !r.Phase.Ended() && !t.now.Before(d.Order.Deadline) {
		why := "it was not done by its deadline"
		if r.Detail != "" {
			why += ": " + r.Detail
		}
		return t.lost(p, d, why)
	}
	if r.Phase.Ended() {
		now := t.now
		d.EndedAt = &now
	}
	if err := t.keepRollout(p, d, was.Rollout.Phase); err != nil {
		return err
	}
	if !r.Phase.Ended() {
		if err := t.observe(d, t.now.Add(patience(t.now.Sub(d.Order.OrderedAt)))); err != nil {
			return err
		}
	}
	if looksOther(was, d) {
		p.Touch()
	}
	return t.proceed(p)
}

// The interval at which a target is asked grows with the time that it takes.
const (
	soonest = time.Second
	latest  = 30 * time.Second
)

func patience(took time.Duration) time.Duration { return max(soonest, min(latest, took/8)) }

// looksOther tells whether the card shows something else by it.
func looksOther(was, is promotion.Deployment) bool {
	a, b := was.Rollout, is.Rollout
	return was.Fault != is.Fault || a.Phase != b.Phase || a.Ready != b.Ready || a.Total != b.Total || a.Detail != b.Detail || a.URL != b.URL || !slices.Equal(a.Lines, b.Lines)
}

// What is kept of the lines that a target gives: it is others who write them, and
// a card has to hold them.
const (
	maxLines = 20
	maxLine  = 300
)

func tail(lines []string) []string {
	lines = slices.Clone(lines[max(0, len(lines)-maxLines):])
	for i, line := range lines {
		line = strings.ToValidUTF8(line, "\uFFFD")
		if r := []rune(line); len(r) > maxLine {
			line = string(r[:maxLine-1]) + "…"
		}
		lines[i] = line
	}
	return lines
}

// lost ends an order that comes to nothing.
func (t *turn) lost(p *promotion.Promotion, d promotion.Deployment, why string) error {
	was, now := d.Rollout.Phase, t.now
	if d.Order.OrderedAt.IsZero() {
		d.Order.OrderedAt, d.Order.Deadline = now, now
	}
	d.Rollout.Phase, d.Rollout.Detail, d.Rollout.ReadAt, d.Fault, d.EndedAt = promotion.RolloutFailed, clipped(why), now, "", &now
	if err := t.keepRollout(p, d, was); err != nil {
		return err
	}
	p.Touch()
	return t.proceed(p)
}

// keepRollout saves how far a target is, and records it when that is another phase.
func (t *turn) keepRollout(p *promotion.Promotion, d promotion.Deployment, was promotion.RolloutPhase) error {
	if err := t.SaveDeployment(d); err != nil {
		return err
	}
	if d.Rollout.Phase == was {
		return nil
	}
	detail := map[string]any{"target": d.Order.Target, "phase": d.Rollout.Phase, "digest": d.Order.Digest}
	if d.Rollout.Handle != "" {
		sum := sha256.Sum256([]byte(d.Rollout.Handle)) // others chose it
		detail["handle_sha256"] = hex.EncodeToString(sum[:])
	}
	return t.record(audit.Rollout, p, detail)
}

// deployFailed takes that a target could not be told, or asked, and that trying
// again will not help or comes too late.
func (t *turn) deployFailed(e promotion.Effect, f promotion.Failure) error {
	p, d, err := t.ordered(e)
	if err != nil || d.EndedAt != nil {
		return err
	}
	why := f.Text
	if !t.now.Before(d.Order.Deadline) {
		why = "until its deadline it was not known to be done: " + f.Text
	}
	return t.lost(p, d, why)
}

// unreached lets the card say why a target could not be told or asked so far.
func (t *turn) unreached(e promotion.Effect, f promotion.Failure) error {
	p, d, err := t.ordered(e)
	if err != nil || d.Fault == f.Text {
		return err
	}
	d.Fault = f.Text
	if err := t.SaveDeployment(d); err != nil {
		return err
	}
	p.Touch()
	return t.save(p)
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
		return t.watch(p, d)
	}
	return t.settled(p)
}

// settled ends what has come to run, and lets go on what waited for that.
func (t *turn) settled(p *promotion.Promotion) error {
	if err := t.end(p, promotion.Promoted, "", nil); err != nil {
		return err
	}
	return t.nextTurn(p)
}

// failing leaves it to people what becomes of a promotion.
func (t *turn) failing(p *promotion.Promotion, why string) error {
	if err := p.Step(promotion.Failing, why, t.now); err != nil {
		return err
	}
	if err := t.record(audit.Failing, p, map[string]any{"why_sha256": sealed(fmt.Sprintf("failing/%d", p.ID), why)}); err != nil {
		return err
	}
	if err := t.notice(p, "failing", promotion.NoticeWork{Kind: promotion.NoticeFailing, Reason: why}); err != nil {
		return err
	}
	if err := t.save(p); err != nil {
		return err
	}
	return t.nextTurn(p)
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
	answer.Verb, answer.Reason = promotion.Counted, g.Reason
	detail := map[string]any{"kept": true, "gesture": g.Key, "reason_sha256": hashed(g)}
	if err := t.end(p, promotion.Promoted, g.Reason, detail); err != nil {
		return answer, err
	}
	return answer, t.nextTurn(p)
}

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

// Deployed takes a target's own word of how far it is. What it was not ordered is
// answered as if it did not exist.
func (g *Gate) Deployed(ctx context.Context, call Call, id promotion.ID, target string, r promotion.Rollout) (promotion.Receipt, error) {
	about := func(t *turn, k promotion.Token) bool {
		p, _, err := t.orderTo(id, target)
		return err == nil && k.About(p.App)
	}
	return g.receive(ctx, call, promotion.ScopeDeploy, about, func(t *turn, _ promotion.Token) (promotion.Receipt, error) {
		p, d, err := t.orderTo(id, target)
		if err != nil {
			return promotion.Receipt{}, err
		}
		receipt := promotion.Receipt{Verb: promotion.Counted, App: p.App, Digest: p.Digest, Promotions: []promotion.ID{p.ID}}
		switch {
		case d.Rollout.Phase == promotion.RolloutPlanned:
			receipt.Verb, receipt.Reason = promotion.Refused, target+" has not been given that order yet"
			return receipt, nil
		case d.EndedAt != nil && d.Rollout.Phase == r.Phase:
			receipt.Verb = promotion.Repeated
			return receipt, nil
		case d.EndedAt != nil:
			receipt.Verb, receipt.Reason = promotion.Refused, "the order to "+target+" has ended already: it is "+string(d.Rollout.Phase)
			return receipt, nil
		}
		return receipt, t.heard(p, d, r)
	})
}
