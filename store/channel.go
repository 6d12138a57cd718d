package store

import "github.com/promotebot/promotebot/promotion"

func (t *tx) Channels(ids []string) (map[string]promotion.Channel, error) {
	channels := map[string]promotion.Channel{}
	if len(ids) == 0 {
		return channels, nil
	}
	var args []any
	list, err := scan(t, "read channels", func(r row) (promotion.Channel, error) {
		var c promotion.Channel
		var shared, read, since *int64
		err := r.Scan(&c.ID, &shared, &read, &c.Fault, &since)
		c.Shared, c.ReadAt, c.Since = shared != nil && *shared == 1, atOrNil(read), atOrNil(since)
		return c, err
	}, `SELECT id, shared, read_at, fault, since FROM channel WHERE id IN (`+in(&args, ids)+`)`, args...)
	for _, c := range list {
		channels[c.ID] = c
	}
	return channels, err
}

func (t *tx) SaveChannel(c promotion.Channel) error {
	var shared *int64
	if c.ReadAt != nil {
		shared = new(int64)
		if c.Shared {
			*shared = 1
		}
	}
	_, err := t.exec("record a channel", `INSERT INTO channel (id, shared, read_at, fault, since) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET shared = EXCLUDED.shared, read_at = EXCLUDED.read_at, fault = EXCLUDED.fault, since = EXCLUDED.since`,
		c.ID, shared, microsOrNull(c.ReadAt), c.Fault, microsOrNull(c.Since))
	return err
}
