-- What promotebot last set, or was told to accept, behind each tag: a tag that
-- points elsewhere was moved by somebody else. Putting that right is a
-- promotion of its own kind.

ALTER TABLE promotion ADD COLUMN purpose TEXT NOT NULL DEFAULT 'promote' CHECK (purpose IN ('promote', 'restore', 'adopt'));

CREATE TABLE pin (
  app         TEXT NOT NULL,
  environment TEXT NOT NULL,
  tag         TEXT NOT NULL,
  digest      TEXT NOT NULL CHECK (length(digest) = 71 AND digest LIKE 'sha256:%'),
  promotion   BIGINT NOT NULL REFERENCES promotion (id),
  set_at      BIGINT NOT NULL,
  PRIMARY KEY (app, environment, tag)
) STRICT;
