package gate

import (
	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// housed is what is known of the channel in which the card is.
func (t *turn) housed(p *promotion.Promotion) (*promotion.Channel, error) {
	known, err := t.Channels([]string{p.Card.Channel})
	if c, ok := known[p.Card.Channel]; ok {
		return &c, err
	}
	return nil, err
}

func (t *turn) channelRead(c promotion.Channel) error {
	known, err := t.Channels([]string{c.ID})
	if err != nil {
		return err
	}
	had := known[c.ID]
	if c.ReadAt != nil {
		c.ReadAt = &t.now
	}
	if c.Fault != "" {
		if c.Since = had.Since; c.Since == nil {
			c.Since = &t.now
		}
	}
	changed := had.Fault != c.Fault || had.Shared != c.Shared || (had.ReadAt == nil) != (c.ReadAt == nil)
	if changed && (c.Fault != "" || c.Shared || had.ID != "") { // that all is well is no news
		if err := t.record(audit.Rehoused, nil, map[string]any{"channel": c.ID, "shared": c.Shared, "fault": c.Fault}); err != nil {
			return err
		}
	}
	if err := t.SaveChannel(c); err != nil {
		return err
	}
	open, err := t.query(Query{States: []promotion.State{promotion.Open}})
	if err != nil {
		return err
	}
	for _, p := range open {
		d, err := t.document(p)
		if err != nil {
			return err
		}
		if p.Card.Channel != c.ID || !d.RefuseShared {
			continue
		}
		if changed {
			p.Touch()
		}
		if _, err := t.settle(p); err != nil {
			return err
		}
	}
	return nil
}

// notDrawn asks why a card can't be drawn: Slack says of its channel that it is
// archived, or that the bot is not in it, and that is said where somebody looks.
func (t *turn) notDrawn(e promotion.Effect) error {
	p, err := t.load(e.Promotion)
	if err != nil {
		return err
	}
	return t.lookUp([]policy.Subject{{Channel: p.Card.Channel}})
}
