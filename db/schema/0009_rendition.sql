-- A bulletin speaks in one language or in several: what was one text and one
-- sound becomes a list. What it is about, whose it is and when it is wanted.

-- +goose Up

-- One language of a bulletin. The first (position 0) is the main one.
CREATE TABLE rendition (
	bulletin_id TEXT   NOT NULL REFERENCES bulletin (id),
	position    BIGINT NOT NULL,
	lang        TEXT   NOT NULL,             -- BCP 47: vi, hmn, tai …
	source      TEXT   NOT NULL CHECK (source IN ('text', 'recording')),
	text        TEXT   NOT NULL,             -- as written; of a recording, what is said in it, or ''
	spoken      TEXT   NOT NULL,             -- as read out; '' for a recording
	accent      TEXT   NOT NULL,             -- north, central, south
	speed       BIGINT NOT NULL,             -- words a minute, 0 as usual
	voice       TEXT   NOT NULL,             -- the engine's voice, '' as usual
	spoken_by   TEXT   NOT NULL,             -- the engine that spoke it, and its voice; '' before
	upload      TEXT   NOT NULL,             -- id of the recording, '' for a text
	source_hash TEXT   NOT NULL DEFAULT '',  -- SHA-256 of the recording as it came in
	media       TEXT   NOT NULL DEFAULT '',  -- hash of the canonical sound
	media_bytes BIGINT NOT NULL DEFAULT 0,
	media_ms    BIGINT NOT NULL DEFAULT 0,
	loudness    TEXT   NOT NULL DEFAULT '',  -- before and after, for the page
	PRIMARY KEY (bulletin_id, position)
);

INSERT INTO rendition (bulletin_id, position, lang, source, text, spoken, accent, speed, voice, spoken_by, upload, media, media_bytes, media_ms, loudness)
	SELECT id, 0, 'vi', 'text', text, spoken, accent, 0, '', spoken_by, '', media, media_bytes, media_ms, loudness FROM bulletin;

ALTER TABLE bulletin DROP COLUMN text;
ALTER TABLE bulletin DROP COLUMN spoken;
ALTER TABLE bulletin DROP COLUMN accent;
ALTER TABLE bulletin DROP COLUMN spoken_by;
ALTER TABLE bulletin DROP COLUMN media;
ALTER TABLE bulletin DROP COLUMN media_bytes;
ALTER TABLE bulletin DROP COLUMN media_ms;
ALTER TABLE bulletin DROP COLUMN loudness;

ALTER TABLE bulletin ADD COLUMN role TEXT NOT NULL DEFAULT '';      -- '' a bulletin; tune, greeting, music, goodbye, test
ALTER TABLE bulletin ADD COLUMN category TEXT NOT NULL DEFAULT '';  -- field after article 6 of Decree 49/2024, '' not said
ALTER TABLE bulletin ADD COLUMN office TEXT NOT NULL DEFAULT '';    -- id of the body it comes from, '' the unit's own
ALTER TABLE bulletin ADD COLUMN chime BIGINT NOT NULL DEFAULT 0;    -- 1: a chime before it
ALTER TABLE bulletin ADD COLUMN wanted TEXT NOT NULL DEFAULT '';    -- "2026-11-23 afternoon", one a line: sessions chosen while composing
ALTER TABLE bulletin ADD COLUMN origin TEXT NOT NULL DEFAULT '';    -- where it comes from, in words
CREATE INDEX bulletin_category ON bulletin (category, id);

-- Who has heard which sound, or read which spoken text, of which bytes.
CREATE TABLE hearing_each (
	bulletin_id  TEXT   NOT NULL REFERENCES bulletin (id),
	person       TEXT   NOT NULL,
	payload_hash TEXT   NOT NULL,
	position     BIGINT NOT NULL,             -- of the rendition
	how          TEXT   NOT NULL,             -- heard, read
	at           BIGINT NOT NULL,
	PRIMARY KEY (bulletin_id, person, payload_hash, position)
);
INSERT INTO hearing_each SELECT bulletin_id, person, payload_hash, 0, how, at FROM hearing;
DROP TABLE hearing;
ALTER TABLE hearing_each RENAME TO hearing;

-- What must be spoken in a place and everywhere below it, beside Vietnamese.
CREATE TABLE language_plan (
	path      TEXT   NOT NULL PRIMARY KEY REFERENCES unit (path),
	languages TEXT   NOT NULL,                -- BCP 47, one a line
	who       TEXT   NOT NULL,                -- person id
	at        BIGINT NOT NULL
);

-- A bulletin that leaves without a language of the plan: who answers for it, and why.
CREATE TABLE language_waiver (
	bulletin_id TEXT   NOT NULL REFERENCES bulletin (id),
	path        TEXT   NOT NULL,
	lang        TEXT   NOT NULL,
	why         TEXT   NOT NULL,
	who         TEXT   NOT NULL,
	who_name    TEXT   NOT NULL,
	at          BIGINT NOT NULL,
	PRIMARY KEY (bulletin_id, path, lang)
);

-- A form that an outside body opens without an account (package form).
CREATE TABLE form_link (
	id         TEXT   NOT NULL PRIMARY KEY,
	secret     TEXT   NOT NULL UNIQUE,       -- SHA-256 of what stands in the address
	path       TEXT   NOT NULL REFERENCES unit (path), -- who receives
	sender     TEXT   NOT NULL,              -- the body's name
	kinds      TEXT   NOT NULL,              -- codes, one a line
	made_by    TEXT   NOT NULL,              -- person id
	made_at    BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	revoked_at BIGINT                        -- NULL: good
);
CREATE INDEX form_link_path ON form_link (path);

-- What an outside body sent, until the officer takes or declines it, and after.
-- +goose StatementBegin
CREATE TABLE submission (
	id          TEXT   NOT NULL PRIMARY KEY,
	path        TEXT   NOT NULL,             -- who receives
	link        TEXT   NOT NULL,             -- '' when a person with bulletin.form sent it
	person      TEXT   NOT NULL,             -- '' when it came by a link
	sender      TEXT   NOT NULL,             -- the body's name
	office      TEXT   NOT NULL,             -- its id where the register has it, ''
	kind        TEXT   NOT NULL,
	typed       TEXT   NOT NULL,             -- JSON of the fields
	title       TEXT   NOT NULL,
	text        TEXT   NOT NULL,
	until_ms    BIGINT NOT NULL,             -- not played at or after
	photo       TEXT   NOT NULL,             -- hash of the stamped paper, drawn anew; ''
	state       TEXT   NOT NULL CHECK (state IN ('waiting', 'taken', 'declined')),
	bulletin_id TEXT   NOT NULL DEFAULT '',
	why         TEXT   NOT NULL DEFAULT '',  -- it was declined
	sent_at     BIGINT NOT NULL,
	decided_at  BIGINT NOT NULL DEFAULT 0
);
-- +goose StatementEnd
CREATE INDEX submission_path ON submission (path, state, id);
CREATE INDEX submission_link ON submission (link);
CREATE INDEX submission_person ON submission (person);

-- The public page of an approved bulletin: what may be passed on.
CREATE TABLE share (
	code        TEXT   NOT NULL PRIMARY KEY, -- in the address, cannot be guessed
	bulletin_id TEXT   NOT NULL UNIQUE REFERENCES bulletin (id),
	who         TEXT   NOT NULL,             -- person id
	at          BIGINT NOT NULL
);

-- A notice that comes again and again (mẫu tin).
CREATE TABLE notice_template (
	id         TEXT   NOT NULL PRIMARY KEY,
	path       TEXT   NOT NULL,              -- whose it is
	name       TEXT   NOT NULL,
	notice     TEXT   NOT NULL,              -- JSON of what is typed, dates as {ngày}
	who        TEXT   NOT NULL,              -- person id
	at         BIGINT NOT NULL,
	removed_at BIGINT                        -- NULL: offered
);
CREATE INDEX notice_template_path ON notice_template (path, id);
