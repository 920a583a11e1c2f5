-- What a budget had spent elsewhere before it was counted here: an opening balance, of one account
-- in one window. `account` is the account's name, `starts` the window's start in Unix seconds.
CREATE TABLE openings (
    account TEXT NOT NULL,
    starts INTEGER NOT NULL,
    nanos INTEGER NOT NULL,
    PRIMARY KEY (account, starts)
) WITHOUT ROWID;

CREATE INDEX openings_by_start ON openings (starts, account, nanos);

-- Digests of keys that were taken over from elsewhere, also of such as have another secret by now:
-- what was taken over once is never taken again.
CREATE TABLE taken (digest TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
