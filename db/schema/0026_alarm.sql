-- +goose Up

-- An alarm (báo động) or its exercise, from the press of a button to its end: the
-- bytes of the warrant, and the two people who approved them one after the other.
CREATE TABLE alarm (
	id           TEXT   NOT NULL PRIMARY KEY, -- the warrant's
	path         TEXT   NOT NULL,             -- who speaks
	class        TEXT   NOT NULL,             -- emergency, exercise
	hazard       TEXT   NOT NULL,             -- id of the phrase
	text         TEXT   NOT NULL DEFAULT '',  -- own words; "" where the phrase itself is said
	title        TEXT   NOT NULL,
	payload      BYTEA  NOT NULL,             -- what both approve
	author       TEXT   NOT NULL,
	author_name  TEXT   NOT NULL,
	first        TEXT   NOT NULL DEFAULT '',  -- approval, JSON
	first_by     TEXT   NOT NULL DEFAULT '',
	first_name   TEXT   NOT NULL DEFAULT '',
	second       TEXT   NOT NULL DEFAULT '',
	second_by    TEXT   NOT NULL DEFAULT '',
	second_name  TEXT   NOT NULL DEFAULT '',
	warrant      TEXT   NOT NULL DEFAULT '',  -- hash of the sealed warrant, "" while it waits
	meant        BIGINT NOT NULL DEFAULT 0,   -- boxes that its scope meant when it was sealed
	stop_payload BYTEA,
	made_at      BIGINT NOT NULL,
	until_ms     BIGINT NOT NULL,             -- what is not approved by then, or has not sounded, never does
	sounded_at   BIGINT NOT NULL DEFAULT 0,   -- when it was sealed
	ended_at     BIGINT NOT NULL DEFAULT 0,   -- when it was stopped, or taken back before it sounded
	ended_name   TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX alarm_path ON alarm (path, made_at);
CREATE INDEX alarm_warrant ON alarm (warrant);

-- What sounded for no bulletin: alarms, and what a box's own microphone said.
CREATE INDEX playback_warrant ON playback (warrant) WHERE bulletin_id = '';

-- Whether the box may have a microphone of its own (local_mic of its placement): what
-- the register says. The box keeps to what was sealed.
ALTER TABLE box ADD COLUMN mic BIGINT NOT NULL DEFAULT 0;
