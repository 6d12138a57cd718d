package gate

import (
	"time"

	"github.com/promotebot/promotebot/promotion"
	"github.com/promotebot/promotebot/promotion/audit"
	"github.com/promotebot/promotebot/promotion/policy"
)

// expire ends a request whose time is over. It is nobody's decision, whoever's
// gesture brought it to light.
func (t *turn) expire(p *promotion.Promotion, at time.Time) error {
	actor := t.actor
	t.actor = audit.Self
	defer func() { t.actor = actor }()
	return t.end(p, promotion.Expired, policy.Expiration(at), map[string]any{"expired_at": at})
}

// expireAll ends everything whose time is over: a wake may not have come yet.
func (t *turn) expireAll() error {
	open, err := t.query(Query{Apart: true, States: []promotion.State{promotion.Open}})
	if err != nil {
		return err
	}
	for _, p := range open {
		d, err := t.document(p)
		if err != nil {
			return err
		}
		at, expired, err := t.lapsed(d, p)
		if err != nil {
			return err
		}
		if expired {
			if err := t.expire(p, at); err != nil {
				return err
			}
		}
	}
	return nil
}
