package memory

import "github.com/promotebot/promotebot/promotion"

func (t *tx) Channels(ids []string) (map[string]promotion.Channel, error) {
	found := make(map[string]promotion.Channel, len(ids))
	for _, id := range ids {
		if c, ok := t.channels.rows[id]; ok {
			c.ReadAt, c.Since = pointee(c.ReadAt), pointee(c.Since)
			found[id] = c
		}
	}
	return found, nil
}

func (t *tx) SaveChannel(c promotion.Channel) error {
	const what = "record a channel"
	if err := t.writable(); err != nil {
		return err
	}
	switch {
	case c.ID == "":
		return forbidden(what, "id")
	case (c.Since == nil) != (c.Fault == ""):
		return forbidden(what, "since")
	}
	c.Shared = c.Shared && c.ReadAt != nil
	c.ReadAt, c.Since = instantOrNil(c.ReadAt), instantOrNil(c.Since)
	t.channels.set(c.ID, c)
	return nil
}
