package gate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
)

// What targets say of their orders is taken here, whether they were asked or say so
// themselves.

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
	p, d, err := t.orderTo(e.Promotion, w.Order.Target)
	if err == nil && w.Order.Retries < d.Order.Retries { // it was tried again since: this order has ended
		d.Order, d.EndedAt = w.Order, &t.now
	}
	return p, d, err
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
	if !r.Phase.Ended() {
		why, err := t.calledOff(p, d, promotion.EffectObserve)
		if err != nil {
			return err
		}
		if why != "" {
			return t.lost(p, d, why)
		}
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
	if off, err := t.calledOff(p, d, e.Kind); err != nil {
		return err
	} else if off != "" && f.Kind != promotion.Stale { // of which that says it already
		why = off + ": " + why
	}
	if !t.now.Before(d.Order.Deadline) {
		why = "until its deadline it was not known to be done: " + f.Text
	}
	return t.lost(p, d, why)
}

// unreached lets the card say why a target could not be told or asked so far.
func (t *turn) unreached(e promotion.Effect, f promotion.Failure) error {
	p, d, err := t.ordered(e)
	if err != nil || d.Fault == f.Text || d.EndedAt != nil {
		return err
	}
	d.Fault = f.Text
	if err := t.SaveDeployment(d); err != nil {
		return err
	}
	p.Touch()
	return t.save(p)
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
		env, _ := t.catalog.Environment(p.To)
		tells := slices.ContainsFunc(env.Deploy.Targets, func(to Target) bool { return to.Name == target && to.Tells })
		switch {
		case !tells:
			receipt.Verb, receipt.Reason = promotion.Refused, "how far "+target+" is, is read there: only a webhook says so itself"
			return receipt, nil
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
