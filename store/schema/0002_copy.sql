-- Environments can have images of their own: the repository in which a
-- promotion sets its tags, and how far its digest has come on the way there.

ALTER TABLE promotion ADD COLUMN destination TEXT NOT NULL DEFAULT '';
ALTER TABLE promotion ADD COLUMN copy TEXT; -- JSON, NULL until it is begun
UPDATE promotion SET destination = repository;
