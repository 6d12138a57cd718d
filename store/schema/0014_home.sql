-- What people have on the app's home tab.

CREATE TABLE home (
  person    TEXT PRIMARY KEY CHECK (person <> ''),
  opened_at BIGINT NOT NULL,
  shown_at  BIGINT,
  hash      TEXT NOT NULL, -- Slack's, of the view that it has
  print     TEXT NOT NULL, -- of what is on it
  CHECK ((shown_at IS NULL) = (hash = ''))
) STRICT;
CREATE INDEX home_opened ON home (opened_at);

CREATE INDEX gesture_by_person ON gesture (person, taken_at) WHERE answer IS NOT NULL;
