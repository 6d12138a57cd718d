-- What trusted provenance of the digest says, as it was last looked for. Whom it
-- names is in the table author, with what pipelines report.

ALTER TABLE promotion ADD COLUMN provenance TEXT; -- JSON, NULL until it was looked for
