-- What Slack said about a channel in which cards are posted.

CREATE TABLE channel (
  id      TEXT PRIMARY KEY CHECK (id <> ''),
  shared  BIGINT CHECK (shared IN (0, 1)), -- NULL while Slack has not said it
  read_at BIGINT CHECK ((read_at IS NULL) = (shared IS NULL)),
  fault   TEXT NOT NULL,
  since   BIGINT CHECK ((since IS NULL) = (fault = ''))
) STRICT;
