-- The book as a transparency log (RFC 6962 hashing, golang.org/x/mod/sumdb/tlog):
-- the leader gives each row its number after the commit, and now and then seals
-- how far the log has come. What is numbered cannot be changed, taken out or put
-- in between without a checkpoint telling.

-- +goose Up

CREATE TABLE journal_leaf (
	n          BIGINT NOT NULL PRIMARY KEY,  -- 0, 1, 2 …
	journal_id TEXT   NOT NULL UNIQUE,       -- no foreign key: a row taken out must be missed, not forbidden
	hash       BYTEA  NOT NULL               -- of every field of the row
);

-- The hashes of the tree above the leaves, numbered as tlog numbers them.
CREATE TABLE journal_hash (
	i    BIGINT NOT NULL PRIMARY KEY,
	hash BYTEA  NOT NULL
);

CREATE TABLE journal_checkpoint (
	size BIGINT NOT NULL PRIMARY KEY,        -- leaves it covers
	at   BIGINT NOT NULL,
	note TEXT   NOT NULL                     -- signed note: origin, size, hash of the tree
);
