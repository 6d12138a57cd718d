-- Who approves in the place of whom, until when.

CREATE TABLE delegation (
  id           BIGINT PRIMARY KEY CHECK (id > 0),
  app          TEXT NOT NULL, -- an app or a train; empty for everything
  delegator    TEXT NOT NULL CHECK (delegator <> ''),
  delegate     TEXT NOT NULL CHECK (delegate <> '' AND delegate <> delegator),
  from_at      BIGINT NOT NULL,
  until_at     BIGINT NOT NULL CHECK (until_at > from_at),
  ended_at     BIGINT,
  ended_by     TEXT NOT NULL,
  CHECK ((ended_at IS NULL) = (ended_by = ''))
) STRICT;
CREATE UNIQUE INDEX delegation_live ON delegation (delegator, app) WHERE ended_at IS NULL;
CREATE INDEX delegation_until ON delegation (until_at);

-- When somebody last asked for the approvals that are missing.
ALTER TABLE promotion ADD COLUMN reminded_at BIGINT;

-- A message of a channel is asked whether it is a card.
CREATE INDEX promotion_by_card ON promotion (card_ts);
