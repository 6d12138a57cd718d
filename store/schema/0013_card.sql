-- What a promotion takes the place of, so that its card can say what changes; and
-- where that card is, so that the card of what it superseded can lead there.

ALTER TABLE promotion ADD COLUMN former TEXT; -- JSON, NULL until it is known
ALTER TABLE promotion ADD COLUMN card_link TEXT NOT NULL DEFAULT '' CHECK (length(card_link) <= 500);
CREATE INDEX promotion_by_successor ON promotion (successor) WHERE successor IS NOT NULL;
