-- What follows the tags: targets are told to run the digest, and for a while it
-- counts how that goes. There are new states, so the tables that have or point at
-- promotions are made anew, as before.

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
  state         TEXT NOT NULL CHECK (state IN ('open', 'executing', 'deploying', 'watching', 'failing', 'promoted', 'conflict', 'failed', 'rejected', 'superseded', 'expired')),
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
  way_back      TEXT,          -- JSON, NULL until it was read
  plan          TEXT NOT NULL CHECK (length(plan) <= 500),
  broken        TEXT,          -- JSON, NULL unless somebody broke the glass
  review_due    BIGINT CHECK (review_due IS NULL OR broken IS NOT NULL),
  former        TEXT,          -- JSON, NULL until it is known
  card_link     TEXT NOT NULL CHECK (length(card_link) <= 500),
  moved_at      BIGINT,        -- when its tags were read back, where something follows that
  watch_until   BIGINT CHECK (watch_until IS NULL OR moved_at IS NOT NULL),
  reminded_at   BIGINT,
  CHECK ((finished_at IS NOT NULL) = (state IN ('promoted', 'conflict', 'failed', 'rejected', 'superseded', 'expired'))),
  CHECK (state NOT IN ('executing', 'deploying', 'watching', 'failing', 'promoted', 'conflict', 'failed') OR started_at IS NOT NULL),
  CHECK (state NOT IN ('deploying', 'watching', 'failing') OR moved_at IS NOT NULL),
  CHECK (ended_by = '' OR finished_at IS NOT NULL)
) STRICT;
INSERT INTO promotion_new SELECT id, app, from_env, to_env, repository, digest, source_tag, requester, captures, state, reason, successor, revision,
  policy_hash, image, targets, plan_fault, read_fault, moves, observed_at, opened_at, soaked_at, started_at, finished_at,
  card_channel, card_ts, card_revision, destination, copy, purpose, train, on_failure, ended_by, way_back, plan, broken, review_due, former, card_link, NULL, NULL, reminded_at
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
INSERT INTO vote_new SELECT promotion, person, decision, ground, reason, terms, at, lifted_by FROM vote;

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

-- What a promotion does to its environment ends with its deployment: while it is
-- watched, a way back may be taken.
CREATE UNIQUE INDEX promotion_one_executing ON promotion (app, to_env) WHERE state IN ('executing', 'deploying');
CREATE UNIQUE INDEX promotion_one_open ON promotion (app, to_env, digest) WHERE state IN ('open', 'executing');
CREATE INDEX promotion_live ON promotion (state, app, to_env) WHERE finished_at IS NULL;
CREATE INDEX promotion_by_app ON promotion (app, id);
CREATE INDEX promotion_by_digest ON promotion (app, to_env, digest);
CREATE INDEX promotion_promoted ON promotion (app, to_env, observed_at) WHERE state = 'promoted';
CREATE INDEX promotion_liftable ON promotion (app, to_env) WHERE state = 'rejected' AND successor IS NULL;
CREATE INDEX promotion_by_train ON promotion (train) WHERE train IS NOT NULL;
CREATE INDEX promotion_unreviewed ON promotion (id) WHERE review_due IS NOT NULL;
CREATE INDEX promotion_by_card ON promotion (card_ts);
CREATE INDEX promotion_by_successor ON promotion (successor) WHERE successor IS NOT NULL;
CREATE INDEX promotion_finished ON promotion (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX vote_by_person ON vote (person, promotion);

-- One row for each target of a promotion, written with its intent.
CREATE TABLE deployment (
  promotion  BIGINT NOT NULL REFERENCES promotion (id),
  target     TEXT NOT NULL CHECK (target <> ''),
  place      BIGINT NOT NULL CHECK (place >= 0),
  phase      TEXT NOT NULL CHECK (phase IN ('planned', 'ordered', 'asked', 'rolling', 'done', 'failed')),
  body       TEXT NOT NULL, -- JSON: the order, and what was last read
  fault      TEXT NOT NULL,
  ordered_at BIGINT,
  ended_at   BIGINT,
  PRIMARY KEY (promotion, target),
  CHECK ((ordered_at IS NULL) = (phase = 'planned')),
  CHECK ((ended_at IS NOT NULL) = (phase IN ('done', 'failed')))
) STRICT;
CREATE UNIQUE INDEX deployment_place ON deployment (promotion, place);
