-- The way back from a promotion: that it is whole, and what people have planned.

ALTER TABLE promotion ADD COLUMN way_back TEXT; -- JSON, NULL until it was read
ALTER TABLE promotion ADD COLUMN plan TEXT NOT NULL DEFAULT '' CHECK (length(plan) <= 500);
