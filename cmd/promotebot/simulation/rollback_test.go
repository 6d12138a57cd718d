package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/promotebot/promotebot/bot/render"
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// What people do who go back, and what has to be true of that.

// rollBack is a click on the button of the card of what is in production, and a
// build that is chosen from the dialog, or one that is not there.
func (w *world) rollBack() {
	if s, ok := w.see(render.ActionRollback); ok {
		w.goesBack(promotion.Gesture{Promotion: s.of, Ref: w.digits(w.judge.promotions[s.of].App)})
	}
}

// regret is a build that comes, is approved and is rolled back: by chance alone
// there would seldom be anything to go back to.
func (w *world) regret() {
	app, seen := w.anyApp(), pollEvery+lookSpread
	w.build(app, 1+w.draw(images-1))
	everybody := func() {
		for _, who := range []promotion.PersonID{ann, bob, sue} {
			w.click(who)
		}
	}
	w.after(seen, everybody)
	later := seen + time.Duration(w.draw(150_000))*time.Millisecond
	w.after(later, everybody)
	later += time.Duration(w.draw(30_000)) * time.Millisecond
	w.after(later, func() { w.goesBack(promotion.Gesture{App: app, Ref: w.digits(app)}) })
	w.after(later+time.Duration(5_000+w.draw(40_000))*time.Millisecond, everybody)
}

// digits name a build, or none.
func (w *world) digits(app string) string {
	if w.chance(60) || app == "" || app == train {
		return ""
	}
	return string(builds(app)[w.draw(images)].digest[7:19])
}

func (w *world) goesBack(g promotion.Gesture) {
	g.Key = fmt.Sprintf("command/%s/%d", team, len(w.sent))
	g.Kind, g.Person, g.Channel, g.Reason = promotion.GestureRollback, w.somebody(), channel, "it fails"
	w.deliver(g)
}

// judgeBuild is somebody who says that a build is bad, or that it is not.
func (w *world) judgeBuild(what promotion.GestureKind) {
	app := w.anyApp()
	w.deliver(promotion.Gesture{
		Key: fmt.Sprintf("command/%s/%d", team, len(w.sent)), Kind: what, Person: w.somebody(), Channel: channel, App: app,
		Ref: string(builds(app)[w.draw(images)].digest[7:19]), Reason: "it leaks",
	})
}

func (w *world) unhold() {
	w.deliver(promotion.Gesture{
		Key: fmt.Sprintf("command/%s/%d", team, len(w.sent)), Kind: promotion.GestureUnhold, Person: w.somebody(), Channel: channel, App: w.anyApp(),
	})
}

// build names a digest of an app.
type build struct {
	app    string
	digest promotion.Digest
}

// stopped is told what the log says of builds that are held or withdrawn.
func (j *judge) stopped(e audit.Entry) {
	id, _ := e.Detail["hold"].(int64)
	app, _ := e.Detail["app"].(string)
	digest, _ := e.Detail["digest"].(promotion.Digest)
	switch of := (build{app, digest}); e.Kind {
	case audit.Held:
		j.holds[id] = of
		if after, is := e.Detail["rollback"].(promotion.ID); is {
			j.tookBack[after] = of
		}
	case audit.Unheld:
		delete(j.holds, id)
	case audit.Condemned:
		j.withdrawn[of] = e.Actor
	case audit.Reinstated:
		if personOf(promotion.PersonID(j.withdrawn[of])) == personOf(promotion.PersonID(e.Actor)) {
			j.w.violated("%s reinstates %s, who has withdrawn it", e.Actor, digest.Short())
		}
		delete(j.withdrawn, of)
	}
}

// mayCome judges that nothing comes to production that must not: what is known to
// be bad.
func (j *judge) mayCome(p promotion.Promotion) {
	of := build{p.App, p.Digest}
	if by := j.withdrawn[of]; by != "" {
		j.w.violated("#%d brings %s, which %s has withdrawn", p.ID, p.Digest.Short(), by)
	}
	if p.Purpose != promotion.Rollback {
		return
	}
	brought := false
	for _, other := range j.promotions {
		brought = brought || other.ID != p.ID && other.App == p.App && other.To == p.To && other.Digest == p.Digest && other.State == promotion.Promoted
	}
	if !brought {
		j.w.violated("#%d goes back to %s, which was never promoted", p.ID, p.Digest.Short())
	}
	j.hasACause(p)
	if w := p.WayBack; w == nil || w.ReadAt == nil || time.Since(*w.ReadAt) >= provedFor || w.Proof.Missing != "" || len(w.Digests) != 1 || w.Digests[0] != p.Digest {
		j.w.violated("#%d goes back to %s, and it was not looked whether that is whole", p.ID, p.Digest.Short())
	}
}

// cameToBe tells whether what the promotion brings is there: where that is told to
// targets, or watched, before it is promoted.
func cameToBe(p promotion.Promotion) bool {
	return p.MovedAt != nil || p.State == promotion.Promoted
}

// hasACause judges that what a rollback is to take back is what was brought last.
func (j *judge) hasACause(p promotion.Promotion) {
	for _, id := range slices.Backward(j.brought) {
		last := j.promotions[id]
		if id == p.ID || last.App != p.App || last.To != p.To {
			continue
		}
		if last.Digest != p.Back.Bad {
			j.w.violated("#%d takes back %s, and #%d has brought %s since", p.ID, p.Back.Bad.Short(), last.ID, last.Digest.Short())
		}
		return
	}
	j.w.violated("#%d takes back %s, and nothing was ever brought", p.ID, p.Back.Bad.Short())
}

// lastBack is when something was gone back to last, where a promotion leads.
func (j *judge) lastBack(p promotion.Promotion) (last time.Time) {
	for _, other := range j.promotions {
		if other.Purpose == promotion.Rollback && other.App == p.App && other.To == p.To && other.State == promotion.Promoted && other.FinishedAt.After(last) {
			last = *other.FinishedAt
		}
	}
	return last
}

// provedFor is what policy.ProvedFor promises.
const provedFor = 10 * time.Minute

// returning is what a policy here asks of a rollback.
func returning(d policy.Document) policy.Document {
	d.Soak, d.RequesterMayApprove = 0, true
	if r := d.Rollback; r != nil {
		d.Approvals, d.RequesterMayApprove = r.Approvals, !r.RequesterCannotApprove
	}
	return d
}

// wentBack judges what a rollback leaves behind: what it took back is held, and
// everything that had brought that says so.
func (j *judge) wentBack(p promotion.Promotion) {
	if j.tookBack[p.ID] != (build{p.App, p.Back.Bad}) {
		j.w.violated("#%d has taken %s back, which was not held", p.ID, p.Back.Bad.Short())
	}
	for _, other := range j.promotions {
		if other.App == p.App && other.To == p.To && other.Digest == p.Back.Bad && other.State == promotion.Promoted && !other.Undone() {
			j.w.violated("#%d has taken %s back, and #%d does not say so", p.ID, p.Back.Bad.Short(), other.ID)
		}
	}
}

// askedBack tells whether somebody asked for the rollback, which is an approval
// when they could give one.
func (j *judge) askedBack(who promotion.PersonID, p promotion.Promotion) bool {
	if p.Purpose != promotion.Rollback || who != p.Requester {
		return false
	}
	vote := j.votes[standsBehind{who, p.ID}]
	for _, g := range j.w.sent {
		app := g.App
		if g.Promotion != 0 {
			app = j.promotions[g.Promotion].App
		}
		if g.Kind == promotion.GestureRollback && g.Person == who && app == p.App && vote.Terms.Hash() == p.TermsNow().Hash() {
			return true
		}
	}
	return false
}
