-- Who wrote what is in a digest, as pipelines report it from the history. A
-- report only adds: there is no row to take anybody out.
CREATE TABLE author (
  app       TEXT NOT NULL CHECK (app <> ''),
  digest    TEXT NOT NULL CHECK (length(digest) = 71 AND digest LIKE 'sha256:%'),
  author    TEXT NOT NULL CHECK (author <> '' AND length(author) <= 200),
  revisions TEXT NOT NULL, -- a range of commits; empty when it was not said
  token     TEXT NOT NULL CHECK (token <> ''), -- the name of the token with which it was reported first
  at        BIGINT NOT NULL,
  PRIMARY KEY (app, digest, author)
) STRICT;
