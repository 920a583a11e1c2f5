-- Budgets of keys; what was written to a provider's cache, read on after the client had left, or
-- answered by another model because a budget was spent.

ALTER TABLE keys ADD COLUMN budgets TEXT NOT NULL DEFAULT '[]';

ALTER TABLE calls ADD COLUMN drained BIGINT NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN asked TEXT;
ALTER TABLE calls ADD COLUMN cache_write_tokens BIGINT;

-- What was spent since a moment is read from the index alone.
DROP INDEX calls_by_start;
CREATE INDEX calls_by_start ON calls (started_at_ns, "key", team, "user", model, cost_nanos);

-- Whether a call without a price was worked for is told of a day too.
DROP INDEX calls_by_day;
CREATE INDEX calls_by_day ON calls (
    (started_at_ns / 86400000000000), outcome, tokens_in, tokens_out, cached_tokens, cost_nanos,
    usage_quality
);
