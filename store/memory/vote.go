package memory

import (
	"cmp"
	"slices"

	"github.com/promotebot/promotebot/promotion"
)

func (t *tx) Votes(of promotion.ID) ([]promotion.Vote, error) {
	var all []promotion.Vote
	for k, v := range t.votes.rows {
		if k.of == of {
			v.Terms.Targets = slices.Clone(v.Terms.Targets)
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b promotion.Vote) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Person, b.Person))
	})
	return all, nil
}

func (t *tx) SaveVote(v promotion.Vote) error {
	if err := t.writable(); err != nil {
		return err
	}
	_, exists := t.promotions.rows[v.Promotion]
	switch {
	case !exists:
		return forbidden("record a vote", "promotion")
	case v.Person == "":
		return forbidden("record a vote", "person <> ''")
	case v.Decision != promotion.Approve && v.Decision != promotion.Reject && v.Decision != promotion.Withdraw:
		return forbidden("record a vote", "decision")
	case v.Ground != "" && v.Decision != promotion.Reject:
		return forbidden("record a vote", "ground")
	case v.LiftedBy != "" && v.Decision != promotion.Reject:
		return forbidden("record a vote", "lifted_by")
	}
	v.At = instant(v.At)
	v.Terms.Targets = slices.Clone(v.Terms.Targets)
	t.votes.set(voteKey{v.Promotion, v.Person}, v)
	return nil
}
