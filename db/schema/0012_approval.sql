-- Approving on a real Tuesday: what was asked before, who approves in whose
-- place, what must be heard, who was reminded, what replaces what.

-- +goose Up

-- How an approver came to know the bytes, and by what right they said yes.
ALTER TABLE approval ADD COLUMN how TEXT NOT NULL DEFAULT '';       -- heard, read
ALTER TABLE approval ADD COLUMN grant_hash TEXT NOT NULL DEFAULT ''; -- the grant it was given under
ALTER TABLE approval ADD COLUMN decision TEXT NOT NULL DEFAULT '';  -- that grant's decision: "QĐ 12/QĐ-UBND"
ALTER TABLE approval ADD COLUMN stands_in TEXT NOT NULL DEFAULT ''; -- the place above whose right was used
ALTER TABLE approval ADD COLUMN batch TEXT NOT NULL DEFAULT '';     -- hash of the batch it was one of

-- Every version that approval was asked for, with what became of it. The payload
-- holds scope, dates, plays and the hashes of the sounds.
CREATE TABLE bulletin_version (
	bulletin_id   TEXT   NOT NULL REFERENCES bulletin (id),
	n             BIGINT NOT NULL,               -- from 1
	author        TEXT   NOT NULL,               -- person id
	author_name   TEXT   NOT NULL,
	title         TEXT   NOT NULL,
	text          TEXT   NOT NULL,
	spoken        TEXT   NOT NULL,
	repeat_count  BIGINT NOT NULL,
	payload       BYTEA  NOT NULL,               -- the bytes that were to be approved
	payload_hash  TEXT   NOT NULL,
	at            BIGINT NOT NULL,               -- when approval was asked for
	returned_at   BIGINT,                        -- NULL: not returned
	returned_by   TEXT   NOT NULL DEFAULT '',    -- person id
	returned_name TEXT   NOT NULL DEFAULT '',
	why           TEXT   NOT NULL DEFAULT '',
	PRIMARY KEY (bulletin_id, n)
);
CREATE INDEX bulletin_version_payload ON bulletin_version (payload_hash);

-- Grants (ủy quyền duyệt). The signer keeps its own and believes that alone;
-- these rows are the paper beside it, and what pages show.
CREATE TABLE approval_grant (
	hash          TEXT   NOT NULL PRIMARY KEY,   -- of the payload
	payload       BYTEA  NOT NULL,               -- wire.Grant, as its giver approves it
	giver         TEXT   NOT NULL,               -- person id
	giver_name    TEXT   NOT NULL,
	giver_post    TEXT   NOT NULL,
	delegate      TEXT   NOT NULL,               -- person id
	delegate_name TEXT   NOT NULL,
	path          TEXT   NOT NULL,               -- the nearest place above all of its places
	until_ms      BIGINT NOT NULL,
	at            BIGINT NOT NULL,               -- when it was written
	given_at      BIGINT,                        -- NULL: its giver has not approved it
	ended_at      BIGINT,                        -- NULL: not taken back
	ended_by      TEXT   NOT NULL DEFAULT '',    -- who took it back, by name
	assertion     TEXT   NOT NULL DEFAULT ''     -- the giver's, JSON
);
CREATE INDEX approval_grant_delegate ON approval_grant (delegate, until_ms);
CREATE INDEX approval_grant_path ON approval_grant (path);

-- Where the sound must be heard before approving, and reading is not enough: the
-- place and all below it. A row is never taken away by a place below.
CREATE TABLE hearing_rule (
	path    TEXT   NOT NULL PRIMARY KEY,
	by_name TEXT   NOT NULL,
	at      BIGINT NOT NULL
);

-- Who was reminded that a session begins without an approval.
CREATE TABLE reminder (
	id           TEXT   NOT NULL PRIMARY KEY,
	bulletin_id  TEXT   NOT NULL REFERENCES bulletin (id),
	payload_hash TEXT   NOT NULL,
	session      TEXT   NOT NULL,                -- "2026-11-23/morning"
	start_ms     BIGINT NOT NULL,                -- when that session begins
	level        BIGINT NOT NULL,                -- 1: the place's own approvers, 2: who stands in
	people       TEXT   NOT NULL,                -- names, one a line
	at           BIGINT NOT NULL,
	UNIQUE (bulletin_id, payload_hash, session, level)
);
CREATE INDEX reminder_start ON reminder (start_ms);

-- Sửa và thay: a draft that takes the place of a bulletin when it is sealed.
CREATE TABLE replacement (
	id       TEXT   NOT NULL PRIMARY KEY REFERENCES bulletin (id), -- the new one
	replaces TEXT   NOT NULL REFERENCES bulletin (id),
	at       BIGINT NOT NULL,
	done_at  BIGINT                              -- NULL: the old one still stands
);
CREATE INDEX replacement_replaces ON replacement (replaces);
