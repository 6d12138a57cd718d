-- An approval can be taken back, a rejection has a ground and can be lifted, and
-- a request can expire. What a column may hold can't be altered in place on both
-- databases, so the tables are made anew: those that point at promotions first,
-- because they must not be there when the old ones go.

CREATE TABLE promotion_new (
  id            BIGINT PRIMARY KEY CHECK (id > 0),
  app           TEXT NOT NULL,
  from_env      TEXT NOT NULL,
  to_env        TEXT NOT NULL CHECK (to_env <> from_env),
  repository    TEXT NOT NULL,
  digest        TEXT NOT NULL CHECK (length(digest) = 71 AND digest LIKE 'sha256:%'),
  source_tag    TEXT NOT NULL,
  requester     TEXT NOT NULL,
  captures      TEXT NOT NULL, -- JSON object
  state         TEXT NOT NULL CHECK (state IN ('open', 'executing', 'promoted', 'conflict', 'failed', 'rejected', 'superseded', 'expired')),
  reason        TEXT NOT NULL,
  successor     BIGINT REFERENCES promotion_new (id),
  revision      BIGINT NOT NULL CHECK (revision > 0),
  policy_hash   TEXT NOT NULL,
  image         TEXT,          -- JSON, NULL until it was read
  targets       TEXT NOT NULL, -- JSON array
  plan_fault    TEXT NOT NULL,
  read_fault    TEXT NOT NULL,
  moves         TEXT NOT NULL, -- JSON array
  observed_at   BIGINT NOT NULL,
  opened_at     BIGINT NOT NULL,
  soaked_at     BIGINT,
  started_at    BIGINT,
  finished_at   BIGINT,
  card_channel  TEXT NOT NULL,
  card_ts       TEXT NOT NULL,
  card_revision BIGINT NOT NULL CHECK (card_revision <= revision),
  destination   TEXT NOT NULL,
  copy          TEXT,          -- JSON, NULL until it is begun
  purpose       TEXT NOT NULL CHECK (purpose IN ('promote', 'restore', 'adopt', 'train', 'ride', 'rollback')),
  train         BIGINT REFERENCES promotion_new (id),
  on_failure    TEXT NOT NULL CHECK (on_failure IN ('', 'complete', 'take-back')),
  ended_by      TEXT NOT NULL, -- whose decision its end was; empty when it was nobody's
  CHECK ((finished_at IS NOT NULL) = (state IN ('promoted', 'conflict', 'failed', 'rejected', 'superseded', 'expired'))),
  CHECK (state NOT IN ('executing', 'promoted', 'conflict', 'failed') OR started_at IS NOT NULL),
  CHECK (ended_by = '' OR finished_at IS NOT NULL)
) STRICT;
INSERT INTO promotion_new SELECT id, app, from_env, to_env, repository, digest, source_tag, requester, captures, state, reason,
  -- What was rejected before something else came can't be lifted any more.
  CASE WHEN state = 'rejected' THEN (SELECT MIN(later.id) FROM promotion later WHERE later.app = promotion.app AND later.to_env = promotion.to_env AND later.id > promotion.id) ELSE successor END,
  revision, policy_hash, image, targets, plan_fault, read_fault, moves, observed_at, opened_at, soaked_at, started_at, finished_at,
  card_channel, card_ts, card_revision, destination, copy, purpose, train, on_failure,
  CASE WHEN state = 'rejected' THEN COALESCE((SELECT person FROM vote WHERE vote.promotion = promotion.id AND decision = 'reject' ORDER BY at DESC LIMIT 1), '') ELSE '' END
FROM promotion ORDER BY id;

CREATE TABLE vote_new (
  promotion BIGINT NOT NULL REFERENCES promotion_new (id),
  person    TEXT NOT NULL CHECK (person <> ''),
  decision  TEXT NOT NULL CHECK (decision IN ('approve', 'reject', 'withdraw')),
  ground    TEXT NOT NULL CHECK (ground = '' OR decision = 'reject'),
  reason    TEXT NOT NULL,
  terms     TEXT NOT NULL, -- JSON: what the voter saw
  at        BIGINT NOT NULL,
  lifted_by TEXT NOT NULL CHECK (lifted_by = '' OR decision = 'reject'),
  PRIMARY KEY (promotion, person)
) STRICT;
INSERT INTO vote_new SELECT promotion, person, decision, '', reason, terms, at, '' FROM vote;

CREATE TABLE pin_new (
  app         TEXT NOT NULL,
  environment TEXT NOT NULL,
  tag         TEXT NOT NULL,
  digest      TEXT NOT NULL CHECK (length(digest) = 71 AND digest LIKE 'sha256:%'),
  promotion   BIGINT NOT NULL REFERENCES promotion_new (id),
  set_at      BIGINT NOT NULL,
  PRIMARY KEY (app, environment, tag)
) STRICT;
INSERT INTO pin_new SELECT app, environment, tag, digest, promotion, set_at FROM pin;

DROP TABLE vote;
DROP TABLE pin;
DROP TABLE promotion;
ALTER TABLE promotion_new RENAME TO promotion;
ALTER TABLE vote_new RENAME TO vote;
ALTER TABLE pin_new RENAME TO pin;

CREATE UNIQUE INDEX promotion_one_executing ON promotion (app, to_env) WHERE state = 'executing';
CREATE UNIQUE INDEX promotion_one_open ON promotion (app, to_env, digest) WHERE state IN ('open', 'executing');
CREATE INDEX promotion_live ON promotion (state, app, to_env) WHERE finished_at IS NULL;
CREATE INDEX promotion_by_app ON promotion (app, id);
CREATE INDEX promotion_by_digest ON promotion (app, to_env, digest);
CREATE INDEX promotion_promoted ON promotion (app, to_env, observed_at) WHERE state = 'promoted';
CREATE INDEX promotion_liftable ON promotion (app, to_env) WHERE state = 'rejected' AND successor IS NULL;
CREATE INDEX promotion_by_train ON promotion (train) WHERE train IS NOT NULL;
CREATE INDEX vote_by_person ON vote (person, promotion);
