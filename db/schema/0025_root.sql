-- +goose Up

-- The roots that took over one after the other, as sealed rotations. The first root
-- is no row: it is what the node was made under.
CREATE TABLE root_rotation (
	version     BIGINT NOT NULL PRIMARY KEY,  -- of the root that it brings
	replaces    TEXT   NOT NULL UNIQUE,       -- fingerprint of the root before
	fingerprint TEXT   NOT NULL UNIQUE,
	body        BYTEA  NOT NULL,
	made_at     BIGINT NOT NULL               -- when this node learned of it
);

-- The root whose fingerprint the code carries; "" for the first. A box that types the
-- code in later is told that root, and follows from there.
ALTER TABLE enrol_code ADD COLUMN root TEXT NOT NULL DEFAULT '';
