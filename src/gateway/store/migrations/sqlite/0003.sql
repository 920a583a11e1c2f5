-- Who had which object made at a provider: files, batches, responses; and which providers' own APIs
-- a key opens.

ALTER TABLE keys ADD COLUMN passthrough TEXT NOT NULL DEFAULT '[]';

-- `scope` is a team or a key; whoever had an object first keeps it. Times are Unix time in seconds.
CREATE TABLE objects (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    provider TEXT NOT NULL,
    scope BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    kept_until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX objects_by_end ON objects (kept_until);
