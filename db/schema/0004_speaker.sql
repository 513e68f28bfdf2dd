-- Poles, boxes, what a commune's devices hold, and how the boxes are.

-- +goose Up

-- A place where people hear. It outlives its boxes and keeps its public code.
CREATE TABLE pole (
	id         TEXT   NOT NULL PRIMARY KEY,
	code       TEXT   NOT NULL UNIQUE,        -- short, public, printed under the horn
	path       TEXT   NOT NULL,               -- its hamlet, or its commune
	name       TEXT   NOT NULL,
	zones      TEXT   NOT NULL DEFAULT '',    -- further paths (zones, former commune), one a line
	lat        BIGINT,                        -- microdegrees
	lon        BIGINT,
	cap        BIGINT NOT NULL,               -- volume in percent never exceeded here
	created_at BIGINT NOT NULL,
	removed_at BIGINT
);
CREATE INDEX pole_path ON pole (path);

-- A device. It made its own key; the placement binds it to a pole.
CREATE TABLE box (
	id        TEXT   NOT NULL PRIMARY KEY,
	pole_id   TEXT   NOT NULL REFERENCES pole (id),
	path      TEXT   NOT NULL,                -- the commune, for lists
	public_key TEXT  NOT NULL UNIQUE,         -- base64 of 32 bytes
	state     TEXT   NOT NULL,                -- waiting, placed, revoked
	version   BIGINT NOT NULL,                -- of its placement, rises
	draft     BYTEA,                          -- placement payload waiting for confirmation
	placement BYTEA,                          -- the sealed placement it holds
	through   BIGINT NOT NULL DEFAULT 0,      -- receipt lines held without a gap
	made_at   BIGINT NOT NULL
);
CREATE INDEX box_pole ON box (pole_id);
CREATE INDEX box_path ON box (path, state);

CREATE TABLE enrol_code (
	hash       TEXT   NOT NULL PRIMARY KEY,   -- SHA-256 of the code
	pole_id    TEXT   NOT NULL REFERENCES pole (id),
	expires_at BIGINT NOT NULL,
	box_id     TEXT                           -- the box that used it
);

-- Every sealed document by the hash of its envelope. Rows are never changed.
CREATE TABLE document (
	hash    TEXT   NOT NULL PRIMARY KEY,
	type    TEXT   NOT NULL,                  -- payload type
	path    TEXT   NOT NULL,                  -- the place it speaks for
	body    BYTEA  NOT NULL,
	made_at BIGINT NOT NULL
);

-- What is current in a commune: the heads that plan and beacon are made from.
CREATE TABLE commune (
	path          TEXT   NOT NULL PRIMARY KEY,
	plan          TEXT   NOT NULL DEFAULT '', -- hash of the sealed plan
	plan_version  BIGINT NOT NULL DEFAULT 0,
	beacon_number BIGINT NOT NULL DEFAULT 0,
	beacon        BYTEA,                      -- the last sealed beacon
	placements    BIGINT NOT NULL DEFAULT 0,
	epoch         BIGINT NOT NULL DEFAULT 0
);

-- The sequence of now warrants, one per issuer.
CREATE TABLE now_mark (
	path TEXT   NOT NULL PRIMARY KEY,
	seq  BIGINT NOT NULL
);

CREATE TABLE now_warrant (
	hash  TEXT   NOT NULL,
	path  TEXT   NOT NULL,                    -- one row per path of its scope
	until BIGINT NOT NULL,
	PRIMARY KEY (hash, path)
);

CREATE TABLE policy (
	path    TEXT   NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	hash    TEXT   NOT NULL REFERENCES document (hash)
);

CREATE TABLE delegation (
	hash  TEXT   NOT NULL REFERENCES document (hash),
	path  TEXT   NOT NULL,
	until BIGINT NOT NULL,                    -- when it ends: it leaves the beacon then
	PRIMARY KEY (hash, path)
);

-- How a box is: the last beat. Never in the journal.
CREATE TABLE health (
	box_id    TEXT   NOT NULL PRIMARY KEY,
	at        BIGINT NOT NULL,                -- by our clock, when the beat came
	state     TEXT   NOT NULL,
	slot      TEXT   NOT NULL,
	warrant   TEXT   NOT NULL,
	why       TEXT   NOT NULL,
	volume    BIGINT NOT NULL,
	disk_free BIGINT NOT NULL,
	offset_us BIGINT NOT NULL,
	clock     TEXT   NOT NULL,
	plan      BIGINT NOT NULL,
	version   TEXT   NOT NULL,
	uptime    BIGINT NOT NULL
);
