-- A promotion that went ahead without all that its policy asks for, and until when
-- another person has to have said whether that was right.

ALTER TABLE promotion ADD COLUMN broken TEXT; -- JSON, NULL unless somebody broke the glass
ALTER TABLE promotion ADD COLUMN review_due BIGINT CHECK (review_due IS NULL OR broken IS NOT NULL);
CREATE INDEX promotion_unreviewed ON promotion (id) WHERE review_due IS NOT NULL;
