-- When the last look that said something new began: what a look that began
-- before it shows is not so any more.

ALTER TABLE watch ADD COLUMN looked_at BIGINT;
