-- What promotebot last set, or was told to accept, behind each tag: a tag that
-- points elsewhere was moved by somebody else. Putting that right is a
-- promotion of its own kind.

ALTER TABLE promotion ADD COLUMN purpose TEXT NOT NULL DEFAULT 'promote' CHECK (purpose IN ('promote', 'restore', 'adopt', 'train', 'ride', 'rollback'));

-- A train is several apps that are decided as one; its rides are promotions
-- that point at it.
ALTER TABLE promotion ADD COLUMN train BIGINT REFERENCES promotion (id);
ALTER TABLE promotion ADD COLUMN on_failure TEXT NOT NULL DEFAULT '' CHECK (on_failure IN ('', 'complete', 'take-back'));
CREATE INDEX promotion_by_train ON promotion (train) WHERE train IS NOT NULL;

CREATE TABLE pin (
  app         TEXT NOT NULL,
  environment TEXT NOT NULL,
  tag         TEXT NOT NULL,
  digest      TEXT NOT NULL CHECK (length(digest) = 71 AND digest LIKE 'sha256:%'),
  promotion   BIGINT NOT NULL REFERENCES promotion (id),
  set_at      BIGINT NOT NULL,
  PRIMARY KEY (app, environment, tag)
) STRICT;
