-- What runs in each target, as it was last read, against the order that it has done
-- last.
CREATE TABLE stock (
  app         TEXT NOT NULL CHECK (app <> ''),
  environment TEXT NOT NULL CHECK (environment <> ''),
  target      TEXT NOT NULL CHECK (target <> ''),
  promotion   BIGINT NOT NULL REFERENCES promotion (id),
  others      TEXT NOT NULL, -- JSON: what was not ordered
  since       BIGINT,
  read_at     BIGINT,
  fault       TEXT NOT NULL,
  blind       BIGINT CHECK ((blind IS NULL) = (fault = '')),
  PRIMARY KEY (app, environment, target)
) STRICT;
