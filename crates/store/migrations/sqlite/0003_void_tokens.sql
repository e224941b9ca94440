-- Tokens that are void are kept for a while, to know again who comes with one. It does not touch the history.
ALTER TABLE tokens ADD COLUMN voided INTEGER;
CREATE INDEX tokens_voided ON tokens (voided) WHERE voided IS NOT NULL;
