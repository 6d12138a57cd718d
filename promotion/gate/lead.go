package gate

import (
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/policy"
)

// lead has the cards drawn again of what the promotion took the place of: it is
// known now where its own card is, and they lead there.
func (t *turn) lead(p *promotion.Promotion) error {
	before, err := t.query(Query{Successor: p.ID})
	if err != nil {
		return err
	}
	for _, old := range before {
		old.Touch() // or a card that is being drawn just now would stay as it is
		if err := t.save(old); err != nil {
			return err
		}
	}
	return nil
}

// follows notes where the card is of what has taken the place of the promotion.
func (t *turn) follows(p *promotion.Promotion, f *policy.Facts) error {
	if p.Successor == 0 {
		return nil
	}
	by, err := t.Promotion(p.Successor)
	if err == nil && by.Purpose == promotion.Ride {
		by, err = t.Promotion(by.Train)
	}
	f.SuccessorLink = by.Card.Link
	return err
}
