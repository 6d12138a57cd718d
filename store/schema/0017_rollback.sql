-- Going back to what was there before, and digests that are known to be bad.

ALTER TABLE promotion ADD COLUMN back TEXT CHECK (back IS NULL OR purpose = 'rollback'); -- JSON, NULL unless it is a rollback
ALTER TABLE promotion ADD COLUMN undone_by BIGINT REFERENCES promotion (id);

-- What was promoted to an environment, the newest first; and what was gone back to.
CREATE INDEX promotion_arrived ON promotion (app, to_env, id) WHERE state = 'promoted';
CREATE INDEX promotion_went_back ON promotion (app, to_env, id) WHERE state = 'promoted' AND back IS NOT NULL;

-- What was rolled back is held, be it that nobody decided so. What a column may
-- hold can't be altered in place on both databases.
CREATE TABLE hold_new (
  id        BIGINT PRIMARY KEY CHECK (id > 0),
  app       TEXT NOT NULL CHECK (app <> ''), -- an app or a train
  digest    TEXT NOT NULL, -- empty for every candidate
  held_by   TEXT NOT NULL, -- empty when it was nobody's decision
  rollback  BIGINT, -- the promotion after which it is held
  reason    TEXT NOT NULL,
  held_at   BIGINT NOT NULL,
  lifted_at BIGINT,
  lifted_by TEXT NOT NULL,
  CHECK (held_by <> '' OR rollback IS NOT NULL),
  CHECK (rollback IS NULL OR digest <> ''),
  CHECK ((lifted_at IS NULL) = (lifted_by = ''))
) STRICT;
INSERT INTO hold_new SELECT id, app, digest, held_by, NULL, reason, held_at, lifted_at, lifted_by FROM hold;
DROP TABLE hold;
ALTER TABLE hold_new RENAME TO hold;
CREATE UNIQUE INDEX hold_live ON hold (app, digest, held_by, COALESCE(rollback, 0)) WHERE lifted_at IS NULL;

CREATE TABLE withdrawal (
  id            BIGINT PRIMARY KEY CHECK (id > 0),
  app           TEXT NOT NULL CHECK (app <> ''),
  digest        TEXT NOT NULL CHECK (length(digest) = 71 AND digest LIKE 'sha256:%'),
  withdrawn_by  TEXT NOT NULL CHECK (withdrawn_by <> ''),
  reason        TEXT NOT NULL CHECK (reason <> ''),
  at            BIGINT NOT NULL,
  reinstated_at BIGINT,
  reinstated_by TEXT NOT NULL CHECK (reinstated_by <> withdrawn_by),
  CHECK ((reinstated_at IS NULL) = (reinstated_by = ''))
) STRICT;
CREATE UNIQUE INDEX withdrawal_live ON withdrawal (app, digest) WHERE reinstated_at IS NULL;
CREATE INDEX withdrawal_by_app ON withdrawal (app, id);
