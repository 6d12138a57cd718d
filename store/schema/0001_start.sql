-- One text for both databases. Times are microseconds since 1970 in UTC; an
-- absent time is NULL, never 0. What the program must never write, the schema
-- refuses. STRICT and the type names are adapted by store.Dialect.

CREATE TABLE sequence (
  name TEXT PRIMARY KEY,
  last BIGINT NOT NULL
) STRICT;

CREATE TABLE promotion (
  id            BIGINT PRIMARY KEY CHECK (id > 0),
  app           TEXT NOT NULL,
  from_env      TEXT NOT NULL,
  to_env        TEXT NOT NULL CHECK (to_env <> from_env),
  repository    TEXT NOT NULL,
  digest        TEXT NOT NULL CHECK (length(digest) = 71 AND digest LIKE 'sha256:%'),
  source_tag    TEXT NOT NULL,
  requester     TEXT NOT NULL,
  captures      TEXT NOT NULL, -- JSON object
  state         TEXT NOT NULL CHECK (state IN ('open', 'executing', 'promoted', 'conflict', 'failed', 'rejected', 'superseded')),
  reason        TEXT NOT NULL,
  successor     BIGINT REFERENCES promotion (id),
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
  CHECK ((finished_at IS NOT NULL) = (state IN ('promoted', 'conflict', 'failed', 'rejected', 'superseded'))),
  CHECK (state NOT IN ('executing', 'promoted', 'conflict', 'failed') OR started_at IS NOT NULL)
) STRICT;

-- One promotion at a time moves the tags of a target, and a digest is asked
-- about once at a time.
CREATE UNIQUE INDEX promotion_one_executing ON promotion (app, to_env) WHERE state = 'executing';
CREATE UNIQUE INDEX promotion_one_open ON promotion (app, to_env, digest) WHERE state IN ('open', 'executing');
CREATE INDEX promotion_live ON promotion (state, app, to_env) WHERE state IN ('open', 'executing');
CREATE INDEX promotion_by_app ON promotion (app, id);
CREATE INDEX promotion_by_digest ON promotion (app, to_env, digest);
CREATE INDEX promotion_promoted ON promotion (app, to_env, observed_at) WHERE state = 'promoted';

CREATE TABLE vote (
  promotion BIGINT NOT NULL REFERENCES promotion (id),
  person    TEXT NOT NULL CHECK (person <> ''),
  decision  TEXT NOT NULL CHECK (decision IN ('approve', 'reject')),
  reason    TEXT NOT NULL,
  terms     TEXT NOT NULL, -- JSON: what the voter saw
  at        BIGINT NOT NULL,
  PRIMARY KEY (promotion, person)
) STRICT;
CREATE INDEX vote_by_person ON vote (person, promotion);

-- A tag of an app in an environment pointed at a digest from from_at until
-- until_at. Side 'source' is what soaks, 'held' is what promotions set.
CREATE TABLE holding (
  app         TEXT NOT NULL,
  environment TEXT NOT NULL,
  side        TEXT NOT NULL CHECK (side IN ('source', 'held')),
  tag         TEXT NOT NULL,
  digest      TEXT NOT NULL,
  captures    TEXT NOT NULL,
  from_at     BIGINT NOT NULL,
  until_at    BIGINT
) STRICT;
CREATE UNIQUE INDEX holding_open ON holding (app, environment, side, tag) WHERE until_at IS NULL;
CREATE INDEX holding_by_digest ON holding (app, environment, side, digest);

CREATE TABLE watch (
  app         TEXT NOT NULL,
  environment TEXT NOT NULL,
  side        TEXT NOT NULL CHECK (side IN ('source', 'held')),
  fault       TEXT NOT NULL,
  since       BIGINT NOT NULL,
  PRIMARY KEY (app, environment, side)
) STRICT;

CREATE TABLE person (
  id        TEXT PRIMARY KEY,
  name      TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  standing  TEXT NOT NULL CHECK (standing IN ('member', 'guest', 'external', 'bot', 'deactivated', 'unknown')),
  read_at   BIGINT NOT NULL
) STRICT;

CREATE TABLE user_group (
  id      TEXT PRIMARY KEY,
  handle  TEXT NOT NULL,
  members TEXT NOT NULL, -- JSON array
  read_at BIGINT NOT NULL,
  fault   TEXT NOT NULL
) STRICT;

CREATE TABLE gesture (
  key        TEXT PRIMARY KEY,
  person     TEXT NOT NULL,
  body       TEXT NOT NULL, -- JSON
  taken_at   BIGINT NOT NULL,
  answer     TEXT,          -- JSON, NULL until it is decided
  decided_at BIGINT,
  CHECK ((answer IS NULL) = (decided_at IS NULL))
) STRICT;
CREATE INDEX gesture_undecided ON gesture (taken_at) WHERE answer IS NULL;

-- The outbox. A claimed effect is due again when its lease ends.
CREATE TABLE effect (
  id          BIGINT PRIMARY KEY,
  kind        TEXT NOT NULL,
  key         TEXT NOT NULL UNIQUE,
  promotion   BIGINT NOT NULL,
  payload     TEXT NOT NULL, -- JSON
  due_at      BIGINT NOT NULL,
  attempt     BIGINT NOT NULL,
  owner       TEXT NOT NULL,
  lease_until BIGINT,
  last_error  TEXT NOT NULL
) STRICT;
CREATE INDEX effect_due ON effect (kind, due_at);

CREATE TABLE audit_entry (
  seq  BIGINT PRIMARY KEY,
  at   BIGINT NOT NULL,
  body BYTEA NOT NULL
) STRICT;

CREATE TABLE audit_node (
  id   BIGINT PRIMARY KEY,
  hash BYTEA NOT NULL
) STRICT;
