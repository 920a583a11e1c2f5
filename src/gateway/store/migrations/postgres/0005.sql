-- A request is found by how its id begins, so ids are in the order of their bytes, as in SQLite,
-- whatever order the database has for words. No row is written anew, only the index.

ALTER TABLE calls ALTER COLUMN request_id TYPE TEXT COLLATE "C";
