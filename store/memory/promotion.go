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
	if p.Image = pointee(p.Image); p.Image != nil {
		p.Image.Platforms = slices.Clone(p.Image.Platforms)
		p.Image.Labels = maps.Clone(p.Image.Labels)
		p.Image.Created = pointee(p.Image.Created)
	}
	if p.Copy = pointee(p.Copy); p.Copy != nil {
		p.Copy.DoneAt = pointee(p.Copy.DoneAt)
		p.Copy.Attached = slices.Clone(p.Copy.Attached)
	}
	if p.WayBack = pointee(p.WayBack); p.WayBack != nil {
		p.WayBack.ReadAt = pointee(p.WayBack.ReadAt)
		p.WayBack.Digests = slices.Clone(p.WayBack.Digests)
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
	p.SoakedAt, p.StartedAt, p.FinishedAt = instantOrNil(p.SoakedAt), instantOrNil(p.StartedAt), instantOrNil(p.FinishedAt)
	return p
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
	for id := promotion.ID(len(t.promotions.rows)); id > 0; id-- {
		if p := t.promotions.rows[id]; t.selects(q, &p) {
			found = append(found, copied(p))
			if len(found) == q.Limit {
				break
			}
		}
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
		q.Apart && p.Train != 0,
		q.NotSucceeded && p.Successor != 0,
		q.Standing && p.Undone(),
		q.Rollbacks && p.Back == nil,
		q.Unreviewed && p.Owed() == nil,
		q.ApprovedBy != "" && t.votes.rows[voteKey{p.ID, q.ApprovedBy}].Decision != promotion.Approve,
		q.SignedBy != "" && !t.signed(p, q.SignedBy),
		q.ObservedAfter != nil && !p.ObservedAt.After(instant(*q.ObservedAfter)),
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
		if id == p.ID || other.App != p.App || other.To != p.To || other.State.Final() || p.State.Final() {
			continue
		}
		if other.Digest == p.Digest || other.State == promotion.Executing && p.State == promotion.Executing {
			return twice(what)
		}
	}
	t.promotions.set(p.ID, copied(p))
	return nil
}

var states = []promotion.State{
	promotion.Open, promotion.Executing, promotion.Promoted, promotion.Conflicted, promotion.Failed, promotion.Rejected, promotion.Superseded, promotion.Expired,
}

var purposes = []promotion.Purpose{promotion.Forward, promotion.Restore, promotion.Adopt, promotion.Train, promotion.Ride, promotion.Rollback}

var onFailure = []promotion.OnFailure{"", promotion.Complete, promotion.TakeBack}

// violated names the CHECK of the schema that the row breaks.
func violated(p *promotion.Promotion) string {
	begun := slices.Contains([]promotion.State{promotion.Executing, promotion.Promoted, promotion.Conflicted, promotion.Failed}, p.State)
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
	case p.Card.Revision > p.Revision:
		return "card_revision <= revision"
	case (p.FinishedAt != nil) != p.State.Final():
		return "finished exactly when final"
	case begun && p.StartedAt == nil:
		return "started before it was executed"
	case p.EndedBy != "" && p.FinishedAt == nil:
		return "ended by somebody before it has finished"
	}
	return ""
}

func isDigest(d promotion.Digest) bool {
	return len(d) == 71 && strings.HasPrefix(string(d), "sha256:")
}
