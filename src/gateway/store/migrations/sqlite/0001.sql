-- Keys, the ledger of calls, and who writes it. Amounts of money are whole nano-dollars.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value
) WITHOUT ROWID;

INSERT INTO meta (name, value) VALUES ('keys_version', 0);

CREATE TABLE keys (
    name TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    team TEXT,
    "user" TEXT,
    models TEXT NOT NULL DEFAULT '[]',
    limits TEXT NOT NULL DEFAULT '{}',
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER,
    metadata TEXT NOT NULL DEFAULT '{}'
);

-- A process that writes, by the name of its file beside the database. No number comes twice.
CREATE TABLE writers (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
);

-- One row a call. `id` is the writer's number * 2^40 + the writer's own number of the call, so that
-- a row may come twice and in any order. `outcome` is NULL while the call is open. Request ids are
-- the clients' to choose and may repeat. What is counted comes first, so that counting reads little.
CREATE TABLE calls (
    id INTEGER PRIMARY KEY,
    started_at_ns INTEGER NOT NULL,
    "key" TEXT NOT NULL DEFAULT '',
    team TEXT,
    model TEXT,
    target TEXT,
    outcome TEXT,
    tokens_in INTEGER,
    tokens_out INTEGER,
    cached_tokens INTEGER,
    cost_nanos INTEGER,
    ended_at_ns INTEGER,
    request_id TEXT NOT NULL,
    key_id TEXT NOT NULL DEFAULT '',
    "user" TEXT,
    endpoint TEXT NOT NULL DEFAULT '',
    answered_by TEXT,
    stream INTEGER NOT NULL DEFAULT 0,
    phase TEXT,
    cause TEXT,
    status INTEGER,
    reasoning_tokens INTEGER,
    usage_quality TEXT,
    ttft_ms REAL,
    duration_ms REAL,
    attempts TEXT NOT NULL DEFAULT '[]',
    lost_tokens_in INTEGER NOT NULL DEFAULT 0,
    cache TEXT,
    shared_with TEXT,
    tags TEXT NOT NULL DEFAULT '[]',
    session TEXT,
    client TEXT
);

CREATE INDEX calls_by_start ON calls (started_at_ns);
CREATE INDEX calls_by_key ON calls ("key", started_at_ns);
CREATE INDEX calls_by_request ON calls (request_id);

-- Those that are open are few, and found at once when their process is no more.
CREATE INDEX calls_open ON calls (id) WHERE outcome IS NULL;

-- All that is told of a day (UTC), in the order of days: so a year is added up without sorting it.
CREATE INDEX calls_by_day ON calls (
    started_at_ns / 86400000000000, outcome, tokens_in, tokens_out, cached_tokens, cost_nanos
);
