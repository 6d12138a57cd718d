package memory

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/gate"
)

// instant is a time as the rows keep it: UTC, in microseconds.
func instant(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }

func instantOrNil(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	at := instant(*t)
	return &at
}

func pointee[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// copied shares nothing with p that could be changed.
func copied(p promotion.Promotion) promotion.Promotion {
	p.Captures = maps.Clone(p.Captures)
	p.Targets = slices.Clone(p.Targets)
	for i := range p.Targets {
		p.Targets[i].ReadAt = pointee(p.Targets[i].ReadAt)
	}
	p.Moves = slices.Clone(p.Moves)
	p.Image = copiedImage(p.Image)
	if p.Former = pointee(p.Former); p.Former != nil {
		p.Former.Image = copiedImage(p.Former.Image)
	}
	if p.Copy = pointee(p.Copy); p.Copy != nil {
		p.Copy.DoneAt = pointee(p.Copy.DoneAt)
		p.Copy.Attached = slices.Clone(p.Copy.Attached)
	}
	if p.WayBack = pointee(p.WayBack); p.WayBack != nil {
		p.WayBack.ReadAt = pointee(p.WayBack.ReadAt)
		p.WayBack.Digests = slices.Clone(p.WayBack.Digests)
	}
	if p.Provenance = pointee(p.Provenance); p.Provenance != nil {
		p.Provenance.ReadAt = pointee(p.Provenance.ReadAt)
		p.Provenance.Found.Refused = slices.Clone(p.Provenance.Found.Refused)
	}
	if p.Broken = pointee(p.Broken); p.Broken != nil {
		p.Broken.Skipped, p.Broken.Reviewers = slices.Clone(p.Broken.Skipped), slices.Clone(p.Broken.Reviewers)
		p.Broken.Terms.Targets = slices.Clone(p.Broken.Terms.Targets)
		p.Broken.Review = pointee(p.Broken.Review)
	}
	if p.Back = pointee(p.Back); p.Back != nil {
		p.Back.Since = instant(p.Back.Since)
	}
	p.ObservedAt, p.OpenedAt = instant(p.ObservedAt), instant(p.OpenedAt)
	p.RemindedAt = instantOrNil(p.RemindedAt)
	p.SoakedAt, p.StartedAt, p.FinishedAt = instantOrNil(p.SoakedAt), instantOrNil(p.StartedAt), instantOrNil(p.FinishedAt)
	p.MovedAt, p.WatchUntil = instantOrNil(p.MovedAt), instantOrNil(p.WatchUntil)
	return p
}

func copiedImage(i *promotion.Image) *promotion.Image {
	if i = pointee(i); i != nil {
		i.Platforms, i.Manifests, i.Layers, i.Labels = slices.Clone(i.Platforms), slices.Clone(i.Manifests), slices.Clone(i.Layers), maps.Clone(i.Labels)
		i.Created = pointee(i.Created)
	}
	return i
}

func (t *tx) Promotion(id promotion.ID) (promotion.Promotion, error) {
	p, ok := t.promotions.rows[id]
	if !ok {
		return p, promotion.Errorf(promotion.NotFound, "there is no promotion #%d", id)
	}
	return copied(p), nil
}

func (t *tx) Promotions(q gate.Query) ([]promotion.Promotion, error) {
	var found []promotion.Promotion
	last := promotion.ID(len(t.promotions.rows))
	skip := q.Skip
	for i := range last {
		id := last - i
		if q.After != 0 {
			id = i + 1
		}
		p := t.promotions.rows[id]
		if !t.selects(q, &p) {
			continue
		}
		if skip--; skip >= 0 && q.Limit > 0 {
			continue
		}
		if found = append(found, copied(p)); len(found) == q.Limit {
			break
		}
	}
	if q.After != 0 {
		slices.Reverse(found)
	}
	return found, nil
}

func (t *tx) selects(q gate.Query, p *promotion.Promotion) bool {
	switch {
	case q.App != "" && p.App != q.App,
		q.From != "" && p.From != q.From,
		q.To != "" && p.To != q.To,
		q.Digest != "" && p.Digest != q.Digest,
		!strings.HasPrefix(string(p.Digest), "sha256:"+q.DigestPrefix),
		len(q.States) > 0 && !slices.Contains(q.States, p.State),
		len(q.Purposes) > 0 && !slices.Contains(q.Purposes, p.Purpose),
		q.Train != 0 && p.Train != q.Train,
		q.Successor != 0 && p.Successor != q.Successor,
		q.Apart && p.Train != 0,
		q.NotSucceeded && p.Successor != 0,
		q.Standing && p.Undone(),
		q.Rollbacks && p.Back == nil,
		q.Unreviewed && p.Owed() == nil,
		q.ApprovedBy != "" && t.votes.rows[voteKey{p.ID, q.ApprovedBy}].Decision != promotion.Approve,
		q.SignedBy != "" && !t.signed(p, q.SignedBy),
		q.ObservedAfter != nil && !p.ObservedAt.After(instant(*q.ObservedAfter)),
		q.CardTS != "" && (p.Card.TS != q.CardTS || p.Card.Channel != q.CardChannel),
		q.After != 0 && p.ID <= q.After,
		q.FinishedSince != nil && (p.FinishedAt == nil || p.FinishedAt.Before(instant(*q.FinishedSince))),
		q.Before != 0 && p.ID >= q.Before:
		return false
	}
	return true
}

func (t *tx) AddPromotion(p *promotion.Promotion) error {
	p.ID = promotion.ID(len(t.promotions.rows) + 1) // promotions are never removed
	return t.put("open a promotion", *p)
}

func (t *tx) SavePromotion(p promotion.Promotion, was int64) error {
	if had, ok := t.promotions.rows[p.ID]; !ok || had.Revision != was {
		return tooLate("save a promotion")
	}
	return t.put("save a promotion", p)
}

func (t *tx) put(what string, p promotion.Promotion) error {
	if err := t.writable(); err != nil {
		return err
	}
	if rule := violated(&p); rule != "" {
		return forbidden(what, rule)
	}
	if _, exists := t.promotions.rows[p.Successor]; p.Successor != 0 && p.Successor != p.ID && !exists {
		return forbidden(what, "successor")
	}
	if _, exists := t.promotions.rows[p.UndoneBy]; p.Undone() && !exists {
		return forbidden(what, "undone_by")
	}
	if _, exists := t.promotions.rows[p.Train]; p.Train != 0 && p.Train != p.ID && !exists {
		return forbidden(what, "train")
	}
	for id, other := range t.promotions.rows {
		if id == p.ID || other.App != p.App || other.To != p.To {
			continue
		}
		if other.Digest == p.Digest && ahead(other.State) && ahead(p.State) || other.State.Moves() && p.State.Moves() {
			return twice(what)
		}
	}
	t.promotions.set(p.ID, copied(p))
	return nil
}

// ahead tells whether the tags are still to be moved.
func ahead(s promotion.State) bool { return s == promotion.Open || s == promotion.Executing }

var states = append(promotion.Unfinished(),
	promotion.Promoted, promotion.Conflicted, promotion.Failed, promotion.Rejected, promotion.Superseded, promotion.Expired)

// followed are the states that follow the tags.
var followed = []promotion.State{promotion.Deploying, promotion.Watching, promotion.Failing}

var purposes = []promotion.Purpose{promotion.Forward, promotion.Restore, promotion.Adopt, promotion.Train, promotion.Ride, promotion.Rollback}

var onFailure = []promotion.OnFailure{"", promotion.Complete, promotion.TakeBack}

// violated names the CHECK of the schema that the row breaks.
func violated(p *promotion.Promotion) string {
	follows := slices.Contains(followed, p.State)
	begun := follows || slices.Contains([]promotion.State{promotion.Executing, promotion.Promoted, promotion.Conflicted, promotion.Failed}, p.State)
	switch {
	case p.From == p.To:
		return "to_env <> from_env"
	case !isDigest(p.Digest):
		return "digest"
	case !slices.Contains(purposes, p.Purpose):
		return "purpose"
	case !slices.Contains(onFailure, p.OnFailure):
		return "on_failure"
	case p.Back != nil && p.Purpose != promotion.Rollback:
		return "back"
	case utf8.RuneCountInString(p.Plan) > 500:
		return "plan"
	case !slices.Contains(states, p.State):
		return "state"
	case p.Revision <= 0:
		return "revision > 0"
	case utf8.RuneCountInString(p.Card.Link) > 500:
		return "card_link"
	case p.Card.Revision > p.Revision:
		return "card_revision <= revision"
	case (p.FinishedAt != nil) != p.State.Final():
		return "finished exactly when final"
	case begun && p.StartedAt == nil:
		return "started before it was executed"
	case follows && p.MovedAt == nil:
		return "moved before something follows that"
	case p.WatchUntil != nil && p.MovedAt == nil:
		return "moved before it is watched"
	case p.EndedBy != "" && p.FinishedAt == nil:
		return "ended by somebody before it has finished"
	}
	return ""
}

func isDigest(d promotion.Digest) bool {
	return len(d) == 71 && strings.HasPrefix(string(d), "sha256:")
}
