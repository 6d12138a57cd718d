-- What makes time not count, and what keeps promotions from going ahead although
-- they lack nothing. People are ids; programs are "token:NAME".

CREATE TABLE incident (
  id          BIGINT PRIMARY KEY CHECK (id > 0),
  key         TEXT NOT NULL, -- empty when its reporter has no name for it
  app         TEXT NOT NULL, -- empty for all apps
  environment TEXT NOT NULL, -- empty for whichever is asked about
  severity    TEXT NOT NULL CHECK (severity <> ''),
  summary     TEXT NOT NULL,
  from_at     BIGINT NOT NULL,
  reported_at BIGINT NOT NULL CHECK (from_at <= reported_at),
  reported_by TEXT NOT NULL CHECK (reported_by <> ''),
  resolved_at BIGINT,
  resolved_by TEXT NOT NULL,
  CHECK ((resolved_at IS NULL) = (resolved_by = ''))
) STRICT;
CREATE UNIQUE INDEX incident_one_open ON incident (key) WHERE key <> '' AND resolved_at IS NULL;
CREATE INDEX incident_by_key ON incident (key) WHERE key <> '';
CREATE INDEX incident_open ON incident (app) WHERE resolved_at IS NULL;
CREATE INDEX incident_resolved ON incident (app, resolved_at);

-- Not having been reported unhealthy is being healthy.
CREATE TABLE unhealth (
  app         TEXT NOT NULL, -- empty for all apps
  environment TEXT NOT NULL CHECK (environment <> ''),
  reason      TEXT NOT NULL,
  from_at     BIGINT NOT NULL,
  until_at    BIGINT
) STRICT;
CREATE UNIQUE INDEX unhealth_open ON unhealth (app, environment) WHERE until_at IS NULL;
CREATE INDEX unhealth_over ON unhealth (app, environment, until_at);

-- The newest reading of each counter.
CREATE TABLE exposure (
  app         TEXT NOT NULL,
  environment TEXT NOT NULL,
  digest      TEXT NOT NULL CHECK (length(digest) = 71 AND digest LIKE 'sha256:%'),
  source      TEXT NOT NULL,
  requests    BIGINT NOT NULL CHECK (requests >= 0),
  pod_time    BIGINT NOT NULL CHECK (pod_time >= 0), -- microseconds
  PRIMARY KEY (app, environment, digest, source)
) STRICT;

CREATE TABLE freeze (
  id        BIGINT PRIMARY KEY CHECK (id > 0),
  app       TEXT NOT NULL, -- an app or a train; empty for everything
  from_at   BIGINT NOT NULL,
  until_at  BIGINT CHECK (until_at > from_at),
  reason    TEXT NOT NULL,
  frozen_by TEXT NOT NULL CHECK (frozen_by <> ''),
  lifted_at BIGINT,
  lifted_by TEXT NOT NULL,
  CHECK ((lifted_at IS NULL) = (lifted_by = ''))
) STRICT;
CREATE INDEX freeze_live ON freeze (app) WHERE lifted_at IS NULL;

CREATE TABLE hold (
  id        BIGINT PRIMARY KEY CHECK (id > 0),
  app       TEXT NOT NULL CHECK (app <> ''), -- an app or a train
  digest    TEXT NOT NULL, -- empty for every candidate
  held_by   TEXT NOT NULL CHECK (held_by <> ''),
  reason    TEXT NOT NULL,
  held_at   BIGINT NOT NULL,
  lifted_at BIGINT,
  lifted_by TEXT NOT NULL,
  CHECK ((lifted_at IS NULL) = (lifted_by = ''))
) STRICT;
CREATE UNIQUE INDEX hold_live ON hold (app, digest, held_by) WHERE lifted_at IS NULL;
