-- +goose Up

-- The phrase set of a place: what every speaker below it keeps for an alarm.
CREATE TABLE phrase_set (
	path    TEXT   NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	hash    TEXT   NOT NULL REFERENCES document (hash)
);

-- The one that is being made: its bytes, which two people approve one after the
-- other, and the first of the two.
CREATE TABLE phrase_draft (
	path     TEXT   NOT NULL PRIMARY KEY,
	author   TEXT   NOT NULL,
	payload  BYTEA  NOT NULL,
	first    TEXT   NOT NULL DEFAULT '',      -- approval, JSON
	first_by TEXT   NOT NULL DEFAULT '',      -- person
	made_at  BIGINT NOT NULL
);

-- 0 for an alarm or a stop, 1 for live sound, 2 for a setting: a beacon names at
-- most 32, and whatever else there is, alarms stand first.
ALTER TABLE now_warrant ADD COLUMN rank BIGINT NOT NULL DEFAULT 0;

-- What a box last wrote to its log, posted because a setting asked.
CREATE TABLE box_log (
	box     TEXT   NOT NULL,
	warrant TEXT   NOT NULL,                  -- hash of the setting
	at      BIGINT NOT NULL,                  -- by the box
	came_at BIGINT NOT NULL,
	lines   TEXT   NOT NULL,                  -- JSON list, the oldest first
	PRIMARY KEY (box, warrant)
);
