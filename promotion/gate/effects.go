package gate

import (
	"fmt"
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// Effects are asked for here and nowhere else, so that their keys are in one
// place. A key stands for one thing to be done; asking again while it is
// unfinished changes nothing.

// drawCard has the card drawn on which the promotion is shown: a ride is shown
// on that of its train.
func (t *turn) drawCard(p *promotion.Promotion) error {
	on := p.ID
	if p.Purpose == promotion.Ride {
		on = p.Train
	}
	return t.AddEffect(promotion.NewEffect(promotion.EffectCard, fmt.Sprintf("card/%d", on), on, struct{}{}, t.now))
}

// notice replies in the card's thread, once for each occasion. What happens to
// a ride is told by its train.
func (t *turn) notice(p *promotion.Promotion, occasion string, w promotion.NoticeWork) error {
	if p.Purpose == promotion.Ride {
		return nil
	}
	return t.AddEffect(promotion.NewEffect(promotion.EffectNotice, fmt.Sprintf("notice/%d/%s", p.ID, occasion), p.ID, w, t.now))
}

func (t *turn) tell(g promotion.Gesture, a promotion.Answer) error {
	if g.Token != "" {
		return nil // a machine asks for itself what has come of it
	}
	w, due := promotion.TellWork{Reply: reply(g, a.Public()), Answer: a}, t.now
	if a.Verb == promotion.Checking {
		w.While, due = g.Key, t.now.Add(briefly)
	}
	return t.AddEffect(promotion.NewEffect(promotion.EffectTell, "tell/"+string(a.Verb)+"/"+g.Key, a.Promotion, w, due))
}

// briefly is for how long somebody waits for an answer without being told that
// there will be one. Most readings are back by then; said at the same time as what
// came of it, it may even be shown after that.
const briefly = time.Second

// tellPerson lets somebody know what another has done that concerns them.
func (t *turn) tellPerson(g promotion.Gesture, a promotion.Answer) error {
	w := promotion.TellWork{Reply: promotion.Reply{Person: a.Whom, Aloud: true}, Answer: a}
	return t.AddEffect(promotion.NewEffect(promotion.EffectTell, "tell/"+string(a.Whom)+"/"+g.Key, 0, w, t.now))
}

// say answers what was asked, once.
func (t *turn) say(g promotion.Gesture, w promotion.SayWork) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectSay, "say/"+g.Key, 0, w, t.now))
}

// reply is where whoever made the gesture is answered. Slack shows a private
// message in a thread only where there is one already, so a message that begins
// none is answered beside it.
func reply(g promotion.Gesture, public bool) promotion.Reply {
	r := promotion.Reply{Channel: g.Channel, Person: g.Person, ResponseURL: g.ResponseURL, Message: g.Message, Thread: g.Thread}
	if g.Message == "" {
		return r
	}
	r.Aloud = g.Direct || public
	if !r.Aloud && g.Thread == g.Message {
		r.Thread = ""
	}
	return r
}

func (t *turn) inspect(p *promotion.Promotion) error {
	w := promotion.InspectWork{Repository: p.Repository, Digest: p.Digest}
	return t.AddEffect(promotion.NewEffect(promotion.EffectInspect, fmt.Sprintf("inspect/%d", p.ID), p.ID, w, t.now))
}

func (t *turn) inspectFormer(p *promotion.Promotion) error {
	w := promotion.InspectWork{Repository: p.Destination, Digest: p.Former.Digest}
	return t.AddEffect(promotion.NewEffect(promotion.EffectInspect, fmt.Sprintf("inspect/%d/%s", p.ID, w.Digest), p.ID, w, t.now))
}

func (t *turn) readTags(p *promotion.Promotion) error {
	w := promotion.ReadTagsWork{Repository: p.Destination}
	for _, target := range p.Targets {
		w.Tags = append(w.Tags, target.Tag)
	}
	return t.AddEffect(promotion.NewEffect(promotion.EffectReadTags, fmt.Sprintf("read-tags/%d", p.ID), p.ID, w, t.now))
}

func (t *turn) compareAt(w promotion.CompareWork, at time.Time) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectCompare, "compare/"+w.App+"/"+w.Environment, 0, w, at))
}

func (t *turn) copy(p *promotion.Promotion) error {
	env, _ := t.catalog.Environment(p.To)
	w := promotion.CopyWork{From: p.Repository, To: p.Destination, Digest: p.Digest, Attachments: env.Attachments}
	return t.AddEffect(promotion.NewEffect(promotion.EffectCopy, fmt.Sprintf("copy/%d", p.ID), p.ID, w, t.now))
}

func (t *turn) prove(p *promotion.Promotion) error {
	w := promotion.ProveWork{Repository: p.Destination, Digests: p.WaysBack()}
	return t.AddEffect(promotion.NewEffect(promotion.EffectProve, fmt.Sprintf("prove/%d", p.ID), p.ID, w, t.now))
}

// attest looks for provenance at once, or a while after it was last found wanting: a
// verdict asks for it as often as it is made.
func (t *turn) attest(p *promotion.Promotion) error {
	due, by := t.now, t.catalog.Trust.Hash()
	if v := p.Provenance; v.Covers(p, by) && v.ReadAt != nil {
		due = later(due, v.ReadAt.Add(policy.SoughtEvery))
	}
	w := promotion.ProvenanceWork{App: p.App, Repository: p.Repository, Digest: p.Digest, Trust: t.catalog.Trust}
	return t.AddEffect(promotion.NewEffect(promotion.EffectAttested, fmt.Sprintf("attested/%d/%s", p.ID, by), p.ID, w, due))
}

func (t *turn) move(p *promotion.Promotion) error {
	w := promotion.MoveWork{Repository: p.Destination, Digest: p.Digest, Targets: p.Targets}
	return t.AddEffect(promotion.NewEffect(promotion.EffectMove, fmt.Sprintf("move/%d", p.ID), p.ID, w, t.now))
}

func (t *turn) undo(p *promotion.Promotion, w promotion.UndoWork) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectUndo, fmt.Sprintf("undo/%d", p.ID), p.ID, w, t.now))
}

// tellTarget and observe are one order to one target: however often a promotion is
// told to go on, a target is told once. One that is tried again is another order.
func (t *turn) tellTarget(d promotion.Deployment) error {
	o := d.Order
	return t.AddEffect(promotion.NewEffect(promotion.EffectDeploy, "deploy/"+o.Key(), o.Promotion, promotion.DeployWork{Order: o}, t.now))
}

func (t *turn) observe(d promotion.Deployment, at time.Time) error {
	o := d.Order
	if at.After(o.Deadline) {
		at = o.Deadline
	}
	return t.AddEffect(promotion.NewEffect(promotion.EffectObserve, "observe/"+o.Key(), o.Promotion, promotion.DeployWork{Order: o}, at))
}

// stockAt has one target read about the order that it has done last.
func (t *turn) stockAt(o promotion.Order, at time.Time) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectStock, "stock/"+o.App+"/"+o.Environment+"/"+o.Target, 0, promotion.DeployWork{Order: o}, at))
}

// askAt asks one query about one promotion.
func (t *turn) askAt(p *promotion.Promotion, q policy.Query, at time.Time) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectMeasure, fmt.Sprintf("measure/%d/%s", p.ID, q.Number), p.ID, q.Ask(*p), at))
}

func (t *turn) lookUp(subjects []policy.Subject) error {
	for _, s := range subjects {
		e := promotion.NewEffect(promotion.EffectPerson, "person/"+string(s.Person), 0, promotion.PersonWork{ID: s.Person}, t.now)
		switch {
		case s.Group != "":
			e = promotion.NewEffect(promotion.EffectGroup, "group/"+string(s.Group), 0, promotion.GroupWork{ID: s.Group}, t.now)
		case s.Channel != "":
			e = promotion.NewEffect(promotion.EffectChannel, "channel/"+s.Channel, 0, promotion.ChannelWork{ID: s.Channel}, t.now)
		}
		if err := t.AddEffect(e); err != nil {
			return err
		}
	}
	return nil
}

// wakeAt has the promotion settled at the instant. The instant is part of the
// key: a wake that has become pointless does no harm.
func (t *turn) wakeAt(p *promotion.Promotion, at time.Time) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectWake, fmt.Sprintf("wake/%d/%d", p.ID, at.UnixMicro()), p.ID, struct{}{}, at))
}

// refreshEvery is how often the directory is read: often enough that a click
// is nearly always decided at once (policy.KnownFor), and for fifty approvers
// far below Slack's limit for users.info (tier 4, 100 a minute).
const refreshEvery = 10 * time.Minute

// refreshMost is how many members of user groups are read in advance: a fifth of
// that limit. Those of larger groups are read when they click.
const refreshMost = 200

func (t *turn) refreshAt(at time.Time) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectRefresh, "refresh", 0, struct{}{}, at))
}

func (t *turn) remindAt(r Reminder, before *time.Time) error {
	tick := r.nextTick(t.now, before)
	w := promotion.RemindWork{Schedule: r.Spec, Tick: tick}
	return t.AddEffect(promotion.NewEffect(promotion.EffectRemind, "remind/"+r.Spec, 0, w, tick))
}

// showHome has the home of a person drawn in a second that has not begun. The
// second is part of the key: what changes while one is being drawn is on the next.
func (t *turn) showHome(who promotion.PersonID, second time.Time) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectHome, fmt.Sprintf("home/%s/%d", who, second.Unix()), 0, promotion.HomeWork{Person: who}, second))
}

// welcome has it drawn at once.
func (t *turn) welcome(who promotion.PersonID) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectHome, fmt.Sprintf("welcome/%s/%d", who, t.now.Unix()), 0, promotion.HomeWork{Person: who}, t.now))
}

func (t *turn) stirHomes() error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectStirred, "stirred", 0, struct{}{}, t.now.Add(homeLead)))
}

// nudgeAt has those reminded who live in a time zone. There is one wake for each
// schedule and zone, however many they are.
func (t *turn) nudgeAt(w promotion.NudgeWork, at time.Time) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectNudge, "nudge/"+w.Schedule+"/"+w.Zone, 0, w, at))
}

// direct reminds one person of everything. What is to be sent to them within one
// minute is one message.
func (t *turn) direct(who promotion.PersonID, at time.Time) error {
	w := promotion.DirectWork{Person: who, At: at}
	return t.AddEffect(promotion.NewEffect(promotion.EffectDirect, fmt.Sprintf("direct/%s/%d", who, at.Truncate(time.Minute).Unix()), 0, w, at))
}

func (t *turn) againAt(who promotion.PersonID, at time.Time) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectAgain, fmt.Sprintf("again/%s/%d", who, at.UnixMicro()), 0, promotion.AgainWork{Person: who}, at))
}

func (t *turn) callOnAt(id promotion.ID, at time.Time) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectCallOn, fmt.Sprintf("call-on/%d/%d", id, at.UnixMicro()), id, struct{}{}, at))
}

func (t *turn) sumAt(w promotion.SumWork, at time.Time) error {
	return t.AddEffect(promotion.NewEffect(promotion.EffectSum, "sum/"+w.Schedule+"/"+w.Channel, 0, w, at))
}

// digest tells a channel once of what its schedule asks for at an instant.
func (t *turn) digest(s promotion.SumWork) error {
	w := promotion.DigestWork{Channel: s.Channel, Since: s.Since, Until: t.now}
	return t.AddEffect(promotion.NewEffect(promotion.EffectDigest, fmt.Sprintf("digest/%s/%s/%d", s.Schedule, s.Channel, s.Tick.Unix()), 0, w, t.now))
}
