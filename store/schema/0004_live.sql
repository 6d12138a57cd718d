-- What is live is few, whatever is past. An index that is conditional on the
-- states serves only questions about exactly those states; every question about
-- what is live can say that it has not finished.

DROP INDEX promotion_live;
CREATE INDEX promotion_live ON promotion (state, app, to_env) WHERE finished_at IS NULL;
