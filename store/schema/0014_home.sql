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

CREATE INDEX promotion_finished ON promotion (finished_at) WHERE finished_at IS NOT NULL;

-- Who was reminded directly when, by the clock on their wall, and who wants not to
-- be for a while.
CREATE TABLE reminded (
  person        TEXT PRIMARY KEY CHECK (person <> ''),
  clock         TEXT NOT NULL,
  snoozed_until BIGINT
) STRICT;

-- Since when what is open has waited for nothing but approvals, and when others
-- were told of it.
CREATE TABLE awaited (
  promotion BIGINT PRIMARY KEY REFERENCES promotion (id),
  since     BIGINT NOT NULL,
  told_at   BIGINT CHECK (told_at >= since)
) STRICT;
