-- The way back from a promotion: that it is whole, and what people have planned.
-- And promotions that went ahead without what their policy asks for, with the
-- instant until which somebody has to have reviewed that.

ALTER TABLE promotion ADD COLUMN way_back TEXT; -- JSON, NULL until it was read
ALTER TABLE promotion ADD COLUMN plan TEXT NOT NULL DEFAULT '' CHECK (length(plan) <= 500);
ALTER TABLE promotion ADD COLUMN break_glass TEXT; -- JSON, NULL unless it was broken
ALTER TABLE promotion ADD COLUMN review_due BIGINT CHECK (review_due IS NULL OR break_glass IS NOT NULL);
CREATE INDEX promotion_review_due ON promotion (review_due) WHERE review_due IS NOT NULL;
