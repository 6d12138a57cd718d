-- What was reported of digests, and who may report it over HTTP.

-- The newest report of a name counts; those before it stay for whoever asks
-- later.
CREATE TABLE check_report (
  id      BIGINT PRIMARY KEY CHECK (id > 0),
  app     TEXT NOT NULL CHECK (app <> ''),
  digest  TEXT NOT NULL CHECK (length(digest) = 71 AND digest LIKE 'sha256:%'),
  name    TEXT NOT NULL CHECK (name <> ''),
  status  TEXT NOT NULL CHECK (status IN ('running', 'passed', 'failed')),
  url     TEXT NOT NULL CHECK (url = '' OR url LIKE 'https://%'),
  summary TEXT NOT NULL CHECK (length(summary) <= 300),
  numbers TEXT NOT NULL, -- JSON object
  person  TEXT NOT NULL, -- who signed it off, or
  token   TEXT NOT NULL, -- the name of the token with which a machine reported it
  at      BIGINT NOT NULL,
  CHECK ((person = '') <> (token = '')),
  CHECK (person = '' OR status <> 'running')
) STRICT;
CREATE INDEX check_newest ON check_report (app, digest, name, id);
CREATE INDEX check_signed ON check_report (person, app, digest) WHERE person <> '';

CREATE TABLE token (
  id         TEXT PRIMARY KEY CHECK (id <> ''),
  name       TEXT NOT NULL CHECK (name <> ''),
  hash       TEXT NOT NULL CHECK (length(hash) = 64),
  scopes     TEXT NOT NULL, -- JSON array
  apps       TEXT NOT NULL, -- JSON array, empty for every app
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT
) STRICT;
CREATE UNIQUE INDEX token_name ON token (name) WHERE revoked_at IS NULL;

-- What was answered, under the key that the sender chose.
CREATE TABLE receipt (
  token  TEXT NOT NULL REFERENCES token (id),
  key    TEXT NOT NULL CHECK (key <> ''),
  sum    TEXT NOT NULL CHECK (length(sum) = 64),
  answer TEXT NOT NULL, -- JSON
  at     BIGINT NOT NULL,
  PRIMARY KEY (token, key)
) STRICT;
CREATE INDEX receipt_age ON receipt (at);
