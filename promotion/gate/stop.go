package gate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What people do to keep promotions from going ahead for a while, or to let them
// go on. To stop is the safe side, so anybody of the workspace may hold and
// report; whatever stops everybody, and whatever lifts what another has stopped,
// takes a role that the policies ask.

// deed decides a gesture that is neither a vote nor a request.
func (t *turn) deed(g promotion.Gesture, u unknown) (promotion.Answer, error) {
	answer := promotion.Answer{Deed: g.Kind, App: g.App, Severity: g.Severity, Whom: g.Whom}
	_, isApp := t.catalog.App(g.App)
	if _, isTrain := t.catalog.Train(g.App); g.App != "" && !isApp && !isTrain {
		answer.Verb = promotion.Missing
		return answer, nil
	}
	if g.Promotion != 0 {
		p, err := t.Promotion(g.Promotion)
		switch {
		case errors.Is(err, promotion.NotFound) || err == nil && p.Purpose == promotion.Ride:
			answer.Verb = promotion.Missing
			return answer, nil
		case err != nil:
			return answer, err
		}
		g.App, answer.App, answer.Promotion, answer.Digest = p.App, p.App, p.ID, p.Digest
		if p.State != promotion.Open {
			answer.Verb, answer.Reason = promotion.Closed, string(p.State)
			return answer, t.drawCard(&p)
		}
	}
	var d policy.Document
	switch g.Kind {
	case promotion.GestureResolve:
		return t.over(g, u, answer)
	case promotion.GestureFreeze, promotion.GestureUnfreeze, promotion.GestureUnhold:
		d = t.catalog.asked(g.App)
	case promotion.GestureDelegate:
		d = t.catalog.approved(g.App)
	}
	f, wait, refusal, err := t.who(g, u, d)
	switch {
	case err != nil || wait:
		answer.Verb = promotion.Checking
		return answer, err
	case refusal == "" && (g.Kind == promotion.GestureFreeze || g.Kind == promotion.GestureUnfreeze):
		refusal = policy.MayStop(d, f, g.Person)
	case refusal == "":
		refusal = policy.MayHold(f, g.Person)
	}
	if refusal != "" {
		return t.refuseDeed(g, answer, d, refusal)
	}
	switch g.Kind {
	case promotion.GestureIncident:
		return t.raise(g, answer)
	case promotion.GestureFreeze:
		return t.freeze(g, f, answer)
	case promotion.GestureUnfreeze:
		return t.unfreeze(g, answer)
	case promotion.GestureHold:
		return t.hold(g, answer)
	case promotion.GestureDelegate:
		return t.delegate(g, u, d, f, answer)
	case promotion.GestureUndelegate:
		return t.undelegate(g, answer)
	case promotion.GestureRemind:
		return t.urge(g, answer)
	}
	return t.unhold(g, d, f, answer)
}

// who is what is known of the person who made the gesture, and of the roles that
// the document asks. What is not known has to be waited for.
func (t *turn) who(g promotion.Gesture, u unknown, d policy.Document) (f policy.Facts, wait bool, refusal string, err error) {
	f.Identities = t.catalog.Identities
	if f.Rosters, f.People, err = t.people(d, []promotion.Vote{{Person: g.Person}}, nil); err != nil {
		return f, false, "", err
	}
	stale := policy.Stale(d, f, g.Person, policy.KnownFor, t.now)
	switch {
	case slices.Contains(stale, u.subject):
		return f, false, "it could not be read in Slack who this is and who holds the roles (" + u.why + "); try again later", nil
	case len(stale) > 0:
		return f, true, "", t.lookUp(stale)
	}
	return f, false, "", nil
}

// asked is a document that asks every role which the policies of an app or a
// train ask or, without a name, which any policy asks.
func (c *Catalog) asked(name string) policy.Document {
	d := c.naming(name, policy.Document.Roles)
	if len(d.Approvals) == 0 && name != "" { // it asks nobody; somebody has to be able to
		return c.asked("")
	}
	return d
}

// approved is the same of those roles that can approve.
func (c *Catalog) approved(name string) policy.Document {
	return c.naming(name, policy.Document.Approvers)
}

// naming is a document that asks for one holder of each of the roles that are
// found in the policies.
func (c *Catalog) naming(name string, roles func(policy.Document) []string) policy.Document {
	var d policy.Document
	add := func(policies map[string]policy.Document) {
		for _, to := range slices.Sorted(maps.Keys(policies)) {
			for _, role := range roles(policies[to]) {
				if !slices.Contains(d.Approvers(), role) {
					d.Approvals = append(d.Approvals, policy.Requirement{Role: role, Count: 1})
				}
			}
		}
	}
	for _, a := range c.Apps {
		if name == "" || a.Name == name {
			add(a.Policies)
		}
	}
	for _, train := range c.Trains {
		if name == "" || train.Name == name {
			add(train.Policies)
		}
	}
	return d
}

func (t *turn) refuseDeed(g promotion.Gesture, answer promotion.Answer, d policy.Document, refusal string) (promotion.Answer, error) {
	answer.Verb, answer.Reason = promotion.Refused, refusal
	answer.Could = append(answer.Could, d.Approvers()...)
	return answer, t.record(audit.Denied, nil, map[string]any{"deed": g.Kind, "app": g.App, "why": refusal})
}

// everybody tells all that is concerned the same.
func everybody(w promotion.NoticeWork) func(*promotion.Promotion) (bool, *promotion.NoticeWork, error) {
	return func(*promotion.Promotion) (bool, *promotion.NoticeWork, error) { return true, &w, nil }
}

func (t *turn) freeze(g promotion.Gesture, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	z := promotion.Freeze{App: g.App, From: t.now, Reason: g.Reason, By: g.Person}
	if g.Until != "" {
		until, err := t.untilOf(g, f)
		if err != nil {
			return t.refuseDeed(g, answer, policy.Document{}, err.Error())
		}
		z.Until = &until
	}
	if err := t.AddFreeze(&z); err != nil {
		return answer, err
	}
	detail := map[string]any{"freeze": z.ID, "app": z.App, "until": z.Until, "reason_sha256": sealed(fmt.Sprintf("freeze/%d", z.ID), z.Reason)}
	if err := t.record(audit.Frozen, nil, detail); err != nil {
		return answer, err
	}
	answer.Verb, answer.Reason, answer.Until = promotion.Counted, z.Reason, z.Until
	return answer, t.stir(z.App, everybody(promotion.NoticeWork{Kind: promotion.NoticeFrozen, Person: g.Person, Reason: z.Reason, Until: z.Until}), fmt.Sprintf("frozen/%d", z.ID))
}

// untilOf is the instant that the end which was named meant to whoever named it
// when they did.
func (t *turn) untilOf(g promotion.Gesture, f policy.Facts) (time.Time, error) {
	zone, err := time.LoadLocation(f.People[g.Person].TimeZone)
	if err != nil {
		zone = time.UTC
	}
	until, err := promotion.ParseUntil(g.Until, g.At, zone)
	if err == nil && !until.After(t.now) {
		err = promotion.Errorf(promotion.Invalid, "%s has been already", g.Until)
	}
	return until.Truncate(time.Microsecond), err
}

func (t *turn) unfreeze(g promotion.Gesture, answer promotion.Answer) (promotion.Answer, error) {
	had, err := t.Freezes(g.App, t.now)
	if err != nil {
		return answer, err
	}
	had = slices.DeleteFunc(had, func(z promotion.Freeze) bool { return z.App != g.App })
	if len(had) == 0 {
		why := "nobody has frozen it; what stands in the configuration, and what an incident freezes, ends with that"
		return t.refuseDeed(g, answer, policy.Document{}, why)
	}
	for _, z := range had {
		if err := t.LiftFreeze(z.ID, t.now, g.Person); err != nil {
			return answer, err
		}
		if err := t.record(audit.Unfrozen, nil, map[string]any{"freeze": z.ID, "app": z.App, "frozen_by": z.By}); err != nil {
			return answer, err
		}
	}
	answer.Verb = promotion.Counted
	return answer, t.stir(g.App, everybody(promotion.NoticeWork{Kind: promotion.NoticeUnfrozen, Person: g.Person}), fmt.Sprintf("unfrozen/%d", had[0].ID))
}

// hold keeps one candidate, or an app with all that may come, from going ahead.
func (t *turn) hold(g promotion.Gesture, answer promotion.Answer) (promotion.Answer, error) {
	digest, refusal, err := t.meantDigest(g, answer.Digest)
	if err != nil {
		return answer, err
	}
	if refusal != "" {
		return t.refuseDeed(g, answer, policy.Document{}, refusal)
	}
	answer.Digest = digest
	holds, err := t.Holds(g.App)
	if err != nil {
		return answer, err
	}
	if slices.ContainsFunc(holds, func(h promotion.Hold) bool { return h.By == g.Person && h.Digest == digest }) {
		answer.Verb = promotion.Repeated
		return answer, nil
	}
	h := promotion.Hold{App: g.App, Digest: digest, By: g.Person, Reason: g.Reason, At: t.now}
	if err := t.AddHold(&h); err != nil {
		return answer, err
	}
	detail := map[string]any{"hold": h.ID, "app": h.App, "digest": h.Digest, "reason_sha256": sealed(fmt.Sprintf("hold/%d", h.ID), h.Reason)}
	if err := t.record(audit.Held, nil, detail); err != nil {
		return answer, err
	}
	answer.Verb, answer.Reason, answer.Others = promotion.Counted, h.Reason, len(holds)
	if err := errors.Join(t.reoffer(h.App), t.stirDeployments(h.App)); err != nil {
		return answer, err
	}
	return answer, t.stir(h.App, holding(promotion.NoticeWork{Kind: promotion.NoticeHeld, Person: g.Person, Reason: h.Reason}, []promotion.Hold{h}), fmt.Sprintf("held/%d", h.ID))
}

// holding concerns what one of the holds is about.
func holding(w promotion.NoticeWork, holds []promotion.Hold) func(*promotion.Promotion) (bool, *promotion.NoticeWork, error) {
	return func(p *promotion.Promotion) (bool, *promotion.NoticeWork, error) {
		return slices.ContainsFunc(holds, func(h promotion.Hold) bool { return h.Keeps(p.Digest) }), &w, nil
	}
}

// meantDigest is the digest of the promotion that was clicked, or that of the
// first digits that were typed; empty for the app.
func (t *turn) meantDigest(g promotion.Gesture, clicked promotion.Digest) (d promotion.Digest, refusal string, err error) {
	if g.Ref == "" {
		return clicked, "", nil
	}
	found, err := t.Promotions(Query{App: g.App, DigestPrefix: g.Ref})
	if err != nil {
		return "", "", err
	}
	for _, p := range found {
		if d != "" && d != p.Digest {
			return "", fmt.Sprintf("several builds of it begin with %s: write more of its digits", g.Ref), nil
		}
		d = p.Digest
	}
	if d == "" {
		return "", fmt.Sprintf("no build of it that begins with %s was ever on a card", g.Ref), nil
	}
	return d, "", nil
}

// unhold lifts what the person holds themselves; whoever holds nothing lifts
// what others do.
func (t *turn) unhold(g promotion.Gesture, d policy.Document, f policy.Facts, answer promotion.Answer) (promotion.Answer, error) {
	all, err := t.Holds(g.App)
	if err != nil {
		return answer, err
	}
	all = slices.DeleteFunc(all, func(h promotion.Hold) bool {
		return g.Promotion != 0 && h.Digest != "" && h.Digest != answer.Digest ||
			g.Ref != "" && !strings.HasPrefix(string(h.Digest), "sha256:"+g.Ref)
	})
	lift := slices.DeleteFunc(slices.Clone(all), func(h promotion.Hold) bool { return h.By != g.Person })
	if len(lift) == 0 {
		lift = all
		if refusal := policy.MayStop(d, f, g.Person); len(all) > 0 && refusal != "" {
			return t.refuseDeed(g, answer, d, refusal)
		}
	}
	if len(lift) == 0 {
		return t.refuseDeed(g, answer, policy.Document{}, "nobody holds it")
	}
	w := promotion.NoticeWork{Kind: promotion.NoticeUnheld, Person: g.Person}
	for _, h := range lift {
		if err := t.LiftHold(h.ID, t.now, g.Person); err != nil {
			return answer, err
		}
		if err := t.record(audit.Unheld, nil, map[string]any{"hold": h.ID, "app": h.App, "digest": h.Digest, "held_by": h.By}); err != nil {
			return answer, err
		}
		if h.By != "" && !slices.Contains(w.Whose, h.By) {
			w.Whose = append(w.Whose, h.By)
		}
	}
	answer.Verb, answer.Whose, answer.Others = promotion.Counted, w.Whose, len(all)-len(lift)
	if err := errors.Join(t.reoffer(g.App), t.stirDeployments(g.App)); err != nil {
		return answer, err
	}
	return answer, t.stir(g.App, holding(w, lift), fmt.Sprintf("unheld/%d", lift[0].ID))
}
