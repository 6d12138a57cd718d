-- What the queries have answered that are asked while a promotion is watched: one
-- row for each, of which the last answer counts.
CREATE TABLE measurement (
  promotion BIGINT NOT NULL REFERENCES promotion (id),
  name      TEXT NOT NULL CHECK (name <> ''),
  body      TEXT NOT NULL, -- JSON: what is asked, the last answer, since when it is not as it has to be
  fault     TEXT NOT NULL,
  since     BIGINT CHECK ((since IS NULL) = (fault = '')),
  PRIMARY KEY (promotion, name)
) STRICT;
